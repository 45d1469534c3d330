//! What must hold when a test is over, whatever it did: the log is whole and sealed, and no job is held by nobody.
//!
//! A test that forges the log says so with [`TestApp::forges`], and its log is not looked at. No test can forgo the rest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gangway::{
    app::{self, App},
    auth::Actor,
    domain::role::Role,
};
use sea_orm::{ConnectionTrait, Statement};

use super::{TestApp, database::TestDatabase};

/// How often the log is looked at. What a test left running may write until it notices that it should stop.
const LOOKS: usize = 50;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A hold on the application of a test, to look at when the test has let go of it.
pub(crate) struct Aftermath {
    app: App,
    reader: Actor,
    is_forged: Arc<AtomicBool>,
    _database: Arc<TestDatabase>,
}

/// Runs a test, and looks at what it leaves.
pub(crate) async fn checked<F: Future<Output = ()>>(test: TestApp, run: impl FnOnce(TestApp) -> F) {
    let reader = Actor { roles: [Role::Compliance].into(), ..Actor::system() };
    let aftermath = Aftermath {
        app: test.app.clone(),
        reader,
        is_forged: Arc::clone(&test.is_forged),
        _database: Arc::clone(&test.database),
    };
    run(test).await;
    aftermath.check().await;
}

impl Aftermath {
    async fn check(&self) {
        if !self.is_forged.load(Ordering::SeqCst) {
            self.all_is_sealed().await;
            let verified = app::log::verify(&self.app, &self.reader, None, None).await.unwrap();
            assert!(verified.holds(), "the log that the test leaves does not hold: {:?}", verified.finding);
        }
        let lost = "state = 'RUNNING' AND lease_until IS NULL OR finished_at IS NOT NULL AND lease_until IS NOT NULL";
        assert_eq!(self.count("job", lost).await, 0, "jobs that run without a lease, or are over and have one");
    }

    /// The sealer is whoever comes first, so what a test did not wait for is sealed here.
    async fn all_is_sealed(&self) {
        for _ in 0..LOOKS {
            app::log::seal_waiting(&self.app).await.unwrap();
            if self.count("event", "position IS NULL").await == 0 {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("events are left that no sealer takes");
    }

    async fn count(&self, table: &str, condition: &str) -> i64 {
        let (db, backend) = (self.app.db().write(), self.app.db().backend());
        let sql = format!("SELECT count(*) AS count FROM {table} WHERE {condition}");
        let row = db.query_one_raw(Statement::from_string(backend, sql)).await.unwrap().unwrap();
        row.try_get("", "count").unwrap()
    }
}
