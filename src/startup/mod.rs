//! The composition root: from settings to running processes, and their graceful end.
//!
//! [`assemble`] makes what every process needs; [`Process::serve`] and [`Process::work`] run it. Background tasks stop by one
//! token, in the order in which nothing is lost: the transport first, then the worker, then the sealer,
//! which seals once more.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::systems::Connected,
    app::{
        self, App, Parts,
        job::Ticks,
        rate::{Buckets, Rates},
    },
    auth::Actor,
    clock::{Clock, IdSource, System},
    config::Config,
    domain::rate::Rate,
    error::{Error, Result},
    graphql::{self, extensions::guarded, guard::Limits, subscription::event::Everything},
    http::{Documents, Graph, Ports, Transport},
    jobs::Registry,
    ports::shelves::Shelves,
    queue::{self, Queue, Worker},
    reconcile,
    store::{Db, Options},
    stream::{self, Bell, Tap},
    telemetry::Metrics,
};

pub mod access;
mod keys;
pub mod rates;
mod readiness;
mod shelves;

/// The pause between two looks at the list of a tool that manages devices.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Everything a process is made of, before it runs.
pub struct Process {
    /// The application.
    pub app: App,
    /// Ends everything when it is cancelled.
    pub stop: CancellationToken,
    config: Config,
    shelves: Shelves,
    queue: Queue,
    bell: Bell,
    tap: Tap,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({:?})", self.app)
    }
}

/// Opens the database and puts the application together. The embedded database is brought up to date; a
/// PostgreSQL one must be already, because only its operator knows when.
///
/// # Errors
/// `Unavailable` when the database does not answer; `Violation` when it is not up to date or a setting
/// names something that is not there.
pub async fn assemble(config: Config) -> Result<Process> {
    std::fs::create_dir_all(&config.server.data).map_err(Error::internal)?;
    let db = open(&config).await?;
    let queue = Queue::open(queue::Settings::of(&config, host()))?;
    let shelves = shelves::build(&config)?;
    let parts = Parts {
        db,
        clock: Arc::new(System),
        ids: Arc::new(System),
        hints: queue.hints(),
        ticks: Ticks::default(),
        written: Arc::new(Notify::new()),
        log_keys: Arc::new(keys::load(&config)?),
        shelves: shelves.clone(),
        systems: Arc::new(Connected::new(lab(&config)?, LOOK_EVERY)),
        seal: Arc::new(keys::seal(&config)?),
        uploads: app::file::Uploads {
            links: keys::links(&config)?,
            limit_bytes: config.storage.upload_limit.bytes() as u64,
        },
    };
    let app = App::new(parts);
    app::process::builtin::install(&app).await?;
    let (bell, tap) = (Bell::new(), Tap::new());
    Ok(Process { app, stop: CancellationToken::new(), config, shelves, queue, bell, tap })
}

/// Brings the database up to date.
///
/// # Errors
/// `Unavailable` when it does not answer; `Internal` when a change fails.
pub async fn migrate(config: &Config) -> Result<()> {
    std::fs::create_dir_all(&config.server.data).map_err(Error::internal)?;
    connect(config).await?.migrate().await
}

async fn open(config: &Config) -> Result<Db> {
    let db = connect(config).await?;
    if is_embedded(config) {
        db.migrate().await?;
    } else if db.pending_migrations().await? > 0 {
        let violation = crate::error::Violation::new("DATABASE_URL", "The database is not up to date.");
        return Err(violation.remedy("Run `gangway migrate` once, then start again.").into());
    }
    Ok(db)
}

fn is_embedded(config: &Config) -> bool {
    config.database_url().expose().starts_with("sqlite:")
}

async fn connect(config: &Config) -> Result<Db> {
    let options = Options {
        url: config.database_url().expose().to_owned(),
        max_connections: config.database.connections,
        statement_timeout: config.database.statement_timeout,
    };
    Db::connect(&options).await
}

/// The folder with the state of simulated devices, which is made when it is absent.
fn lab(config: &Config) -> Result<Option<PathBuf>> {
    let Some(folder) = &config.worker.lab else { return Ok(None) };
    std::fs::create_dir_all(folder).map_err(Error::internal)?;
    Ok(Some(folder.clone()))
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Process {
    /// Answers callers on `listener`, and runs jobs too unless the settings say otherwise, until `stop`.
    ///
    /// # Errors
    /// `Internal` when the listener fails.
    pub async fn serve(self, listener: TcpListener, metrics: Metrics) -> Result<()> {
        let background = self.background(metrics.clone());
        let worker = if self.config.worker.enabled { Some(self.start_worker()) } else { None };
        let transport = Transport::new(self.ports(metrics)?, &self.config, self.stop.clone());
        let serve = async {
            let served = transport.serve(listener).await.map_err(Error::internal);
            self.stop.cancel();
            served
        };
        // The worker is told when callers are, so that both have the same grace.
        let (served, ()) = tokio::join!(serve, self.drained(worker));
        background.end().await;
        served
    }

    /// Runs jobs until `stop`, and says on `listener` how it does.
    ///
    /// # Errors
    /// `Internal` when the listener fails.
    pub async fn work(self, listener: Option<TcpListener>, metrics: Metrics) -> Result<()> {
        let background = self.background(metrics.clone());
        let worker = self.start_worker();
        let say = async {
            let Some(listener) = listener else { return Ok(()) };
            let transport = Transport::new(self.ports(metrics)?, &self.config, self.stop.clone());
            let said = transport.serve_operations(listener).await.map_err(Error::internal);
            self.stop.cancel();
            said
        };
        let (said, ()) = tokio::join!(say, self.drained(Some(worker)));
        background.end().await;
        said
    }

    /// Returns when the process is to stop and the worker has put down what it held.
    async fn drained(&self, worker: Option<Running>) {
        self.stop.cancelled().await;
        if let Some(running) = worker {
            running.worker.drain(self.config.server.shutdown_grace).await;
            drop(running.repair);
        }
    }

    /// The documents that the front end registered.
    fn documents(&self) -> Result<Documents> {
        let Some(path) = &self.config.http.documents else { return Ok(Documents::default()) };
        Documents::load(path, self.config.http.document_limit.bytes())
            .map_err(|error| Error::violation("GANGWAY_DOCUMENTS", format!("{}: {error}.", path.display())))
    }

    fn ports(&self, metrics: Metrics) -> Result<Ports> {
        let app = self.app.clone();
        let (http, usual) = (&self.config.http, Limits::default());
        // Whatever fits into a body may be used once.
        let variable_bytes = usual.variable_bytes.max(http.body_limit.bytes() as u64);
        let limits = Limits { bytes: http.document_limit.bytes(), variable_bytes, ..usual };
        let schema = guarded(graphql::builder(), limits).data(self.tap.clone()).finish();
        let context = move |request, actor: Actor| graphql::request(request, &app, actor);
        let clock: Arc<dyn Clock> = Arc::new(System);
        let ids: Arc<dyn IdSource> = Arc::new(System);
        let authenticate = access::authenticator(&self.config, &self.app, Arc::clone(&clock))?;
        Ok(Ports {
            graph: Graph::new(schema, context),
            authenticate: Arc::new(authenticate),
            readiness: Arc::new(readiness::Process::new(self.app.db().clone(), self.config.redis.url.as_ref())?),
            clock,
            ids,
            metrics: Arc::new(move || metrics.render()),
            files: Some(self.app.clone()),
            documents: self.documents()?,
            rates: self.rates()?,
        })
    }

    /// How much callers may ask, when that is limited.
    fn rates(&self) -> Result<Option<Arc<dyn Rates>>> {
        let http = &self.config.http;
        let Some(rate) = Rate::new(http.rate_capacity, http.rate_refill) else { return Ok(None) };
        let own = Buckets::new(rate, Arc::new(System));
        Ok(Some(match self.redis() {
            Some(client) => Arc::new(rates::SharedBuckets::open(&client, &self.config.redis.prefix, own)?),
            None => Arc::new(own),
        }))
    }

    fn start_worker(&self) -> Running {
        let registry = Registry::of(&self.shelves);
        let worker = Worker::start(&self.queue, &self.app, registry);
        let repair = reconcile::start(self.app.clone(), self.queue.clone(), self.stop.clone());
        Running { worker, repair }
    }

    /// What every process does beside its work: seal and sign the log, carry hints, feed the followers, measure, and
    /// keep its measurements small.
    fn background(&self, metrics: Metrics) -> Background {
        let sealer_stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stop = self.stop.clone();
        tasks.spawn(async move { stop.run_until_cancelled(metrics.upkeep()).await.unwrap_or_default() });
        let every = self.config.worker.reconcile_every;
        tasks.spawn(reconcile::keep_measured(self.app.clone(), every, self.stop.clone()));
        let bell = self.bell.clone();
        let ring = move |size| bell.ring(size);
        tasks.spawn(app::log::keep_sealed(self.app.clone(), ring, sealer_stop.clone()));
        tasks.spawn(app::log::keep_signed(self.app.clone(), app::log::CHECKPOINT_EVERY, self.stop.clone()));
        tasks.spawn(self.tap.clone().run(Everything(self.app.clone()), self.bell.clone(), self.stop.clone()));
        if let Some(client) = self.redis() {
            let channel = format!("{}:log", self.config.redis.prefix);
            tasks.spawn(stream::share(self.bell.clone(), client, channel, self.stop.clone()));
        }
        Background { tasks, sealer_stop, _hints: self.queue.start(&self.app) }
    }

    fn redis(&self) -> Option<redis::Client> {
        let url = self.config.redis.url.as_ref()?;
        redis::Client::open(url.expose()).inspect_err(|_error| tracing::warn!("REDIS_URL is not a Redis URL")).ok()
    }
}

struct Running {
    worker: Worker,
    repair: tokio::task::JoinHandle<()>,
}

struct Background {
    tasks: JoinSet<()>,
    sealer_stop: CancellationToken,
    _hints: queue::Background,
}

impl Background {
    /// The sealer outlives whoever writes, and seals what came last.
    async fn end(self) {
        self.sealer_stop.cancel();
        self.tasks.join_all().await;
    }
}
