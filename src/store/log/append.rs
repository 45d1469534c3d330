//! Writing events, in the transaction of the deed that caused them.

use sea_orm::{ActiveValue, EntityTrait};

use crate::{
    clock::Instant,
    domain::event::NewEvent,
    error::Result,
    ids::{ActorId, EventId},
    store::Tx,
};

/// Times 13 columns this stays below the 32,766 values that `SQLite` binds in one statement.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Writes `events` in order, in as few statements as it takes. They have no position until they are sealed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn append(tx: &Tx, at: Instant, actor: ActorId, events: Vec<(EventId, NewEvent)>) -> Result<()> {
    let rows: Vec<_> = events.into_iter().map(|(id, event)| row(id, at, actor, event)).collect();
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        entity::event::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn row(id: EventId, at: Instant, actor: ActorId, event: NewEvent) -> entity::event::ActiveModel {
    entity::event::ActiveModel {
        sequence: ActiveValue::NotSet,
        id: ActiveValue::Set(id.into()),
        position: ActiveValue::Set(None),
        leaf_hash: ActiveValue::Set(None),
        tree_root: ActiveValue::Set(None),
        at: ActiveValue::Set(at),
        kind: ActiveValue::Set(event.kind.to_string()),
        actor: ActiveValue::Set(actor.to_string()),
        client_id: ActiveValue::Set(event.client_id.map(Into::into)),
        subject_id: ActiveValue::Set(event.subject_id),
        job_id: ActiveValue::Set(event.job_id.map(Into::into)),
        cause_id: ActiveValue::Set(event.cause_id.map(Into::into)),
        summary: ActiveValue::Set(event.summary),
        payload: ActiveValue::Set(event.payload.into()),
    }
}
