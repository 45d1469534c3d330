//! The list of what a package lacks.

use std::{fs, sync::Arc};

use gangway::{
    jobs::data_return::{
        Frozen, Order, Package, freeze,
        line::{Line, Status},
        pack, verify, verify_deeply,
    },
    ports::storage::ObjectPath,
};
use sha2::{Digest, Sha256};

use crate::support::{
    Bench, Recorder, run,
    tools::age_decrypt,
    tree::{inventory, validate, write},
};

/// A tree in which two files are gone once it is frozen.
async fn frozen(bench: &Bench) -> (Arc<Order>, Frozen) {
    for name in ["kept", "gone", "sub/gone\ttoo"] {
        write(&bench.source(), name, name);
    }
    let order = Arc::new(bench.order());
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    fs::remove_file(bench.source().join("gone")).unwrap();
    fs::remove_file(bench.source().join("sub/gone\ttoo")).unwrap();
    (order, frozen)
}

/// The list as the client reads it.
fn opened(bench: &Bench, package: &Package) -> String {
    let list = package.manifest.omissions.as_ref().unwrap();
    let text = age_decrypt(&bench.key_file(), &bench.package().join(&list.object.name));
    assert_eq!(list.sha256, hex::encode(Sha256::digest(&text)));
    text
}

fn lists(bench: &Bench) -> Vec<String> {
    let names = fs::read_dir(bench.package()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".omissions-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_package_is_listed_beside_it_for_the_client_alone() {
    let bench = Bench::new();
    let (order, frozen) = frozen(&bench).await;
    let watch = Recorder::default().watch();
    let package = pack(&order, &frozen, None, &watch).await.unwrap();
    verify(&order, &package, &watch).await.unwrap();
    verify_deeply(&order, &package, bench.identity.clone(), &watch).await.unwrap();
    let text = opened(&bench, &package);
    let listed: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<_> = listed.iter().map(|line| (line.path.clone(), line.status)).collect();
    let gone = |path: &str| (ObjectPath::from(path), Some(Status::Vanished));
    assert_eq!(paths, [gone("files/gone"), gone("files/sub/gone\ttoo")]);
    assert_eq!(package.manifest.omissions.as_ref().unwrap().count, 2);
    let bag = bench.restore();
    validate(&bag);
    let inside = inventory(&bag);
    assert!(listed.iter().all(|line| inside[line.path.to_text().as_ref()] == *line), "{inside:?}");
    for name in ["return-1.package.json", "return-1.sha256", "return-1.HOW-TO-RESTORE.txt"] {
        let text = fs::read_to_string(bench.package().join(name)).unwrap();
        assert!(!text.contains("files/gone") && text.contains(lists(&bench)[0].as_str()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_complete_has_no_list() {
    let bench = Bench::new();
    write(&bench.source(), "kept", "kept");
    let order = Arc::new(bench.order());
    let (_, package) = run(&order).await;
    assert_eq!(package.manifest.omissions, None);
    assert_eq!(lists(&bench), [""; 0]);
    assert!(!String::from_utf8(package.manifest.canonical().unwrap()).unwrap().contains("omissions"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_behind_the_list_leaves_it_as_it_is() {
    let bench = Bench::new();
    let (order, frozen) = frozen(&bench).await;
    let recorder = Recorder::default();
    let package = pack(&order, &frozen, None, &recorder.watch()).await.unwrap();
    let successor = Arc::new(Order { fence: 2, ..(*order).clone() });
    let again = pack(&successor, &frozen, recorder.last(), &Recorder::default().watch()).await.unwrap();
    assert_eq!(again, package);
    verify(&successor, &again, &Recorder::default().watch()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_no_checkpoint_counts_is_taken_away_and_made_anew() {
    let bench = Bench::new();
    let (order, frozen) = frozen(&bench).await;
    let whole = Recorder::default();
    pack(&order, &frozen, None, &whole.watch()).await.unwrap();
    let saves = whole.with(|recorded| recorded.saved.len());
    fs::remove_dir_all(bench.package()).unwrap();
    // The list shows, and its run dies before it counts.
    let first = Recorder::refusing_after(saves - 1);
    pack(&order, &frozen, None, &first.watch()).await.unwrap_err();
    assert_eq!(lists(&bench), ["return-1.omissions-1.jsonl.age"]);
    let successor = Arc::new(Order { fence: 2, ..(*order).clone() });
    let package = pack(&successor, &frozen, first.last(), &Recorder::default().watch()).await.unwrap();
    assert_eq!(lists(&bench), ["return-1.omissions-2.jsonl.age"]);
    assert_eq!(opened(&bench, &package).lines().count(), 2);
    verify(&successor, &package, &Recorder::default().watch()).await.unwrap();
}
