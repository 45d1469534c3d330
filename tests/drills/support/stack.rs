//! The side of a deployment that orders jobs and looks at what became of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use gangway::{
    adapters::systems::Connected,
    app::{App, Parts, job, log},
    auth::{Actor, ClientScope},
    clock::System,
    domain::{
        job::{Enqueued, JobState, NewJob},
        log::{Keys, Signer},
        role::Role,
    },
    ids::{ActorId, JobId},
    ports::hints::Hints,
    queue::{Background, Queue},
    store::{Db, Options},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Statement};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{lab, process::Plan};

pub(crate) use super::database::OwnDatabase;

/// Connects and brings the schema up to date.
pub(crate) async fn connect(url: &str) -> Db {
    let options = Options { url: url.to_owned(), max_connections: 8, statement_timeout: Duration::from_secs(30) };
    let db = Db::connect(&options).await.unwrap();
    db.migrate().await.unwrap();
    db
}

/// An application on `db`.
pub(crate) fn app(db: Db, hints: Arc<dyn Hints>) -> App {
    app_with(db, hints, None)
}

/// The same with simulated devices, whose state lies in a folder.
pub(crate) fn app_with(db: Db, hints: Arc<dyn Hints>, lab: Option<PathBuf>) -> App {
    App::new(Parts {
        shelves: gangway::ports::shelves::Shelves::default(),
        uploads: gangway::app::file::Uploads {
            links: gangway::auth::Links::new(
                "http://localhost",
                &gangway::auth::Secret::new("s".repeat(32).into()).unwrap(),
            ),
            limit_bytes: 0,
        },
        db,
        clock: Arc::new(System),
        ids: Arc::new(System),
        hints,
        ticks: job::Ticks::default(),
        written: Arc::default(),
        systems: Arc::new(Connected::new(lab, Duration::from_millis(100))),
        seal: Arc::new(gangway::auth::Seal::new(&gangway::auth::Secret::new("s".repeat(32).into()).unwrap()).unwrap()),
        log_keys: Arc::new(Keys {
            signer: Signer::from_seed("gangway.test/log", &[7; 32]).unwrap(),
            retired: Vec::new(),
        }),
    })
}

/// A deployment without workers yet.
pub(crate) struct Stack {
    pub(crate) app: App,
    pub(crate) queue: Queue,
    pub(crate) plan: Plan,
    _background: Background,
    _home: TempDir,
}

impl Stack {
    /// On SQLite with hints in memory: everything in one process.
    pub(crate) async fn embedded() -> Self {
        let home = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", home.path().join("gangway.db").display());
        Self::open(home, database, "memory", None).await
    }

    /// On SQLite or a PostgreSQL database of its own, with workers that look for themselves.
    pub(crate) async fn polling(database: Option<String>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let embedded = format!("sqlite://{}", home.path().join("gangway.db").display());
        Self::open(home, database.unwrap_or(embedded), "poll", None).await
    }

    /// On PostgreSQL with hints through Redis.
    pub(crate) async fn cluster(database: String, redis: String) -> Self {
        Self::open(tempfile::tempdir().unwrap(), database, "redis", Some(redis)).await
    }

    async fn open(home: TempDir, database: String, hints: &str, redis: Option<String>) -> Self {
        let plan = Plan {
            database,
            redis,
            prefix: format!("drill-{}", Uuid::now_v7().simple()),
            hints: hints.to_owned(),
            slots: 4,
            grace_ms: 20_000,
            log: home.path().join("runs.log"),
            data: None,
            bucket: None,
            lab: None,
            order: None,
        };
        let queue = Queue::open(plan.settings()).unwrap();
        let app = app(connect(&plan.database).await, queue.hints());
        let background = queue.start(&app);
        Self { app, queue, plan, _background: background, _home: home }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.plan.log.clone()
    }

    /// Orders jobs, each in a deed of its own.
    pub(crate) async fn order(&self, count: usize, args: &lab::Args) -> Vec<JobId> {
        let mut jobs = Vec::with_capacity(count);
        for _ in 0..count {
            jobs.push(self.order_one(args, |_| {}).await);
        }
        jobs
    }

    /// Orders a job that is changed first.
    pub(crate) async fn order_one(&self, args: &lab::Args, change: impl FnOnce(&mut NewJob)) -> JobId {
        let actor = Actor::system();
        let args = serde_json::to_value(args).unwrap();
        let mut new = NewJob::new(self.app.new_id(), lab::KIND, args, ActorId::System);
        change(&mut new);
        let mut deed = self.app.begin(&actor).await.unwrap();
        assert_eq!(job::enqueue(&mut deed, &new, Vec::new()).await.unwrap(), Enqueued::New);
        deed.commit().await.unwrap();
        new.id
    }

    /// Orders `count` jobs in few deeds.
    pub(crate) async fn order_many(&self, count: usize, args: &lab::Args) {
        let actor = Actor::system();
        let args = serde_json::to_value(args).unwrap();
        for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
            let mut deed = self.app.begin(&actor).await.unwrap();
            for _ in chunk {
                let new = NewJob::new(self.app.new_id(), lab::KIND, args.clone(), ActorId::System);
                job::enqueue(&mut deed, &new, Vec::new()).await.unwrap();
            }
            deed.commit().await.unwrap();
        }
    }

    /// Orders `count` more jobs like the first one, with their events, in two statements of PostgreSQL.
    pub(crate) async fn copy_orders(&self, count: usize) {
        let tx = self.app.db().begin().await.unwrap();
        let jobs = format!(
            "INSERT INTO job (id, kind, state, args, priority, attempt, max_attempts, crash_count, run_at, fence, \
             is_cancel_requested, progress, started_by, created_at) \
             SELECT gen_random_uuid(), kind, 'QUEUED', args, priority, 0, max_attempts, 0, run_at, 0, FALSE, \
             progress, started_by, created_at \
             FROM (SELECT * FROM job LIMIT 1) one, generate_series(1, {count}) RETURNING id"
        );
        let rows = tx.query_all_raw(Statement::from_string(tx.get_database_backend(), jobs)).await.unwrap();
        let now = self.app.now();
        let events = rows.iter().map(|row| {
            let id = JobId::from(row.try_get::<Uuid>("", "id").unwrap());
            entity::event::ActiveModel {
                id: Set(Uuid::now_v7()),
                at: Set(now),
                kind: Set("job.queued".to_owned()),
                actor: Set("system".to_owned()),
                subject_id: Set(id.to_string()),
                job_id: Set(Some(id.uuid())),
                summary: Set("Copied.".to_owned()),
                payload: Set(serde_json::json!({})),
                ..Default::default()
            }
        });
        for chunk in events.collect::<Vec<_>>().chunks(2_000) {
            entity::event::Entity::insert_many(chunk.to_vec()).exec_without_returning(&tx).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    pub(crate) async fn row(&self, id: JobId) -> entity::job::Model {
        entity::job::Entity::find_by_id(id.uuid()).one(self.app.db().read()).await.unwrap().unwrap()
    }

    pub(crate) async fn rows(&self) -> Vec<entity::job::Model> {
        entity::job::Entity::find().all(self.app.db().read()).await.unwrap()
    }

    /// How many jobs stand where.
    pub(crate) async fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for row in self.rows().await {
            *states.entry(row.state).or_default() += 1;
        }
        states
    }

    /// How many jobs are not over.
    pub(crate) async fn left(&self) -> u64 {
        use entity::job::{Column, Entity};
        use sea_orm::{ColumnTrait, PaginatorTrait};
        let live = JobState::LIVE.iter().map(|state| state.as_str());
        Entity::find().filter(Column::State.is_in(live)).count(self.app.db().read()).await.unwrap()
    }

    /// Waits until every job is over.
    pub(crate) async fn all_over(&self, longest: Duration) {
        let live =
            |states: &BTreeMap<String, usize>| JobState::LIVE.iter().any(|state| states.contains_key(state.as_str()));
        self.until("every job is over", longest, async || {
            let states = self.states().await;
            if live(&states) { Err(states) } else { Ok(()) }
        })
        .await;
    }

    /// Waits until `found` gives something, or fails with what it said last.
    pub(crate) async fn until<T, E: Debug>(
        &self,
        what: &str,
        longest: Duration,
        found: impl AsyncFn() -> Result<T, E>,
    ) -> T {
        let deadline = Instant::now() + longest;
        loop {
            match found().await {
                Ok(found) => return found,
                Err(last) => assert!(Instant::now() < deadline, "{what}: not within {longest:?}; last {last:?}"),
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until so many runs have begun.
    pub(crate) async fn runs(&self, count: usize) {
        self.until("runs begin", Duration::from_secs(15), async || {
            let runs = lab::runs(&self.plan.log);
            if runs >= count { Ok(()) } else { Err(runs) }
        })
        .await;
    }

    /// The kinds of the events of `job`, in the order they were written.
    pub(crate) async fn story(&self, job: JobId) -> Vec<String> {
        use entity::event::{Column, Entity};
        use sea_orm::ColumnTrait;
        let select = Entity::find().filter(Column::SubjectId.eq(job.to_string())).order_by_asc(Column::Sequence);
        let events = select.all(self.app.db().read()).await.unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }

    /// What has to be true after every drill: [`Self::assert_told`], and the log verifies.
    pub(crate) async fn assert_consistent(&self) {
        self.assert_told().await;
        while log::seal_waiting(&self.app).await.unwrap().is_some() {}
        let verified = log::verify(&self.app, &overseer(), None, None).await.unwrap();
        let events = sea_orm::PaginatorTrait::count(entity::event::Entity::find(), self.app.db().read()).await.unwrap();
        assert!(verified.holds() && verified.held == events, "{verified:?} of {events}");
    }

    /// Each job's events tell its row's story without a gap, it ended once, and nothing is left behind.
    pub(crate) async fn assert_told(&self) {
        let mut stories: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let select = entity::event::Entity::find().order_by_asc(entity::event::Column::Sequence);
        for event in select.all(self.app.db().read()).await.unwrap() {
            stories.entry(event.subject_id).or_default().push(event.kind);
        }
        for row in self.rows().await {
            let id = JobId::from(row.id).to_string();
            let story = stories.remove(&id).unwrap_or_default();
            let count = |kind: &str| story.iter().filter(|event| *event == kind).count();
            let ends = ["succeeded", "partial", "failed", "cancelled"].map(|end| count(&format!("job.{end}")));
            assert_eq!(ends.iter().sum::<usize>(), 1, "{id} ended once: {story:?}");
            assert_eq!(story.last(), Some(&format!("job.{}", row.state.to_lowercase())), "{id}: {story:?}");
            assert_eq!(count("job.queued"), 1, "{id}: {story:?}");
            assert_eq!(count("job.started"), usize::try_from(row.fence).unwrap(), "{id}: {story:?}");
            // Whatever was started ended somehow, each time.
            let between = ["rescued", "handed_back", "retrying", "waiting"].map(|kind| count(&format!("job.{kind}")));
            assert_eq!(between.iter().sum::<usize>() + 1, count("job.started").max(1), "{id}: {story:?}");
            assert!(row.worker.is_none() && row.lease_until.is_none() && row.finished_at.is_some(), "{id}");
        }
    }
}

fn overseer() -> Actor {
    Actor {
        id: ActorId::User(Uuid::now_v7().into()),
        name: "overseer".to_owned(),
        roles: BTreeSet::from([Role::Compliance]),
        scope: ClientScope::system(),
        may_adhoc: false,
        expires_at: None,
    }
}
