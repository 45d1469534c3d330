//! Answers already given, so that a repeated request does nothing twice.

use sea_orm::{ActiveValue, ConnectionTrait, DbBackend, EntityTrait, Statement};

use crate::{
    clock::Instant,
    error::{Error, Result},
    ids::ActorId,
    store::Tx,
};

/// One caller's key for one mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) actor: ActorId,
    pub(crate) mutation: &'static str,
    pub(crate) key: String,
    /// SHA-256 of the canonical input, in hex.
    pub(crate) input_hash: String,
}

/// The printed id of what an earlier request with this key made, if there was one.
///
/// # Errors
/// `IdempotencyKeyReused` when it came with another input, `IdempotencyInProgress` when it has not ended.
pub(crate) async fn find(tx: &Tx, request: &Request) -> Result<Option<String>> {
    // An answer that stands needs no turn; only who finds none waits for it, and looks again.
    if let Some(answered) = answered(tx, request).await? {
        return Ok(Some(answered));
    }
    take_turn(tx, request).await?;
    answered(tx, request).await
}

async fn answered(tx: &Tx, request: &Request) -> Result<Option<String>> {
    let key = (request.actor.to_string(), request.mutation.to_owned(), request.key.clone());
    match entity::idempotency::Entity::find_by_id(key).one(tx).await? {
        None => Ok(None),
        Some(row) if row.input_hash == request.input_hash => Ok(Some(row.subject_id)),
        Some(_) => Err(Error::IdempotencyKeyReused),
    }
}

/// On PostgreSQL a second transaction with the same key is told to come back; on SQLite there is none.
async fn take_turn(tx: &Tx, request: &Request) -> Result<()> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let name = format!("{} {} {}", request.actor, request.mutation, request.key);
    let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS is_ours";
    let row = tx.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [name.into()])).await?;
    match row.map(|row| row.try_get::<bool>("", "is_ours")).transpose()? {
        Some(true) => Ok(()),
        _ => Err(Error::IdempotencyInProgress),
    }
}

/// Remembers that `request` made `subject_id`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, at: Instant, request: Request, subject_id: String) -> Result<()> {
    let row = entity::idempotency::ActiveModel {
        actor: ActiveValue::Set(request.actor.to_string()),
        mutation: ActiveValue::Set(request.mutation.to_owned()),
        key: ActiveValue::Set(request.key),
        input_hash: ActiveValue::Set(request.input_hash),
        subject_id: ActiveValue::Set(subject_id),
        created_at: ActiveValue::Set(at),
    };
    entity::idempotency::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}
