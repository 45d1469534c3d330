//! Telling a caller that it read an older row.

use std::fmt::Display;

use crate::error::{Conflict, Error, Result};

/// Refuses a caller that read an older row of the noun `id` than the `current` one.
///
/// # Errors
/// `Conflict` that names the noun, so that the answer can show it as it stands.
pub(in crate::app) fn expect_revision(id: impl Display, expected: i32, current: i32) -> Result<()> {
    if expected == current {
        return Ok(());
    }
    Err(Error::Conflict(Conflict::Stale { id: id.to_string(), current_revision: current }))
}
