//! Databases on the tests' server; `scripts/test.sh` says where that is.

use sea_orm::{ConnectionTrait, Database};
use uuid::Uuid;

/// An empty PostgreSQL database of one's own, dropped with this value.
pub(crate) struct OwnDatabase {
    pub(crate) url: String,
    name: String,
}

fn server() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

async fn administer(sql: &str) {
    let admin = Database::connect(server()).await.expect("the tests need PostgreSQL at DATABASE_URL");
    admin.execute_unprepared(sql).await.unwrap();
}

impl OwnDatabase {
    pub(crate) async fn create() -> Self {
        let name = format!("gangway_drill_{}", Uuid::now_v7().simple());
        administer(&format!("CREATE DATABASE {name}")).await;
        let server = server();
        let (base, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{base}/{name}"), name }
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(administer(&sql));
        });
        dropping.join().ok();
    }
}
