//! Uploaded files: rows and queries. The bytes lie in a store of their own.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::file::{Arrival, File, FileState},
    error::{Error, Result},
    ids::FileId,
    store::{self, Tx},
};

use entity::file::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "file";

fn domain(row: Model) -> Result<File> {
    let wrong = |column| store::inconsistent(TABLE, column, row.id);
    let digest = |column, text: &str| text.parse().map_err(|_invalid| wrong(column));
    let arrival = match store::word(TABLE, "state", row.id, &row.state)? {
        FileState::Pending => None,
        FileState::Stored => Some(Arrival {
            media_type: row.media_type.clone().ok_or_else(|| wrong("media_type"))?,
            sha256: digest("sha256", row.sha256.as_deref().unwrap_or_default())?,
            storage_key: row.storage_key.clone().ok_or_else(|| wrong("storage_key"))?,
            at: row.stored_at.ok_or_else(|| wrong("stored_at"))?,
        }),
    };
    Ok(File {
        id: row.id.into(),
        client_id: row.client_id.into(),
        byte_count: u64::try_from(row.byte_count).map_err(|_negative| wrong("byte_count"))?,
        announced: row.announced_sha256.as_deref().map(|text| digest("announced_sha256", text)).transpose()?,
        created_by: store::word(TABLE, "created_by", row.id, &row.created_by)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        arrival,
        name: row.name,
    })
}

fn row(file: &File) -> Result<Model> {
    let arrival = file.arrival.as_ref();
    Ok(Model {
        id: file.id.into(),
        client_id: file.client_id.into(),
        name: file.name.clone(),
        state: file.state().to_string(),
        byte_count: i64::try_from(file.byte_count).map_err(Error::internal)?,
        announced_sha256: file.announced.as_ref().map(ToString::to_string),
        media_type: arrival.map(|arrival| arrival.media_type.clone()),
        sha256: arrival.map(|arrival| arrival.sha256.to_string()),
        storage_key: arrival.map(|arrival| arrival.storage_key.clone()),
        created_by: file.created_by.to_string(),
        created_at: file.created_at,
        expires_at: file.expires_at,
        stored_at: arrival.map(|arrival| arrival.at),
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The file.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn get(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    id: FileId,
    field: &'static str,
) -> Result<File> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).one(db).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found(TABLE, field))
}

/// The file, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: FileId, field: &'static str) -> Result<File> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found(TABLE, field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[FileId]) -> Result<Vec<File>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// Announced files that have not been waited for since the instant `since`, those that waited longest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn overdue(db: &impl ConnectionTrait, since: Instant, limit: u64) -> Result<Vec<File>> {
    let select =
        Entity::find().filter(Column::State.eq(FileState::Pending.as_str())).filter(Column::ExpiresAt.lte(since));
    select.order_by_asc(Column::ExpiresAt).limit(limit).all(db).await?.into_iter().map(domain).collect()
}

/// Writes a new file.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, file: &File) -> Result<()> {
    Entity::insert(row(file)?.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes what arrived for a file that was locked in this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, file: &File) -> Result<()> {
    let row = row(file)?;
    let active = ActiveModel {
        id: ActiveValue::Unchanged(row.id),
        state: ActiveValue::Set(row.state),
        media_type: ActiveValue::Set(row.media_type),
        sha256: ActiveValue::Set(row.sha256),
        storage_key: ActiveValue::Set(row.storage_key),
        stored_at: ActiveValue::Set(row.stored_at),
        ..<ActiveModel as Default>::default()
    };
    active.update(tx).await?;
    Ok(())
}

/// Removes an announced file that was locked in this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete(tx: &Tx, id: FileId) -> Result<()> {
    Entity::delete_by_id(id.uuid()).exec(tx).await?;
    Ok(())
}
