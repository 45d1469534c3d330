//! The head: how many events are sealed, and the right edge of their tree.

use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use super::{HEAD, HEAD_ID};
use crate::{
    domain::log::Frontier,
    error::Result,
    store::{self, Tx},
};

use entity::log_head::{Column, Entity, Model};

fn frontier(row: Option<Model>) -> Result<Frontier> {
    let row = row.ok_or_else(|| store::inconsistent(HEAD, "id", HEAD_ID))?;
    let size = u64::try_from(row.size).map_err(|_negative| store::inconsistent(HEAD, "size", HEAD_ID))?;
    Frontier::from_bytes(size, &row.frontier).map_err(|_misfit| store::inconsistent(HEAD, "frontier", HEAD_ID))
}

/// The head, locked until the transaction ends, so that sealers take turns.
///
/// # Errors
/// `Inconsistent` when it is gone or its frontier does not fit its size.
pub(super) async fn lock(tx: &Tx) -> Result<Frontier> {
    frontier(Entity::find_by_id(HEAD_ID).lock_exclusive().one(tx).await?)
}

/// How many events are sealed.
///
/// # Errors
/// `Inconsistent` when the head is gone.
pub(crate) async fn size(db: &impl ConnectionTrait) -> Result<u64> {
    let size: Option<i64> = Entity::find_by_id(HEAD_ID).select_only().column(Column::Size).into_tuple().one(db).await?;
    size.and_then(|size| u64::try_from(size).ok()).ok_or_else(|| store::inconsistent(HEAD, "size", HEAD_ID))
}
