//! A return that is cut goes on where it was cut.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use gangway::{
    error::Error,
    jobs::data_return::{
        Checkpoint, CheckpointSink, Frozen, Order, Place, Position, Progress, ReturnError, SoFar, Source, Watch,
        freeze, pack, verify, verify_deeply,
    },
    ports::storage::{FaultKind, ObjectPath},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::support::{
    Bench, Recorder, as_source,
    stores::{Late, Meddled},
    tools::validate_with_bagit_py,
    tree::{assert_same_files, noise, validate, write},
    twisted::{Flaky, twisted},
    why,
};

/// Small files, a file over several parts, and small files again.
fn tree(bench: &Bench) {
    for number in 0..40 {
        write(&bench.source(), format!("a/{number:03}"), noise(number, 9_000));
    }
    write(&bench.source(), "b/large", noise(77, 1_300_000));
    write(&bench.source(), "b/larger than a block", noise(78, 300_000));
    for number in 0..20 {
        write(&bench.source(), format!("c/{number:03}"), noise(number + 100, 20_000));
    }
}

async fn check(bench: &Bench, order: &Arc<Order>, frozen: &Frozen, last: Option<Checkpoint>, what: &str) {
    let watch = Recorder::default().watch();
    let package = pack(order, frozen, last, &watch).await.unwrap_or_else(|error| panic!("{what}: {}", why(&error)));
    verify(order, &package, &watch).await.unwrap_or_else(|error| panic!("{what}: {}", why(&error)));
    verify_deeply(order, &package, bench.identity.clone(), &watch).await.unwrap();
    let bag = bench.restore();
    validate(&bag);
    assert_same_files(&bench.source(), &bag, "files");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_at_any_part_boundary_it_goes_on() {
    let bench = Bench::new();
    tree(&bench);
    let order = Arc::new(bench.order());
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    let whole = Recorder::default();
    let parts = pack(&order, &frozen, None, &whole.watch()).await.unwrap().manifest.parts.len();
    assert!(parts > 8, "{parts}");
    let in_a_file = whole.with(|recorded| recorded.saved.iter().filter(|text| text.contains("midstate")).count());
    assert!(in_a_file >= 4, "the large file crosses parts");
    let in_the_tags = whole.with(|recorded| recorded.saved.iter().filter(|text| text.contains("\"tags\"")).count());
    for saves in 0..parts {
        fs::remove_dir_all(bench.package()).unwrap();
        let recorder = Recorder::refusing_after(saves);
        let error = pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
        assert!(matches!(error, ReturnError::Checkpoint(_)), "{}", why(&error));
        check(&bench, &order, &frozen, recorder.last(), &format!("{saves} of {parts} parts")).await;
    }
    validate_with_bagit_py(&bench.restore());
    assert_eq!(in_the_tags, 0, "this tree's own files fit one part; another test cuts them");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_among_the_bags_own_files_it_goes_on() {
    let bench = Bench::new();
    for number in 0..1500 {
        write(&bench.source(), format!("a file with a rather long name, to fill the manifest {number:04}"), "x");
    }
    let order = Arc::new(Order { part_bytes: 64 * 1024, ..bench.order() });
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    let whole = Recorder::default();
    pack(&order, &frozen, None, &whole.watch()).await.unwrap();
    let cuts: Vec<usize> = whole.with(|recorded| {
        let tags = recorded.saved.iter().enumerate().filter(|(_, text)| text.contains("\"tags\""));
        tags.map(|(index, _)| index + 1).collect()
    });
    assert!(cuts.len() >= 3, "{cuts:?}");
    for saves in [cuts[0], cuts[cuts.len() / 2], cuts[cuts.len() - 1]] {
        fs::remove_dir_all(bench.package()).unwrap();
        let recorder = Recorder::refusing_after(saves);
        pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
        assert!(matches!(recorder.last().unwrap().at, Position::Tags { offset: 1.., .. }));
        check(&bench, &order, &frozen, recorder.last(), &format!("after {saves} parts")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_in_the_middle_of_a_part_it_goes_on_and_leaves_no_rubbish() {
    let bench = Bench::new();
    tree(&bench);
    let plain = bench.order();
    let frozen = freeze(&plain, &Recorder::default().watch()).await.unwrap();
    for (taken, kind) in [(1_000, FaultKind::Transient), (400_000, FaultKind::Full), (1_100_000, FaultKind::Transient)]
    {
        let left = Arc::new(AtomicU64::new(taken));
        let store = twisted(&plain.destination.store, Flaky { left: left.clone(), kind });
        let destination = Place { store, folder: plain.destination.folder.clone() };
        let order = Arc::new(Order { destination, ..plain.clone() });
        let recorder = Recorder::default();
        let error = pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
        assert!(matches!(&error, ReturnError::Destination(fault) if fault.kind == kind), "{}", why(&error));
        left.store(u64::MAX, Ordering::SeqCst);
        check(&bench, &order, &frozen, recorder.last(), &format!("cut after {taken} bytes")).await;
        let names: Vec<_> = fs::read_dir(bench.package()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_goes_away_is_not_taken_for_unreadable_files() {
    let bench = Bench::new();
    tree(&bench);
    let plain = bench.order();
    let opens = Arc::new(AtomicU64::new(0));
    let seen = opens.clone();
    let source = Meddled::new(plain.sources[0].store.clone()).on_open(move |path| {
        if seen.fetch_add(1, Ordering::SeqCst) == 30 {
            let place = path.to_string();
            return Err(gangway::ports::storage::Fault::new(FaultKind::Transient, "open", place, "away"));
        }
        Ok(())
    });
    let sources = vec![Source { store: as_source(source), ..plain.sources[0].clone() }];
    let order = Arc::new(Order { sources, ..plain });
    let recorder = Recorder::default();
    let frozen = freeze(&order, &recorder.watch()).await.unwrap();
    let error = pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
    assert!(matches!(error, ReturnError::Source(_)), "{}", why(&error));
    check(&bench, &order, &frozen, recorder.last(), "after the source came back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_job_lets_nothing_more_show() {
    let bench = Bench::new();
    tree(&bench);
    let order = Arc::new(bench.order());
    let recorder = Recorder::lost_after(2);
    let frozen = freeze(&order, &recorder.watch()).await.unwrap();
    let error = pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
    assert!(matches!(error, ReturnError::Checkpoint(_)), "{}", why(&error));
    let parts = fs::read_dir(bench.package())
        .unwrap()
        .filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(parts.count(), 2);
    check(&bench, &order, &frozen, recorder.last(), "by the new owner").await;
}

/// A worker that was held up right when a part was to show learns only behind it that the job is not its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_lets_show_too_late_is_no_part_of_its_successors_package() {
    let bench = Bench::new();
    tree(&bench);
    let plain = bench.order();
    let (ready, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let store = twisted(&plain.destination.store, Late { ready: ready.clone(), go: go.clone() });
    let destination = Place { store, folder: plain.destination.folder.clone() };
    let zombie = Arc::new(Order { destination, ..plain.clone() });
    let frozen = freeze(&zombie, &Recorder::default().watch()).await.unwrap();
    let recorder = Recorder::refusing_after(2);
    let packing = tokio::spawn({
        let (zombie, frozen, watch) = (zombie.clone(), frozen.clone(), recorder.watch());
        async move { pack(&zombie, &frozen, None, &watch).await.map(drop) }
    });
    ready.notified().await;
    let successor = Arc::new(Order { fence: 3, ..(*zombie).clone() });
    let watch = Recorder::default().watch();
    let package = pack(&successor, &frozen, recorder.last(), &watch).await.unwrap();
    verify(&successor, &package, &watch).await.unwrap();
    go.notify_one();
    assert!(matches!(packing.await.unwrap(), Err(ReturnError::Checkpoint(_))));
    let shown = |name: &str| bench.package().join(format!("return-1.part-{name}.tar.zst.age")).exists();
    assert_eq!((shown("00003.1"), shown("00003.3")), (true, true));
    let intact = async |what: &str| {
        verify(&successor, &package, &watch).await.unwrap_or_else(|error| panic!("{what}: {}", why(&error)));
        let bag = bench.restore();
        validate(&bag);
        assert_same_files(&bench.source(), &bag, "files");
    };
    intact("a part that showed too late").await;
    // A run between the two that is held up before it tidies up takes away nothing that its successor made.
    let mut under_way =
        plain.destination.store.begin(&plain.destination.at("return-1.part-09999.3.tar.zst.age")).await.unwrap();
    under_way.write("what the successor is writing".into()).await.unwrap();
    let between = Arc::new(Order { fence: 2, ..plain });
    pack(&between, &frozen, recorder.last(), &Recorder::refusing_after(0).watch()).await.unwrap_err();
    under_way.finish().await.unwrap();
    assert_eq!((shown("00003.1"), shown("09999.3")), (false, true));
    intact("a run that tidied up too late").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_on_reads_only_what_was_not_finished() {
    let bench = Bench::new();
    write(&bench.source(), "large", noise(5, 3_000_000));
    let plain = bench.order();
    let read = Arc::new(AtomicU64::new(0));
    let counting = read.clone();
    let last = Arc::new(AtomicU64::new(0));
    let source = Meddled::new(plain.sources[0].store.clone()).on_read(move |_, so_far| {
        let before = last.swap(so_far, Ordering::SeqCst);
        counting.fetch_add(so_far.saturating_sub(if before < so_far { before } else { 0 }), Ordering::SeqCst);
        Ok(())
    });
    let sources = vec![Source { store: as_source(source), ..plain.sources[0].clone() }];
    let order = Arc::new(Order { sources, ..plain });
    let recorder = Recorder::refusing_after(8);
    let frozen = freeze(&order, &recorder.watch()).await.unwrap();
    pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
    let done = match recorder.last().unwrap().at {
        Position::Payload { file: Some(file), .. } => file.begun.unwrap().offset,
        other => panic!("{other:?}"),
    };
    read.store(0, Ordering::SeqCst);
    check(&bench, &order, &frozen, recorder.last(), "the rest").await;
    assert_eq!(read.load(Ordering::SeqCst), 3_000_000 - done);
}

/// A sink that keeps the checkpoint in a file, as a worker's row would survive it.
struct FileSink(PathBuf);

#[async_trait]
impl CheckpointSink for FileSink {
    async fn still_ours(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let unfinished = self.0.with_extension("new");
        fs::write(&unfinished, serde_json::to_vec(checkpoint).unwrap()).unwrap();
        fs::rename(unfinished, &self.0).unwrap();
        Ok(())
    }
}

impl Progress for FileSink {
    fn at(&self, _so_far: SoFar) {}
}

/// What the killed process runs: not a test by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is started and killed by another test"]
async fn child_packs_until_it_is_killed() {
    let Ok(folder) = std::env::var("GANGWAY_TEST_KILLED") else { return };
    let bench = Bench { temp: tempfile::tempdir().unwrap(), identity: age::x25519::Identity::generate() };
    let order: Arc<Order> = Arc::new(order_in(&PathBuf::from(&folder), &bench));
    let frozen: Frozen = serde_json::from_slice(&fs::read(format!("{folder}/frozen.json")).unwrap()).unwrap();
    let sink = Arc::new(FileSink(format!("{folder}/checkpoint.json").into()));
    let watch = Watch { sink: sink.clone(), progress: sink, cancel: CancellationToken::new() };
    let last = fs::read(format!("{folder}/checkpoint.json")).ok();
    let last = last.map(|text| serde_json::from_slice(&text).unwrap());
    pack(&order, &frozen, last, &watch).await.unwrap();
}

fn order_in(folder: &std::path::Path, bench: &Bench) -> Order {
    let recipient = fs::read_to_string(folder.join("recipient")).unwrap();
    let local = |name: &str| Arc::new(gangway::adapters::local_files::LocalFiles::create(&folder.join(name)).unwrap());
    let mut order =
        Bench { temp: tempfile::tempdir().unwrap(), identity: bench.identity.clone() }.order_with(local("source"));
    order.recipients = vec![recipient.parse().unwrap()];
    order.destination.store = local("destination");
    order.spool.store = local("spool");
    order
}

impl Bench {
    fn order_with(&self, source: Arc<gangway::adapters::local_files::LocalFiles>) -> Order {
        fs::create_dir_all(self.source()).unwrap();
        let mut order = self.order();
        order.sources[0].store = source;
        order.sources[0].folder = ObjectPath::ROOT;
        order
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_still_arrives() {
    let bench = Bench::new();
    for number in 0..30 {
        write(&bench.source(), format!("file {number}"), noise(number, 3_000_000));
    }
    let order = Arc::new(bench.order());
    let frozen = freeze(&order, &Recorder::default().watch()).await.unwrap();
    fs::write(bench.path("frozen.json"), serde_json::to_vec(&frozen).unwrap()).unwrap();
    fs::write(bench.path("recipient"), bench.identity.to_public().to_string()).unwrap();
    let read = || -> Option<Checkpoint> {
        fs::read(bench.path("checkpoint.json")).ok().map(|text| serde_json::from_slice(&text).unwrap())
    };
    let mut reached = 0;
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "resume::child_packs_until_it_is_killed", "--ignored", "--nocapture"])
            .env("GANGWAY_TEST_KILLED", bench.temp.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while read().is_none_or(|last| last.parts.count() < reached + 3) {
            assert!(child.try_wait().unwrap().is_none(), "round {round}: it ended before it was killed");
            assert!(Instant::now() < deadline, "round {round}: no progress");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // SIGKILL: nothing in the process gets to tidy up.
        child.kill().unwrap();
        child.wait().unwrap();
        let now = read().unwrap().parts.count();
        assert!(now >= reached + 3, "round {round} went back from {reached} to {now}");
        reached = now;
    }
    check(&bench, &order, &frozen, read(), "after four kills").await;
}
