//! The development issuer: tokens for trying out and for tests, signed with a secret that this installation made
//! for itself. `gangway token` and the demo use it.
//!
//! It is the only issuer with a shared secret (HS256), and it says so in its name. Where real people sign in, the
//! configuration leaves it out; the secret then opens nothing.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

use crate::{
    auth::{claims::MAX_LIFETIME, jwt::Issuer, keys::VerifyingKey},
    clock::Clock,
    domain::role::Role,
    error::{Error, Result, Violation},
    ids::ClientId,
};

/// The `iss` of its tokens.
pub const NAME: &str = "gangway-development";
/// The `aud` of its tokens.
pub const AUDIENCE: &str = "gangway";

pub use crate::auth::secret::Secret;

/// What a development token shall say.
#[derive(Clone, Debug)]
pub struct TokenOrder {
    /// At least one.
    pub roles: BTreeSet<Role>,
    /// Needed for a `CLIENT_CONTACT`; narrows any other role to that client.
    pub client: Option<ClientId>,
    /// From one second to 24 hours.
    pub ttl: Duration,
    /// Who it is; by default the first role in lower case, so that each role is a person of its own.
    pub subject: Option<String>,
    /// How the person is called; by default as the subject.
    pub name: Option<String>,
}

/// Issues and verifies development tokens.
pub struct DevelopmentIssuer {
    secret: Secret,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    sub: &'a str,
    name: &'a str,
    roles: &'a BTreeSet<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClientId>,
}

impl DevelopmentIssuer {
    /// Signs with `secret`.
    pub fn new(secret: Secret, clock: Arc<dyn Clock>) -> Self {
        Self { secret, clock }
    }

    /// What [`TokenVerifier`](crate::auth::TokenVerifier) needs to accept its tokens.
    ///
    /// # Errors
    /// None in practice: its name and audience are constants that satisfy every rule.
    pub fn issuer(&self) -> Result<Issuer> {
        let key = VerifyingKey::development(self.secret.bytes());
        Issuer::with_keys(NAME, AUDIENCE, vec![key])
    }

    /// A token that says what `order` asks for, valid from now.
    ///
    /// # Errors
    /// `Violation` when such a token would be refused.
    pub fn issue(&self, order: &TokenOrder) -> Result<String> {
        let subject = order.subject.clone().unwrap_or_else(|| default_subject(order));
        let ttl = check(order, &subject)?;
        let now = self.clock.now();
        let claims = NewClaims {
            iss: NAME,
            aud: AUDIENCE,
            iat: now.timestamp(),
            exp: (now + ttl).timestamp(),
            sub: &subject,
            name: order.name.as_deref().unwrap_or(&subject),
            roles: &order.roles,
            client: order.client,
        };
        let header = Header { typ: Some("at+jwt".to_owned()), ..Header::new(jsonwebtoken::Algorithm::HS256) };
        let key = EncodingKey::from_secret(self.secret.bytes());
        jsonwebtoken::encode(&header, &claims, &key).map_err(Error::internal)
    }
}

impl std::fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DevelopmentIssuer")
    }
}

/// One person per role, and one contact per client.
fn default_subject(order: &TokenOrder) -> String {
    let role = order.roles.first().map_or("nobody", |role| role.as_str()).to_lowercase();
    match order.client {
        Some(client) => format!("{role}.{client}"),
        None => role,
    }
}

fn check(order: &TokenOrder, subject: &str) -> Result<TimeDelta> {
    let is_contact = order.roles.contains(&Role::ClientContact);
    if order.roles.is_empty() {
        return Err(Error::violation("role", "A token needs at least one role."));
    }
    if is_contact && order.roles.len() > 1 {
        return Err(Error::violation("role", "A CLIENT_CONTACT cannot hold a role of the provider as well."));
    }
    if is_contact && order.client.is_none() {
        return Err(Violation::new("client", "A CLIENT_CONTACT speaks for one client.").remedy("Add --client").into());
    }
    if subject.trim().is_empty() || subject.len() > 255 || subject.contains(char::is_control) {
        return Err(Error::violation("subject", "A subject must have 1 to 255 bytes and no control characters."));
    }
    let ttl = TimeDelta::from_std(order.ttl).unwrap_or(TimeDelta::MAX);
    if ttl < TimeDelta::seconds(1) || ttl > MAX_LIFETIME {
        return Err(Violation::new("ttl", "A token lives from one second to 24 hours.").remedy("Use 1h").into());
    }
    Ok(ttl)
}
