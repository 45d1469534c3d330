//! What the two databases say differently in statements that are written by hand.
//!
//! Leases, due times and hints are judged by the **database's clock**, so that two machines whose clocks
//! differ agree on who holds a job. On SQLite an instant is text; it is written here exactly as the driver
//! writes one, with milliseconds, so that comparing texts compares instants (a test shows it).

use std::time::Duration;

use sea_orm::{DbBackend, Statement, Value};

/// The two ways to say it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Dialect(DbBackend);

impl Dialect {
    pub(in crate::store) fn of(backend: DbBackend) -> Self {
        Self(backend)
    }

    fn is_postgres(self) -> bool {
        self.0 == DbBackend::Postgres
    }

    /// The present instant. The same for the whole statement, which lets indexes be used.
    pub(in crate::store) fn now(self) -> &'static str {
        if self.is_postgres() {
            "date_trunc('milliseconds', statement_timestamp())"
        } else {
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
        }
    }

    /// The instant as many milliseconds from now as `placeholder` (`$3`) says.
    pub(in crate::store) fn after(self, placeholder: &str) -> String {
        if self.is_postgres() {
            format!("{} + {placeholder} * interval '1 millisecond'", self.now())
        } else {
            format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', printf('%+.3f seconds', {placeholder} / 1000.0))")
        }
    }

    /// The instant as many milliseconds ago as `placeholder` says.
    pub(in crate::store) fn before(self, placeholder: &str) -> String {
        self.after(&format!("(-{placeholder})"))
    }

    /// The table of jobs, read by the index that holds those a worker may claim, in the order of claims.
    /// SQLite would rather look up the state and sort.
    pub(in crate::store) fn ready_jobs(self) -> &'static str {
        if self.is_postgres() { "job" } else { "job INDEXED BY job_ready" }
    }

    /// Keeps the selected rows to this transaction. On SQLite a transaction that may write is alone anyway.
    pub(in crate::store) fn lock(self) -> &'static str {
        if self.is_postgres() { "FOR UPDATE" } else { "" }
    }

    /// The same, passing over rows that another transaction has.
    pub(in crate::store) fn lock_free(self) -> &'static str {
        if self.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" }
    }

    pub(in crate::store) fn statement(
        self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement::from_sql_and_values(self.0, sql, values)
    }
}

/// `duration` in milliseconds, as a value.
pub(in crate::store) fn millis(duration: Duration) -> Value {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2).into()
}
