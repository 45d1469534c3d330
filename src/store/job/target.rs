//! The targets of a job.

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};
use serde_json::Value as Json;

use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::{
        job::{Job, JobError, JobKind, JobState, NewTarget, Target, TargetCounts, TargetState},
        page::{Key, Page, Window},
    },
    error::{Error, Result},
    ids::{ClientId, HoldingId, JobId, JobTargetId},
    store::{self, Sort, Tx, inconsistent, json, to_json, word},
};

use entity::job_target::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "job_target";
/// Rows of one statement: far below the number of values either database takes.
const CHUNK: usize = 500;

fn target(row: Model) -> Result<Target> {
    let id = JobTargetId::from(row.id);
    let count = |column, value: i32| u32::try_from(value).ok().ok_or_else(|| inconsistent(TABLE, column, id));
    Ok(Target {
        id,
        job_id: row.job_id.into(),
        client_id: row.client_id.map(Into::into),
        holding_id: row.holding_id.map(Into::into),
        position: count("position", row.position)?,
        name: row.name,
        state: word(TABLE, "state", id, &row.state)?,
        attempt: count("attempt", row.attempt)?,
        details: row.details,
        outcome: row.outcome,
        error: row.error.map(|error| json::<JobError>(TABLE, "error", id, error)).transpose()?,
        updated_at: row.updated_at,
    })
}

/// Adds targets behind those the job has.
///
/// # Errors
/// Those of the database.
pub(crate) async fn add_targets(
    tx: &Tx,
    job: JobId,
    client: Option<ClientId>,
    targets: Vec<NewTarget>,
    at: Instant,
) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let last: Option<Option<i32>> = Entity::find()
        .select_only()
        .column_as(Column::Position.max(), "last")
        .filter(Column::JobId.eq(job.uuid()))
        .into_tuple()
        .one(tx)
        .await?;
    let first = last.flatten().map_or(0, |last| last + 1);
    let rows: Vec<_> = (first..).zip(targets).map(|(position, new)| row(job, client, position, new, at)).collect();
    for chunk in rows.chunks(CHUNK) {
        Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn row(job: JobId, client: Option<ClientId>, position: i32, new: NewTarget, at: Instant) -> ActiveModel {
    ActiveModel {
        id: Set(new.id.uuid()),
        job_id: Set(job.uuid()),
        client_id: Set(client.map(Into::into)),
        holding_id: Set(new.holding_id.map(Into::into)),
        position: Set(position),
        name: Set(new.name),
        state: Set(TargetState::Pending.as_str().to_owned()),
        attempt: Set(0),
        details: Set(new.details),
        outcome: Set(None),
        error: Set(None),
        updated_at: Set(at),
    }
}

/// The target, locked for `tx`. It has to belong to `job`.
///
/// # Errors
/// `NotFound` when the job has no such target.
pub(crate) async fn get_target(tx: &Tx, job: JobId, id: JobTargetId) -> Result<Target> {
    let select = Entity::find_by_id(id.uuid()).filter(Column::JobId.eq(job.uuid())).lock_exclusive();
    let row = select.one(tx).await?.ok_or_else(|| Error::not_found("jobTarget", "id"))?;
    target(row)
}

/// The target, if it belongs to `job` and `scope` allows it.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn find_target(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    job: JobId,
    id: JobTargetId,
) -> Result<Option<Target>> {
    let select = Entity::find_by_id(id.uuid()).filter(Column::JobId.eq(job.uuid()));
    store::within(select, Column::ClientId, scope).one(db).await?.map(target).transpose()
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn load_targets(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[JobTargetId],
) -> Result<Vec<Target>> {
    let select = Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    store::within(select, Column::ClientId, scope).all(db).await?.into_iter().map(target).collect()
}

/// Writes what one step of work changed about a target, which `tx` has locked.
///
/// # Errors
/// Those of the database.
pub(crate) async fn change_target(tx: &Tx, changed: &Target) -> Result<()> {
    let row = ActiveModel {
        id: Set(changed.id.uuid()),
        state: Set(changed.state.as_str().to_owned()),
        attempt: Set(i32::try_from(changed.attempt).map_err(Error::internal)?),
        details: Set(changed.details.clone()),
        outcome: Set(changed.outcome.clone()),
        error: Set(changed.error.as_ref().map(to_json).transpose()?),
        updated_at: Set(changed.updated_at),
        ..Default::default()
    };
    row.update(tx).await?;
    Ok(())
}

/// The target of a job of `kind` by which each of `holdings` was done last, in one statement. A holding for which none was
/// done since `since` is left out.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn newest_done(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    kind: JobKind,
    holdings: &[HoldingId],
    since: Instant,
) -> Result<HashMap<HoldingId, Target>> {
    use entity::job;
    let of_kind = job::Entity::find().select_only().column(job::Column::Id).filter(job::Column::Kind.eq(kind.as_str()));
    let select = Entity::find()
        .filter(Column::HoldingId.is_in(holdings.iter().map(|id| id.uuid())))
        .filter(Column::State.eq(TargetState::Succeeded.as_str()))
        .filter(Column::UpdatedAt.gte(since))
        .filter(Column::JobId.in_subquery(of_kind.into_query()));
    let rows = store::within(select, Column::ClientId, scope).order_by_asc(Column::UpdatedAt).order_by_asc(Column::Id);
    // Later ones take the place of earlier ones.
    let newest: HashMap<_, _> = rows.all(db).await?.into_iter().map(|row| (row.holding_id, row)).collect();
    newest.into_iter().filter_map(|(id, row)| id.map(|id| Ok((id.into(), target(row)?)))).collect()
}

/// A job of one of `kinds` that is not over and acts on one of `holdings`; any one of them.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn live_on(
    db: &impl ConnectionTrait,
    holdings: &[HoldingId],
    kinds: &[JobKind],
) -> Result<Option<(JobId, JobKind)>> {
    use entity::job;
    let acting = Entity::find()
        .select_only()
        .column(Column::JobId)
        .filter(Column::HoldingId.is_in(holdings.iter().map(|id| id.uuid())));
    let live = job::Entity::find()
        .filter(job::Column::State.is_in(JobState::LIVE.iter().map(|state| state.as_str())))
        .filter(job::Column::Kind.is_in(kinds.iter().map(|kind| kind.as_str())))
        .filter(job::Column::Id.in_subquery(acting.into_query()));
    let columns = live.select_only().columns([job::Column::Id, job::Column::Kind]);
    let Some((id, kind)) = columns.into_tuple::<(uuid::Uuid, String)>().one(db).await? else { return Ok(None) };
    Ok(Some((id.into(), word("job", "kind", id, &kind)?)))
}

/// Targets of `job` in one of `states` behind `position`, in order, at most `limit`.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn list_targets(
    db: &impl ConnectionTrait,
    job: JobId,
    states: &[TargetState],
    behind: Option<u32>,
    limit: u64,
) -> Result<Vec<Target>> {
    let behind = behind.and_then(|position| i32::try_from(position).ok()).unwrap_or(-1);
    let rows = Entity::find()
        .filter(Column::JobId.eq(job.uuid()))
        .filter(Column::State.is_in(words(states)))
        .filter(Column::Position.gt(behind))
        .order_by_asc(Column::Position)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(target).collect()
}

fn words(states: &[TargetState]) -> impl Iterator<Item = &'static str> {
    states.iter().map(|state| state.as_str())
}

#[derive(FromQueryResult)]
struct Count {
    state: String,
    count: i64,
}

/// The lines of the ledger a job acts on, in the order of its targets.
///
/// # Errors
/// Those of the database.
pub(crate) async fn holdings_of(db: &impl ConnectionTrait, job: JobId) -> Result<Vec<HoldingId>> {
    let select = Entity::find().filter(Column::JobId.eq(job.uuid())).filter(Column::HoldingId.is_not_null());
    let ids = select.order_by_asc(Column::Position).select_only().column(Column::HoldingId);
    Ok(ids.into_tuple::<uuid::Uuid>().all(db).await?.into_iter().map(Into::into).collect())
}

/// Those of `holdings` on which a later job of the same kind acts, or acted and came to something.
///
/// # Errors
/// Those of the database.
pub(crate) async fn superseded(tx: &Tx, job: &Job, holdings: &[HoldingId]) -> Result<Vec<HoldingId>> {
    use entity::job::Column as Of;
    let in_vain = [JobState::Failed, JobState::Cancelled].map(JobState::as_str);
    let later = entity::job::Entity::find()
        .filter(Of::Kind.eq(job.kind.as_str()))
        .filter(Of::ClientId.eq(job.client_id.map(ClientId::uuid)))
        .filter(Of::CreatedAt.gte(job.created_at))
        // Of two that were ordered in the same instant, the ids tell which came first.
        .filter(Of::Id.gt(job.id.uuid()))
        .filter(Of::State.is_not_in(in_vain));
    let select = Entity::find()
        .filter(Column::HoldingId.is_in(holdings.iter().map(|id| id.uuid())))
        .filter(Column::JobId.in_subquery(later.select_only().column(Of::Id).into_query()));
    let ids = select.select_only().column(Column::HoldingId).distinct().into_tuple::<uuid::Uuid>();
    Ok(ids.all(tx).await?.into_iter().map(Into::into).collect())
}

/// A page of each job's targets, in order, in one statement; of one state only when `state` says so. A job without
/// targets there is absent.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn page_targets(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    jobs: &[JobId],
    state: Option<TargetState>,
    window: &Window,
) -> Result<HashMap<JobId, Page<Target>>> {
    let mut select = store::within(Entity::find(), Column::ClientId, scope)
        .filter(Column::JobId.is_in(jobs.iter().map(|id| id.uuid())));
    if let Some(state) = state {
        select = select.filter(Column::State.eq(state.as_str()));
    }
    let keys = (Column::JobId, Column::Position, Column::Id);
    let place = |key: Key| Expr::value(key.at_ms);
    let pages = store::fetch_each_by(db, select, keys, place, Sort::Ascending, window, |row| row.job_id).await?;
    pages.into_iter().map(|(job, page)| Ok((job.into(), page.try_map(target)?))).collect()
}

/// How many targets of each of `jobs` stand where, in one statement.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn target_counts(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    jobs: &[JobId],
) -> Result<HashMap<JobId, TargetCounts>> {
    let counts = store::within(Entity::find(), Column::ClientId, scope)
        .select_only()
        .column(Column::JobId)
        .column(Column::State)
        .column_as(Expr::cust("COUNT(*)"), "count")
        .filter(Column::JobId.is_in(jobs.iter().map(|id| id.uuid())))
        .group_by(Column::JobId)
        .group_by(Column::State)
        .into_tuple::<(uuid::Uuid, String, i64)>()
        .all(db)
        .await?;
    let mut found: HashMap<JobId, Vec<(TargetState, u32)>> = HashMap::new();
    for (job, state, count) in counts {
        let count = (word(TABLE, "state", job, &state)?, u32::try_from(count).unwrap_or(u32::MAX));
        found.entry(job.into()).or_default().push(count);
    }
    Ok(found.into_iter().map(|(job, counts)| (job, counts.into_iter().collect())).collect())
}

/// How many targets of `job` stand where.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn count_targets(db: &impl ConnectionTrait, job: JobId) -> Result<TargetCounts> {
    let counts = Entity::find()
        .select_only()
        .column(Column::State)
        .column_as(Column::Id.count(), "count")
        .filter(Column::JobId.eq(job.uuid()))
        .group_by(Column::State)
        .into_model::<Count>()
        .all(db)
        .await?;
    counts
        .into_iter()
        .map(|count| Ok((word(TABLE, "state", job, &count.state)?, u32::try_from(count.count).unwrap_or(u32::MAX))))
        .collect()
}

/// Says of every unfinished target of a job that stops that it was not done. Gives how many.
///
/// # Errors
/// Those of the database.
pub(crate) async fn cancel_targets(tx: &Tx, job: JobId, at: Instant) -> Result<u64> {
    set_state(tx, job, &unfinished(), TargetState::Cancelled, at).await
}

/// Says of every unfinished target of a job that failed that it failed, too. Gives how many.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fail_targets(tx: &Tx, job: JobId, at: Instant) -> Result<u64> {
    set_state(tx, job, &unfinished(), TargetState::Failed, at).await
}

/// Says of every target that is neither done nor excepted that it stands at this good `end`: the job's work is proven as
/// a whole. Gives how many.
///
/// # Errors
/// Those of the database.
pub(crate) async fn conclude_targets(tx: &Tx, job: JobId, end: TargetState, at: Instant) -> Result<u64> {
    let good = [TargetState::Succeeded, TargetState::Excepted];
    let undone: Vec<_> = TargetState::ALL.iter().copied().filter(|state| !good.contains(state)).collect();
    set_state(tx, job, &undone, end, at).await
}

/// Puts targets of `job` that stand in one of `states` back to the start, their errors forgotten. Gives how
/// many.
///
/// # Errors
/// Those of the database.
pub(crate) async fn retry_targets(tx: &Tx, job: JobId, states: &[TargetState], at: Instant) -> Result<u64> {
    set_state(tx, job, states, TargetState::Pending, at).await
}

fn unfinished() -> Vec<TargetState> {
    TargetState::ALL.iter().copied().filter(|state| !state.is_terminal()).collect()
}

async fn set_state(tx: &Tx, job: JobId, from: &[TargetState], to: TargetState, at: Instant) -> Result<u64> {
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::UpdatedAt, Expr::value(at));
    if to == TargetState::Pending {
        update = update.col_expr(Column::Error, Expr::value(Option::<Json>::None));
    }
    let done = update.filter(Column::JobId.eq(job.uuid())).filter(Column::State.is_in(words(from))).exec(tx).await?;
    Ok(done.rows_affected)
}
