//! Answers already given, so that a repeated request does nothing twice.

use sea_orm::{ActiveValue, ConnectionTrait, DbBackend, EntityTrait, Statement};

use crate::{
    clock::Instant,
    error::{Error, Result},
    ids::ActorId,
    store::{Db, Tx, dialect::Dialect},
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

/// On PostgreSQL a second transaction with the same key is told to come back. On SQLite there is none: deeds take the
/// one write lock when they begin, so the second waits for the first and then finds its answer.
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

/// Forgets answers that were given before the instant `before`, the oldest `limit` at most. Gives how many.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget(db: &Db, before: Instant, limit: u64) -> Result<u64> {
    let sql = "DELETE FROM idempotency WHERE (actor, mutation, key) IN \
               (SELECT actor, mutation, key FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    let limit = i64::try_from(limit).map_err(Error::internal)?;
    let statement = Dialect::of(db.backend()).statement(sql, [before.into(), limit.into()]);
    Ok(db.write().execute_raw(statement).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone, Utc};

    use super::*;
    use crate::store::testing::on_both;

    fn request(key: &str) -> Request {
        Request { actor: ActorId::System, mutation: "clientCreate", key: key.to_owned(), input_hash: "0".to_owned() }
    }

    on_both! {
        async fn the_oldest_answers_are_forgotten_first_and_young_ones_not_at_all(db: &Db) {
            let now = Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap();
            let tx = db.begin().await.unwrap();
            for (key, days) in [("young", 6), ("on-the-dot", 7), ("old", 8), ("oldest", 9)] {
                insert(&tx, now - TimeDelta::days(days), request(key), key.to_owned()).await.unwrap();
            }
            tx.commit().await.unwrap();
            let known = async || {
                let tx = db.begin().await.unwrap();
                let mut known = Vec::new();
                for key in ["young", "on-the-dot", "old", "oldest"] {
                    known.extend(find(&tx, &request(key)).await.unwrap());
                }
                known
            };
            let week = now - TimeDelta::days(7);
            assert_eq!(forget(db, week, 1).await.unwrap(), 1);
            assert_eq!(known().await, ["young", "on-the-dot", "old"]);
            assert_eq!((forget(db, week, 9).await.unwrap(), forget(db, week, 9).await.unwrap()), (1, 0));
            assert_eq!(known().await, ["young", "on-the-dot"]);
        }
    }
}
