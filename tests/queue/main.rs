//! The queue in one process, with hints in memory, through Redis, and without any: only the latency may differ.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "../drills/support/mod.rs"]
#[expect(dead_code, reason = "the drills use the rest")]
mod support;

mod ends;
mod running;
mod stopping;

use std::time::Duration;

use gangway::{
    app::App,
    jobs::Registry,
    queue::{Background, Queue, Settings, Worker},
    reconcile,
};
use support::{
    lab::Lab,
    stack::{self, OwnDatabase, Stack},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Declares tests that run with each way to carry hints, on both databases.
macro_rules! on_every_stack {
    ($(async fn $name:ident($site:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn body($site: crate::Site) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_and_memory() {
                body(crate::Site::embedded().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_and_redis() {
                body(crate::Site::cluster().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_and_polling() {
                body(crate::Site::polling_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_and_polling() {
                body(crate::Site::polling_postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_every_stack;

/// A deployment whose worker runs in this process.
pub(crate) struct Site {
    pub(crate) stack: Stack,
    _database: Option<OwnDatabase>,
}

fn redis() -> String {
    std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/".to_owned())
}

impl Site {
    async fn embedded() -> Self {
        Self { stack: Stack::embedded().await, _database: None }
    }

    async fn cluster() -> Self {
        let database = OwnDatabase::create().await;
        Self { stack: Stack::cluster(database.url.clone(), redis()).await, _database: Some(database) }
    }

    async fn polling_sqlite() -> Self {
        Self { stack: Stack::polling(None).await, _database: None }
    }

    async fn polling_postgres() -> Self {
        let database = OwnDatabase::create().await;
        Self { stack: Stack::polling(Some(database.url.clone())).await, _database: Some(database) }
    }

    /// Whether a new job is announced.
    pub(crate) fn has_hints(&self) -> bool {
        self.stack.plan.hints != "poll"
    }

    /// Starts a worker in this process.
    pub(crate) fn work(&self) -> Working {
        self.work_as(&self.stack.queue)
    }

    /// Starts one more, with settings of its own.
    pub(crate) fn work_with(&self, change: impl FnOnce(&mut Settings)) -> (Queue, Working) {
        let mut settings = self.stack.plan.settings();
        change(&mut settings);
        let queue = Queue::open(settings).unwrap();
        let working = self.work_as(&queue);
        (queue, working)
    }

    /// The same deployment as another process has it, whose heart beats once a minute.
    pub(crate) async fn beside(&self) -> (App, Queue, Background) {
        let minute = Duration::from_mins(1);
        let queue = Queue::open(Settings { beat: minute, lease: minute * 6, ..self.stack.plan.settings() }).unwrap();
        let app = stack::app(stack::connect(&self.stack.plan.database).await, queue.hints());
        let background = queue.start(&app);
        (app, queue, background)
    }

    fn work_as(&self, queue: &Queue) -> Working {
        self.work_for(queue, &self.stack.app)
    }

    fn work_for(&self, queue: &Queue, app: &App) -> Working {
        let registry = Registry::default().with(Lab { log: self.stack.log() });
        let stop = CancellationToken::new();
        let repair = reconcile::start(app.clone(), queue.clone(), stop.clone());
        Working { worker: Worker::start(queue, app, registry), stop, repair }
    }
}

/// A worker and its repair.
pub(crate) struct Working {
    worker: Worker,
    stop: CancellationToken,
    repair: JoinHandle<()>,
}

impl Working {
    /// Ends it in order.
    pub(crate) async fn end(self, grace: Duration) {
        self.worker.drain(grace).await;
        self.stop.cancel();
        self.repair.await.unwrap();
    }
}

/// Long enough for a shared machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);
