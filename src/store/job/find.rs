//! Reading jobs.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use entity::job::{Column, Entity};

use super::job;
use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::{
        job::{Job, JobFilter, JobKind, JobOrder, JobState},
        page::{Page, Window},
    },
    error::{Error, Result},
    ids::{ClientId, EngagementId, HoldingId, JobId, JobPlanId, StepId},
    store::{self, Sort, Tx},
};

/// Jobs of the provider itself, which have no client, are seen only without restriction.
fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The job, locked for `tx`.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope; `Inconsistent` for a broken row.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: JobId, field: &'static str) -> Result<Job> {
    let row = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    job(row.ok_or_else(|| Error::not_found("job", field))?)
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[JobId]) -> Result<Vec<Job>> {
    let select = scoped(scope).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    select.all(db).await?.into_iter().map(job).collect()
}

fn select(scope: &ClientScope, filter: &JobFilter) -> Select<Entity> {
    let mut select = scoped(scope);
    if let Some(client) = filter.client_id {
        select = select.filter(Column::ClientId.eq(client.uuid()));
    }
    if let Some(engagement) = filter.engagement_id {
        select = select.filter(Column::EngagementId.eq(engagement.uuid()));
    }
    if !filter.kinds.is_empty() {
        select = select.filter(Column::Kind.is_in(filter.kinds.iter().map(|kind| kind.as_str())));
    }
    if !filter.states.is_empty() {
        select = select.filter(Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
    }
    select
}

/// One page of jobs.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &JobFilter,
    order: JobOrder,
    window: &Window,
) -> Result<Page<Job>> {
    let sort = match order {
        JobOrder::Newest => Sort::Descending,
        JobOrder::Oldest => Sort::Ascending,
    };
    let keys = (Column::CreatedAt, Column::Id);
    store::fetch(db, select(scope, filter), keys, sort, window).await?.try_map(job)
}

/// How many jobs match.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope, filter: &JobFilter) -> Result<u64> {
    store::counted(db, select(scope, filter)).await
}

/// The same page of each client's jobs, newest first, in one statement.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn of_clients(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    filter: &JobFilter,
    window: &Window,
) -> Result<HashMap<ClientId, Page<Job>>> {
    let select = select(scope, filter).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    let keys = (Column::ClientId, Column::CreatedAt, Column::Id);
    let client = |row: &entity::job::Model| row.client_id.unwrap_or_default();
    let pages = store::fetch_each(db, select, keys, Sort::Descending, window, client).await?;
    pages.into_iter().map(|(client, page)| Ok((client.into(), page.try_map(job)?))).collect()
}

/// How many jobs each of `clients` has, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count_each(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    filter: &JobFilter,
) -> Result<HashMap<ClientId, u64>> {
    let select = select(scope, filter).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    let counts = store::counted_each(db, select, Column::ClientId).await?;
    Ok(counts.into_iter().map(|(client, count)| (client.into(), count)).collect())
}

/// The newest jobs that do these steps, newest first, at most `limit` of each step.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn of_steps(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    steps: &[StepId],
    limit: u32,
) -> Result<HashMap<StepId, Vec<Job>>> {
    let select = scoped(scope).filter(Column::StepId.is_in(steps.iter().map(|id| id.uuid())));
    let keys = (Column::StepId, Column::CreatedAt, Column::Id);
    let window = Window { limit, ..Window::default() };
    let step = |row: &entity::job::Model| row.step_id.unwrap_or_default();
    let pages = store::fetch_each(db, select, keys, Sort::Descending, &window, step).await?;
    pages.into_iter().map(|(step, page)| Ok((step.into(), page.try_map(job)?.items))).collect()
}

/// The job that was started from a plan, if it was.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_plan(db: &impl ConnectionTrait, plan: JobPlanId) -> Result<Option<JobId>> {
    let select = Entity::find().select_only().column(Column::Id).filter(Column::PlanId.eq(plan.uuid()));
    let id = select.order_by_asc(Column::CreatedAt).into_tuple::<uuid::Uuid>().one(db).await?;
    Ok(id.map(Into::into))
}

/// A job of the engagement that is not over, with its kind; any one of them.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn live_of_engagement(
    db: &impl ConnectionTrait,
    engagement: EngagementId,
) -> Result<Option<(JobId, JobKind)>> {
    let live = JobState::LIVE.iter().map(|state| state.as_str());
    let select = Entity::find().filter(Column::EngagementId.eq(engagement.uuid())).filter(Column::State.is_in(live));
    let found = select.select_only().columns([Column::Id, Column::Kind]).into_tuple::<(uuid::Uuid, String)>();
    let Some((id, kind)) = found.one(db).await? else { return Ok(None) };
    Ok(Some((id.into(), store::word("job", "kind", id, &kind)?)))
}

/// The newest job of `kind` that acts on `holding`, or acted and came to something.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn latest_on(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    kind: JobKind,
    holding: HoldingId,
) -> Result<Option<Job>> {
    use entity::job_target::{Column as Of, Entity as Target};
    let acting = Target::find().select_only().column(Of::JobId).filter(Of::HoldingId.eq(holding.uuid()));
    let in_vain = [JobState::Failed, JobState::Cancelled].map(JobState::as_str);
    let select = scoped(scope)
        .filter(Column::Id.in_subquery(acting.into_query()))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::State.is_not_in(in_vain));
    let newest = select.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
    newest.one(db).await?.map(job).transpose()
}

/// Jobs of `kind` that ended before the instant `before` and still have a checkpoint, those that ended first before others.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn uncleared_before(
    db: &impl ConnectionTrait,
    kind: JobKind,
    before: Instant,
    limit: u64,
) -> Result<Vec<Job>> {
    let select = Entity::find().filter(Column::Kind.eq(kind.as_str())).filter(Column::Checkpoint.is_not_null());
    let ended = select.filter(Column::FinishedAt.lt(before)).order_by_asc(Column::FinishedAt).limit(limit);
    ended.all(db).await?.into_iter().map(job).collect()
}

/// Jobs of `kind` that are over for good, because they succeeded or ended before the instant `before`, and still
/// have a checkpoint, with it: those that ended last first, so that one which cannot be cleared keeps nobody waiting.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn uncleared(
    db: &impl ConnectionTrait,
    kind: JobKind,
    before: Instant,
    limit: u64,
) -> Result<Vec<(Job, serde_json::Value)>> {
    let is_final = Column::State.eq(JobState::Succeeded.as_str()).or(Column::FinishedAt.lt(before));
    let select = Entity::find().filter(Column::Kind.eq(kind.as_str())).filter(is_final);
    let select = select.filter(Column::Checkpoint.is_not_null()).filter(Column::FinishedAt.is_not_null());
    let rows = select.order_by_desc(Column::FinishedAt).limit(limit).all(db).await?;
    let with_checkpoint = |mut row: entity::job::Model| {
        let checkpoint = row.checkpoint.take().unwrap_or_default();
        Ok((job(row)?, checkpoint))
    };
    rows.into_iter().map(with_checkpoint).collect()
}
