//! Who has to be told of which job: the rows are the outbox.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Value};

use super::{id_of, states};
use crate::{
    clock::Instant,
    domain::job::JobState,
    error::Result,
    ids::JobId,
    store::{
        Db,
        dialect::{Dialect, millis},
    },
};

/// Due jobs of which nobody was told within `silence`, at most `limit`, the best first, and marked as told
/// now. Two callers at a time share them.
///
/// # Errors
/// Those of the database.
pub(crate) async fn unhinted(db: &Db, silence: Duration, limit: u32) -> Result<Vec<JobId>> {
    let dialect = Dialect::of(db.backend());
    let claimable = states(JobState::CLAIMABLE);
    let (now, before) = (dialect.now(), dialect.before("$1"));
    let select = format!(
        "SELECT id FROM {jobs} WHERE state IN ({claimable}) AND run_at <= {now} \
         AND (hinted_at IS NULL OR hinted_at < {before}) ORDER BY priority, run_at, id LIMIT $2",
        jobs = dialect.ready_jobs(),
    );
    let values: [Value; 2] = [millis(silence), i64::from(limit).into()];
    // Most of the time there is none; then nothing is locked and nothing written.
    if db.read().query_one_raw(dialect.statement(select.clone(), [millis(silence), 1_i64.into()])).await?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "WITH due AS ({select} {lock}) UPDATE job SET hinted_at = {now} FROM due WHERE job.id = due.id \
         RETURNING job.id AS id, job.priority AS priority, job.run_at AS run_at",
        lock = dialect.lock_free(),
    );
    let rows = db.write().query_all_raw(dialect.statement(sql, values)).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let rank: (i32, Instant) = (row.try_get("", "priority")?, row.try_get("", "run_at")?);
        found.push((rank, id_of::<JobId>(&row)?));
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// Says of `jobs` that nobody was told of them after all, so that they are told of soon.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget_hints(db: &Db, jobs: &[JobId]) -> Result<()> {
    let dialect = Dialect::of(db.backend());
    for jobs in jobs.chunks(500) {
        let places: Vec<_> = (1..=jobs.len()).map(|index| format!("${index}")).collect();
        let sql = format!("UPDATE job SET hinted_at = NULL WHERE id IN ({})", places.join(", "));
        db.write().execute_raw(dialect.statement(sql, jobs.iter().map(|id| id.uuid().into()))).await?;
    }
    Ok(())
}
