//! What a token says, judged once its signature holds: [`Claims`] become an [`Identity`] or a refusal.
//!
//! Every rule about time, audience and roles is here and reads the injected clock; the token library
//! only checks the signature.
//!
//! # Source
//! RFC 7519 section 4.1; RFC 9068 (the `at+jwt` profile); lifetimes are Gangway's own rule.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use serde::Deserialize;

use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::{
        contact::Email,
        role::Role,
        text::{Line, NAME_MAX, Name},
    },
    error::{Error, Result},
    ids::ClientId,
};

/// The longest a token may live, from `iat` to `exp`.
pub(in crate::auth) const MAX_LIFETIME: TimeDelta = TimeDelta::hours(24);
/// How far an issuer's clock may be from ours.
const SKEW: TimeDelta = TimeDelta::seconds(30);
/// The longest `sub`, in characters.
///
/// # Source
/// OpenID Connect Core section 2.
const SUB_MAX: usize = 255;

/// The scope of a token that may send documents which are not registered.
const ADHOC: &str = "graphql:adhoc";

/// The payload of a token, as far as it concerns us. Everything else in it is ignored.
#[derive(Deserialize)]
pub(in crate::auth) struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    sub: String,
    name: Option<String>,
    email: Option<String>,
    roles: Vec<String>,
    client: Option<String>,
    scope: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

/// Who a token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Issuer and `sub`, joined by `#`: two issuers may give the same `sub` to different people.
    pub subject: String,
    /// `name`, or `sub` when there is none.
    pub name: String,
    /// `email`, when there is one.
    pub email: Option<String>,
    /// At least one.
    pub roles: BTreeSet<Role>,
    /// The only client the token is for. Never absent for a `CLIENT_CONTACT`.
    pub client: Option<ClientId>,
    /// Whether `scope` has [`ADHOC`].
    pub may_adhoc: bool,
    /// `exp`.
    pub expires_at: Instant,
}

impl Identity {
    /// What it may see: its one client, or everything.
    pub(in crate::auth) fn scope(&self) -> ClientScope {
        self.client.map_or_else(ClientScope::all, |client| ClientScope::only([client]))
    }
}

impl Claims {
    /// Judges the claims of a token whose signature holds.
    ///
    /// # Errors
    /// `Unauthenticated` with the first rule they break.
    pub(in crate::auth) fn judge(self, issuer: &str, audience: &str, now: Instant) -> Result<Identity> {
        ensure(self.iss == issuer, "The token's issuer is not accepted here.")?;
        ensure(self.aud.names(audience), "The token is meant for another audience.")?;
        let expires_at = self.judge_times(now)?;
        let is_plain = Line::<1, SUB_MAX>::parse(&self.sub).is_ok_and(|sub| sub.as_str() == self.sub);
        ensure(is_plain, "The token's `sub` must have 1 to 255 printable characters.")?;
        let roles = roles(&self.roles)?;
        let Ok(client) = self.client.as_deref().map(str::parse::<ClientId>).transpose() else {
            return Err(Error::Unauthenticated("The token's `client` is not a client id."));
        };
        let is_contact = roles.contains(&Role::ClientContact);
        ensure(!is_contact || client.is_some(), "The token of a CLIENT_CONTACT must name its `client`.")?;
        ensure(!is_contact || roles.len() == 1, "A CLIENT_CONTACT cannot hold a role of the provider as well.")?;
        Ok(Identity {
            subject: format!("{}#{}", self.iss, self.sub),
            name: name(self.name.as_deref(), &self.sub)?,
            email: email(self.email.as_deref())?,
            roles,
            client,
            may_adhoc: self.scope.is_some_and(|scope| scope.split(' ').any(|word| word == ADHOC)),
            expires_at,
        })
    }

    fn judge_times(&self, now: Instant) -> Result<Instant> {
        let instant = |seconds| {
            DateTime::from_timestamp(seconds, 0).ok_or(Error::Unauthenticated("The token's times cannot be read."))
        };
        let (issued_at, expires_at) = (instant(self.iat)?, instant(self.exp)?);
        let not_before = self.nbf.map(instant).transpose()?;
        ensure(now < expires_at + SKEW, "The token has expired.")?;
        ensure(issued_at <= now + SKEW, "The token's `iat` lies in the future.")?;
        ensure(not_before.is_none_or(|at| at <= now + SKEW), "The token is not valid yet.")?;
        ensure(issued_at < expires_at, "The token's `exp` must lie after its `iat`.")?;
        ensure(expires_at - issued_at <= MAX_LIFETIME, "The token lives longer than 24 hours.")?;
        Ok(expires_at)
    }
}

fn roles(words: &[String]) -> Result<BTreeSet<Role>> {
    let roles: Option<BTreeSet<Role>> = words.iter().map(|word| word.parse().ok()).collect();
    let roles = roles.ok_or(Error::Unauthenticated("The token names a role that does not exist."))?;
    ensure(!roles.is_empty(), "The token names no role.")?;
    Ok(roles)
}

/// `name` by the rules for names, or as much of `sub` as a name may have.
fn name(name: Option<&str>, sub: &str) -> Result<String> {
    let name = name.filter(|name| !name.trim().is_empty());
    let text = name.map_or_else(|| sub.chars().take(NAME_MAX).collect(), str::to_owned);
    let parsed = Name::parse(&text).ok().map(Name::into_string);
    parsed.ok_or(Error::Unauthenticated("The token's `name` must have at most 200 printable characters."))
}

fn email(email: Option<&str>) -> Result<Option<String>> {
    let parsed = email.map(str::parse::<Email>).transpose().ok();
    let parsed = parsed.ok_or(Error::Unauthenticated("The token's `email` is not an address."))?;
    Ok(parsed.map(|email| email.as_str().to_owned()))
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Unauthenticated(otherwise)) }
}
