//! The development issuer: tokens for trying out and for tests, signed with a secret that this installation made
//! for itself. `gangway token` and the demo use it.
//!
//! It is the only issuer with a shared secret (HS256), and it says so in its name. Where real people sign in, the
//! configuration leaves it out; the secret then opens nothing.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::rand;
use chrono::TimeDelta;
use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
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
/// HS256 wants a key at least as long as its hash: 32 bytes, 64 hexadecimal characters.
const SECRET_BYTES: usize = 32;

/// The secret that development tokens are signed with. Never printed.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret from the configuration.
    ///
    /// # Errors
    /// `Violation` when it has fewer than 32 bytes.
    pub fn new(text: SecretString) -> Result<Self> {
        if text.expose_secret().len() < SECRET_BYTES {
            return Err(Violation::new("secret", "The development issuer's secret must have at least 32 bytes.")
                .remedy("openssl rand -hex 32")
                .into());
        }
        Ok(Self(text))
    }

    /// The secret in the file at `path`, which is made with a new one, for its owner only, when it is absent.
    /// Processes that start at the same moment agree on one secret.
    ///
    /// # Errors
    /// `Violation` when others may read the file or it holds too little; `Internal` when it cannot be used.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        match read_private(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create(path).map_err(|error| about(path, &error))?;
                Self::new(read_private(path).map_err(|error| about(path, &error))?)
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(Violation::new("secret", format!("{} must be readable by its owner only.", path.display()))
                    .remedy(format!("chmod 600 {}", path.display()))
                    .into())
            }
            Err(error) => Err(about(path, &error)),
            Ok(text) => Self::new(text),
        }
    }
}

fn about(path: &Path, error: &io::Error) -> Error {
    Error::internal(format!("{}: {error}", path.display()))
}

fn read_private(path: &Path) -> io::Result<SecretString> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(ErrorKind::PermissionDenied.into());
    }
    Ok(io::read_to_string(file)?.trim().into())
}

/// Writes a new secret beside `path` and links it there, so that nobody ever reads half a secret and
/// whoever comes second keeps the first one's.
fn create(path: &Path) -> io::Result<()> {
    let mut secret = [0; SECRET_BYTES];
    let mut suffix = [0; 8];
    for buffer in [&mut secret[..], &mut suffix[..]] {
        rand::fill(buffer).map_err(io::Error::other)?;
    }
    let fresh = path.with_extension(hex::encode(suffix));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(hex::encode(secret).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

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
        let key = VerifyingKey::development(self.secret.0.expose_secret().as_bytes());
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
        let key = EncodingKey::from_secret(self.secret.0.expose_secret().as_bytes());
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
