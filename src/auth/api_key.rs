//! Api keys: how one looks, how it is recognised, and when it opens something.
//!
//! A key is `gwk_`, 256 random bits in 52 characters and a checksum in 6, all of one alphabet. The fixed form lets
//! secret scanners find a leaked key (`gwk_[0-9a-hjkmnp-tv-z]{58}`), and a mistyped one is refused without a
//! look at the database. Only its SHA-256 is stored: with 256 random bits nothing slower is needed.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::rand;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    auth::{Actor, ClientScope},
    clock::Instant,
    domain::api_key::ApiKey,
    error::{Error, Result},
    ids::{ActorId, ApiKeyId},
};

/// What every key starts with.
pub const PREFIX: &str = "gwk_";
/// How exact `last_used_at` is: a busy key costs one write in this time.
pub const LAST_USED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// Crockford's base32, as in ids: no letter that reads like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SECRET_BYTES: usize = 32;
/// 256 bits at 5 bits a character.
const BODY_LEN: usize = 52;
/// 30 bits: one mistyped key in a billion gets as far as the database.
const CHECKSUM_LEN: usize = 6;
/// How much of a key is shown again, so that its owner recognises it.
const HINT_LEN: usize = 4;

/// The SHA-256 of a key, by which it is stored and found.
pub type KeyHash = [u8; 32];

/// A whole key, as its holder has it. Never printed by accident.
#[derive(Clone, Debug)]
pub struct ApiKeySecret(SecretString);

impl ApiKeySecret {
    /// A new key.
    ///
    /// # Errors
    /// `Internal` when the system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let mut secret = [0; SECRET_BYTES];
        rand::fill(&mut secret).map_err(Error::internal)?;
        Ok(Self::of(&secret))
    }

    fn of(secret: &[u8; SECRET_BYTES]) -> Self {
        let body = base32(secret, BODY_LEN);
        let checksum = checksum(&body);
        Self(format!("{PREFIX}{body}{checksum}").into())
    }

    /// Whether `bearer` claims to be a key and not a token.
    pub fn is_one(bearer: &str) -> bool {
        bearer.starts_with(PREFIX)
    }

    /// Reads a key that somebody presents.
    ///
    /// # Errors
    /// `Unauthenticated` when it cannot be one of ours.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = Error::Unauthenticated("The api key is incomplete or mistyped.");
        let Some(rest) = text.strip_prefix(PREFIX) else { return Err(malformed) };
        let Some((body, check)) = rest.split_at_checked(BODY_LEN) else { return Err(malformed) };
        if check.len() != CHECKSUM_LEN || checksum(body) != check || !body.bytes().all(|byte| ALPHABET.contains(&byte))
        {
            return Err(malformed);
        }
        Ok(Self(text.into()))
    }

    /// What is stored instead of the key.
    pub fn hash(&self) -> KeyHash {
        Sha256::digest(self.0.expose_secret()).into()
    }

    /// Its last four characters.
    pub fn hint(&self) -> String {
        let text = self.0.expose_secret();
        text.get(text.len() - HINT_LEN..).unwrap_or_default().to_owned()
    }

    /// The key itself, to be shown once to whoever made it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The first `len` characters of five bits each; what is missing at the end counts as zero.
fn base32(bytes: &[u8], len: usize) -> String {
    let bit = |index: usize| bytes.get(index / 8).map_or(0, |byte| (byte >> (7 - index % 8)) & 1);
    (0..len)
        .map(|position| {
            let digit = (0..5).fold(0, |digit, offset| (digit << 1) | bit(position * 5 + offset));
            char::from(ALPHABET[usize::from(digit)])
        })
        .collect()
}

fn checksum(body: &str) -> String {
    base32(&Sha256::digest(format!("{PREFIX}{body}")), CHECKSUM_LEN)
}

/// A key as it is stored, with what it is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key, as far as it is not secret.
    pub key: ApiKey,
    /// Its SHA-256.
    pub hash: KeyHash,
}

impl StoredKey {
    /// The actor the key stands for, when `presented` is this key and it is still good.
    ///
    /// # Errors
    /// `Unauthenticated` otherwise.
    pub(in crate::auth) fn actor(&self, presented: &KeyHash, now: Instant) -> Result<Actor> {
        if !bool::from(self.hash.ct_eq(presented)) {
            return Err(UNKNOWN);
        }
        let key = &self.key;
        if key.revoked_at.is_some() {
            return Err(Error::Unauthenticated("The api key was revoked."));
        }
        if key.has_expired(now) {
            return Err(Error::Unauthenticated("The api key has expired."));
        }
        Ok(Actor {
            id: ActorId::ApiKey(key.id),
            name: key.name.clone(),
            roles: key.roles.clone(),
            scope: key.client_ids.clone().map_or_else(ClientScope::all, ClientScope::only),
            may_adhoc: false,
            expires_at: key.expires_at,
        })
    }

    /// Whether the stored time of last use is old enough to be written again.
    pub(in crate::auth) fn is_use_news(&self, now: Instant) -> bool {
        self.key.last_used_at.is_none_or(|at| now - at >= LAST_USED_EVERY)
    }
}

/// What is said of a key that nobody made.
pub(in crate::auth) const UNKNOWN: Error = Error::Unauthenticated("The api key is unknown.");

/// Where keys are stored.
#[async_trait]
pub trait ApiKeyDirectory: Send + Sync + 'static {
    /// The key with this hash, whatever its state.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredKey>>;

    /// Writes down that the key was used at `at`.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    async fn used(&self, id: ApiKeyId, at: Instant) -> Result<()>;
}

impl fmt::Debug for dyn ApiKeyDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDirectory")
    }
}
