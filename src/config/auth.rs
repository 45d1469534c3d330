//! Settings about who may sign tokens.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::{Auth, Problem, Value};

/// Below this a secret can be guessed.
///
/// # Source
/// RFC 7518, section 3.2: a key for HS256 has at least 256 bits.
const SECRET_MIN_BYTES: usize = 32;

/// An algorithm a token may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA PKCS #1 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Where an issuer's public keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKeys {
    /// A JWKS document, fetched and kept.
    JwksUrl(Url),
    /// A file with one public key.
    Pem(PathBuf),
}

/// An issuer whose tokens count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// The `aud` its tokens must name.
    pub audience: String,
    /// Its public keys.
    pub keys: IssuerKeys,
    /// The algorithms its keys are used with; never taken from the token.
    pub algorithms: Vec<Algorithm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    audience: String,
    jwks_url: Option<Url>,
    pem: Option<PathBuf>,
    algorithms: Vec<Algorithm>,
}

impl TryFrom<Written> for Issuer {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { issuer, audience, jwks_url, pem, algorithms } = written;
        if issuer.is_empty() || audience.is_empty() {
            return Err("`issuer` and `audience` must not be empty".to_owned());
        }
        if algorithms.is_empty() {
            return Err(format!("`algorithms` of `{issuer}` must name one at least"));
        }
        let keys = match (jwks_url, pem) {
            (Some(url), None) if matches!(url.scheme(), "http" | "https") => IssuerKeys::JwksUrl(url),
            (None, Some(path)) => IssuerKeys::Pem(path),
            _ => return Err(format!("`{issuer}` needs either `jwks_url` (http or https) or `pem`")),
        };
        Ok(Self { issuer, audience, keys, algorithms })
    }
}

impl Value for Vec<Issuer> {
    const KIND: &'static str = "JSON list";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        let written: Vec<Written> =
            serde_json::from_str(text).map_err(|error| format!("is not a list of issuers: {error}"))?;
        written.into_iter().map(Issuer::try_from).collect()
    }
}

impl Auth {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        for (name, secret) in [
            ("GANGWAY_DEV_SECRET", &self.dev_secret),
            ("GANGWAY_LINK_SECRET", &self.link_secret),
            ("GANGWAY_SEAL_SECRET", &self.seal_secret),
        ] {
            if secret.as_ref().is_some_and(|secret| secret.expose().len() < SECRET_MIN_BYTES) {
                problems.push(Problem::new(name, format!("must have {SECRET_MIN_BYTES} bytes at least")));
            }
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            if self.issuers[..index].iter().any(|earlier| earlier.issuer == issuer.issuer) {
                problems.push(Problem::new("GANGWAY_JWT_ISSUERS", format!("`{}` stands there twice", issuer.issuer)));
            }
        }
    }
}
