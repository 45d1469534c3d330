//! Putting a job in the queue.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Value};

use entity::job::{Column, Entity};

use super::states;
use crate::{
    clock::Instant,
    domain::job::{Enqueued, JobState, NewJob, Progress},
    error::{Error, Result},
    ids::{ClientId, EngagementId, JobId, JobPlanId, StepId},
    store::{
        Tx,
        dialect::{Dialect, millis},
        room::room,
        to_json,
    },
};

/// Puts `new` in, as part of the deed that `tx` is.
///
/// The hint is expected to follow the commit, so the row says that it was sent; should it get lost, the
/// row is hinted again some seconds later.
///
/// # Errors
/// Those of the database.
pub(crate) async fn enqueue(tx: &Tx, new: &NewJob, at: Instant) -> Result<Enqueued> {
    if let Some(step) = new.step_id {
        let list = Entity::find().filter(Column::StepId.eq(step.uuid()));
        room(tx, list, "jobs", "Order one of them again instead.").await?;
    }
    let dialect = Dialect::of(tx.get_database_backend());
    let sql = format!(
        "INSERT INTO job (id, client_id, engagement_id, step_id, plan_id, parent_id, kind, state, args, reason, \
         priority, attempt, max_attempts, crash_count, run_at, hinted_at, fence, is_cancel_requested, progress, \
         unique_key, started_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, '{queued}', $8, $9, $10, 0, $11, 0, {run_at}, \
         CASE WHEN $12 = 0 THEN {now} END, 0, FALSE, $13, $14, $15, $16) \
         ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ({live}) DO NOTHING",
        queued = JobState::Queued,
        run_at = dialect.after("$12"),
        now = dialect.now(),
        live = states(JobState::LIVE),
    );
    let max_attempts = i32::try_from(new.max_attempts).map_err(Error::internal)?;
    let values: [Value; 16] = [
        new.id.uuid().into(),
        new.client_id.map(ClientId::uuid).into(),
        new.engagement_id.map(EngagementId::uuid).into(),
        new.step_id.map(StepId::uuid).into(),
        new.plan_id.map(JobPlanId::uuid).into(),
        new.parent_id.map(JobId::uuid).into(),
        new.kind.as_str().into(),
        new.args.clone().into(),
        new.reason.clone().into(),
        new.priority.into(),
        max_attempts.into(),
        millis(new.delay),
        to_json(&Progress::none(new.unit))?.into(),
        new.unique_key.clone().into(),
        new.started_by.to_string().into(),
        at.into(),
    ];
    if tx.execute_raw(dialect.statement(sql, values)).await?.rows_affected() == 1 {
        return Ok(Enqueued::New);
    }
    let sql = format!("SELECT id FROM job WHERE unique_key = $1 AND state IN ({})", states(JobState::LIVE));
    let row = tx.query_one_raw(dialect.statement(sql, [new.unique_key.clone().into()])).await?;
    // The other job ended between the two statements: whoever asks again gets in.
    let row = row.ok_or_else(|| Error::state("The job that this one would double has ended just now."))?;
    Ok(Enqueued::Live(super::id_of(&row)?))
}
