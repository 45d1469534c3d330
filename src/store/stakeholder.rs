//! Stakeholders: rows and queries.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::{
    auth::ClientScope,
    domain::{contact::Phone, stakeholder::Stakeholder},
    error::{Error, Result},
    ids::{EngagementId, StakeholderId},
    store::{self, Tx},
};

use entity::stakeholder::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "stakeholder";

fn domain(row: Model) -> Result<Stakeholder> {
    let e164 = row.phone_e164;
    Ok(Stakeholder {
        id: row.id.into(),
        engagement_id: row.engagement_id.into(),
        client_id: row.client_id.into(),
        position: row.position,
        name: row.name,
        responsibilities: row.responsibilities,
        phone: row.phone_raw.map(|raw| Phone { raw, e164 }),
        raci: store::json(TABLE, "raci", row.id, row.raci)?,
        revision: row.revision,
    })
}

fn row(stakeholder: &Stakeholder) -> Result<Model> {
    Ok(Model {
        id: stakeholder.id.into(),
        engagement_id: stakeholder.engagement_id.into(),
        client_id: stakeholder.client_id.into(),
        position: stakeholder.position,
        name: stakeholder.name.clone(),
        responsibilities: stakeholder.responsibilities.clone(),
        phone_raw: stakeholder.phone.as_ref().map(|phone| phone.raw.clone()),
        phone_e164: stakeholder.phone.as_ref().and_then(|phone| phone.e164.clone()),
        raci: store::to_json(&stakeholder.raci)?,
        revision: stakeholder.revision,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The stakeholder, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: StakeholderId, field: &'static str) -> Result<Stakeholder> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("stakeholder", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[StakeholderId],
) -> Result<Vec<Stakeholder>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The stakeholders of these engagements, each engagement's in their order, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_engagements(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    engagements: &[EngagementId],
) -> Result<Vec<Stakeholder>> {
    let select = scoped(scope).filter(Column::EngagementId.is_in(engagements.iter().map(|id| id.uuid())));
    let rows = select.order_by_asc(Column::EngagementId).order_by_asc(Column::Position).all(db).await?;
    rows.into_iter().map(domain).collect()
}

/// Writes a new stakeholder.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, stakeholder: &Stakeholder) -> Result<()> {
    Entity::insert(row(stakeholder)?.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed stakeholder that was locked in this transaction. Its engagement and place never change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, stakeholder: &Stakeholder) -> Result<()> {
    let mut active: ActiveModel = row(stakeholder)?.into_active_model().reset_all();
    active.engagement_id = ActiveValue::NotSet;
    active.client_id = ActiveValue::NotSet;
    active.position = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
