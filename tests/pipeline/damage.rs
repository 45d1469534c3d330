//! The read-back finds what a destination lost or changed.

use std::{fs, path::Path, sync::Arc};

use gangway::jobs::data_return::{Order, Package, ReturnError, verify, verify_deeply};

use crate::support::{
    Bench, Recorder, run,
    tree::{noise, write},
    why,
};

async fn packed(bench: &Bench) -> (Arc<Order>, Package) {
    write(&bench.source(), "large", noise(1, 900_000));
    write(&bench.source(), "small", "small");
    let order = Arc::new(bench.order());
    let (_, package) = run(&order).await;
    assert!(package.manifest.parts.len() > 3);
    (order, package)
}

fn flip(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Both kinds of verification name the damaged object.
async fn assert_found(bench: &Bench, order: &Arc<Order>, package: &Package, name: &str) {
    let watch = Recorder::default().watch();
    for found in
        [verify(order, package, &watch).await, verify_deeply(order, package, bench.identity.clone(), &watch).await]
    {
        match found {
            Err(ReturnError::Mismatch { name: named, .. }) => assert!(named.contains(name), "{named} for {name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_damage_is_found_and_named() {
    let bench = Bench::new();
    let (order, package) = packed(&bench).await;
    let part = |number: usize| bench.package().join(&package.manifest.parts[number].name);
    let keep = |path: &Path| fs::read(path).unwrap();

    for at in [0, 1, 2] {
        let whole = keep(&part(1));
        flip(&part(1), |len| [0, len / 2, len - 1][at]);
        verify_names(&order, &package, "part-00002").await;
        fs::write(part(1), whole).unwrap();
    }

    let whole = keep(&part(2));
    fs::write(part(2), &whole[..whole.len() - 1]).unwrap();
    verify_names(&order, &package, "part-00003").await;
    fs::write(part(2), [whole.as_slice(), b"x"].concat()).unwrap();
    verify_names(&order, &package, "part-00003").await;
    fs::write(part(2), &whole).unwrap();

    let (one, two) = (keep(&part(0)), keep(&part(1)));
    fs::write(part(0), &two).unwrap();
    fs::write(part(1), &one).unwrap();
    verify_names(&order, &package, "part-00001").await;
    fs::write(part(0), &one).unwrap();
    fs::write(part(1), &two).unwrap();

    fs::remove_file(part(1)).unwrap();
    assert_found(&bench, &order, &package, "part-00002").await;
    fs::write(part(1), &two).unwrap();

    for name in ["package.json", "sha256", "HOW-TO-RESTORE.txt"] {
        let text = bench.package().join(format!("return-1.{name}"));
        flip(&text, |len| len / 2);
        assert_found(&bench, &order, &package, name).await;
        flip(&text, |len| len / 2);
        let whole = keep(&text);
        fs::write(&text, [whole.as_slice(), b"\n"].concat()).unwrap();
        assert_found(&bench, &order, &package, name).await;
        fs::remove_file(&text).unwrap();
        assert_found(&bench, &order, &package, name).await;
        fs::write(&text, whole).unwrap();
    }

    let watch = Recorder::default().watch();
    verify(&order, &package, &watch).await.unwrap();
    verify_deeply(&order, &package, bench.identity.clone(), &watch).await.unwrap();
}

async fn verify_names(order: &Arc<Order>, package: &Package, name: &str) {
    match verify(order, package, &Recorder::default().watch()).await {
        Err(ReturnError::Mismatch { name: named, .. }) => assert!(named.contains(name), "{named} for {name}"),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_open_the_package_is_told_apart() {
    let bench = Bench::new();
    let (order, package) = packed(&bench).await;
    let stranger = age::x25519::Identity::generate();
    let error = verify_deeply(&order, &package, stranger, &Recorder::default().watch()).await.unwrap_err();
    assert!(why(&error).contains("The key does not open it"), "{}", why(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_whose_inside_was_exchanged_is_found() {
    // The same bytes count and a right package manifest, but another bag inside: only the deep look can tell.
    let bench = Bench::new();
    let (order, mut package) = packed(&bench).await;
    package.manifest.bag_manifest_sha256 = "0".repeat(64);
    let before = std::mem::replace(&mut package.digest, package.manifest.digest().unwrap());
    fs::write(bench.package().join("return-1.package.json"), package.manifest.canonical().unwrap()).unwrap();
    let sums = bench.package().join("return-1.sha256");
    fs::write(&sums, fs::read_to_string(&sums).unwrap().replace(&before, &package.digest)).unwrap();
    let watch = Recorder::default().watch();
    verify(&order, &package, &watch).await.unwrap();
    let error = verify_deeply(&order, &package, bench.identity.clone(), &watch).await.unwrap_err();
    assert!(why(&error).contains("not what the bag's manifest says"), "{}", why(&error));
}
