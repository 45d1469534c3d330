//! An issuer's keys by URL: fetched once, kept, and fetched again when a token names a key we do not have.
//!
//! * Whatever tokens arrive, the address is asked at most once a minute, by one request at a time.
//! * A fetch that fails or brings nothing usable changes nothing: the last good set stays.
//! * A set is asked for again after ten minutes at the latest, so a key that its issuer withdrew stops working.
//! * The address comes from the configuration. Nothing in a token (`jku`, `x5u`, `jwk`) leads anywhere.
//!
//! Deliberately absent: HTTP. [`JwksFetch`] is the port; `adapters::jwks` is behind it.

use std::{
    fmt,
    future::Future,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    auth::keys::{Algorithm, VerifyingKey, pick},
    clock::{Clock, Instant},
    error::{Error, Result, Unavailable, Violation},
};

/// The least time between two fetches, whatever the tokens say.
const FETCH_EVERY: TimeDelta = TimeDelta::minutes(1);
/// How long a set is used without asking again. Long enough to cost nothing, short enough to withdraw a key.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);
/// More keys than any issuer publishes; what comes after them is not read.
const MAX_KEYS: usize = 100;

/// Fetches a key set. Any `Fn(String) -> impl Future<Output = Result<Vec<u8>>>` is one.
#[async_trait]
pub trait JwksFetch: Send + Sync + 'static {
    /// The body at `url`.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be had now.
    async fn fetch(&self, url: &str) -> Result<Vec<u8>>;
}

#[async_trait]
impl<F, R> JwksFetch for F
where
    F: Fn(String) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Vec<u8>>> + Send,
{
    async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        self(url.to_owned()).await
    }
}

/// The keys behind one URL.
pub struct Jwks {
    url: String,
    algorithms: Vec<Algorithm>,
    fetch: Arc<dyn JwksFetch>,
    clock: Arc<dyn Clock>,
    held: RwLock<Held>,
    /// Whoever holds it may fetch; it remembers how the last fetch went.
    turn: Mutex<Option<Attempt>>,
}

#[derive(Clone, Default)]
struct Held {
    keys: Arc<[VerifyingKey]>,
    since: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Attempt {
    at: Instant,
    failed: bool,
}

impl Jwks {
    /// Keys from `url`, of `algorithms` only. Nothing is fetched before the first token.
    ///
    /// # Errors
    /// `Violation` when no algorithm is pinned.
    pub fn new(
        url: impl Into<String>,
        algorithms: Vec<Algorithm>,
        fetch: Arc<dyn JwksFetch>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        if algorithms.is_empty() {
            return Err(Violation::new("algorithms", "An issuer needs at least one algorithm.")
                .remedy("Name those it signs with: ES256, RS256, EdDSA")
                .into());
        }
        Ok(Self { url: url.into(), algorithms, fetch, clock, held: RwLock::default(), turn: Mutex::default() })
    }

    /// The key that `kid` names, or `None` when the issuer does not have it.
    ///
    /// # Errors
    /// `Unavailable` when the issuer's address does not answer and what we hold cannot tell.
    pub(in crate::auth) async fn find(&self, kid: Option<&str>) -> Result<Option<VerifyingKey>> {
        let held = self.held();
        if let Some(key) = pick(&held.keys, kid) {
            if self.is_stale(&held) {
                // One request pays for the renewal; the others go on with what is held.
                if let Ok(mut turn) = self.turn.try_lock() {
                    self.renew(&mut turn).await;
                    return Ok(pick(&self.held().keys, kid).cloned());
                }
            }
            return Ok(Some(key.clone()));
        }
        let mut turn = self.turn.lock().await;
        // Whoever waited for the turn may find that the one before brought the key.
        if pick(&self.held().keys, kid).is_none() {
            self.renew(&mut turn).await;
        }
        match pick(&self.held().keys, kid) {
            Some(key) => Ok(Some(key.clone())),
            None if turn.is_some_and(|attempt| attempt.failed) => Err(unavailable()),
            None => Ok(None),
        }
    }

    /// Fetches the set, unless that was tried within the minute.
    async fn renew(&self, turn: &mut Option<Attempt>) {
        let at = self.clock.now();
        if turn.is_some_and(|attempt| at - attempt.at < FETCH_EVERY) {
            return;
        }
        // Written before the wait, so that a caller who gives up in the middle does not open the way for another.
        *turn = Some(Attempt { at, failed: true });
        let keys = match self.fetch.fetch(&self.url).await {
            Ok(body) => parse(&body, &self.algorithms),
            Err(error) => {
                tracing::warn!(url = %self.url, error = error.describe(), "An issuer's keys could not be fetched.");
                return;
            }
        };
        if keys.is_empty() {
            tracing::warn!(url = %self.url, "An issuer's key set holds no usable key; the last good one stays.");
            return;
        }
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held { keys: keys.into(), since: Some(at) };
        *turn = Some(Attempt { at, failed: false });
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_stale(&self, held: &Held) -> bool {
        held.since.is_none_or(|since| self.clock.now() - since >= FRESH_FOR)
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwks({})", self.url)
    }
}

/// The usable keys of a set; none when it is not one.
fn parse(body: &[u8], algorithms: &[Algorithm]) -> Vec<VerifyingKey> {
    let set: Value = serde_json::from_slice(body).unwrap_or_default();
    let entries = set.get("keys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    entries.iter().take(MAX_KEYS).filter_map(|entry| VerifyingKey::from_jwk(entry, algorithms)).collect()
}

fn unavailable() -> Error {
    Error::Unavailable(Unavailable {
        system: "token issuer",
        retry_after: Duration::from_mins(1),
        source: "the issuer's key set could not be fetched, and none of the keys at hand is the token's".into(),
    })
}
