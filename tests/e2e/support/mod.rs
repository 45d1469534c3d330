//! One application per test, on either stack, with a clock that stands still.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::{Request, Response, Variables};
use chrono::{TimeDelta, TimeZone, Utc};
use gangway::{
    adapters::local_files::LocalFiles,
    app::{App, Parts, file::Uploads},
    auth::{Actor, ClientScope, Links, Secret},
    clock::{IdSource, Manual},
    config::{self, Hints},
    domain::{
        log::{Keys, Signer},
        role::Role,
    },
    graphql::{self, Schema},
    ids::ActorId,
    ports::{
        shelves::{Nowhere, Shelf, Shelves},
        storage::{ObjectPath, ObjectSource, ObjectStore},
    },
    queue::{Background, Queue, Settings},
    stream::Tap,
};
use serde_json::Value;
use uuid::Uuid;

pub(crate) mod aftermath;
pub(crate) mod database;
pub(crate) mod deeds;
pub(crate) mod flow;
pub(crate) mod make;
pub(crate) mod run;
pub(crate) mod tables;

use database::TestDatabase;
use deeds::Deeds;

/// Declares tests that run once on each stack, and are looked over when they are done.
macro_rules! on_both_stacks {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn run($app: TestApp) $body

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $crate::support::aftermath::checked(TestApp::embedded().await, run).await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                $crate::support::aftermath::checked(TestApp::scaled_out().await, run).await;
            }
        }
    )+};
}
pub(crate) use on_both_stacks;

/// An application with a database of its own.
pub(crate) struct TestApp {
    /// The application.
    pub(crate) app: App,
    /// What callers ask.
    pub(crate) schema: Schema,
    /// What subscriptions hang on; nothing runs through it until a test opens it.
    pub(crate) tap: Tap,
    /// Moves time.
    pub(crate) clock: Manual,
    /// Where uploads lie.
    pub(crate) files: tempfile::TempDir,
    /// What carries hints: memory beside SQLite, Redis beside PostgreSQL.
    pub(crate) queue: Queue,
    _hints: Background,
    is_forged: Arc<AtomicBool>,
    /// What mutations left in the log, for the test that wants to know.
    pub(crate) deeds: Deeds,
    database: Arc<TestDatabase>,
}

/// What links to files begin with.
pub(crate) const PUBLIC_URL: &str = "https://gangway.example.test";

/// The largest upload of a test, in bytes.
pub(crate) const UPLOAD_LIMIT: u64 = 1_000_000;

/// Our own files, in a folder, and one place where clients' data may lie, called `archive`, with nothing in it.
fn own_files(folder: &std::path::Path) -> Shelves {
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFiles::create(folder).unwrap());
    let nowhere: Arc<dyn ObjectSource> = Arc::new(Nowhere);
    let archive = Shelf { store: nowhere, folder: ObjectPath::ROOT };
    let sources = BTreeMap::from([("archive".to_owned(), archive)]);
    Shelves { own: Shelf { store, folder: ObjectPath::from("own") }, sources, ..Shelves::default() }
}

/// How a test takes part in the queue: as its stack does, faster than in production, with a prefix of its own in Redis.
fn settings(database: &TestDatabase) -> Settings {
    let redis = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/".to_owned());
    let is_scaled_out = database.is_postgres();
    Settings {
        hints: if is_scaled_out { Hints::Redis } else { Hints::Memory },
        redis_url: is_scaled_out.then(|| config::Secret::new(redis)),
        prefix: format!("e2e-{}", Uuid::now_v7().simple()),
        beat: Duration::from_millis(200),
        tick: Duration::from_millis(500),
        reconcile_every: Duration::from_millis(300),
        ..Settings::default()
    }
}

/// The same key in every test.
fn log_keys() -> Keys {
    Keys { signer: Signer::from_seed("gangway.test/log", &[7; 32]).unwrap(), retired: Vec::new() }
}

impl TestApp {
    /// On SQLite.
    pub(crate) async fn embedded() -> Self {
        Self::on(TestDatabase::sqlite()).await
    }

    /// On PostgreSQL, with hints through Redis.
    pub(crate) async fn scaled_out() -> Self {
        Self::on(TestDatabase::postgres().await).await
    }

    async fn on(database: TestDatabase) -> Self {
        let files = tempfile::tempdir().unwrap();
        let clock = Manual::at(Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap());
        let queue = Queue::open(settings(&database)).unwrap();
        let parts = Parts {
            shelves: own_files(files.path()),
            uploads: Uploads {
                links: Links::new(PUBLIC_URL, &Secret::new("s".repeat(32).into()).unwrap()),
                limit_bytes: UPLOAD_LIMIT,
            },
            ticks: gangway::app::job::Ticks::default(),
            db: database.connect().await,
            clock: Arc::new(clock.clone()),
            ids: Arc::new(clock.clone()),
            hints: queue.hints(),
            written: Arc::default(),
            systems: Arc::new(gangway::ports::endpoints::NoSystems),
            seal: Arc::new(
                gangway::auth::Seal::new(&gangway::auth::Secret::new("s".repeat(32).into()).unwrap()).unwrap(),
            ),
            log_keys: Arc::new(log_keys()),
        };
        let tap = Tap::new();
        let schema = graphql::builder().data(tap.clone()).finish();
        let app = App::new(parts);
        let (hints, database) = (queue.start(&app), Arc::new(database));
        Self {
            app,
            schema,
            tap,
            clock,
            files,
            queue,
            _hints: hints,
            is_forged: Arc::default(),
            deeds: Deeds::default(),
            database,
        }
    }

    /// Says that the test forges the log, which then need not hold when the test is over.
    pub(crate) fn forges(&self) {
        self.is_forged.store(true, Ordering::SeqCst);
    }

    /// The same test with other parts.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = self.app.parts().clone();
        change(&mut parts);
        self.app = App::new(parts);
        self
    }

    /// Whether it stands on SQLite.
    pub(crate) fn is_embedded(&self) -> bool {
        self.app.db().backend() == sea_orm::DbBackend::Sqlite
    }

    /// A member of staff with one role.
    pub(crate) fn staff(&self, role: Role) -> Actor {
        Actor {
            id: ActorId::User(self.clock.next().into()),
            name: role.to_string(),
            roles: BTreeSet::from([role]),
            scope: ClientScope::system(),
            may_adhoc: false,
            expires_at: None,
        }
    }

    /// What the schema answers `actor`.
    pub(crate) async fn answer(&self, actor: &Actor, document: &str, variables: Value) -> Response {
        let request = Request::new(document).variables(Variables::from_json(variables));
        let before = self.deeds.before(&self.app).await;
        let answer = self.schema.execute(graphql::request(request, &self.app, actor.clone())).await;
        self.deeds.after(&self.app, before, &answer).await;
        answer
    }

    /// The data of an answer that has no top-level error.
    pub(crate) async fn ask(&self, actor: &Actor, document: &str, variables: Value) -> Value {
        let answer = self.answer(actor, document, variables).await;
        assert!(answer.errors.is_empty(), "{document}: {:?}", answer.errors);
        answer.data.into_json().unwrap()
    }

    /// Moves the clock on by some seconds.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }
}
