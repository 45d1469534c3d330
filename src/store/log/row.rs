//! From a row to an event, and to what an audit needs of it.

use serde_json::Value;

use super::EVENT;
use crate::{
    domain::{
        event::Event,
        log::{AuditRow, NodeHash, leaf},
    },
    error::{Error, Result},
    store,
};

use entity::event::Model;

/// The event in `row`, at `position`.
///
/// # Errors
/// `Inconsistent` when a column holds what no event can.
pub(super) fn event_at(row: Model, position: u64) -> Result<Event> {
    let Value::Object(payload) = row.payload else { return Err(store::inconsistent(EVENT, "payload", row.id)) };
    Ok(Event {
        id: row.id.into(),
        position,
        at: row.at,
        kind: row.kind,
        actor: store::word(EVENT, "actor", row.id, &row.actor)?,
        client_id: row.client_id.map(Into::into),
        subject_id: row.subject_id,
        job_id: row.job_id.map(Into::into),
        cause_id: row.cause_id.map(Into::into),
        summary: row.summary,
        payload,
    })
}

/// The event in `row`, which is sealed.
///
/// # Errors
/// As [`event_at`], and when it is not sealed.
pub(super) fn event(row: Model) -> Result<Event> {
    let position = position(&row)?;
    event_at(row, position)
}

/// Where `row` stands.
///
/// # Errors
/// `Inconsistent` when it stands nowhere.
pub(super) fn position(row: &Model) -> Result<u64> {
    let position = row.position.and_then(|position| u64::try_from(position).ok());
    position.ok_or_else(|| store::inconsistent(EVENT, "position", row.id))
}

/// The hash of the leaf that `event` is.
///
/// # Errors
/// `Internal`, which is a bug: what a database holds can be hashed.
pub(super) fn leaf_hash(event: &Event) -> Result<NodeHash> {
    leaf::hash(event).map_err(Error::internal)
}

/// What an audit needs of `row`. A row that holds no event has no content hash.
///
/// # Errors
/// `Inconsistent` when it has no position.
pub(super) fn audit_row(row: Model) -> Result<AuditRow> {
    let position = position(&row)?;
    let (leaf, root) = (hash(row.leaf_hash.as_deref()), hash(row.tree_root.as_deref()));
    let content = event_at(row, position).and_then(|event| leaf_hash(&event)).ok();
    Ok(AuditRow { position, content, leaf, root })
}

fn hash(bytes: Option<&[u8]>) -> Option<NodeHash> {
    bytes.and_then(|bytes| NodeHash::try_from(bytes).ok())
}
