//! The key that signs the log and certificates.

use std::fs;

use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    config::Config,
    domain::log::{Keys, Signer},
    error::{Error, Result, Violation},
};

/// The file of the signing key in the data folder.
const KEY_FILE: &str = "signing-key.pem";
/// What the log calls itself: the first line of every checkpoint.
const ORIGIN: &str = "gangway/log";

/// The key that the settings name, or the one of the data folder, which is made when it is absent.
pub(super) fn load(config: &Config) -> Result<Keys> {
    let pem = match &config.auth.signing_key {
        Some(path) => fs::read_to_string(path).map_err(|error| unreadable(&error))?,
        None => super::kept(&config.server.data.join(KEY_FILE), generate)?,
    };
    let signer = Signer::from_pem(ORIGIN, &pem).map_err(|error| unreadable(&error))?;
    Ok(Keys { signer, retired: Vec::new() })
}

fn unreadable(error: &dyn std::error::Error) -> Error {
    let violation = Violation::new("GANGWAY_SIGNING_KEY", format!("The signing key cannot be read: {error}."));
    violation.remedy("Make one: `openssl genpkey -algorithm ED25519 -out signing-key.pem`.").into()
}

fn generate() -> Result<String> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(Error::internal)?;
    let body = STANDARD.encode(document.as_ref());
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}
