//! A database for one test: a SQLite file in a temporary folder, or a PostgreSQL database cloned from a
//! migrated template. Both are gone when the test ends.

use std::time::Duration;

use gangway::store::{Db, Options};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Made once per run of the tests, then only copied.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A database that lives as long as this value.
pub(crate) struct TestDatabase {
    url: String,
    kind: Kind,
}

enum Kind {
    Sqlite { _dir: TempDir },
    Postgres { name: String },
}

/// Where the tests' PostgreSQL is; `scripts/test.sh` sets it.
fn server() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

fn at(name: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').expect("DATABASE_URL ends in a database name");
    format!("{base}/{name}")
}

async fn admin() -> DatabaseConnection {
    let hint = "the tests need PostgreSQL at DATABASE_URL; scripts/test.sh starts one";
    Database::connect(server()).await.expect(hint)
}

async fn template() -> String {
    let name = format!("gangway_template_{}", Uuid::now_v7().simple());
    let admin = admin().await;
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let db = open(&at(&name), 2).await;
    db.migrate().await.unwrap();
    db.close().await.unwrap();
    name
}

async fn open(url: &str, max_connections: u32) -> Db {
    let options = Options { url: url.to_owned(), max_connections, statement_timeout: Duration::from_secs(30) };
    Db::connect(&options).await.unwrap()
}

impl TestDatabase {
    /// A new SQLite file.
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("gangway.db").display());
        Self { url, kind: Kind::Sqlite { _dir: dir } }
    }

    /// A new PostgreSQL database.
    pub(crate) async fn postgres() -> Self {
        let template = TEMPLATE.get_or_init(template).await;
        let name = format!("gangway_test_{}", Uuid::now_v7().simple());
        admin().await.execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
        Self { url: at(&name), kind: Kind::Postgres { name } }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Connects, with the schema up to date.
    pub(crate) async fn connect(&self) -> Db {
        let db = open(&self.url, 8).await;
        if matches!(self.kind, Kind::Sqlite { .. }) {
            db.migrate().await.unwrap();
        }
        db
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Kind::Postgres { name } = &self.kind else { return };
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { admin().await.execute_unprepared(&sql).await.unwrap() });
        });
        dropping.join().ok();
    }
}
