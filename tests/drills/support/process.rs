//! Processes that are broken, and workers among them: this very program, started once more.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use gangway::{
    adapters::{
        local_files::{Find, LocalFiles, Mounts},
        s3::{AddressStyle, S3, S3Config, Versions},
        witness::Listing,
    },
    app::job,
    auth::Actor,
    config::{Hints, Secret},
    domain::job::NewJob,
    ids::JobId,
    jobs::Registry,
    ports::{
        eraser::Witness,
        hints::Hints as Hinting,
        shelves::{Erasable, Shelf, Shelves},
        storage::ObjectPath,
    },
    queue::{Queue, Settings, Worker},
    reconcile,
};
use rustix::process::{Pid, Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    lab::{self, Args, Lab},
    stack,
};

/// Where a worker process reads what it is.
const VARIABLE: &str = "GANGWAY_DRILL_WORKER";

/// What a worker process is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) database: String,
    pub(crate) redis: Option<String>,
    pub(crate) prefix: String,
    pub(crate) hints: String,
    pub(crate) slots: u32,
    pub(crate) grace_ms: u64,
    pub(crate) log: PathBuf,
    /// The folder with clients' data, for drills that return it.
    pub(crate) data: Option<PathBuf>,
    /// The address of the store whose bucket `data` is what those drills call `bucket`.
    pub(crate) bucket: Option<String>,
    /// The folder with the state of simulated devices.
    pub(crate) lab: Option<PathBuf>,
    /// A job to order instead of working, and to die before anybody is told of it.
    pub(crate) order: Option<Args>,
}

/// Short times, so that a drill takes seconds.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

impl Plan {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            hints: match self.hints.as_str() {
                "redis" => Hints::Redis,
                "memory" => Hints::Memory,
                _ => Hints::Poll,
            },
            redis_url: self.redis.clone().map(Secret::new),
            prefix: self.prefix.clone(),
            slots: self.slots,
            lease: LEASE,
            beat: LEASE / 6,
            tick: Duration::from_millis(500),
            rehint: Duration::from_secs(2),
            patience: Duration::from_secs(1),
            lost_grace: Duration::from_secs(1),
            reconcile_every: Duration::from_millis(300),
            ..Settings::default()
        }
    }
}

/// Runs as a worker until SIGTERM, when this process was started as one.
pub(crate) async fn be_a_worker() {
    let Ok(plan) = std::env::var(VARIABLE) else { return };
    let plan: Plan = serde_json::from_str(&plan).unwrap();
    if let Some(args) = &plan.order {
        return order_and_die(&plan, args).await;
    }
    let queue = Queue::open(plan.settings()).unwrap();
    let app = stack::app_with(stack::connect(&plan.database).await, queue.hints(), plan.lab.clone());
    let _background = queue.start(&app);
    let mut registry = Registry::default().with(Lab { log: plan.log.clone() });
    if let Some(data) = &plan.data {
        registry = Registry::of(&shelves(data, plan.bucket.as_deref())).with(Lab { log: plan.log.clone() });
    }
    let worker = Worker::start(&queue, &app, registry);
    let stop = CancellationToken::new();
    let repair = reconcile::start(app, queue, stop.clone());
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    terminate.recv().await;
    worker.drain(Duration::from_millis(plan.grace_ms)).await;
    stop.cancel();
    repair.await.unwrap();
}

/// Ends its own process, as `kill -9` does, where workers are told of what was committed.
struct Deadly;

#[async_trait]
impl Hinting for Deadly {
    async fn hint(&self, _jobs: &[JobId]) {
        kill_process(getpid(), Signal::KILL).unwrap();
        std::future::pending::<()>().await;
    }

    async fn nudge(&self) {}
}

async fn order_and_die(plan: &Plan, args: &Args) {
    let app = stack::app(stack::connect(&plan.database).await, Arc::new(Deadly));
    let actor = Actor::system();
    let new = NewJob::new(app.new_id(), lab::KIND, serde_json::to_value(args).unwrap(), actor.id);
    let mut deed = app.begin(&actor).await.unwrap();
    job::enqueue(&mut deed, &new, Vec::new()).await.unwrap();
    deed.commit().await.unwrap();
}

/// Where clients' data lies below `data`, and where it goes.
fn shelves(data: &Path, bucket: Option<&str>) -> Shelves {
    let folder = ObjectPath::ROOT;
    let source = Shelf { store: Arc::new(LocalFiles::open(&data.join("source"), Mounts::Stay).unwrap()) as _, folder };
    let place = |name: &str| {
        let store = LocalFiles::create(&data.join(name)).unwrap();
        Shelf { store: Arc::new(store) as _, folder: ObjectPath::ROOT }
    };
    Shelves {
        sources: BTreeMap::from([("data".to_owned(), source)]),
        destinations: BTreeMap::from([("returns".to_owned(), place("returns"))]),
        own: place("own"),
        erasable: [("data".to_owned(), erasable(&data.join("source")))]
            .into_iter()
            .chain(bucket.map(emptied))
            .collect(),
    }
}

fn emptied(endpoint: &str) -> (String, Erasable) {
    let bucket = S3::new(&S3Config {
        endpoint: endpoint.parse().unwrap(),
        region: "us-east-1".into(),
        bucket: "data".into(),
        style: AddressStyle::Path,
        access_key: "test".to_owned().into(),
        secret_key: "secret".to_owned().into(),
        session_token: None,
    });
    let bucket = bucket.unwrap();
    let witnesses: Vec<Arc<dyn Witness>> = vec![Arc::new(Versions::of(bucket.clone()))];
    ("bucket".to_owned(), Erasable { eraser: Arc::new(bucket), folder: ObjectPath::ROOT, witnesses })
}

fn erasable(root: &Path) -> Erasable {
    let files = Arc::new(LocalFiles::open(root, Mounts::Stay).unwrap());
    let witnesses: Vec<Arc<dyn Witness>> =
        vec![Arc::new(Listing::of(files.clone())), Arc::new(Find::below(root.to_owned()))];
    Erasable { eraser: files, folder: ObjectPath::ROOT, witnesses }
}

/// A running process, ended with this value.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// A worker: this very program, started once more.
    pub(crate) fn worker(plan: &Plan) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["a_worker_process", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        Self::spawn(command.env(VARIABLE, serde_json::to_string(plan).unwrap()))
    }

    /// Whatever `command` starts. What it says is heard with `DRILL_OUTPUT` alone.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let said = if std::env::var_os("DRILL_OUTPUT").is_some() { Stdio::inherit() } else { Stdio::null() };
        Self { child: command.stdout(Stdio::null()).stderr(said).spawn().unwrap() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn wait(mut self, longest: Duration) -> ExitStatus {
        let deadline = Instant::now() + longest;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
