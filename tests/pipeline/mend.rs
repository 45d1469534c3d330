//! What came back damaged is made again, and nothing else.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use gangway::jobs::data_return::{
    Checkpoint, EDITIONS_MAX, Frozen, Order, Package, Place, ReturnError, Source, Watch, condemn, freeze,
    line::{Change, Status},
    pack, read_back, verify, verify_deeply,
};

use crate::support::{
    Bench, Recorder, as_source,
    stores::{Damaging, Meddled},
    tree::{assert_same_files, inventory, noise, validate, write},
    twisted::twisted,
    why,
};

/// Small files, a file over several parts, and small files again.
fn tree(bench: &Bench) {
    for number in 0..20 {
        write(&bench.source(), format!("a/{number:03}"), noise(number, 20_000));
    }
    write(&bench.source(), "b/large", noise(77, 700_000));
    for number in 0..20 {
        write(&bench.source(), format!("c/{number:03}"), noise(number + 100, 20_000));
    }
}

/// `order` with a destination that damages what it is given under these names.
fn damaging(order: &Order, damages: impl Fn(&str) -> bool + Send + Sync + 'static) -> Arc<Order> {
    let store = twisted(&order.destination.store, Damaging(damages));
    Arc::new(Order { destination: Place { store, folder: order.destination.folder.clone() }, ..order.clone() })
}

/// Packs and reads back as the task does. `meanwhile` happens before something is made again.
async fn deliver(
    order: &Arc<Order>,
    frozen: &Frozen,
    from: Option<Checkpoint>,
    watch: Watch,
    meanwhile: impl Fn(),
) -> Result<Package, ReturnError> {
    let (mut from, mut before) = (from, None);
    loop {
        let package = pack(order, frozen, from, &watch).await?;
        let Some(damage) = read_back(order, &package, before.as_ref(), &watch).await? else { return Ok(package) };
        from = Some(condemn(&package, damage, &watch).await?);
        before = Some(package);
        meanwhile();
    }
}

/// What the texts beside the parts are called after the package's name.
const TEXTS: [&str; 3] = ["package.json", "sha256", "HOW-TO-RESTORE.txt"];

/// Everything at the destination is what the package says, and nothing else is there.
async fn assert_whole(bench: &Bench, order: &Arc<Order>, package: &Package, stem: &str) {
    let watch = Recorder::default().watch();
    verify(order, package, &watch).await.unwrap();
    verify_deeply(order, package, bench.identity.clone(), &watch)
        .await
        .unwrap_or_else(|error| panic!("{}", why(&error)));
    let mut names: BTreeSet<String> = package.manifest.parts.iter().map(|part| part.name.clone()).collect();
    names.extend(package.manifest.omissions.iter().map(|list| list.object.name.clone()));
    names.extend(TEXTS.map(|kind| format!("{stem}.{kind}")));
    let found = fs::read_dir(bench.package()).unwrap();
    let found: BTreeSet<_> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, names);
    validate(&bench.restore());
}

fn names(package: &Package) -> Vec<&str> {
    package.manifest.parts.iter().map(|part| part.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_came_back_damaged_is_made_again_and_no_other() {
    let bench = Bench::new();
    tree(&bench);
    let plain = bench.order();
    let read = Arc::new(AtomicU64::new(0));
    let opens = read.clone();
    let source = Meddled::new(plain.sources[0].store.clone()).on_open(move |_| {
        opens.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let sources = vec![Source { store: as_source(source), ..plain.sources[0].clone() }];
    let plain = Order { sources, ..plain };
    let frozen = freeze(&plain, &Recorder::default().watch()).await.unwrap();
    let parts = pack(&Arc::new(plain.clone()), &frozen, None, &Recorder::default().watch()).await.unwrap();
    let parts = parts.manifest.parts.len();
    assert!(parts > 6, "{parts}");
    for number in 1..=parts {
        fs::remove_dir_all(bench.package()).unwrap();
        let damaged = format!(".part-{number:05}.1.tar");
        let order = damaging(&plain, move |path| path.contains(&damaged));
        let opened = Arc::new(AtomicU64::new(0));
        let package = deliver(&order, &frozen, None, Recorder::default().watch(), || {
            opened.store(read.swap(0, Ordering::SeqCst), Ordering::SeqCst);
        });
        let package = package.await.unwrap_or_else(|error| panic!("{number}: {}", why(&error)));
        let again: Vec<_> = names(&package).into_iter().filter(|name| name.contains(".v2.")).collect();
        assert_eq!(again, [format!("return-1.part-{number:05}.1.v2.tar.zst.age")]);
        let (before, after) = (opened.load(Ordering::SeqCst), read.load(Ordering::SeqCst));
        assert!(after <= 16 && before >= 41, "part {number}: {before} files were opened, then {after}");
        assert_whole(&bench, &order, &package, "return-1.v2").await;
        assert_same_files(&bench.source(), &bench.path("restored/return-1"), "files");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_every_time_stops_the_return_after_the_third() {
    let bench = Bench::new();
    tree(&bench);
    let order = damaging(&bench.order(), |path| path.contains(".part-00003."));
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    let mended = AtomicU64::new(0);
    let error = deliver(&order, &frozen, None, Recorder::default().watch(), || {
        mended.fetch_add(1, Ordering::SeqCst);
    });
    let error = error.await.unwrap_err();
    assert!(matches!(&error, ReturnError::Mismatch { name, .. } if name.contains("00003.1.v3")), "{}", why(&error));
    assert_eq!(mended.load(Ordering::SeqCst), u64::from(EDITIONS_MAX) - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_parts_each_time_are_made_again_each_in_its_turn() {
    let bench = Bench::new();
    tree(&bench);
    let damaged = ["00002.1.tar", "00005.1.tar", "00005.1.v2.tar", "00001.1.tar", "return-1.package.json"];
    let order = damaging(&bench.order(), move |path| damaged.iter().any(|name| path.contains(name)));
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    let package = deliver(&order, &frozen, None, Recorder::default().watch(), || {}).await.unwrap();
    let again: Vec<_> = names(&package).into_iter().filter(|name| name.contains(".v")).collect();
    let expected = ["00001.1.v2", "00002.1.v2", "00005.1.v3"].map(|part| format!("return-1.part-{part}.tar.zst.age"));
    assert_eq!(again, expected);
    assert_whole(&bench, &order, &package, "return-1.v3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_text_beside_the_parts_is_written_again_and_no_part_is() {
    for text in TEXTS {
        let bench = Bench::new();
        tree(&bench);
        let order = damaging(&bench.order(), move |path| path.ends_with(&format!("return-1.{text}")));
        let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
        let package = deliver(&order, &frozen, None, Recorder::default().watch(), || {}).await.unwrap();
        assert!(names(&package).iter().all(|name| !name.contains(".v")), "{:?}", names(&package));
        assert_whole(&bench, &order, &package, "return-1.v2").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_list_of_omissions_is_written_again_and_no_part_is() {
    let bench = Bench::new();
    tree(&bench);
    let order = damaging(&bench.order(), |path| path.ends_with("return-1.omissions-1.jsonl.age"));
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    fs::remove_file(bench.source().join("a/003")).unwrap();
    let package = deliver(&order, &frozen, None, Recorder::default().watch(), || {}).await.unwrap();
    assert!(names(&package).iter().all(|name| !name.contains(".v")), "{:?}", names(&package));
    let list = package.manifest.omissions.as_ref().unwrap();
    assert_eq!(list.object.name, "return-1.omissions-1.v2.jsonl.age");
    assert_whole(&bench, &order, &package, "return-1.v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_changed_meanwhile_are_packed_in_their_new_state_and_the_bag_says_so() {
    // What changes, and whether parts behind the damaged one are made again because of it.
    let changes: [(&str, u64, bool); 3] =
        [("a/005", 20_500, false), ("b/large", 700_000, true), ("b/large", 90_000, true)];
    for (name, size, goes_back) in changes {
        let bench = Bench::new();
        tree(&bench);
        let plain = bench.order();
        let number = if goes_back { 3 } else { 1 };
        let damaged = format!(".part-{number:05}.1.tar");
        let order = damaging(&plain, move |path| path.contains(&damaged));
        let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
        let root = bench.source();
        let package = deliver(&order, &frozen, None, Recorder::default().watch(), || {
            write(&root, name, noise(5_000, usize::try_from(size).unwrap()));
        });
        let package = package.await.unwrap_or_else(|error| panic!("{name}: {}", why(&error)));
        assert_whole(&bench, &order, &package, "return-1.v2").await;
        let bag = bench.path("restored/return-1");
        assert_same_files(&bench.source(), &bag, "files");
        let line = &inventory(&bag)[&format!("files/{name}")];
        assert_eq!(line.status, Some(Status::Changed), "{name}: {line:?}");
        assert_ne!(line.change, Some(Change::Torn), "a whole later state: {line:?}");
        assert_eq!(package.manifest.contents.changed, 1);
        let kept = names(&package).iter().filter(|name| !name.contains(".v2.")).count();
        if goes_back {
            assert_eq!(kept, 2, "{:?}", names(&package));
        } else {
            assert!(kept + 2 >= names(&package).len(), "the part and the bag's own files: {:?}", names(&package));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_went_meanwhile_is_missed_as_at_any_other_time() {
    let bench = Bench::new();
    tree(&bench);
    let order = damaging(&bench.order(), |path| path.contains(".part-00001.1.tar"));
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    let root = bench.source();
    let package = deliver(&order, &frozen, None, Recorder::default().watch(), || {
        fs::remove_file(root.join("a/003")).unwrap();
    });
    let package = package.await.unwrap();
    assert_eq!((package.manifest.contents.vanished, package.manifest.is_complete()), (1, false));
    assert_whole(&bench, &order, &package, "return-1.v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_anywhere_while_it_is_mended_it_goes_on_and_leaves_no_rubbish() {
    let damaged = ["00002.1.tar", "00004.1.tar", "00006.1.tar"];
    let is_damaged = move |path: &str| damaged.iter().any(|name| path.contains(name));
    for saves in 0.. {
        let bench = Bench::new();
        tree(&bench);
        let order = damaging(&bench.order(), is_damaged);
        let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
        let whole = pack(&order, &frozen, None, &Recorder::default().watch()).await.unwrap();
        let first = Recorder::refusing_after(saves);
        let from = Some(whole.packed.clone());
        if deliver(&order, &frozen, from, first.watch(), || {}).await.is_ok() {
            assert_eq!(saves, 1 + damaged.len(), "the damage was written down, and each part made again");
            break;
        }
        let successor = Arc::new(Order { fence: 2, ..(*order).clone() });
        let from = Some(first.last().unwrap_or(whole.packed));
        let package = deliver(&successor, &frozen, from, Recorder::default().watch(), || {}).await.unwrap();
        assert_whole(&bench, &successor, &package, "return-1.v2").await;
        assert_same_files(&bench.source(), &bench.path("restored/return-1"), "files");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_lost_nearly_everything_is_filled_again_from_there_on() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(1, 200_000));
    let order = Arc::new(Order { part_bytes: 4096, ..bench.order() });
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    let recorder = Recorder::default();
    let whole = pack(&order, &frozen, None, &recorder.watch()).await.unwrap();
    assert!(whole.manifest.parts.len() > 40);
    for part in &whole.manifest.parts[2..] {
        fs::remove_file(bench.package().join(&part.name)).unwrap();
    }
    let package = deliver(&order, &frozen, recorder.last(), recorder.watch(), || {}).await.unwrap();
    assert_whole(&bench, &order, &package, "return-1.v2").await;
    assert_eq!(names(&package).iter().filter(|name| !name.contains(".v2.")).count(), 2);
    recorder.with(|recorded| assert!(recorded.saved.iter().all(|text| text.len() < 1500)));
}
