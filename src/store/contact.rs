//! Contacts: rows and queries.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::{
    auth::ClientScope,
    domain::contact::{Contact, Phone},
    error::{Error, Result},
    ids::{ClientId, ContactId},
    store::{self, Tx},
};

use entity::contact::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "contact";

fn domain(row: Model) -> Result<Contact> {
    let email = row.email.as_deref().map(|email| store::word(TABLE, "email", row.id, email)).transpose()?;
    Ok(Contact {
        id: row.id.into(),
        client_id: row.client_id.into(),
        role: store::word(TABLE, "role", row.id, &row.role)?,
        name: row.name,
        email,
        phone: row.phone_raw.map(|raw| Phone { raw, e164: row.phone_e164 }),
        escalation_order: row.escalation_order,
        revision: row.revision,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn row(contact: &Contact) -> Model {
    Model {
        id: contact.id.into(),
        client_id: contact.client_id.into(),
        role: contact.role.to_string(),
        name: contact.name.clone(),
        email: contact.email.as_ref().map(ToString::to_string),
        phone_raw: contact.phone.as_ref().map(|phone| phone.raw.clone()),
        phone_e164: contact.phone.as_ref().and_then(|phone| phone.e164.clone()),
        escalation_order: contact.escalation_order,
        revision: contact.revision,
        created_at: contact.created_at,
        updated_at: contact.updated_at,
    }
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The contact, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: ContactId, field: &'static str) -> Result<Contact> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("contact", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[ContactId],
) -> Result<Vec<Contact>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The contacts of those of `clients` that `scope` allows, first to call first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_clients(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
) -> Result<Vec<Contact>> {
    let select = scoped(scope).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    let ordered = select.order_by_asc(Column::EscalationOrder).order_by_asc(Column::Id);
    ordered.all(db).await?.into_iter().map(domain).collect()
}

/// How many contacts a client of this transaction has.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(tx: &Tx, client: ClientId) -> Result<u64> {
    Ok(Entity::find().filter(Column::ClientId.eq(client.uuid())).count(tx).await?)
}

/// Writes a new contact.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, contact: &Contact) -> Result<()> {
    Entity::insert(row(contact).into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed contact that was locked in this transaction. Its client and creation never change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, contact: &Contact) -> Result<()> {
    let mut active: ActiveModel = row(contact).into_active_model().reset_all();
    active.client_id = ActiveValue::NotSet;
    active.created_at = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
