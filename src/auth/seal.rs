//! [`Seal`]: keeps what this installation speaks to outside systems with, so that whoever reads the database learns nothing.
//!
//! A sealed secret is one byte of version, a random nonce of 12 bytes, and the secret under AES-256-GCM. What it belongs to
//! is authenticated with it: a sealed secret that is copied to another row does not open there.
//!
//! Deliberately absent: changing the key. Whoever changes it enters the connectors' secrets anew.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac::{self, HMAC_SHA256},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    auth::Secret,
    error::{Error, Result},
};

/// Keeps this key apart from anything else that is made from the same secret.
const CONTEXT: &[u8] = b"gangway connector seal v1";
/// How a sealed secret begins.
const VERSION: u8 = 1;

/// Seals and opens.
pub struct Seal(RandomizedNonceKey);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// A seal whose key is made from `secret`.
    ///
    /// # Errors
    /// `Internal` when the library refuses, which it does not.
    pub fn new(secret: &Secret) -> Result<Self> {
        let key = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret.bytes()), CONTEXT);
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map(Self).map_err(Error::internal)
    }

    /// `secret`, sealed for what `owner` names.
    ///
    /// # Errors
    /// `Internal` when the library refuses, which it does not.
    pub fn close(&self, owner: &str, secret: &SecretString) -> Result<Vec<u8>> {
        let mut text = secret.expose_secret().as_bytes().to_vec();
        let aad = Aad::from(owner.as_bytes());
        let nonce = self.0.seal_in_place_append_tag(aad, &mut text).map_err(Error::internal)?;
        Ok([&[VERSION], nonce.as_ref().as_slice(), &text].concat())
    }

    /// What was sealed for `owner`.
    ///
    /// # Errors
    /// `Internal` when it was sealed with another key or for something else.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<SecretString> {
        let unreadable = || Error::internal(format!("the secret of {owner} was sealed with another key"));
        let rest = sealed.strip_prefix(&[VERSION]).ok_or_else(unreadable)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(unreadable)?;
        let (nonce, mut text) = (Nonce::assume_unique_for_key(*nonce), text.to_vec());
        let aad = Aad::from(owner.as_bytes());
        let opened = self.0.open_in_place(nonce, aad, &mut text).map_err(|_unspecified| unreadable())?;
        Ok(std::str::from_utf8(opened).map_err(|_misfit| unreadable())?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(text: &str) -> Seal {
        Seal::new(&Secret::new(text.repeat(32).into()).unwrap()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_and_key_alone() {
        let (one, other) = (seal("a"), seal("b"));
        let sealed = one.close("cnn_1", &"opensesame".into()).unwrap();
        assert_eq!(one.open("cnn_1", &sealed).unwrap().expose_secret(), "opensesame");
        assert!(one.open("cnn_2", &sealed).is_err() && other.open("cnn_1", &sealed).is_err());
        assert!(!sealed.windows(4).any(|part| part == b"open"));
        assert_ne!(sealed, one.close("cnn_1", &"opensesame".into()).unwrap());
        for index in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[index] ^= 1;
            assert!(one.open("cnn_1", &forged).is_err(), "{index}");
        }
        for length in 0..sealed.len() {
            assert!(one.open("cnn_1", &sealed[..length]).is_err(), "{length}");
        }
    }
}
