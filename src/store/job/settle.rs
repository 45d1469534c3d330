//! Ending a run, and what people order about a job.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Value};

use super::states;
use crate::{
    clock::Instant,
    domain::job::{JobState, Lease, Progress, RunAt, Settlement},
    error::{Error, Result},
    ids::JobId,
    store::{
        Tx,
        dialect::{Dialect, millis},
        is_taken, to_json,
    },
};

/// Ends the run of `lease` as `settlement` says, with its last `progress` if that is not saved yet, and gives
/// the job's new state; `None` when the lease is void, and then nothing has changed.
///
/// # Errors
/// Those of the database; `Internal` for a settlement that no running job can take, which is a bug.
pub(crate) async fn settle(
    tx: &Tx,
    lease: Lease,
    settlement: &Settlement,
    progress: Option<&Progress>,
    at: Instant,
) -> Result<Option<JobState>> {
    let dialect = Dialect::of(tx.get_database_backend());
    let state = settlement.state().map_err(Error::internal)?;
    let sql = format!(
        "UPDATE job SET state = $3, run_at = {run_at}, hinted_at = NULL, worker = NULL, lease_until = NULL, \
         attempt = attempt - $5, crash_count = $6, result = COALESCE($7, result), error = $8, finished_at = $9, \
         progress = COALESCE($10, progress) \
         WHERE id = $1 AND fence = $2 AND state = '{running}'",
        run_at = dialect.after("$4"),
        running = JobState::Running,
    );
    let pause = match settlement.run_at {
        RunAt::Now => Duration::ZERO,
        RunAt::After(pause) => pause,
    };
    let error = settlement.error.as_ref().map(to_json).transpose()?;
    let values: [Value; 10] = [
        lease.job.uuid().into(),
        lease.fence.into(),
        state.as_str().into(),
        millis(pause),
        i32::from(settlement.gives_attempt_back).into(),
        i32::try_from(settlement.crash_count).map_err(Error::internal)?.into(),
        settlement.result.clone().into(),
        error.into(),
        state.is_terminal().then_some(at).into(),
        progress.map(to_json).transpose()?.into(),
    ];
    let changed = tx.execute_raw(dialect.statement(sql, values)).await?.rows_affected();
    Ok((changed == 1).then_some(state))
}

/// Ends a job that no worker holds. The row is locked by `tx` and in state `from`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn cancel(tx: &Tx, id: JobId, at: Instant) -> Result<()> {
    let sql = format!(
        "UPDATE job SET state = '{}', hinted_at = NULL, worker = NULL, lease_until = NULL, finished_at = $2 \
         WHERE id = $1 AND state IN ({})",
        JobState::Cancelled,
        states(JobState::CLAIMABLE),
    );
    let values: [Value; 2] = [id.uuid().into(), at.into()];
    one(tx.execute_raw(Dialect::of(tx.get_database_backend()).statement(sql, values)).await?.rows_affected())
}

/// Writes what is now to be said of the work of a job that is over. The row is locked by `tx`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn set_result(tx: &Tx, id: JobId, result: &serde_json::Value) -> Result<()> {
    let sql = "UPDATE job SET result = $2 WHERE id = $1 AND finished_at IS NOT NULL";
    let values: [Value; 2] = [id.uuid().into(), result.clone().into()];
    one(tx.execute_raw(Dialect::of(tx.get_database_backend()).statement(sql, values)).await?.rows_affected())
}

/// Asks a running job to stop. The row is locked by `tx`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn request_cancel(tx: &Tx, id: JobId) -> Result<()> {
    let running = JobState::Running;
    let sql = format!("UPDATE job SET is_cancel_requested = TRUE WHERE id = $1 AND state = '{running}'");
    one(tx
        .execute_raw(Dialect::of(tx.get_database_backend()).statement(sql, [id.uuid().into()]))
        .await?
        .rows_affected())
}

/// Puts a job of state `from` in the queue again, due at once, with all its attempts. Its checkpoint stays, and so does
/// what it came to: that holds until it comes to something else.
///
/// # Errors
/// `Conflict` when another live job holds its unique key; those of the database.
pub(crate) async fn restart(tx: &Tx, id: JobId, from: JobState) -> Result<()> {
    let dialect = Dialect::of(tx.get_database_backend());
    let sql = format!(
        "UPDATE job SET state = '{queued}', run_at = {now}, hinted_at = {now}, worker = NULL, lease_until = NULL, \
         attempt = 0, crash_count = 0, is_cancel_requested = FALSE, error = NULL, finished_at = NULL \
         WHERE id = $1 AND state = $2",
        queued = JobState::Queued,
        now = dialect.now(),
    );
    let values: [Value; 2] = [id.uuid().into(), from.as_str().into()];
    match tx.execute_raw(dialect.statement(sql, values)).await {
        Ok(result) => one(result.rows_affected()),
        Err(error) if is_taken(&error) => Err(Error::state("Another job does the same work already.")),
        Err(error) => Err(error.into()),
    }
}

/// Empties the checkpoint of a job that is over: nothing that it left is there any more. Gives whether it had one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn cleared(tx: &Tx, id: JobId) -> Result<bool> {
    let sql = "UPDATE job SET checkpoint = NULL WHERE id = $1 AND finished_at IS NOT NULL AND checkpoint IS NOT NULL";
    let statement = Dialect::of(tx.get_database_backend()).statement(sql, [id.uuid().into()]);
    Ok(tx.execute_raw(statement).await?.rows_affected() == 1)
}

/// The caller has locked the row, so its state cannot have changed.
fn one(changed: u64) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(Error::internal("the job's row changed although it was locked")) }
}
