//! Steps: rows and queries. Their checklists are in [`checklist`].

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use entity::step::{ActiveModel, Column, Entity, Model};

use crate::{
    auth::ClientScope,
    domain::{
        page::{Page, Window},
        step::{Step, StepFilter, StepState},
    },
    error::{Error, Result},
    ids::{EngagementId, StepId, UserId},
    store::{self, Sort, Tx},
};

pub(crate) mod checklist;

const TABLE: &str = "step";

fn domain(row: Model) -> Result<Step> {
    Ok(Step {
        id: row.id.into(),
        engagement_id: row.engagement_id.into(),
        client_id: row.client_id.into(),
        key: row.key,
        position: row.position,
        title: row.title,
        state: store::word(TABLE, "state", row.id, &row.state)?,
        role: store::word(TABLE, "role", row.id, &row.role)?,
        assignee_id: row.assignee_id.map(Into::into),
        due_at: row.due_at,
        state_reason: row.state_reason,
        started_at: row.started_at,
        finished_at: row.finished_at,
        finished_by: row.finished_by.map(|by| store::word(TABLE, "finished_by", row.id, &by)).transpose()?,
        revision: row.revision,
    })
}

fn row(step: &Step) -> Model {
    Model {
        id: step.id.into(),
        engagement_id: step.engagement_id.into(),
        client_id: step.client_id.into(),
        key: step.key.clone(),
        position: step.position,
        title: step.title.clone(),
        state: step.state.to_string(),
        role: step.role.to_string(),
        assignee_id: step.assignee_id.map(Into::into),
        due_at: step.due_at,
        queue_at: step.queue_at(),
        state_reason: step.state_reason.clone(),
        started_at: step.started_at,
        finished_at: step.finished_at,
        finished_by: step.finished_by.map(|by| by.to_string()),
        revision: step.revision,
    }
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The step, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: StepId, field: &'static str) -> Result<Step> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("step", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[StepId]) -> Result<Vec<Step>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// All steps of these engagements in their order, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_engagements(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    engagements: &[EngagementId],
) -> Result<HashMap<EngagementId, Vec<Step>>> {
    let select = scoped(scope).filter(Column::EngagementId.is_in(engagements.iter().map(|id| id.uuid())));
    let mut lists: HashMap<EngagementId, Vec<Step>> = HashMap::new();
    for row in select.order_by_asc(Column::Position).all(db).await? {
        let step = domain(row)?;
        lists.entry(step.engagement_id).or_default().push(step);
    }
    Ok(lists)
}

/// The name of an active person of the provider, to whom a step may be given.
///
/// # Errors
/// Those of the database.
pub(crate) async fn assignee_name(db: &impl ConnectionTrait, id: UserId) -> Result<Option<String>> {
    use entity::user::{Column, Entity};
    let colleague = Entity::find_by_id(id.uuid()).filter(Column::IsActive.eq(true)).filter(Column::ClientId.is_null());
    Ok(colleague.one(db).await?.map(|user| user.name))
}

fn select(scope: &ClientScope, filter: &StepFilter) -> Select<Entity> {
    let open = [StepState::Pending, StepState::InProgress].map(StepState::as_str);
    let mut select = scoped(scope).filter(Column::EngagementId.in_subquery(store::engagement::under_way()));
    if let Some(engagement) = filter.engagement_id {
        select = select.filter(Column::EngagementId.eq(engagement.uuid()));
    }
    if let Some(client) = filter.client_id {
        select = select.filter(Column::ClientId.eq(client.uuid()));
    }
    if let Some(assignee) = filter.assignee_id {
        select = select.filter(Column::AssigneeId.eq(assignee.uuid()));
    }
    if !filter.roles.is_empty() {
        select = select.filter(Column::Role.is_in(filter.roles.iter().map(|role| role.as_str())));
    }
    if !filter.states.is_empty() {
        select = select.filter(Column::State.is_in(filter.states.iter().map(|state: &StepState| state.as_str())));
    }
    if let Some(instant) = filter.overdue_at {
        let overdue = Condition::all().add(Column::DueAt.lt(instant)).add(Column::State.is_in(open));
        select = select.filter(overdue);
    }
    select
}

/// One page of the steps of engagements under way, those due first at the front and those without a due date behind
/// them. What stands in their way is not asked.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &StepFilter,
    window: &Window,
) -> Result<Page<Step>> {
    let keys = (Column::QueueAt, Column::Id);
    store::fetch(db, select(scope, filter), keys, Sort::Ascending, window).await?.try_map(domain)
}

/// How many steps [`list`] has in all.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope, filter: &StepFilter) -> Result<u64> {
    store::counted(db, select(scope, filter)).await
}

/// Writes the steps of a new engagement in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_many(tx: &Tx, steps: &[Step]) -> Result<()> {
    let row = |step| ActiveModel { queue_at: ActiveValue::NotSet, ..row(step).into_active_model() };
    Entity::insert_many(steps.iter().map(row)).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed step that was locked in this transaction. What it is of never changes.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, step: &Step) -> Result<()> {
    let mut active: ActiveModel = row(step).into_active_model().reset_all();
    active.engagement_id = ActiveValue::NotSet;
    active.client_id = ActiveValue::NotSet;
    active.key = ActiveValue::NotSet;
    active.queue_at = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
