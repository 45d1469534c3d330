//! Clients' public keys: rows and queries.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use entity::recipient_key::{Column, Entity, Model};

use crate::{
    auth::ClientScope,
    domain::recipient_key::{RecipientKeyState, StoredKey},
    error::{Error, Result},
    ids::{ClientId, RecipientKeyId},
    store::{self, Tx, room::room},
};

const TABLE: &str = "recipient_key";

fn domain(row: Model) -> Result<StoredKey> {
    Ok(StoredKey {
        id: row.id.into(),
        client_id: row.client_id.into(),
        state: store::word(TABLE, "state", row.id, &row.state)?,
        recipient: row.recipient,
        fingerprint: row.fingerprint,
        challenge: row.challenge,
        challenge_hash: row.challenge_hash,
        created_by: store::word(TABLE, "created_by", row.id, &row.created_by)?,
        created_at: row.created_at,
        confirmed_by: row.confirmed_by.map(|by| store::word(TABLE, "confirmed_by", row.id, &by)).transpose()?,
        confirmed_at: row.confirmed_at,
        revision: row.revision,
    })
}

fn row(key: &StoredKey) -> Model {
    Model {
        id: key.id.into(),
        client_id: key.client_id.into(),
        state: key.state.to_string(),
        recipient: key.recipient.clone(),
        fingerprint: key.fingerprint.clone(),
        challenge: key.challenge.clone(),
        challenge_hash: key.challenge_hash.clone(),
        created_by: key.created_by.to_string(),
        created_at: key.created_at,
        confirmed_by: key.confirmed_by.map(|by| by.to_string()),
        confirmed_at: key.confirmed_at,
        revision: key.revision,
    }
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The keys of these clients, the oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_clients(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
) -> Result<Vec<StoredKey>> {
    let select = scoped(scope).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::Id).all(db).await?.into_iter().map(domain).collect()
}

/// Those of `ids` that are in scope, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[RecipientKeyId],
) -> Result<Vec<StoredKey>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The keys of a client that may be used.
///
/// # Errors
/// Those of the database.
pub(crate) async fn confirmed(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    client: ClientId,
) -> Result<Vec<StoredKey>> {
    let keys = of_clients(db, scope, &[client]).await?;
    Ok(keys.into_iter().filter(|key| key.state == RecipientKeyState::Confirmed).collect())
}

/// The key, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: RecipientKeyId, field: &'static str) -> Result<StoredKey> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("recipient key", field))
}

/// Writes a new key.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, key: &StoredKey) -> Result<()> {
    let list = Entity::find().filter(Column::ClientId.eq(key.client_id.uuid()));
    room(tx, list, "recipient keys", "Use one that is confirmed.").await?;
    Entity::insert(row(key).into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed key that was locked in this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, key: &StoredKey) -> Result<()> {
    row(key).into_active_model().reset_all().update(tx).await?;
    Ok(())
}
