//! What can be asked about the log, and the two tasks that keep it: sealing and signing.
//!
//! Events are written by [`Deed::record`](crate::app::Deed::record) and nowhere else. They show once they
//! are sealed, milliseconds after their deed.

use crate::{
    app::App,
    auth::{Actor, ClientScope, permission::Permission},
    domain::{
        event::{Event, EventBatch, EventCursor, EventFilter, EventWindow},
        log::{Grown, Included, SignedCheckpoint, Verification},
        page::Page,
    },
    error::{Error, Result},
    ids::EventId,
    store,
};

mod keep;
#[cfg(test)]
mod tests;

pub use keep::{CHECKPOINT_EVERY, keep_sealed, keep_signed, seal_waiting, sign, sign_now};

/// One page of the events the caller may see, the oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn timeline(app: &App, actor: &Actor, filter: &EventFilter, window: &EventWindow) -> Result<Page<Event>> {
    actor.require(Permission::Timeline)?;
    store::log::list(app.db().read(), &actor.scope, filter, window).await
}

/// How many events [`timeline`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &EventFilter) -> Result<u64> {
    actor.require(Permission::Timeline)?;
    store::log::count(app.db().read(), &actor.scope, filter).await
}

/// The event, once it is sealed, if the caller may see it.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn find(app: &App, actor: &Actor, id: EventId) -> Result<Option<Event>> {
    actor.require(Permission::Event)?;
    store::log::find(app.db().read(), &actor.scope, id).await
}

/// Those of `ids` that are sealed and that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[EventId]) -> Result<Vec<Event>> {
    actor.require(Permission::Event)?;
    store::log::load_many(app.db().read(), &actor.scope, ids).await
}

/// The next events after `after`, up to `limit` of those that the caller may see and `filter` fits. A reader that
/// goes on at the batch's `next` sees every one of them once.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn read(
    app: &App,
    actor: &Actor,
    filter: &EventFilter,
    after: EventCursor,
    limit: u32,
) -> Result<EventBatch> {
    actor.require(Permission::Events)?;
    store::log::read(app.db().read(), &actor.scope, filter, after, limit).await
}

/// As [`read`], for whoever watches jobs: what the log says of them is theirs to see, the rest of it is not.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn read_of_jobs(
    app: &App,
    actor: &Actor,
    filter: &EventFilter,
    after: EventCursor,
    limit: u32,
) -> Result<EventBatch> {
    actor.require(Permission::JobEvents)?;
    store::log::read(app.db().read(), &actor.scope, filter, after, limit).await
}

/// As [`read`], of every client, for the one reader of this process that all streams hang on.
///
/// # Errors
/// Those of the database.
pub async fn read_all(app: &App, after: EventCursor, limit: u32) -> Result<EventBatch> {
    let scope = ClientScope::system();
    store::log::read(app.db().read(), &scope, &EventFilter::default(), after, limit).await
}

/// Right after the last event that is sealed.
///
/// # Errors
/// Those of the database.
pub async fn end(app: &App) -> Result<EventCursor> {
    Ok(EventCursor::end_of(store::log::size(app.db().read()).await?))
}

/// How far the log goes, and how much of it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Events that have a position.
    pub sealed: u64,
    /// Those of them that the newest checkpoint covers.
    pub signed: u64,
}

/// How far the log goes, for whoever measures.
///
/// # Errors
/// Those of the database; `Inconsistent` when the newest checkpoint contradicts itself.
pub async fn sizes(app: &App) -> Result<Sizes> {
    let db = app.db().read();
    let signed = store::log::last_checkpoint(db, 0).await?.map_or(0, |signed| signed.checkpoint.size);
    Ok(Sizes { sealed: store::log::size(db).await?, signed })
}

/// Goes through the log from position `from` up to, and without, `to`, and names the first position that
/// does not hold.
///
/// # Errors
/// `Forbidden`; `Violation` on `from` or `to` when the log has no such part.
pub async fn verify(app: &App, actor: &Actor, from: Option<u64>, to: Option<u64>) -> Result<Verification> {
    actor.require(Permission::LogVerify)?;
    let keys = app.parts().log_keys.verifiers();
    let verification = store::log::verify(app.db().read(), from.unwrap_or_default(), to, &keys).await?;
    measure(&verification);
    Ok(verification)
}

/// Says to those who run the service what a verification showed: they are not who asked for it.
fn measure(verification: &Verification) {
    if let Some(finding) = &verification.finding {
        metrics::counter!("gangway_log_defects_total", "defect" => finding.defect.as_str()).increment(1);
    }
    if verification.from == 0 {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        metrics::gauge!("gangway_log_verified_size").set(verification.held as f64);
    }
}

/// An event and the proof that it is in the log.
#[derive(Clone, Debug)]
pub struct ProvenEvent {
    /// The event.
    pub event: Event,
    /// The proof, for the root that the checkpoint states.
    pub included: Included,
    /// The newest checkpoint, when the proof is for its size.
    pub checkpoint: Option<SignedCheckpoint>,
}

/// Proves that an event is in the log: in the newest checkpoint that has it, or as the log stands when none
/// has it yet. Nothing of other events shows but hashes.
///
/// # Errors
/// `Forbidden`; `NotFound` on `eventId` when the event is absent, not sealed yet or out of scope; `Inconsistent`
/// when the log does not hold.
pub async fn inclusion(app: &App, actor: &Actor, id: EventId) -> Result<ProvenEvent> {
    actor.require(Permission::LogInclusionProof)?;
    let db = app.db().read();
    let event = store::log::find(db, &actor.scope, id).await?.ok_or_else(|| Error::not_found("event", "eventId"))?;
    let checkpoint = store::log::last_checkpoint(db, event.position + 1).await?;
    let size = match &checkpoint {
        Some(signed) => signed.checkpoint.size,
        None => store::log::size(db).await?,
    };
    let included = store::log::inclusion_proof(db, event.position, size).await?;
    Ok(ProvenEvent { event, included, checkpoint })
}

/// Proves that the first `from` events are the beginning of the first `to` events.
///
/// # Errors
/// `Forbidden`; `Violation` on `from` or `to`; `Inconsistent` when the log does not hold.
pub async fn consistency(app: &App, actor: &Actor, from: u64, to: u64) -> Result<Grown> {
    actor.require(Permission::LogConsistencyProof)?;
    store::log::consistency_proof(app.db().read(), from, to).await
}

/// The newest checkpoint; none while nothing was signed.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn checkpoint(app: &App, actor: &Actor) -> Result<Option<SignedCheckpoint>> {
    actor.require(Permission::LogCheckpoint)?;
    store::log::last_checkpoint(app.db().read(), 0).await
}
