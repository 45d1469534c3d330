//! A database for one unit test, on each of the two stacks: gone when the test ends.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement, TransactionTrait};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Db, Options};

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A migrated database that lives as long as this value.
pub(crate) struct TestDb {
    pub(crate) db: Db,
    _home: Home,
}

#[expect(dead_code, reason = "dropping them is what they are for")]
enum Home {
    Folder(TempDir),
    Server(Dropped),
}

/// The name of a PostgreSQL database to be dropped.
struct Dropped(String);

/// Where the tests' PostgreSQL is; `scripts/test.sh` sets it.
fn server() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

fn at(name: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').expect("DATABASE_URL ends in a database name");
    format!("{base}/{name}")
}

/// The migrated database that tests copy. It outlives them under a name that follows from the schema, so
/// that the next run finds it.
async fn template() -> String {
    let digest = Sha256::digest(migrations(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migration/src"))));
    let name = format!("gangway_template_{}", &hex::encode(digest)[..16]);
    let admin = admin().await;
    // One process makes it, under another name until it is whole.
    let turn = admin.begin().await.unwrap();
    turn.execute_unprepared("SELECT pg_advisory_xact_lock(7165918)").await.unwrap();
    let found = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    let found = turn.query_one_raw(Statement::from_string(turn.get_database_backend(), found)).await.unwrap();
    if found.is_none() {
        let draft = format!("{name}_draft");
        for sql in [format!("DROP DATABASE IF EXISTS {draft}"), format!("CREATE DATABASE {draft}")] {
            admin.execute_unprepared(&sql).await.unwrap();
        }
        open(at(&draft)).await.close().await.unwrap();
        admin.execute_unprepared(&format!("ALTER DATABASE {draft} RENAME TO {name}")).await.unwrap();
    }
    turn.commit().await.unwrap();
    name
}

/// Everything that the schema follows from, one file after the other: whatever changes it makes another template.
fn migrations(folder: &Path) -> Vec<u8> {
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| if path.is_dir() { migrations(path) } else { std::fs::read(path).unwrap() };
    paths.iter().flat_map(read).collect()
}

async fn admin() -> DatabaseConnection {
    Database::connect(server()).await.expect("the tests need PostgreSQL at DATABASE_URL; scripts/test.sh starts one")
}

async fn open(url: String) -> Db {
    let options = Options { url, max_connections: 6, statement_timeout: Duration::from_secs(30) };
    let db = Db::connect(&options).await.unwrap();
    db.migrate().await.unwrap();
    db
}

impl TestDb {
    /// A new SQLite file.
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open(format!("sqlite://{}", dir.path().join("gangway.db").display())).await;
        Self { db, _home: Home::Folder(dir) }
    }

    /// A new PostgreSQL database, copied from a migrated one.
    pub(crate) async fn postgres() -> Self {
        let template = TEMPLATE.get_or_init(template).await;
        let name = format!("gangway_unit_{}", Uuid::now_v7().simple());
        admin().await.execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
        let db = open(at(&name)).await;
        Self { db, _home: Home::Server(Dropped(name)) }
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.0);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { admin().await.execute_unprepared(&sql).await.unwrap() });
        });
        dropping.join().ok();
    }
}

/// Declares tests that get a `&Db` and run on both databases.
macro_rules! on_both {
    ($(async fn $name:ident($db:ident: &Db) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn body($db: &$crate::store::Db) $body

            #[tokio::test]
            async fn on_sqlite() {
                body(&$crate::store::testing::TestDb::sqlite().await.db).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                body(&$crate::store::testing::TestDb::postgres().await.db).await;
            }
        }
    )+};
}
pub(crate) use on_both;
