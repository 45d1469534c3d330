//! One client's whole life, from prospect to concluded, lived over HTTP against a whole server: the life that
//! `gangway demo` shows, with a small folder. On SQLite with the embedded queue, on PostgreSQL with Redis, and on
//! PostgreSQL with nothing that carries hints.

use std::sync::{Mutex, PoisonError};

use gangway::{
    cli::{
        demo::{Folders, files::Amount, play},
        life::{Cast, Life, Listener, Stage, Walked},
        local::Local,
    },
    config::Environment,
    domain::event::EventCursor,
};
use serde_json::Value;
use uuid::Uuid;

use crate::support::database::TestDatabase;

/// Small enough for a test, with everything odd in it.
const AMOUNT: Amount = Amount { files: 40, bytes: 400_000, largest: 300_000 };

/// Writes down what is told of the job.
#[derive(Default)]
struct Witness(Mutex<Vec<Value>>);

impl Listener for Witness {
    fn job(&self, event: &Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

async fn lives(environment: Environment) {
    let dir = tempfile::tempdir().unwrap();
    let folders = Folders::at(&dir.path().join("demo")).unwrap();
    let (scene, made) = folders.scene(AMOUNT).unwrap();
    let local = Local::start(folders.config(&environment).unwrap()).await.unwrap();
    let cast = Cast::meet(&local.api, &local.issuer).await.unwrap();
    let stage = Stage { api: &local.api, cast, issuer: &local.issuer };
    let witness = Witness::default();
    let life = Life::begin(&stage, &witness, scene).await.unwrap();
    let lived = play::live(&life, &witness).await.unwrap();
    local.checkpoint().await.unwrap();
    let proof = play::prove(&life, lived).await.unwrap();
    local.end().await.unwrap();

    assert_eq!(proof.lived.too_early, ["AGREEMENTS_UNSIGNED", "INTAKE_MISSING"], "asked too early");
    assert_eq!(proof.lived.onboarding, Walked { done: 14, not_applicable: 1 });
    assert_eq!(proof.lived.offboarding, Walked { done: 13, not_applicable: 0 });
    assert_eq!(proof.stage, "CONCLUDED");
    ledger(&proof.ledger);
    let opened = &proof.opened;
    assert_eq!((opened.files, opened.bytes), (made.files, made.bytes), "the client found what it gave us");
    assert!(!proof.receipt.is_empty(), "a receipt was issued");
    let pack = &proof.lived.pack;
    assert!(pack.file.is_file() && pack.told.contains("left;") && pack.told.contains("2 certificates"), "{pack:?}");
    let item = &proof.destroyed["statement"]["items"][0];
    assert_eq!(
        (item["filesDestroyed"].as_u64(), item["bytesDestroyed"].as_u64()),
        (Some(made.files), Some(made.bytes))
    );
    assert!(std::fs::read_dir(folders.source()).unwrap().next().is_none(), "we hold nothing any more");
    assert_eq!(proof.log["logVerify"]["to"], proof.log["logCheckpoint"]["size"], "the checkpoint covers everything");
    told(&witness.0.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Nothing is left, and only what was verified counts as closed.
fn ledger(lines: &[Value]) {
    let of = |state: &str| lines.iter().filter(|line| line["state"] == state).collect::<Vec<_>>();
    let [closed, retained, excepted] = ["CLOSED", "RETAINED", "EXCEPTED"].map(of);
    assert_eq!(closed.len() + retained.len() + excepted.len(), lines.len(), "{lines:#?}");
    assert!(lines.iter().all(|line| line["isResidual"] == false));
    let names: Vec<_> = closed.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["File share"], "only data has an engine that can prove its removal");
    assert!(closed[0]["acknowledgedAt"].is_string() && closed[0]["closedAt"].is_string());
    assert!(retained.iter().all(|line| line["retainedClause"].is_string()));
}

/// The job was told live: first how it stood, at last that it is over, and never backwards.
fn told(events: &[Value]) {
    assert_eq!(events.first().unwrap()["kind"], "SNAPSHOT");
    assert_eq!(events.last().unwrap()["job"]["state"], "SUCCEEDED");
    let cursor = |event: &Value| event["cursor"].as_str().unwrap().parse::<EventCursor>().unwrap().next_position();
    let cursors: Vec<_> = events.iter().map(cursor).collect();
    assert!(cursors.is_sorted(), "{cursors:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_lives_from_prospect_to_concluded_on_sqlite() {
    lives(Environment::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_lives_from_prospect_to_concluded_on_postgres_and_redis() {
    let database = TestDatabase::postgres().await;
    let redis = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let prefix = format!("life-{}", Uuid::now_v7().simple());
    let services = [("DATABASE_URL", database.url()), ("REDIS_URL", redis.as_str()), ("GANGWAY_REDIS_PREFIX", &prefix)];
    lives(Environment::from(services)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_lives_from_prospect_to_concluded_on_postgres_by_polling() {
    let database = TestDatabase::postgres().await;
    lives(Environment::from([("DATABASE_URL", database.url()), ("GANGWAY_HINTS", "poll")])).await;
}
