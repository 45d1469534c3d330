//! Taking a job up.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Value};

use super::{job, kinds, model, states};
use crate::{
    clock::Instant,
    domain::job::{ALONE_AFTER_CRASHES, Claimant, Claimed, JobState, Lease, Pick},
    error::Result,
    store::{
        Db, Tx,
        dialect::{Dialect, millis},
    },
};

/// Claims a job: RUNNING, one more attempt, a greater fence and a lease on the database's clock. `None`
/// when there is no such job, or somebody else was faster: then nothing has changed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn claim(tx: &Tx, by: &Claimant, pick: Pick, at: Instant) -> Result<Option<Claimed>> {
    let dialect = Dialect::of(tx.get_database_backend());
    let due = due(dialect, by, pick);
    let chosen = match pick {
        Pick::This(_) => "$4".to_owned(),
        Pick::Best | Pick::Alone => format!("({})", first(dialect, &due)),
    };
    let sql = format!(
        "UPDATE job SET state = '{running}', worker = $1, attempt = attempt + 1, fence = fence + 1, \
         lease_until = {until}, started_at = COALESCE(started_at, $3), progressed_at = {now} \
         WHERE id = {chosen} AND {due} RETURNING *",
        running = JobState::Running,
        until = dialect.after("$2"),
        now = dialect.now(),
    );
    let mut values: Vec<Value> = vec![by.worker.to_string().into(), millis(by.lease), at.into()];
    if let Pick::This(id) = pick {
        values.push(id.uuid().into());
    }
    let Some(row) = tx.query_one_raw(dialect.statement(sql, values)).await? else { return Ok(None) };
    let row = model(&row)?;
    let (fence, checkpoint) = (row.fence, row.checkpoint.clone());
    let job = job(row)?;
    Ok(Some(Claimed { lease: Lease { job: job.id, fence }, job, checkpoint }))
}

/// Whether a job of this pick is due. One look at an index, so that an idle worker opens no transaction to
/// find nothing.
///
/// # Errors
/// Those of the database.
pub(crate) async fn has_due(db: &Db, by: &Claimant, pick: Pick) -> Result<bool> {
    let dialect = Dialect::of(db.backend());
    let sql = format!("SELECT id FROM {} WHERE {} LIMIT 1", dialect.ready_jobs(), due(dialect, by, pick));
    let worker = (pick == Pick::Alone).then(|| by.worker.to_string().into());
    Ok(db.read().query_one_raw(dialect.statement(sql, worker)).await?.is_some())
}

/// Reserves the first job that has to run alone and has waited longer than `patience`, for as long as a
/// lease. Until then other workers leave it to this one, which finishes what it runs and then claims it.
/// Gives whether there is such a job; asking again renews.
///
/// # Errors
/// Those of the database.
pub(crate) async fn reserve(db: &Db, by: &Claimant, patience: Duration) -> Result<bool> {
    let dialect = Dialect::of(db.backend());
    let due = format!("{} AND run_at <= {}", due(dialect, by, Pick::Alone), dialect.before("$3"));
    let sql = format!(
        "UPDATE job SET worker = $1, lease_until = {until} WHERE id = ({first}) AND {due}",
        until = dialect.after("$2"),
        first = first(dialect, &due),
    );
    let values: [Value; 3] = [by.worker.to_string().into(), millis(by.lease), millis(patience)];
    Ok(db.write().execute_raw(dialect.statement(sql, values)).await?.rows_affected() == 1)
}

/// The first due row in the order of the index `job_ready`.
fn first(dialect: Dialect, due: &str) -> String {
    let (jobs, lock) = (dialect.ready_jobs(), dialect.lock_free());
    format!("SELECT id FROM {jobs} WHERE {due} ORDER BY priority, run_at, id LIMIT 1 {lock}")
}

/// What makes a row claimable by `by`; `$1` is its name.
fn due(dialect: Dialect, by: &Claimant, pick: Pick) -> String {
    let now = dialect.now();
    let company = match pick {
        Pick::This(_) | Pick::Best => format!("crash_count < {ALONE_AFTER_CRASHES}"),
        Pick::Alone => {
            format!("crash_count >= {ALONE_AFTER_CRASHES} AND (worker IS NULL OR worker = $1 OR lease_until < {now})")
        }
    };
    let (claimable, kinds) = (states(JobState::CLAIMABLE), kinds(&by.kinds));
    format!("state IN ({claimable}) AND run_at <= {now} AND kind IN ({kinds}) AND {company}")
}

/// The statement by which the best job is chosen, for a look at its plan.
#[cfg(test)]
pub(super) fn first_for_test(db: &Db, by: &Claimant) -> String {
    let dialect = Dialect::of(db.backend());
    first(dialect, &due(dialect, by, Pick::Best))
}
