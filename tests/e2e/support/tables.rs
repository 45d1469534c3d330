//! What lies in the tables: what a refused request must not change, not by a row and not by a letter in one.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use super::TestApp;

/// Tables that a refused request may write to. Answers are kept for a repetition, and a request of many rows is answered
/// row by row even when none of them is right.
const LEFT_OUT: &[&str] = &["idempotency"];

/// Every row of every table, as text.
pub(crate) struct Tables(BTreeMap<String, Vec<String>>);

impl Tables {
    /// The tables as they are now.
    pub(crate) async fn read(app: &TestApp) -> Self {
        let names = match app.app.db().backend() {
            DbBackend::Postgres => {
                "SELECT table_name AS text FROM information_schema.tables WHERE table_schema = current_schema()"
            }
            _ => "SELECT name AS text FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        };
        let mut tables = BTreeMap::new();
        for name in texts(app, names.to_owned()).await {
            if !LEFT_OUT.contains(&name.as_str()) {
                tables.insert(name.clone(), rows(app, &name).await);
            }
        }
        assert!(tables.len() > 30 && tables.contains_key("holding"), "{:?}", tables.keys());
        Self(tables)
    }

    /// Panics, naming the rows, when anything is not as it was.
    #[track_caller]
    pub(crate) fn assert_same(&self, now: &Self) {
        let (before, now) = (self.lines(), now.lines());
        let gone: Vec<_> = before.difference(&now).collect();
        let new: Vec<_> = now.difference(&before).collect();
        assert!(gone.is_empty() && new.is_empty(), "something was written.\nGone: {gone:#?}\nNew: {new:#?}");
    }

    /// Each row with its table and, since equal rows may stand in one, its number among its equals.
    fn lines(&self) -> BTreeSet<(&str, &str, usize)> {
        let mut equals: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let rows = self.0.iter().flat_map(|(table, rows)| rows.iter().map(move |row| (table.as_str(), row.as_str())));
        let numbered = rows.map(|(table, row)| {
            let number = equals.entry((table, row)).or_default();
            *number += 1;
            (table, row, *number)
        });
        numbered.collect()
    }
}

/// The rows of a table, each with all of its columns.
async fn rows(app: &TestApp, table: &str) -> Vec<String> {
    if app.app.db().backend() == DbBackend::Postgres {
        return texts(app, format!("SELECT entry::text AS text FROM \"{table}\" AS entry")).await;
    }
    let columns = texts(app, format!("SELECT name AS text FROM pragma_table_info('{table}')")).await;
    let quoted: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
    texts(app, format!("SELECT {} AS text FROM \"{table}\"", quoted.join(" || ' ' || "))).await
}

/// The one column of what `sql` selects.
async fn texts(app: &TestApp, sql: String) -> Vec<String> {
    let (db, backend) = (app.app.db().read(), app.app.db().backend());
    let text = |row: QueryResult| row.try_get("", "text").unwrap();
    db.query_all_raw(Statement::from_string(backend, sql)).await.unwrap().into_iter().map(text).collect()
}
