//! Who is there to work. For people to see; no decision depends on it.

use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, Value, sea_query::Expr};

use crate::{
    domain::job::Presence,
    error::Result,
    ids::WorkerId,
    store::{
        Db,
        dialect::{Dialect, millis},
    },
};

/// Says that a worker is there.
///
/// # Errors
/// Those of the database.
pub(crate) async fn seen(db: &Db, presence: &Presence) -> Result<()> {
    let dialect = Dialect::of(db.backend());
    let sql = format!(
        "INSERT INTO worker (id, host, process_id, slots, busy, is_draining, started_at, seen_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, {now}) \
         ON CONFLICT (id) DO UPDATE SET busy = $5, is_draining = $6, seen_at = {now}",
        now = dialect.now(),
    );
    let number = |value: u32| Value::from(i32::try_from(value).unwrap_or(i32::MAX));
    let values: [Value; 7] = [
        presence.worker.uuid().into(),
        presence.host.clone().into(),
        number(presence.process_id),
        number(presence.slots),
        number(presence.busy),
        presence.is_draining.into(),
        presence.started_at.into(),
    ];
    db.write().execute_raw(dialect.statement(sql, values)).await?;
    Ok(())
}

/// Says that a worker has left.
///
/// # Errors
/// Those of the database.
pub(crate) async fn left(db: &Db, worker: WorkerId) -> Result<()> {
    entity::worker::Entity::delete_by_id(worker.uuid()).exec(db.write()).await?;
    Ok(())
}

/// How many workers were seen within `silence`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &Db, silence: Duration) -> Result<u64> {
    let seen = format!("seen_at >= {}", Dialect::of(db.backend()).before("$1"));
    let seen = Expr::cust_with_values(seen, [millis(silence)]);
    Ok(entity::worker::Entity::find().filter(seen).count(db.read()).await?)
}

/// Forgets workers that have been silent for `silence`. Gives how many.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget(db: &Db, silence: Duration) -> Result<u64> {
    let dialect = Dialect::of(db.backend());
    let sql = format!("DELETE FROM worker WHERE seen_at < {}", dialect.before("$1"));
    Ok(db.write().execute_raw(dialect.statement(sql, [millis(silence)])).await?.rows_affected())
}
