//! A worker that dies in the middle of a destruction of data.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, TryStreamExt};
use gangway::{
    adapters::s3::{S3, Versions},
    app::sanitization::Erasure,
    domain::sanitization::SanitizationMethod,
    ids::JobId,
    ports::{eraser::Witness, storage::ObjectStore},
};
use sea_orm::EntityTrait;

use crate::{
    Cluster, REST,
    doomed::{Doomed, outcome},
    moto::Moto,
    support::{process::Process, stack::Stack},
    turn,
};

/// Enough for several batches.
const FILES: usize = 2_600;
/// Enough for two, in a store that takes its time.
const OBJECTS: usize = 1_300;

/// The client's folder, with something of it beside.
struct Folder(tempfile::TempDir);

impl Folder {
    fn of(stack: &mut Stack) -> Self {
        let home = tempfile::tempdir().unwrap();
        let source = home.path().join("source");
        for folder in 0..20 {
            fs::create_dir_all(source.join(format!("acme/old/{folder}"))).unwrap();
        }
        for number in 0..FILES {
            fs::write(source.join(format!("acme/old/{}/{number}", number % 20)), vec![7; 20_000]).unwrap();
        }
        fs::create_dir_all(source.join("acme/current")).unwrap();
        fs::write(source.join("acme/current/file"), "stays").unwrap();
        symlink(source.join("acme/current"), source.join("acme/old/3/link")).unwrap();
        fs::hard_link(source.join("acme/old/1/1"), source.join("acme/old/2/again")).unwrap();
        stack.plan.data = Some(home.path().to_owned());
        Self(home)
    }

    fn old(&self) -> PathBuf {
        self.0.path().join("source/acme/old")
    }
}

/// The client's bucket, with something of it beside.
struct Bucket {
    objects: S3,
    _store: Moto,
    _home: tempfile::TempDir,
}

impl Bucket {
    async fn of(stack: &mut Stack) -> Self {
        let (store, home) = (Moto::start(), tempfile::tempdir().unwrap());
        let bucket = store.bucket("data").await;
        let put = |key: String| {
            let bucket = bucket.clone();
            async move { bucket.put(&key.as_str().into(), "content".into()).await }
        };
        let keys = (0..OBJECTS).map(|number| format!("acme/old/{number:04}")).chain(["acme/current".to_owned()]);
        futures_util::stream::iter(keys.map(put)).buffer_unordered(4).try_collect::<Vec<_>>().await.unwrap();
        fs::create_dir_all(home.path().join("source")).unwrap();
        (stack.plan.data, stack.plan.bucket) = (Some(home.path().to_owned()), Some(store.endpoint.to_string()));
        Self { objects: bucket, _store: store, _home: home }
    }

    /// How much is there below `folder`.
    async fn left(&self, folder: &str) -> u64 {
        Versions::of(self.objects.clone()).look(&folder.into()).await.unwrap().count
    }
}

/// Files that are there below `folder`.
fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.iter().map(|path| if path.is_dir() && !path.is_symlink() { files(path) } else { 1 }).sum()
}

/// The job ended as it should, whatever died on the way.
async fn assert_done(stack: &Stack, doomed: &Doomed, job: JobId, planned: u64, deaths: u64) {
    let row = stack.row(job).await;
    assert_eq!((row.state.as_str(), row.fence), ("SUCCEEDED", 1 + i64::try_from(deaths).unwrap()), "{:?}", row.error);
    let erasure: Erasure = serde_json::from_value(outcome(stack, job).await).unwrap();
    assert!(erasure.is_whole() && erasure.planned == planned, "{erasure:?}");
    // At most a batch for each death was gone when its successor came.
    assert!(erasure.tally.absent <= deaths * 1_000, "{erasure:?}");
    let holding = entity::holding::Entity::find_by_id(doomed.holding.uuid()).one(stack.app.db().read()).await.unwrap();
    assert_eq!(holding.unwrap().state, "REMOVED");
    stack.assert_consistent().await;
}

/// Kills workers one after the other, each when it is a little farther than the one before.
async fn dies_again_and_again(stack: &mut Stack) {
    let folder = Folder::of(stack);
    let doomed = Doomed::of(stack, "data", SanitizationMethod::OverwriteZero).await;
    let found = doomed.scan(stack).await;
    assert_eq!((found.files, found.items), (FILES as u64 + 1, FILES as u64 + 1 + 20 + 1 + 1));
    let planned = found.items;
    let job = doomed.destroy(stack, found).await;
    let mut seen = BTreeSet::new();
    for below in [FILES - 300, FILES - 1_100] {
        let victim = Process::worker(&stack.plan);
        stack
            .until("it gets on", REST, async || {
                let left = files(&folder.old());
                if left < below { Ok(()) } else { Err(left) }
            })
            .await;
        victim.kill();
        let left = files(&folder.old());
        assert!(left > 0 && seen.insert(left), "killed in the middle: {left}");
        assert_eq!(stack.row(job).await.state, "RUNNING");
    }
    let _last = Process::worker(&stack.plan);
    stack.all_over(REST * 2).await;
    assert!(!folder.old().exists());
    let beside = folder.0.path().join("source/acme/current/file");
    assert_eq!(fs::read(beside).unwrap(), b"stays", "what a link pointed to");
    assert_done(stack, &doomed, job, planned, 2).await;
}

/// Kills workers while the store deletes what it was asked to.
async fn dies_while_the_store_works(stack: &mut Stack) {
    let bucket = Bucket::of(stack).await;
    let doomed = Doomed::of(stack, "bucket", SanitizationMethod::DeleteVersions).await;
    let found = doomed.scan(stack).await;
    assert_eq!((found.files, found.items), (OBJECTS as u64, OBJECTS as u64));
    let job = doomed.destroy(stack, found).await;
    for done in [0, 1_000] {
        let victim = Process::worker(&stack.plan);
        stack
            .until("a batch is under way", REST, async || {
                let mark = stack.row(job).await.checkpoint.unwrap_or_default();
                let is_begun = mark["isBegun"] == true && mark["done"].as_u64() >= Some(done);
                if is_begun { Ok(()) } else { Err(mark) }
            })
            .await;
        victim.kill();
        assert_eq!(stack.row(job).await.state, "RUNNING", "killed in the middle");
    }
    let _last = Process::worker(&stack.plan);
    stack.all_over(REST * 2).await;
    assert_eq!((bucket.left("acme/old").await, bucket.left("acme").await), (0, 1));
    assert_done(stack, &doomed, job, OBJECTS as u64, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destruction_whose_workers_are_killed_is_done_once_and_whole() {
    let mut cluster = Cluster::start().await;
    dies_again_and_again(&mut cluster.stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destruction_of_the_embedded_process_is_done_once_and_whole() {
    let _turn = turn().await;
    dies_again_and_again(&mut Stack::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_whose_worker_is_killed_is_emptied_once_and_whole() {
    let mut cluster = Cluster::start().await;
    dies_while_the_store_works(&mut cluster.stack).await;
}
