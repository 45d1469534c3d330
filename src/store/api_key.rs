//! Api keys: rows and queries. Keys belong to no client, so only somebody who sees every client sees them.

use chrono::TimeDelta;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, Select,
};

use crate::{
    auth::{
        ClientScope,
        api_key::{KeyHash, LAST_USED_EVERY, StoredKey},
    },
    clock::Instant,
    domain::{
        api_key::ApiKey,
        page::{Page, Window},
    },
    error::{Error, Inconsistent, Result},
    ids::ApiKeyId,
    store::{self, Sort, Tx},
};

use entity::api_key::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "api_key";

fn domain(row: Model) -> Result<ApiKey> {
    let client_ids = row.client_ids.map(|ids| store::json(TABLE, "client_ids", row.id, ids)).transpose()?;
    Ok(ApiKey {
        id: row.id.into(),
        roles: store::json(TABLE, "roles", row.id, row.roles)?,
        client_ids,
        created_by: store::word(TABLE, "created_by", row.id, &row.created_by)?,
        name: row.name,
        hint: row.hint,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
    })
}

fn row(key: &ApiKey, hash: &KeyHash) -> Result<Model> {
    Ok(Model {
        id: key.id.into(),
        name: key.name.clone(),
        hash: hash.to_vec(),
        hint: key.hint.clone(),
        roles: store::to_json(&key.roles)?,
        client_ids: key.client_ids.as_ref().map(store::to_json).transpose()?,
        created_by: key.created_by.to_string(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    match scope.restriction() {
        None => Entity::find(),
        Some(_) => Entity::find().filter(Column::Id.is_in(std::iter::empty::<uuid::Uuid>())),
    }
}

/// The key with this hash, whatever its state: for signing in, before anybody's scope is known.
///
/// # Errors
/// Those of the database; `Inconsistent` when the stored hash has another length.
pub(crate) async fn find_by_hash(db: &impl ConnectionTrait, hash: &KeyHash) -> Result<Option<StoredKey>> {
    let Some(row) = Entity::find().filter(Column::Hash.eq(hash.to_vec())).one(db).await? else { return Ok(None) };
    let broken = Inconsistent { table: TABLE, column: "hash", id: row.id.to_string() };
    let Ok(hash) = KeyHash::try_from(row.hash.as_slice()) else { return Err(Error::Inconsistent(broken)) };
    Ok(Some(StoredKey { key: domain(row)?, hash }))
}

/// The key, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `id` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: ApiKeyId) -> Result<ApiKey> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("api key", "id"))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[ApiKeyId]) -> Result<Vec<ApiKey>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// One page of keys, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(db: &impl ConnectionTrait, scope: &ClientScope, window: &Window) -> Result<Page<ApiKey>> {
    let keys = (Column::CreatedAt, Column::Id);
    store::fetch(db, scoped(scope), keys, Sort::Descending, window).await?.try_map(domain)
}

/// How many keys there are.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope) -> Result<u64> {
    store::counted(db, scoped(scope)).await
}

/// Writes a new key.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, key: &ApiKey, hash: &KeyHash) -> Result<()> {
    Entity::insert(row(key, hash)?.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes when a key that was locked in this transaction was revoked: the one thing about a key that changes by hand.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, key: &ApiKey) -> Result<()> {
    let active = ActiveModel {
        id: ActiveValue::Unchanged(key.id.uuid()),
        revoked_at: ActiveValue::Set(key.revoked_at),
        ..Default::default()
    };
    active.update(tx).await?;
    Ok(())
}

/// Writes down that a key was used, unless somebody did so within the minute.
///
/// # Errors
/// Those of the database.
pub(crate) async fn used(db: &impl ConnectionTrait, id: ApiKeyId, at: Instant) -> Result<()> {
    let due = at - LAST_USED_EVERY + TimeDelta::milliseconds(1);
    let is_news = Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lt(due));
    let active = ActiveModel { last_used_at: ActiveValue::Set(Some(at)), ..Default::default() };
    Entity::update_many().set(active).filter(Column::Id.eq(id.uuid())).filter(is_news).exec(db).await?;
    Ok(())
}
