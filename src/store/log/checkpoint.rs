//! Signed checkpoints, each consistent with the one before it.

use sea_orm::{ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{HEAD, HEAD_ID, head, prove, stored};
use crate::{
    clock::Instant,
    domain::log::{Checkpoint, SignedCheckpoint, Signer, note},
    error::{Error, Result},
    store::{self, Db},
};

use entity::log_checkpoint::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "log_checkpoint";

/// The checkpoint in `row`, as it says itself.
///
/// # Errors
/// `Inconsistent` when its note is none, or its columns do not say what the note says.
pub(super) fn read(row: Model) -> Result<SignedCheckpoint> {
    let broken = || store::inconsistent(TABLE, "note", row.size);
    let text = note::text_of(&row.note).ok_or_else(broken)?;
    let checkpoint = Checkpoint::from_text(text).map_err(|_malformed| broken())?;
    if stored(checkpoint.size) != row.size || checkpoint.root.as_bytes() != row.root.as_slice() {
        return Err(broken());
    }
    Ok(SignedCheckpoint { checkpoint, note: row.note, at: row.created_at })
}

/// The newest checkpoint of a log of at least `size` events.
///
/// # Errors
/// `Inconsistent` when it contradicts itself.
pub(crate) async fn last_checkpoint(db: &impl ConnectionTrait, size: u64) -> Result<Option<SignedCheckpoint>> {
    let newest = Entity::find().filter(Column::Size.gte(stored(size))).order_by_desc(Column::Size).one(db).await?;
    newest.map(read).transpose()
}

/// Signs the log as it stands, unless that is signed already, and gives the checkpoint. The log's origin is the
/// signing key's name.
///
/// Nothing is signed that the last checkpoint contradicts: the log would vouch for its own forgery.
///
/// # Errors
/// `Inconsistent` when the log is not what the last checkpoint says it was, or its head not what its last
/// event says.
pub(crate) async fn checkpoint(db: &Db, signer: &Signer, at: Instant) -> Result<SignedCheckpoint> {
    let tx = db.begin().await?;
    let frontier = head::lock(&tx).await?;
    if prove::root_at(&tx, frontier.size()).await? != frontier.root() {
        return Err(store::inconsistent(HEAD, "frontier", HEAD_ID));
    }
    if let Some(last) = last_checkpoint(&tx, 0).await? {
        if last.checkpoint.size > frontier.size() {
            return Err(store::inconsistent(HEAD, "size", HEAD_ID));
        }
        let grown = prove::consistency_proof(&tx, last.checkpoint.size, frontier.size()).await?;
        if grown.old_root != last.checkpoint.root {
            return Err(store::inconsistent(TABLE, "root", last.checkpoint.size));
        }
        if last.checkpoint.size == frontier.size() {
            return Ok(last);
        }
    }
    let origin = signer.verifier().name().to_owned();
    let checkpoint = Checkpoint { origin, size: frontier.size(), root: frontier.root() };
    let note = checkpoint.sign(signer).map_err(Error::internal)?;
    let row = ActiveModel {
        size: ActiveValue::Set(stored(checkpoint.size)),
        root: ActiveValue::Set(checkpoint.root.as_bytes().to_vec()),
        note: ActiveValue::Set(note.clone()),
        created_at: ActiveValue::Set(at),
    };
    Entity::insert(row).exec_without_returning(&tx).await?;
    tx.commit().await?;
    Ok(SignedCheckpoint { checkpoint, note, at })
}
