//! Bearer tokens: a signed JWT from one of the configured issuers, or a refusal.
//!
//! The token's `iss` only says *which* configured issuer to hold it against; that issuer's keys, algorithm
//! and audience then decide. Nothing in the header is followed: `jku`, `x5u`, `x5c` and `jwk` are ignored, `kid` is
//! only compared, `alg` must be the one the key has, and an extension in `crit` is refused because none is known.
//!
//! # Source
//! RFC 8725 (JWT best current practices); RFC 9068 section 4; CVE-2026-25537 (why the library may not judge times).

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Validation;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    auth::{
        claims::{Claims, Identity},
        jwks::Jwks,
        keys::{VerifyingKey, pick},
    },
    clock::Clock,
    error::{Error, Result, Violation},
};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The longest name of an issuer, so that a subject made of it can be stored.
const MAX_NAME_BYTES: usize = 255;
/// The `typ` of an access token, without the optional `application/` before it.
const ACCESS_TOKEN: &str = "at+jwt";

/// Somebody whose tokens are accepted.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    audience: String,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Fixed(Vec<VerifyingKey>),
    Remote(Jwks),
}

impl Issuer {
    /// An issuer whose keys are configured. `name` is the exact `iss`, `audience` must be in `aud`.
    ///
    /// # Errors
    /// `Violation` when a text is empty or there is no key.
    pub fn with_keys(name: impl Into<String>, audience: impl Into<String>, keys: Vec<VerifyingKey>) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::violation("keys", "An issuer needs at least one key."));
        }
        Self::new(name.into(), audience.into(), Keys::Fixed(keys))
    }

    /// An issuer that publishes its keys.
    ///
    /// # Errors
    /// `Violation` when a text is empty.
    pub fn with_jwks(name: impl Into<String>, audience: impl Into<String>, jwks: Jwks) -> Result<Self> {
        Self::new(name.into(), audience.into(), Keys::Remote(jwks))
    }

    fn new(name: String, audience: String, keys: Keys) -> Result<Self> {
        // A subject is stored as `issuer#sub`: with a `#` in the issuer, two pairs could read the same.
        if name.is_empty() || name.contains('#') || name.len() > MAX_NAME_BYTES {
            return Err(Violation::new("issuer", "An issuer's name must have 1 to 255 bytes and no `#`.").into());
        }
        if audience.is_empty() {
            return Err(Violation::new("audience", "An issuer's audience must not be empty.").into());
        }
        Ok(Self { name, audience, keys })
    }

    async fn key(&self, kid: Option<&str>) -> Result<Option<VerifyingKey>> {
        match &self.keys {
            Keys::Fixed(keys) => Ok(pick(keys, kid).cloned()),
            Keys::Remote(jwks) => jwks.find(kid).await,
        }
    }
}

/// The part of a header that is read before the signature is checked.
#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// The part of a payload that is read before the signature is checked.
#[derive(Deserialize)]
struct Sender {
    iss: String,
}

/// Verifies tokens of all configured issuers.
pub struct TokenVerifier {
    issuers: Vec<Issuer>,
    clock: Arc<dyn Clock>,
}

impl TokenVerifier {
    /// Accepts tokens of `issuers` and of nobody else.
    ///
    /// # Errors
    /// `Violation` when two issuers have the same name.
    pub fn new(issuers: Vec<Issuer>, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut names: Vec<_> = issuers.iter().map(|issuer| &issuer.name).collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Violation::new("issuer", "Two issuers have the same name.")
                .remedy("Give one issuer all its keys, or a key set by URL.")
                .into());
        }
        Ok(Self { issuers, clock })
    }

    /// Who `token` is about.
    ///
    /// # Errors
    /// `Unauthenticated` when the token proves nothing; `Unavailable` when its issuer's keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Identity> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Unauthenticated("The token is longer than 8 kB."));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::Unauthenticated("The bearer is not a token: three parts are expected."));
        };
        let header: Header = part(header)?;
        let sender: Sender = part(payload)?;
        let typ = header.typ.unwrap_or_default().to_ascii_lowercase();
        if typ.strip_prefix("application/").unwrap_or(&typ) != ACCESS_TOKEN {
            return Err(Error::Unauthenticated("The token's `typ` must be `at+jwt`."));
        }
        if header.crit.is_some() {
            return Err(Error::Unauthenticated("The token demands an extension (`crit`) that is not known here."));
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.name == sender.iss);
        let issuer = issuer.ok_or(Error::Unauthenticated("The token's issuer is not accepted here."))?;
        let key = issuer.key(header.kid.as_deref()).await?;
        let key = key.ok_or(Error::Unauthenticated("The token's key is not one of its issuer's."))?;
        check_signature(token, &key)?.judge(&issuer.name, &issuer.audience, self.clock.now())
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

fn part<T: DeserializeOwned>(encoded: &str) -> Result<T> {
    let json = URL_SAFE_NO_PAD.decode(encoded).ok();
    let parsed = json.and_then(|json| serde_json::from_slice(&json).ok());
    parsed.ok_or(Error::Unauthenticated("The bearer is not a token: a part of it cannot be read."))
}

/// The claims, when the signature is the key's and made with the key's own algorithm.
fn check_signature(token: &str, key: &VerifyingKey) -> Result<Claims> {
    let mut signature_only = Validation::new(key.algorithm());
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    jsonwebtoken::decode(token, key.decoding(), &signature_only).map(|data| data.claims).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind::{InvalidAlgorithm, Json};
        Error::Unauthenticated(match error.kind() {
            InvalidAlgorithm => "The token's algorithm is not its key's.",
            Json(_) => "The token lacks a required claim, or one cannot be read: iss, aud, exp, iat, sub, roles.",
            _ => "The token's signature does not hold.",
        })
    })
}
