//! Room in the lists that an object carries whole.
//!
//! What may grow for ever is a connection and read in pages. A list inside an object, such as the evidence of a step,
//! is read whole with every object of a page, so it takes no more than [`LIST_MAX`].

use sea_orm::{EntityTrait, FromQueryResult, Select};

use super::{Tx, page::counted};
use crate::{domain::Refused, error::Result};

/// The most entries of a list inside an object: far more than people work with, and few enough to be read at once.
pub(crate) const LIST_MAX: u32 = 500;

/// The most lines of a client's ledger, and the most facts about it. Both are read in pages, but every gate looks at
/// all of them.
pub(crate) const CLIENT_MAX: usize = 10_000;

/// Refuses another entry where `list` has all it can take. `things` names them, `remedy` says what to do instead.
///
/// # Errors
/// `Conflict` when it is full; those of the database.
pub(super) async fn room<E>(tx: &Tx, list: Select<E>, things: &'static str, remedy: &'static str) -> Result<()>
where
    E: EntityTrait<Model: FromQueryResult + Sized + Send + Sync>,
{
    let have = counted(tx, list).await?;
    within(have, 1, LIST_MAX as usize, things, remedy)
}

/// Refuses `more` entries that a list which has `have` and may have `most` cannot take.
///
/// # Errors
/// `Conflict` when there is no room for them.
pub(super) fn within(have: u64, more: usize, most: usize, things: &str, remedy: &str) -> Result<()> {
    if have + more as u64 <= most as u64 {
        return Ok(());
    }
    let message = format!("There are {have} {things} here already, and no more than {most} are taken.");
    Err(Refused::new(message).remedy(remedy).into())
}
