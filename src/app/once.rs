//! Doing a thing once, however often it is asked for.

use chrono::TimeDelta;

use crate::{
    app::App,
    error::{Error, Result, Violation},
    store,
};

/// How long an answer is remembered. A key that comes again later does its thing again.
///
/// # Source
/// The API's rule for idempotency keys: far longer than any client keeps trying.
const REMEMBERED_FOR: TimeDelta = TimeDelta::days(7);
/// The fewest and the most characters of a key.
const KEY_LEN: std::ops::RangeInclusive<usize> = 8..=128;

/// A caller's name for one request, so that sending it again does nothing twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads a key of 8 to 128 printable ASCII characters.
    ///
    /// # Errors
    /// `Violation` on `idempotencyKey`.
    pub fn parse(text: String) -> Result<Self> {
        if KEY_LEN.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text));
        }
        let violation = Violation::new("idempotencyKey", "An idempotency key has 8 to 128 printable ASCII characters.");
        Err(violation.remedy("Send a new UUID for each thing you want done.").into())
    }

    /// The key as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request that may come again: the mutation, the caller's key, and what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The root field, `clientCreate`.
    pub mutation: &'static str,
    /// The caller's name for the request.
    pub key: IdempotencyKey,
    /// SHA-256 of the input as canonical JSON (RFC 8785), in hex.
    pub input_hash: String,
}

/// Forgets answers that are too old to be asked for again, `limit` at most; says how many.
///
/// # Errors
/// Those of the database.
pub async fn forget_answers(app: &App, limit: u64) -> Result<usize> {
    let forgotten = store::idempotency::forget(app.db(), app.now() - REMEMBERED_FOR, limit).await?;
    usize::try_from(forgotten).map_err(Error::internal)
}

/// What a deed made or started, and whether that was now or on an earlier request with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// What was made, as it stands now.
    pub made: T,
    /// Whether an earlier request made it.
    pub is_replayed: bool,
}

impl<T> Done<T> {
    /// Made by this request.
    pub fn now(made: T) -> Self {
        Self { made, is_replayed: false }
    }

    /// Made by an earlier request.
    pub fn earlier(made: T) -> Self {
        Self { made, is_replayed: true }
    }
}
