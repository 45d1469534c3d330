//! Exceptions: rows and queries.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::{
        exception::{Exception, ExceptionFilter, ExceptionState, ExceptionType},
        page::{End, Page, Window},
    },
    error::{Error, Result},
    ids::{EngagementId, ExceptionId, HoldingId},
    store::{
        self, Sort, Tx, counted,
        room::{CLIENT_MAX, LIST_MAX, within},
    },
};

use entity::exception::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "exception";

/// The states in which time can still run out.
const OPEN: [ExceptionState; 2] = [ExceptionState::Requested, ExceptionState::Approved];

fn domain(row: Model) -> Result<Exception> {
    Ok(Exception {
        id: row.id.into(),
        client_id: row.client_id.into(),
        engagement_id: row.engagement_id.into(),
        step_id: row.step_id.map(Into::into),
        holding_id: row.holding_id.map(Into::into),
        r#type: store::word(TABLE, "type", row.id, &row.r#type)?,
        state: store::word(TABLE, "state", row.id, &row.state)?,
        situation: row.situation,
        justification: row.justification,
        risks: store::json(TABLE, "risks", row.id, row.risks)?,
        actions: store::json(TABLE, "actions", row.id, row.actions)?,
        decision_id: row.decision_id.map(Into::into),
        requested_by: store::word(TABLE, "requested_by", row.id, &row.requested_by)?,
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        closed_at: row.closed_at,
        revision: row.revision,
    })
}

fn row(exception: &Exception) -> Result<Model> {
    Ok(Model {
        id: exception.id.into(),
        client_id: exception.client_id.into(),
        engagement_id: exception.engagement_id.into(),
        step_id: exception.step_id.map(Into::into),
        holding_id: exception.holding_id.map(Into::into),
        r#type: exception.r#type.to_string(),
        state: exception.state.to_string(),
        situation: exception.situation.clone(),
        justification: exception.justification.clone(),
        risks: store::to_json(&exception.risks)?,
        actions: store::to_json(&exception.actions)?,
        decision_id: exception.decision_id.map(Into::into),
        requested_by: exception.requested_by.to_string(),
        requested_at: exception.requested_at,
        expires_at: exception.expires_at,
        closed_at: exception.closed_at,
        revision: exception.revision,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The exception, if `scope` allows it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(db: &impl ConnectionTrait, scope: &ClientScope, id: ExceptionId) -> Result<Option<Exception>> {
    scoped(scope).filter(Column::Id.eq(id.uuid())).one(db).await?.map(domain).transpose()
}

/// The exception, locked until the transaction ends. Whoever also needs its decision locks that one first.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: ExceptionId, field: &'static str) -> Result<Exception> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("exception", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[ExceptionId],
) -> Result<Vec<Exception>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The exceptions raised in these engagements, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_engagements(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    engagements: &[EngagementId],
) -> Result<Vec<Exception>> {
    let select = scoped(scope).filter(Column::EngagementId.is_in(engagements.iter().map(|id| id.uuid())));
    let keys = (Column::EngagementId, Column::RequestedAt, Column::Id);
    let newest = Window { limit: LIST_MAX, end: End::Last, ..Window::default() };
    let pages = store::fetch_each(db, select, keys, Sort::Ascending, &newest, |row| row.engagement_id).await?;
    pages.into_values().flat_map(|page| page.items).map(domain).collect()
}

/// The deviations about these holdings, newest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn deviations_about(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    holdings: &[HoldingId],
) -> Result<Vec<Exception>> {
    let select = scoped(scope)
        .filter(Column::Type.eq(ExceptionType::Deviation.as_str()))
        .filter(Column::HoldingId.is_in(holdings.iter().map(|id| id.uuid())));
    let newest = select.order_by_desc(Column::RequestedAt).order_by_desc(Column::Id);
    newest.all(db).await?.into_iter().map(domain).collect()
}

/// In `state` at `now`: one whose time is over is expired before anybody writes that down.
fn stands_at(state: ExceptionState, now: Instant) -> Condition {
    let stored = Column::State.eq(state.as_str());
    match state {
        ExceptionState::Requested | ExceptionState::Approved => {
            Condition::all().add(stored).add(Column::ExpiresAt.gt(now))
        }
        ExceptionState::Expired => Condition::any().add(stored).add(overdue(now)),
        ExceptionState::Rejected | ExceptionState::Withdrawn | ExceptionState::Closed => Condition::all().add(stored),
    }
}

fn overdue(now: Instant) -> Condition {
    let is_open = Column::State.is_in(OPEN.map(ExceptionState::as_str));
    Condition::all().add(is_open).add(Column::ExpiresAt.lte(now))
}

fn select(scope: &ClientScope, filter: &ExceptionFilter, now: Instant) -> Select<Entity> {
    let mut select = scoped(scope);
    if !filter.states.is_empty() {
        let any = filter.states.iter().map(|state| stands_at(*state, now));
        select = select.filter(any.fold(Condition::any(), Condition::add));
    }
    if !filter.types.is_empty() {
        select = select.filter(Column::Type.is_in(filter.types.iter().map(|r#type| r#type.as_str())));
    }
    if let Some(client) = filter.client_id {
        select = select.filter(Column::ClientId.eq(client.uuid()));
    }
    if let Some(engagement) = filter.engagement_id {
        select = select.filter(Column::EngagementId.eq(engagement.uuid()));
    }
    if let Some(step) = filter.step_id {
        select = select.filter(Column::StepId.eq(step.uuid()));
    }
    select
}

/// One page of exceptions, newest first, as they stand at `now`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &ExceptionFilter,
    now: Instant,
    window: &Window,
) -> Result<Page<Exception>> {
    let keys = (Column::RequestedAt, Column::Id);
    store::fetch(db, select(scope, filter, now), keys, Sort::Descending, window).await?.try_map(domain)
}

/// How many exceptions match at `now`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &ExceptionFilter,
    now: Instant,
) -> Result<u64> {
    store::counted(db, select(scope, filter, now)).await
}

/// The open exceptions whose time is over at `now`, the longest overdue first, `limit` at most.
///
/// # Errors
/// Those of the database.
pub(crate) async fn due(db: &impl ConnectionTrait, now: Instant, limit: u64) -> Result<Vec<Exception>> {
    let select = Entity::find().filter(overdue(now)).order_by_asc(Column::ExpiresAt).limit(limit);
    select.all(db).await?.into_iter().map(domain).collect()
}

/// Writes a new exception.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, exception: &Exception) -> Result<()> {
    let have = counted(tx, Entity::find().filter(Column::EngagementId.eq(exception.engagement_id.uuid()))).await?;
    within(have, 1, CLIENT_MAX, "exceptions", "Raise one for what they have in common.")?;
    Entity::insert(row(exception)?.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed exception that was locked in this transaction. Only its state and its actions ever change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, exception: &Exception) -> Result<()> {
    let active = ActiveModel {
        id: ActiveValue::Unchanged(exception.id.into()),
        state: ActiveValue::Set(exception.state.to_string()),
        actions: ActiveValue::Set(store::to_json(&exception.actions)?),
        closed_at: ActiveValue::Set(exception.closed_at),
        revision: ActiveValue::Set(exception.revision),
        ..<ActiveModel as Default>::default()
    };
    active.update(tx).await?;
    Ok(())
}
