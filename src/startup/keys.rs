//! The key that signs the log and certificates, and the secret that signs links to files.

use std::fs;

use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    auth::{Links, Seal, Secret, kept},
    config::Config,
    domain::log::{Keys, Signer, note::VerifierKey},
    error::{Error, Result, Violation},
};

/// The file of the signing key in the data folder.
const KEY_FILE: &str = "signing-key.pem";
/// The file of the links' secret in the data folder.
const LINK_FILE: &str = "link.secret";
/// The file of the secret in the data folder that connectors' secrets are sealed with.
const SEAL_FILE: &str = "seal.secret";
/// What the log calls itself: the first line of every checkpoint.
const ORIGIN: &str = "gangway/log";

/// The key that the settings name, or the one of the data folder, which is made when it is absent.
pub(super) fn load(config: &Config) -> Result<Keys> {
    let pem = match &config.auth.signing_key {
        Some(path) => fs::read_to_string(path).map_err(|error| unreadable(&error))?,
        None => kept(&config.server.data.join(KEY_FILE), generate)?.expose_secret().to_owned(),
    };
    let signer = Signer::from_pem(ORIGIN, &pem).map_err(|error| unreadable(&error))?;
    Ok(Keys { signer, retired: retired(&config.auth.retired_keys)? })
}

/// What signs links to files: the secret of the settings, or the one of the data folder, which is made when it is
/// absent.
pub(super) fn links(config: &Config) -> Result<Links> {
    let secret = match &config.auth.link_secret {
        Some(secret) => Secret::new(secret.expose().into())?,
        None => Secret::load_or_create(&config.server.data.join(LINK_FILE))?,
    };
    Ok(Links::new(&config.public_url(), &secret))
}

/// What seals the secrets of connectors: made from the secret of the settings, or from the one of the data folder, which is
/// made when it is absent.
pub(super) fn seal(config: &Config) -> Result<Seal> {
    let secret = match &config.auth.seal_secret {
        Some(secret) => Secret::new(secret.expose().into())?,
        None => Secret::load_or_create(&config.server.data.join(SEAL_FILE))?,
    };
    Seal::new(&secret)
}

fn retired(list: &str) -> Result<Vec<VerifierKey>> {
    let read = |text: &str| {
        text.parse().map_err(|_misfit| {
            let violation = Violation::new("GANGWAY_RETIRED_KEYS", format!("`{text}` is no public key."));
            Error::from(violation.remedy("One looks like NAME+ID+KEY; `verifyCommand` of a certificate shows it."))
        })
    };
    list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(read).collect()
}

fn unreadable(error: &dyn std::error::Error) -> Error {
    let violation = Violation::new("GANGWAY_SIGNING_KEY", format!("The signing key cannot be read: {error}."));
    violation.remedy("Make one: `openssl genpkey -algorithm ED25519 -out signing-key.pem`.").into()
}

fn generate() -> Result<SecretString> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(Error::internal)?;
    let body = STANDARD.encode(document.as_ref());
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_signed_before_are_read_from_a_list() {
        let key = |seed| Signer::from_seed(ORIGIN, &[seed; 32]).unwrap().verifier().clone();
        let list = format!(" {}, {} ,", key(1), key(2));
        let ids: Vec<_> = retired(&list).unwrap().iter().map(VerifierKey::id).collect();
        assert_eq!(ids, [key(1).id(), key(2).id()]);
        assert!(retired("").unwrap().is_empty());
        assert!(matches!(retired("gangway/log+nonsense"), Err(Error::Violation(_))));
    }
}
