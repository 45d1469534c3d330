//! The lines of a step's checklist.

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use entity::checklist_item::{ActiveModel, Column, Entity, Model};

use crate::{
    auth::ClientScope,
    domain::step::ChecklistItem,
    error::{Error, Result},
    ids::{ChecklistItemId, StepId},
    store::{self, Tx},
};

const TABLE: &str = "checklist_item";

fn domain(row: Model) -> Result<ChecklistItem> {
    Ok(ChecklistItem {
        id: row.id.into(),
        step_id: row.step_id.into(),
        client_id: row.client_id.into(),
        key: row.key,
        position: row.position,
        text: row.text,
        is_required: row.is_required,
        state: store::word(TABLE, "state", row.id, &row.state)?,
        note: row.note,
        set_by: row.set_by.map(|by| store::word(TABLE, "set_by", row.id, &by)).transpose()?,
        set_at: row.set_at,
        revision: row.revision,
    })
}

fn row(item: &ChecklistItem) -> Model {
    Model {
        id: item.id.into(),
        step_id: item.step_id.into(),
        client_id: item.client_id.into(),
        key: item.key.clone(),
        position: item.position,
        text: item.text.clone(),
        is_required: item.is_required,
        state: item.state.to_string(),
        note: item.note.clone(),
        set_by: item.set_by.map(|by| by.to_string()),
        set_at: item.set_at,
        revision: item.revision,
    }
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The checklists of these steps in their order, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_steps(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    steps: &[StepId],
) -> Result<HashMap<StepId, Vec<ChecklistItem>>> {
    let select = scoped(scope).filter(Column::StepId.is_in(steps.iter().map(|id| id.uuid())));
    let mut lists: HashMap<StepId, Vec<ChecklistItem>> = HashMap::new();
    for row in select.order_by_asc(Column::Position).all(db).await? {
        let item = domain(row)?;
        lists.entry(item.step_id).or_default().push(item);
    }
    Ok(lists)
}

/// Those of `ids` that are in scope, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[ChecklistItemId],
) -> Result<Vec<ChecklistItem>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The item, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(
    tx: &Tx,
    scope: &ClientScope,
    id: ChecklistItemId,
    field: &'static str,
) -> Result<ChecklistItem> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("checklist item", field))
}

/// Rows of one statement: SQLite takes 32,766 values, and a process may have 5,000 lines.
const CHUNK: usize = 500;

/// Writes the checklists of a new engagement, 500 lines in a statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_many(tx: &Tx, items: &[ChecklistItem]) -> Result<()> {
    for items in items.chunks(CHUNK) {
        let rows = items.iter().map(|item| row(item).into_active_model());
        Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Writes a changed item that was locked in this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, item: &ChecklistItem) -> Result<()> {
    let active: ActiveModel = row(item).into_active_model().reset_all();
    active.update(tx).await?;
    Ok(())
}
