//! How many rows every table has: what a refused request must not change. Answers that are kept for a repetition are
//! left out: a request of many rows is answered row by row even when none of them is right.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::TestApp;

/// The number of rows of each table, by its name.
pub(crate) async fn counts(app: &TestApp) -> BTreeMap<String, i64> {
    let (db, backend) = (app.app.db().read(), app.app.db().backend());
    let names = match backend {
        DbBackend::Postgres => {
            "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name <> 'idempotency'"
        }
        _ => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'idempotency'"
        }
    };
    let mut counts = BTreeMap::new();
    for row in db.query_all_raw(Statement::from_string(backend, names)).await.unwrap() {
        let name: String = row.try_get("", "name").unwrap();
        let count = Statement::from_string(backend, format!("SELECT count(*) AS count FROM \"{name}\""));
        let count: i64 = db.query_one_raw(count).await.unwrap().unwrap().try_get("", "count").unwrap();
        counts.insert(name, count);
    }
    assert!(counts.len() > 30 && counts.contains_key("holding"), "{counts:?}");
    counts
}
