//! A source that does not hold still, and files that cannot be read.

use std::{
    fs,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use gangway::{
    jobs::data_return::{
        Order, Package, Source, freeze,
        line::{Change, Line, Status},
        pack, verify_deeply,
    },
    ports::storage::{Fault, FaultKind, ObjectPath, Result},
};

use crate::support::{
    Bench, Recorder, as_source,
    stores::{Meddled, once},
    tools::validate_with_bagit_py,
    tree::{inventory, noise, validate, write},
};

/// Packs with a meddled source; the bag must be valid whatever happened. Gives the package and the line of `name`.
async fn packed(bench: &Bench, name: &str, source: Meddled) -> (Package, Line) {
    let plain = bench.order();
    let sources = vec![Source { store: as_source(source), ..plain.sources[0].clone() }];
    let order = Arc::new(Order { sources, ..plain });
    let watch = Recorder::default().watch();
    let frozen = freeze(&order, &watch).await.unwrap();
    let package = pack(&order, &frozen, None, &watch).await.unwrap();
    verify_deeply(&order, &package, bench.identity.clone(), &watch).await.unwrap();
    let bag = bench.restore();
    validate_with_bagit_py(&bag);
    validate(&bag);
    let line = inventory(&bag)[&format!("files/{name}")].clone();
    (package, line)
}

fn source(bench: &Bench) -> Meddled {
    Meddled::new(bench.order().sources[0].store.clone())
}

/// Appends to a file of the source.
fn grow(bench: &Bench, name: &str, bytes: Vec<u8>) -> impl FnOnce() + Send + 'static {
    let path = bench.source().join(name);
    move || fs::OpenOptions::new().append(true).open(path).unwrap().write_all(&bytes).unwrap()
}

/// Cuts a file of the source.
fn shrink(bench: &Bench, name: &str, len: u64) -> impl FnOnce() + Send + 'static {
    let path = bench.source().join(name);
    move || fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap()
}

fn restored(bench: &Bench, name: &str) -> Vec<u8> {
    fs::read(bench.path("restored/return-1/data/files").join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_that_grows_once_while_it_is_read_is_read_again() {
    let bench = Bench::new();
    write(&bench.source(), "log", "first\n");
    let act = once(grow(&bench, "log", b"second\n".to_vec()));
    let (package, line) = packed(
        &bench,
        "log",
        source(&bench).on_read(move |_, _| {
            act();
            Ok(())
        }),
    )
    .await;
    assert_eq!((line.status, line.change), (Some(Status::Changed), Some(Change::Newer)));
    assert_eq!(restored(&bench, "log"), b"first\nsecond\n");
    assert_eq!((package.manifest.contents.changed, package.manifest.contents.torn), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_that_never_holds_still_is_called_torn() {
    let bench = Bench::new();
    write(&bench.source(), "log", "first\n");
    let path = bench.source().join("log");
    let (package, line) = packed(
        &bench,
        "log",
        source(&bench).on_read(move |_, _| {
            fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more\n").unwrap();
            Ok(())
        }),
    )
    .await;
    assert_eq!((line.status, line.change), (Some(Status::Changed), Some(Change::Torn)));
    assert_eq!(restored(&bench, "log"), b"first\nmore\n");
    assert_eq!(package.manifest.contents.torn, 1);
    assert!(!package.manifest.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_changed_after_the_inventory_is_packed_whole_and_listed() {
    let bench = Bench::new();
    write(&bench.source(), "small", "old");
    write(&bench.source(), "large", noise(1, 400_000));
    let (small, large) = (bench.source().join("small"), bench.source().join("large"));
    let act = once(move || {
        fs::write(small, "new and longer").unwrap();
        fs::write(large, noise(2, 500_000)).unwrap();
    });
    let (package, line) = packed(
        &bench,
        "large",
        source(&bench).on_open(move |_| {
            act();
            Ok(())
        }),
    )
    .await;
    assert_eq!((line.status, line.change, line.size), (Some(Status::Changed), Some(Change::Newer), Some(500_000)));
    assert_eq!(restored(&bench, "small"), b"new and longer");
    assert_eq!(restored(&bench, "large"), noise(2, 500_000));
    assert_eq!(package.manifest.contents.changed, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_changes_once_is_packed_a_second_time() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(1, 900_000));
    for (act, expected) in [
        (
            Box::new(grow(&bench, "large", noise(2, 1000))) as Box<dyn FnOnce() + Send>,
            [noise(1, 900_000), noise(2, 1000)].concat(),
        ),
        (Box::new(shrink(&bench, "large", 700_000)), noise(1, 700_000)),
    ] {
        write(&bench.source(), "large", noise(1, 900_000));
        let act = once(act);
        let (package, line) = packed(
            &bench,
            "large",
            source(&bench).on_read(move |_, read| {
                if read > 500_000 {
                    act();
                }
                Ok(())
            }),
        )
        .await;
        assert_eq!((line.status, line.change), (Some(Status::Changed), Some(Change::Newer)));
        assert!(restored(&bench, "large") == expected);
        assert_eq!(package.manifest.contents.files, 1);
        assert_eq!(package.manifest.contents.bytes, expected.len() as u64);
        fs::remove_dir_all(bench.package()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_shrinks_twice_is_filled_with_zeros_and_says_so() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(1, 900_000));
    let path = bench.source().join("large");
    let (package, line) = packed(
        &bench,
        "large",
        source(&bench).on_read(move |_, read| {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            let len = file.metadata().unwrap().len();
            // The first read of each of the two copies.
            if read < 300_000 {
                file.set_len(len - 150_000).unwrap();
            }
            Ok(())
        }),
    )
    .await;
    assert_eq!((line.status, line.change), (Some(Status::Changed), Some(Change::Cut)));
    let content = restored(&bench, "large");
    assert_eq!(content.len(), 750_000);
    assert!(content[..600_000] == noise(1, 600_000)[..]);
    assert!(content[600_000..].iter().all(|byte| *byte == 0), "{}", content.len());
    assert_eq!(package.manifest.contents.torn, 1);
    assert!(!package.manifest.is_complete(), "no receipt is given for this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_rewritten_in_place_twice_is_called_torn() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(1, 900_000));
    let path = bench.source().join("large");
    let count = AtomicU64::new(0);
    let (_, line) = packed(
        &bench,
        "large",
        source(&bench).on_read(move |_, _| {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            let number = count.fetch_add(1, Ordering::SeqCst);
            std::os::unix::fs::FileExt::write_all_at(&file, &number.to_be_bytes(), 800_000).unwrap();
            // Two writes within the clock's grain would share a time stamp.
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + number);
            file.set_times(fs::FileTimes::new().set_modified(time)).unwrap();
            Ok(())
        }),
    )
    .await;
    assert_eq!((line.status, line.change, line.size), (Some(Status::Changed), Some(Change::Torn), Some(900_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_and_vanished_files_are_listed_and_the_return_is_not_complete() {
    let bench = Bench::new();
    for name in ["kept", "denied", "broken", "gone", "later"] {
        write(&bench.source(), name, name);
    }
    write(&bench.source(), "large and denied", noise(1, 700_000));
    let gone = bench.source().join("gone");
    let act = once(move || fs::remove_file(gone).unwrap());
    let refuse = move |path: &ObjectPath| -> Result<()> {
        act();
        let kind = match path.to_text().as_ref() {
            "denied" | "large and denied" => FaultKind::Forbidden,
            "broken" => FaultKind::Permanent,
            _ => return Ok(()),
        };
        Err(Fault::new(kind, "open", path.to_string(), "EACCES or EIO"))
    };
    let (package, line) = packed(&bench, "denied", source(&bench).on_open(refuse)).await;
    assert_eq!((line.status, line.sha256), (Some(Status::Unreadable), None));
    assert!(line.note.unwrap().starts_with("FORBIDDEN"));
    let contents = &package.manifest.contents;
    assert_eq!((contents.unreadable, contents.vanished, contents.files), (3, 1, 2));
    assert!(!package.manifest.is_complete());
    let bag = bench.path("restored/return-1");
    assert_eq!(inventory(&bag)["files/gone"].status, Some(Status::Vanished));
    assert!(!bag.join("data/files/denied").exists());
    let info = fs::read_to_string(bag.join("bag-info.txt")).unwrap();
    assert!(info.contains("Gangway-Unreadable: 3\n") && info.contains("Gangway-Vanished: 1\n"), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_breaks_in_the_middle_keeps_what_was_read() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(1, 900_000));
    write(&bench.source(), "next", "is not harmed");
    let (package, line) = packed(
        &bench,
        "large",
        source(&bench).on_read(|path, read| {
            if path.to_text() == "large" && read > 600_000 {
                return Err(Fault::new(FaultKind::Permanent, "read", path.to_string(), "EIO"));
            }
            Ok(())
        }),
    )
    .await;
    assert_eq!((line.status, line.change), (Some(Status::Unreadable), Some(Change::Cut)));
    assert!(line.sha256.is_some() && line.note.unwrap().contains("EIO"));
    let content = restored(&bench, "large");
    assert_eq!(content.len(), 900_000);
    assert!(content[..500_000] == noise(1, 500_000)[..]);
    assert_eq!(restored(&bench, "next"), b"is not harmed");
    assert!(!package.manifest.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_changed_between_two_runs_is_packed_a_second_time() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(1, 1_500_000));
    let order = Arc::new(bench.order());
    let recorder = Recorder::refusing_after(3);
    let frozen = freeze(&order, &recorder.watch()).await.unwrap();
    pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
    write(&bench.source(), "large", noise(2, 1_400_000));
    let watch = Recorder::default().watch();
    let package = pack(&order, &frozen, recorder.last(), &watch).await.unwrap();
    verify_deeply(&order, &package, bench.identity.clone(), &watch).await.unwrap();
    let bag = bench.restore();
    validate_with_bagit_py(&bag);
    assert!(restored(&bench, "large") == noise(2, 1_400_000));
    assert_eq!(inventory(&bag)["files/large"].change, Some(Change::Newer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_gone_between_two_runs_leaves_an_empty_one_in_a_valid_bag() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(1, 1_500_000));
    let order = Arc::new(bench.order());
    let recorder = Recorder::refusing_after(3);
    let frozen = freeze(&order, &recorder.watch()).await.unwrap();
    pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
    fs::remove_file(bench.source().join("large")).unwrap();
    let package = pack(&order, &frozen, recorder.last(), &Recorder::default().watch()).await.unwrap();
    let bag = bench.restore();
    validate_with_bagit_py(&bag);
    let line = &inventory(&bag)["files/large"];
    assert_eq!((line.status, line.change), (Some(Status::Vanished), Some(Change::Cut)));
    assert_eq!(restored(&bench, "large"), b"");
    assert_eq!(package.manifest.contents.vanished, 1);
}
