//! What is destroyed is what was surveyed, and not one byte beside it.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::fs::{FileExt, MetadataExt, symlink},
    path::{Path, PathBuf},
};

use futures_util::TryStreamExt;
use proptest::prelude::*;

use super::*;
use crate::{
    adapters::local_files::Mounts,
    domain::sanitization::{SanitizationMethod, Tally},
    ports::eraser::Surveyed,
};

/// A folder that holds a store, `root`, and what lies beside it.
struct Bench {
    temp: tempfile::TempDir,
    store: LocalFiles,
}

impl Bench {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("root/acme")).unwrap();
        let store = LocalFiles::open(&temp.path().join("root"), Mounts::Stay).unwrap();
        Self { temp, store }
    }

    /// A path below the client's folder.
    fn at(&self, path: &str) -> PathBuf {
        self.temp.path().join("root/acme").join(path)
    }

    fn beside(&self, path: &str) -> PathBuf {
        self.temp.path().join(path)
    }

    async fn survey(&self) -> Vec<Item> {
        let pages: Vec<Vec<Surveyed>> = self.store.survey(&"acme".into()).try_collect().await.unwrap();
        let item = |line| match line {
            Surveyed::Item(item) => item,
            Surveyed::Hidden { path, fault } => panic!("{}: {fault}", path.to_text()),
        };
        pages.into_iter().flatten().map(item).collect()
    }

    /// Destroys `items` from the last to the first.
    async fn erase(&self, items: &[Item]) -> Vec<Erased> {
        let batch = Batch {
            folder: "acme".into(),
            items: items.iter().rev().cloned().collect(),
            first: 0,
            tag: "tag-0".to_owned(),
            method: SanitizationMethod::OverwriteZero,
            leave: Leave::default(),
        };
        self.store.erase(Clearance::grant(batch)).await.unwrap()
    }
}

fn tally(items: &[Item], erased: &[Erased]) -> Tally {
    let mut tally = Tally::default();
    for (item, erased) in items.iter().rev().zip(erased) {
        // No run before this one was stopped.
        let fate = if erased.fate == Fate::Absent { Fate::Changed } else { erased.fate };
        tally.count(fate, item.size, item.names);
    }
    tally
}

/// Every entry below `folder`, with what is in it: bytes of a file, the target of a link.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(at) = left.pop() {
        let kind = fs::symlink_metadata(&at).unwrap().file_type();
        let content = if kind.is_symlink() {
            fs::read_link(&at).unwrap().into_os_string().into_encoded_bytes()
        } else if kind.is_dir() {
            left.extend(fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            fs::read(&at).unwrap()
        };
        found.insert(at, content);
    }
    found
}

#[tokio::test]
async fn what_was_surveyed_is_gone_and_was_overwritten_before() {
    let bench = Bench::new();
    fs::create_dir_all(bench.at("a/b")).unwrap();
    fs::write(bench.at("a/b/letter"), "Dear client").unwrap();
    fs::write(bench.at("empty"), "").unwrap();
    fs::write(bench.beside("outside"), "stays").unwrap();
    symlink(bench.beside("outside"), bench.at("a/link")).unwrap();
    let mut held = File::open(bench.at("a/b/letter")).unwrap();
    let items = bench.survey().await;
    let erased = bench.erase(&items).await;
    let tally = tally(&items, &erased);
    assert!(tally.is_whole(items.len() as u64), "{erased:?}");
    assert_eq!((tally.destroyed, tally.bytes, tally.removed), (2, 11, 4));
    assert!(!bench.at("").exists() && bench.beside("root").exists());
    let mut left = Vec::new();
    held.read_to_end(&mut left).unwrap();
    assert_eq!(left, [0; 11], "whoever still had it open reads zeros");
    assert_eq!(fs::read(bench.beside("outside")).unwrap(), b"stays");
}

#[tokio::test]
async fn content_that_has_another_name_is_left_to_it() {
    let bench = Bench::new();
    fs::write(bench.at("one"), "shared").unwrap();
    fs::hard_link(bench.at("one"), bench.at("two")).unwrap();
    fs::write(bench.at("mine"), "kept elsewhere").unwrap();
    fs::hard_link(bench.at("mine"), bench.beside("other")).unwrap();
    let mut held = File::open(bench.at("one")).unwrap();
    let items = bench.survey().await;
    let tally = tally(&items, &bench.erase(&items).await);
    assert_eq!((tally.destroyed, tally.unnamed, tally.named_elsewhere()), (1, 2, 1));
    assert!(!tally.is_whole(items.len() as u64));
    assert_eq!(fs::read(bench.beside("other")).unwrap(), b"kept elsewhere");
    let mut left = Vec::new();
    held.read_to_end(&mut left).unwrap();
    assert_eq!(left, [0; 6], "its last name was in the plan");
}

#[tokio::test]
async fn a_run_that_was_stopped_is_gone_on_with() {
    let bench = Bench::new();
    fs::write(bench.at("a"), vec![7; 3_000_000]).unwrap();
    fs::write(bench.at("b"), "b").unwrap();
    let items = bench.survey().await;
    // The order is b, a, the folder: what is second was set aside and is half overwritten.
    fs::rename(bench.at("a"), bench.at(".gangway-tag-0-1-w")).unwrap();
    let mut held = File::open(bench.at(".gangway-tag-0-1-w")).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(bench.at(".gangway-tag-0-1-w"))
        .unwrap()
        .write_all_at(&[0; 1000], 0)
        .unwrap();
    let erased = bench.erase(&items).await;
    assert_eq!(
        erased.iter().map(|erased| erased.fate).collect::<Vec<_>>(),
        [Fate::Destroyed, Fate::Destroyed, Fate::Removed]
    );
    let mut left = Vec::new();
    held.read_to_end(&mut left).unwrap();
    assert!(left.len() == 3_000_000 && left.iter().all(|byte| *byte == 0));
    // And once more: nothing is claimed that was not done.
    let again = bench.erase(&items).await;
    assert!(again.iter().all(|erased| erased.fate == Fate::Absent), "{again:?}");
}

#[tokio::test]
async fn what_was_set_aside_and_changed_since_gets_its_name_back() {
    let bench = Bench::new();
    fs::write(bench.at("a"), "as it was").unwrap();
    let items = bench.survey().await;
    // Stopped before the first byte was overwritten; then somebody wrote on.
    fs::rename(bench.at("a"), bench.at(".gangway-tag-0-0")).unwrap();
    fs::write(bench.at(".gangway-tag-0-0"), "as it is now").unwrap();
    let erased = bench.erase(&items).await;
    assert_eq!(erased[0].fate, Fate::Changed);
    assert_eq!(fs::read(bench.at("a")).unwrap(), b"as it is now");
}

#[tokio::test]
async fn content_that_got_another_name_since_is_left_alone() {
    let bench = Bench::new();
    fs::write(bench.at("a"), "shared by now").unwrap();
    let items = bench.survey().await;
    fs::hard_link(bench.at("a"), bench.beside("other")).unwrap();
    assert_eq!(bench.erase(&items).await[0].fate, Fate::Changed);
    assert_eq!(fs::read(bench.at("a")).unwrap(), b"shared by now");
}

#[tokio::test]
async fn nothing_is_touched_once_the_leave_has_ended() {
    let bench = Bench::new();
    fs::write(bench.at("a"), "stays").unwrap();
    let items = bench.survey().await;
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let batch = Batch {
        folder: "acme".into(),
        items: items.into_iter().rev().collect(),
        first: 0,
        tag: "tag-0".to_owned(),
        method: SanitizationMethod::OverwriteZero,
        leave: Leave::until([stop]),
    };
    assert_eq!(bench.store.erase(Clearance::grant(batch)).await.unwrap_err().kind, FaultKind::Transient);
    assert_eq!(fs::read(bench.at("a")).unwrap(), b"stays");
}

#[tokio::test]
async fn whatever_takes_a_name_or_its_place_aside_stays() {
    let bench = Bench::new();
    fs::write(bench.at("changed"), "as it was").unwrap();
    fs::write(bench.at("replaced"), "old").unwrap();
    fs::write(bench.at("aside"), "in the way").unwrap();
    let items = bench.survey().await;
    fs::write(bench.at("changed"), "as it is!").unwrap();
    fs::remove_file(bench.at("replaced")).unwrap();
    symlink("changed", bench.at("replaced")).unwrap();
    // Somebody uses the very name that the third one would be set aside under.
    let number = items.iter().rev().position(|item| item.path == "aside".into()).unwrap();
    fs::write(bench.at(&format!(".gangway-tag-0-{number}")), "a stranger").unwrap();
    let before = content(&bench.at(""));
    let erased = bench.erase(&items).await;
    assert!(erased.iter().all(|erased| erased.fate == Fate::Changed && erased.fault.is_some()), "{erased:?}");
    assert_eq!(content(&bench.at("")), before);
}

#[tokio::test]
async fn a_file_of_holes_is_overwritten_where_it_has_content() {
    let bench = Bench::new();
    let file = File::create(bench.at("sparse")).unwrap();
    file.set_len(64 << 30).unwrap();
    file.write_all_at(b"here", 10 << 30).unwrap();
    file.write_all_at(b"and here", (64 << 30) - 8).unwrap();
    let before = file.metadata().unwrap().blocks();
    let items = bench.survey().await;
    let held = File::open(bench.at("sparse")).unwrap();
    assert!(tally(&items, &bench.erase(&items).await).is_whole(2));
    let mut left = [1; 8];
    held.read_exact_at(&mut left, (64 << 30) - 8).unwrap();
    assert_eq!(left, [0; 8]);
    assert!(held.metadata().unwrap().blocks() <= before, "no hole was filled");
}

/// What a path of the fuzz holds.
#[derive(Clone, Debug)]
enum Thing {
    File(Vec<u8>),
    Folder,
    LinkTo(usize),
    HardLinkTo(usize),
    LinkOut,
    HardLinkOut,
    FolderLinkOut,
}

/// What somebody does between the survey and the destruction.
#[derive(Clone, Debug)]
enum Meddling {
    Write(usize, Vec<u8>),
    Replace(usize, Thing),
    Remove(usize),
    Touch(usize),
    Into(usize, Vec<u8>),
}

/// Paths over few names, so that they meet; with those that look like ours or like ways out.
fn path() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(vec!["a", "b", "ab", "a b", "..a", "...", "-rf", ".gangway-tag-0-x", "ü", "a\nb", "*"]);
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Thing::File),
        2 => Just(Thing::Folder),
        1 => any::<usize>().prop_map(Thing::LinkTo),
        1 => any::<usize>().prop_map(Thing::HardLinkTo),
        1 => Just(Thing::LinkOut),
        1 => Just(Thing::HardLinkOut),
        1 => Just(Thing::FolderLinkOut),
    ]
}

fn meddling() -> impl Strategy<Value = Meddling> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        (any::<usize>(), bytes()).prop_map(|(at, bytes)| Meddling::Write(at, bytes)),
        (any::<usize>(), thing()).prop_map(|(at, thing)| Meddling::Replace(at, thing)),
        any::<usize>().prop_map(Meddling::Remove),
        any::<usize>().prop_map(Meddling::Touch),
        (any::<usize>(), bytes()).prop_map(|(at, bytes)| Meddling::Into(at, bytes)),
    ]
}

/// Puts `thing` at `path`; what cannot be put there is not.
fn put(bench: &Bench, paths: &[String], path: &Path, thing: &Thing) {
    let other = |at: usize| bench.at(&paths[at % paths.len()]);
    if let Some(parent) = path.parent() {
        drop(fs::create_dir_all(parent));
    }
    drop(match thing {
        Thing::File(bytes) => fs::write(path, bytes),
        Thing::Folder => fs::create_dir(path),
        Thing::LinkTo(at) => symlink(other(*at), path),
        Thing::HardLinkTo(at) => fs::hard_link(other(*at), path),
        Thing::LinkOut => symlink(bench.beside("out/file"), path),
        Thing::HardLinkOut => fs::hard_link(bench.beside("out/linked"), path),
        Thing::FolderLinkOut => symlink(bench.beside("out"), path),
    });
}

fn meddle(bench: &Bench, paths: &[String], meddling: &Meddling) {
    let at = |at: &usize| bench.at(&paths[at % paths.len()]);
    let remove = |path: &Path| {
        let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        drop(if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) });
    };
    // Nobody meddles through a link: what is outside is compared afterwards.
    let is_link = |path: &Path| path.ancestors().any(Path::is_symlink);
    match meddling {
        Meddling::Write(path, bytes)
            if !is_link(&at(path)) && fs::metadata(at(path)).is_ok_and(|it| it.nlink() == 1) =>
        {
            drop(fs::write(at(path), bytes));
        }
        Meddling::Replace(path, thing) if !is_link(at(path).parent().unwrap()) => {
            remove(&at(path));
            put(bench, paths, &at(path), thing);
        }
        Meddling::Remove(path) if !is_link(at(path).parent().unwrap()) => remove(&at(path)),
        Meddling::Touch(path) if !is_link(&at(path)) => {
            drop(File::open(at(path)).and_then(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH)));
        }
        Meddling::Into(path, bytes) if !is_link(&at(path)) => drop(fs::write(at(path).join("new"), bytes)),
        _ => {}
    }
}

/// File number, time of change and size; and how many names it has.
type State = ((u64, i64, i64, u64), u64);

/// What tells one state of every name below `folder` from another.
fn states(folder: &Path) -> BTreeMap<PathBuf, State> {
    let mut found = BTreeMap::new();
    for path in content(folder).into_keys() {
        let of = fs::symlink_metadata(&path).unwrap();
        let (size, mtime, nanos) = if of.is_dir() { (0, 0, 0) } else { (of.size(), of.mtime(), of.mtime_nsec()) };
        let names = if of.is_file() { of.nlink() } else { 1 };
        found.insert(path, ((of.ino(), mtime, nanos, size), names));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever the tree and whatever somebody does to it meanwhile: what is as it was surveyed is gone, everything else is
    /// there with every byte it had, and nothing outside has changed.
    #[test]
    fn not_one_byte_outside_of_the_plan_changes(
        things in prop::collection::vec((path(), thing()), 1..14),
        meddlings in prop::collection::vec(meddling(), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            fs::create_dir_all(bench.beside("out/deep")).unwrap();
            for name in ["out/file", "out/linked", "out/deep/file", "root/acmeter"] {
                fs::write(bench.beside(name), name).unwrap();
            }
            let paths: Vec<_> = things.iter().map(|(path, _)| path.clone()).collect();
            for (path, thing) in &things {
                put(&bench, &paths, &bench.at(path), thing);
            }
            let outside = (content(&bench.beside("out")), fs::read(bench.beside("root/acmeter")).unwrap());
            let surveyed = states(&bench.at(""));
            let items = bench.survey().await;
            prop_assert_eq!(items.len(), surveyed.len());
            for meddling in &meddlings {
                meddle(&bench, &paths, meddling);
            }
            let (before, now) = (content(&bench.at("")), states(&bench.at("")));
            let erased = bench.erase(&items).await;
            prop_assert_eq!(content(&bench.beside("out")), outside.0, "outside");
            prop_assert_eq!(fs::read(bench.beside("root/acmeter")).unwrap(), outside.1, "a folder's neighbour");
            let after = if bench.at("").exists() { content(&bench.at("")) } else { BTreeMap::new() };
            for (path, state) in &now {
                // Content that has more names than it had is not what was surveyed.
                let is_as_surveyed = surveyed.get(path).is_some_and(|before| before.0 == state.0 && state.1 <= before.1);
                let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
                if is_as_surveyed && !is_folder {
                    prop_assert!(!after.contains_key(path), "{path:?} is as it was and still there: {erased:?}");
                } else if !is_as_surveyed {
                    prop_assert_eq!(after.get(path), before.get(path), "{:?} was not in the plan", path);
                }
            }
            let total = tally(&items, &erased);
            prop_assert_eq!(total.items(), items.len() as u64);
            prop_assert!(!total.is_whole(total.items()) || after.is_empty(), "whole, and something is left: {after:?}");
            Ok(())
        })?;
    }
}

#[test]
fn whoever_stood_still_for_long_stops() {
    let leave = Leave::default();
    let mut pulse = Pulse::of(&leave);
    assert!(pulse.beat(&"a".into()).is_ok());
    pulse.last = Instant::now().checked_sub(STANDSTILL * 2).unwrap();
    assert_eq!(pulse.beat(&"a".into()).unwrap_err().kind, FaultKind::Transient);
}
