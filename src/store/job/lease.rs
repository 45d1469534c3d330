//! What a worker may write while it holds a job, and what becomes visible when it no longer does.

use std::time::Duration;

use sea_orm::{ConnectionTrait, QueryResult, Value};
use serde_json::Value as Json;

use super::{TABLE, id_of};
use crate::{
    domain::job::{Held, JobKind, JobState, Lease, Progress, Standing},
    error::Result,
    ids::{ClientId, JobId, WorkerId},
    store::{
        Db, Tx,
        dialect::{Dialect, millis},
        inconsistent, to_json, word,
    },
};

/// A running row, locked by the transaction that read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// What it does.
    pub(crate) kind: JobKind,
    /// The client it concerns.
    pub(crate) client_id: Option<ClientId>,
    /// What a run that ends is judged by.
    pub(crate) standing: Standing,
}

/// Renews the leases of what `worker` believes to hold, and gives what it does hold. What is missing from the answer
/// was taken away.
///
/// A lease that has run out is renewed as well, as long as nobody rescued the job: the worker lives. A row that
/// bears the worker's name and is not `believed` is nobody's work, because its claim or its end never got through:
/// it is left to run out, so that it is rescued.
///
/// # Errors
/// Those of the database.
pub(crate) async fn renew(db: &Db, worker: WorkerId, lease: Duration, believed: &[Lease]) -> Result<Vec<Held>> {
    let dialect = Dialect::of(db.backend());
    let places: Vec<String> = (3..).take(believed.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "UPDATE job SET lease_until = {} WHERE worker = $1 AND state = '{}' AND id IN ({}) \
         RETURNING id, fence, is_cancel_requested",
        dialect.after("$2"),
        JobState::Running,
        places.join(", "),
    );
    let ids = believed.iter().map(|lease| lease.job.uuid().into());
    let values: Vec<Value> = [worker.to_string().into(), millis(lease)].into_iter().chain(ids).collect();
    let rows = db.write().query_all_raw(dialect.statement(sql, values)).await?;
    rows.iter()
        .map(|row| {
            let lease = Lease { job: id_of(row)?, fence: row.try_get("", "fence")? };
            Ok(Held { lease, is_cancel_requested: row.try_get("", "is_cancel_requested")? })
        })
        .collect()
}

/// Locks the row of `lease` for `tx`; `None` when the lease is void.
///
/// Whatever a worker writes elsewhere in the same transaction thereby stands only while it holds the job.
///
/// # Errors
/// Those of the database.
pub(crate) async fn hold(tx: &Tx, lease: Lease) -> Result<Option<Running>> {
    locked(tx, lease, "", Dialect::of(tx.get_database_backend()).lock()).await
}

/// Locks the row of `lease` for `tx` if it has run out; `None` when it was renewed, given up or is being
/// rescued by somebody else.
///
/// # Errors
/// Those of the database.
pub(crate) async fn hold_expired(tx: &Tx, lease: Lease) -> Result<Option<Running>> {
    let dialect = Dialect::of(tx.get_database_backend());
    locked(tx, lease, &format!("AND lease_until < {}", dialect.now()), dialect.lock_free()).await
}

async fn locked(tx: &Tx, lease: Lease, and: &str, lock: &str) -> Result<Option<Running>> {
    let dialect = Dialect::of(tx.get_database_backend());
    let sql = format!(
        "SELECT kind, client_id, attempt, max_attempts, crash_count, is_cancel_requested FROM job \
         WHERE id = $1 AND fence = $2 AND state = '{}' {and} {lock}",
        JobState::Running,
    );
    let values: [Value; 2] = [lease.job.uuid().into(), lease.fence.into()];
    tx.query_one_raw(dialect.statement(sql, values)).await?.map(|row| running(lease.job, &row)).transpose()
}

fn running(id: JobId, row: &QueryResult) -> Result<Running> {
    let count = |column: &'static str| {
        let value: i32 = row.try_get("", column)?;
        u32::try_from(value).ok().ok_or_else(|| inconsistent(TABLE, column, id))
    };
    Ok(Running {
        kind: word(TABLE, "kind", id, &row.try_get::<String>("", "kind")?)?,
        client_id: row.try_get::<Option<uuid::Uuid>>("", "client_id")?.map(Into::into),
        standing: Standing {
            attempt: count("attempt")?,
            max_attempts: count("max_attempts")?,
            crash_count: count("crash_count")?,
            is_cancel_requested: row.try_get("", "is_cancel_requested")?,
        },
    })
}

/// Whether the lease holds, as the row says now.
///
/// # Errors
/// Those of the database.
pub(crate) async fn is_held(db: &Db, lease: Lease) -> Result<bool> {
    let sql = format!("SELECT 1 AS held FROM job WHERE id = $1 AND fence = $2 AND state = '{}'", JobState::Running);
    let values: [Value; 2] = [lease.job.uuid().into(), lease.fence.into()];
    Ok(db.read().query_one_raw(Dialect::of(db.backend()).statement(sql, values)).await?.is_some())
}

/// Saves how far the job is. Gives whether the lease still holds.
///
/// # Errors
/// Those of the database.
pub(crate) async fn save_progress(db: &Db, lease: Lease, progress: &Progress) -> Result<bool> {
    let set = format!("progress = $3, progressed_at = {}", Dialect::of(db.backend()).now());
    write(db, lease, &set, to_json(progress)?).await
}

/// Saves what a later run needs in order not to start over. Gives whether the lease still holds.
///
/// # Errors
/// Those of the database.
pub(crate) async fn save_checkpoint(db: &Db, lease: Lease, checkpoint: Json) -> Result<bool> {
    write(db, lease, "checkpoint = $3", checkpoint).await
}

/// Saves it as part of `tx`, which holds the job.
///
/// # Errors
/// Those of the database.
pub(crate) async fn journal(tx: &Tx, lease: Lease, checkpoint: Json) -> Result<()> {
    let sql =
        format!("UPDATE job SET checkpoint = $3 WHERE id = $1 AND fence = $2 AND state = '{}'", JobState::Running);
    let values: [Value; 3] = [lease.job.uuid().into(), lease.fence.into(), checkpoint.into()];
    tx.execute_raw(Dialect::of(tx.get_database_backend()).statement(sql, values)).await?;
    Ok(())
}

async fn write(db: &Db, lease: Lease, set: &str, value: Json) -> Result<bool> {
    let sql = format!("UPDATE job SET {set} WHERE id = $1 AND fence = $2 AND state = '{}'", JobState::Running);
    let values: [Value; 3] = [lease.job.uuid().into(), lease.fence.into(), value.into()];
    Ok(db.write().execute_raw(Dialect::of(db.backend()).statement(sql, values)).await?.rows_affected() == 1)
}

/// Running jobs whose lease has run out, the longest first, at most `limit`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn expired(db: &Db, limit: u32) -> Result<Vec<Lease>> {
    let dialect = Dialect::of(db.backend());
    let sql = format!(
        "SELECT id, fence FROM job WHERE state = '{}' AND lease_until < {} ORDER BY lease_until LIMIT $1",
        JobState::Running,
        dialect.now(),
    );
    let rows = db.read().query_all_raw(dialect.statement(sql, [i64::from(limit).into()])).await?;
    rows.iter().map(|row| Ok(Lease { job: id_of(row)?, fence: row.try_get("", "fence")? })).collect()
}

/// Running jobs whose progress has not moved for `silence`, at most `limit`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn stalled(db: &Db, silence: Duration, limit: u32) -> Result<Vec<JobId>> {
    let dialect = Dialect::of(db.backend());
    let sql = format!(
        "SELECT id FROM job WHERE state = '{}' AND progressed_at < {} ORDER BY progressed_at LIMIT $2",
        JobState::Running,
        dialect.before("$1"),
    );
    let values: [Value; 2] = [millis(silence), i64::from(limit).into()];
    db.read().query_all_raw(dialect.statement(sql, values)).await?.iter().map(id_of).collect()
}
