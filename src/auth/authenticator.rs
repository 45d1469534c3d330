//! Tells who stands behind a bearer: a person by a token, or an integration by a key.
//!
//! What the database says about a person or key is remembered for [`REMEMBER_FOR`], so that a request costs no
//! statement. That time is also the longest that a deactivated person or revoked key still gets in.
//! The signature, the expiry and the roles of a token are checked every time; they are never remembered.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    auth::{
        Actor, Authenticate,
        api_key::{self, ApiKeyDirectory, ApiKeySecret, KeyHash, StoredKey},
        claims::Identity,
        jwt::TokenVerifier,
    },
    clock::{Clock, Instant},
    domain::role::Role,
    error::{Error, Result},
    ids::{ActorId, ClientId, UserId},
};

/// How long an answer of the database is good for.
pub const REMEMBER_FOR: TimeDelta = TimeDelta::seconds(60);
/// How many answers are remembered. An installation has fewer people and keys than that.
const MAX_REMEMBERED: usize = 10_000;

/// A person who shows a valid token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignIn {
    /// Issuer and `sub`, joined by `#`.
    pub subject: String,
    /// How the issuer calls the person.
    pub name: String,
    /// The issuer's address for the person.
    pub email: Option<String>,
    /// The roles of the token.
    pub roles: BTreeSet<Role>,
    /// The one client of the token.
    pub client: Option<ClientId>,
}

/// What the directory knows of a person who signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The person.
    pub id: UserId,
    /// Whether the person may come in.
    pub is_active: bool,
}

/// Where people are stored.
#[async_trait]
pub trait UserDirectory: Send + Sync + 'static {
    /// The person with that subject, who is written down at first sight and brought up to date later.
    ///
    /// # Errors
    /// `Unauthenticated` when the token names a client that does not exist; `Unavailable` when the
    /// database does not answer.
    async fn sign_in(&self, sign_in: SignIn) -> Result<SignedIn>;
}

/// Verifies tokens and keys.
pub struct Authenticator {
    tokens: TokenVerifier,
    users: Arc<dyn UserDirectory>,
    keys: Arc<dyn ApiKeyDirectory>,
    clock: Arc<dyn Clock>,
    known_users: Memory<SignIn, SignedIn>,
    known_keys: Memory<KeyHash, StoredKey>,
}

impl Authenticator {
    /// Accepts the tokens that `tokens` verifies and the keys that `keys` holds.
    pub fn new(
        tokens: TokenVerifier,
        users: Arc<dyn UserDirectory>,
        keys: Arc<dyn ApiKeyDirectory>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { tokens, users, keys, clock, known_users: Memory::default(), known_keys: Memory::default() }
    }

    async fn by_token(&self, token: &str) -> Result<Actor> {
        let identity = self.tokens.verify(token).await?;
        let scope = identity.scope();
        let Identity { subject, name, email, roles, client, may_adhoc, expires_at } = identity;
        let sign_in = SignIn { subject, name, email, roles, client };
        let known = self.sign_in(&sign_in).await?;
        if !known.is_active {
            return Err(Error::Unauthenticated("This account is deactivated."));
        }
        Ok(Actor {
            id: ActorId::User(known.id),
            name: sign_in.name,
            roles: sign_in.roles,
            scope,
            may_adhoc,
            expires_at: Some(expires_at),
        })
    }

    /// Asks the directory, unless it answered the very same question within the minute.
    async fn sign_in(&self, sign_in: &SignIn) -> Result<SignedIn> {
        let now = self.clock.now();
        if let Some(answer) = self.known_users.recall(sign_in, now) {
            return Ok(answer);
        }
        let answer = self.users.sign_in(sign_in.clone()).await?;
        self.known_users.keep(sign_in.clone(), answer, now);
        Ok(answer)
    }

    async fn by_key(&self, text: &str) -> Result<Actor> {
        let hash = ApiKeySecret::parse(text)?.hash();
        let now = self.clock.now();
        if let Some(known) = self.known_keys.recall(&hash, now) {
            return known.actor(&hash, now);
        }
        let stored = self.keys.find(&hash).await?.ok_or(api_key::UNKNOWN)?;
        let actor = stored.actor(&hash, now)?;
        if stored.is_use_news(now) {
            self.keys.used(stored.key.id, now).await?;
        }
        self.known_keys.keep(hash, stored, now);
        Ok(actor)
    }
}

#[async_trait]
impl Authenticate for Authenticator {
    async fn authenticate(&self, bearer: &str) -> Result<Actor> {
        if ApiKeySecret::is_one(bearer) { self.by_key(bearer).await } else { self.by_token(bearer).await }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// Remembers answers for [`REMEMBER_FOR`], and forgets everything rather than grow past its bound.
struct Memory<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, V)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, key: &K, now: Instant) -> Option<V> {
        let known = self.lock();
        known.get(key).filter(|(since, _)| now - *since < REMEMBER_FOR).map(|(_, value)| value.clone())
    }

    fn keep(&self, key: K, value: V, now: Instant) {
        let mut known = self.lock();
        if known.len() >= MAX_REMEMBERED {
            known.retain(|_, (since, _)| now - *since < REMEMBER_FOR);
        }
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(key, (now, value));
    }
}
