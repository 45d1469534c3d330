//! One application per test, on either stack, with a clock that stands still.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{Request, Response, Variables};
use chrono::{TimeDelta, TimeZone, Utc};
use gangway::{
    app::{App, Parts},
    auth::{Actor, ClientScope},
    clock::{IdSource, Manual},
    domain::{
        log::{Keys, Signer},
        role::Role,
    },
    graphql::{self, Schema},
    ids::ActorId,
    ports::hints::NoHints,
    stream::Tap,
};
use serde_json::Value;

pub(crate) mod database;
pub(crate) mod make;
pub(crate) mod run;

use database::TestDatabase;

/// Declares tests that run once on each stack.
macro_rules! on_both_stacks {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn run($app: TestApp) $body

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(TestApp::embedded().await).await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(TestApp::scaled_out().await).await;
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
    _database: TestDatabase,
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

    /// On PostgreSQL.
    pub(crate) async fn scaled_out() -> Self {
        Self::on(TestDatabase::postgres().await).await
    }

    async fn on(database: TestDatabase) -> Self {
        let clock = Manual::at(Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap());
        let parts = Parts {
            shelves: gangway::ports::shelves::Shelves::default(),
            ticks: gangway::app::job::Ticks::default(),
            db: database.connect().await,
            clock: Arc::new(clock.clone()),
            ids: Arc::new(clock.clone()),
            hints: Arc::new(NoHints),
            written: Arc::default(),
            log_keys: Arc::new(log_keys()),
        };
        let tap = Tap::new();
        let schema = graphql::builder().data(tap.clone()).finish();
        Self { app: App::new(parts), schema, tap, clock, _database: database }
    }

    /// A member of staff with one role.
    pub(crate) fn staff(&self, role: Role) -> Actor {
        Actor {
            id: ActorId::User(self.clock.next().into()),
            name: role.to_string(),
            roles: BTreeSet::from([role]),
            scope: ClientScope::system(),
            expires_at: None,
        }
    }

    /// What the schema answers `actor`.
    pub(crate) async fn answer(&self, actor: &Actor, document: &str, variables: Value) -> Response {
        let request = Request::new(document).variables(Variables::from_json(variables));
        self.schema.execute(graphql::request(request, &self.app, actor.clone())).await
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
