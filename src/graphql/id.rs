//! Ids as callers send and receive them.

use std::str::FromStr;

use async_graphql::ID;

use crate::error::{Error, Result};

/// The id, or `None` when it cannot name anything of that noun: unknown, foreign and malformed read the same.
pub fn find<T: FromStr>(id: &ID) -> Option<T> {
    id.parse().ok()
}

/// The id a mutation's input names.
///
/// # Errors
/// `NotFound` for `noun` on `field`.
pub fn get<T: FromStr>(id: &ID, noun: &'static str, field: &'static str) -> Result<T> {
    find(id).ok_or_else(|| Error::not_found(noun, field))
}
