//! A database for one test: a SQLite file in a temporary folder, or a PostgreSQL database cloned from a
//! migrated template. Both are gone when the test ends; the template stays for the next run with the same migrations.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use gangway::store::{Db, Options};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Found or made once per run of the tests, then only copied.
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

/// Every file of the migrations, in order.
fn migrations(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { migrations(&path) } else { vec![path] }).collect()
}

/// The template's name says what is in it: other migrations have another one.
fn template_name() -> String {
    let mut hash = Sha256::new();
    for path in migrations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src")) {
        hash.update(path.file_name().unwrap().as_encoded_bytes());
        hash.update(fs::read(&path).unwrap());
    }
    format!("gangway_template_{}", &hex::encode(hash.finalize())[..16])
}

async fn is_there(admin: &DatabaseConnection, name: &str) -> bool {
    let sql = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    let statement = Statement::from_string(admin.get_database_backend(), sql);
    admin.query_one_raw(statement).await.unwrap().is_some()
}

/// The migrated template. It is made under another name and takes its own when it is whole, so that a run that is cut
/// short leaves no half of one; of two runs that make it at a time, one gives its own up.
async fn template() -> String {
    let (name, admin) = (template_name(), admin().await);
    if is_there(&admin, &name).await {
        return name;
    }
    let new = format!("{name}_{}", Uuid::now_v7().simple());
    admin.execute_unprepared(&format!("CREATE DATABASE {new}")).await.unwrap();
    let db = open(&at(&new), 2).await;
    db.migrate().await.unwrap();
    db.close().await.unwrap();
    if admin.execute_unprepared(&format!("ALTER DATABASE {new} RENAME TO {name}")).await.is_err() {
        admin.execute_unprepared(&format!("DROP DATABASE {new}")).await.unwrap();
        assert!(is_there(&admin, &name).await, "{new} does not become {name}");
    }
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

    /// Whether it is on PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres { .. })
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
