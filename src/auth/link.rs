//! Links that are rights: whoever holds one may put, or get, exactly one file for a few minutes, without a
//! token of their own.
//!
//! A link's token is 33 bytes of grant (what, which file, until when, how many bytes) and the 32 bytes of
//! their HMAC-SHA-256, in base64 for URLs. It carries no secret and names nobody. It is compared in constant
//! time, and is never written to the log: requests are logged by their route, without a query.
//!
//! Deliberately absent: taking a link back. It lives for minutes, and a file is stored once.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::{
    auth::Secret,
    clock::Instant,
    error::{Error, Result},
    ids::FileId,
};

/// Longest life of a link to upload to.
///
/// # Source
/// House decision: long enough to begin a transfer by hand; a transfer that began in time may end later.
pub const PUT_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// Life of a link to download from.
pub const GET_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// Keeps these signatures apart from anything else that is signed with the same secret.
const CONTEXT: &[u8] = b"gangway file link v1\0";
const GRANT_BYTES: usize = 1 + 16 + 8 + 8;
const MAC_BYTES: usize = 32;

/// What a link allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// To send the file's bytes.
    Put,
    /// To read the file's bytes.
    Get,
}

impl Deed {
    const fn byte(self) -> u8 {
        match self {
            Self::Put => b'P',
            Self::Get => b'G',
        }
    }
}

/// What one link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What may be done.
    pub deed: Deed,
    /// With which file.
    pub file: FileId,
    /// Until when it may begin.
    pub expires_at: Instant,
    /// The file's size.
    pub byte_count: u64,
}

/// Makes links and tells whether one is ours.
#[derive(Clone, Debug)]
pub struct Links {
    base: String,
    key: hmac::Key,
}

impl Links {
    /// Links below `base`, the URL callers reach the API by, signed with `secret`.
    pub fn new(base: &str, secret: &Secret) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), key: hmac::Key::new(HMAC_SHA256, secret.bytes()) }
    }

    /// The link that gives `grant`.
    pub fn url(&self, grant: &Grant) -> String {
        format!("{}/files/{}?token={}", self.base, grant.file, self.token(grant))
    }

    /// The token of that link.
    pub fn token(&self, grant: &Grant) -> String {
        let mut token = written(grant).to_vec();
        token.extend_from_slice(self.sign(&token).as_ref());
        BASE64_URL_SAFE_NO_PAD.encode(token)
    }

    /// What `token` grants, when it is for this deed and file and `now` is not too late.
    ///
    /// # Errors
    /// `Forbidden` otherwise.
    pub fn verify(&self, token: &str, deed: Deed, file: FileId, now: Instant) -> Result<Grant> {
        let refused = || Error::Forbidden("This link is not valid for this file.");
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_malformed| refused())?;
        let (grant, mac) = token.split_at_checked(GRANT_BYTES).ok_or_else(refused)?;
        if mac.len() != MAC_BYTES || hmac::verify(&self.key, &[CONTEXT, grant].concat(), mac).is_err() {
            return Err(refused());
        }
        let grant = read(grant, deed).filter(|grant| grant.file == file).ok_or_else(refused)?;
        if now >= grant.expires_at {
            return Err(Error::Forbidden("This link has expired. Ask for a new one."));
        }
        Ok(grant)
    }

    fn sign(&self, grant: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, &[CONTEXT, grant].concat())
    }
}

fn written(grant: &Grant) -> [u8; GRANT_BYTES] {
    let mut bytes = [grant.deed.byte(); GRANT_BYTES];
    bytes[1..17].copy_from_slice(grant.file.uuid().as_bytes());
    bytes[17..25].copy_from_slice(&grant.expires_at.timestamp_millis().to_be_bytes());
    bytes[25..].copy_from_slice(&grant.byte_count.to_be_bytes());
    bytes
}

fn read(bytes: &[u8], deed: Deed) -> Option<Grant> {
    let (first, rest) = bytes.split_first()?;
    let (file, rest) = rest.split_first_chunk::<16>()?;
    let (millis, rest) = rest.split_first_chunk::<8>()?;
    let byte_count = u64::from_be_bytes(rest.try_into().ok()?);
    let expires_at = DateTime::from_timestamp_millis(i64::from_be_bytes(*millis))?;
    (*first == deed.byte()).then_some(Grant { deed, file: Uuid::from_bytes(*file).into(), expires_at, byte_count })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(secret: &str) -> Links {
        Links::new("https://gangway.example.test/", &Secret::new(secret.repeat(32).into()).unwrap())
    }

    fn grant() -> Grant {
        let expires_at = DateTime::from_timestamp_millis(1_795_608_000_123).unwrap();
        Grant { deed: Deed::Put, file: Uuid::from_u128(7).into(), expires_at, byte_count: 5_000_000_000 }
    }

    fn before() -> Instant {
        grant().expires_at - TimeDelta::milliseconds(1)
    }

    #[test]
    fn a_link_gives_back_what_it_grants() {
        let (links, grant) = (links("s"), grant());
        let url = links.url(&grant);
        let (address, token) = url.split_once("?token=").unwrap();
        assert_eq!(address, format!("https://gangway.example.test/files/{}", grant.file));
        assert_eq!(links.verify(token, Deed::Put, grant.file, before()).unwrap(), grant);
    }

    #[test]
    fn it_is_for_one_deed_one_file_one_secret_and_a_while() {
        let (ours, grant) = (links("s"), grant());
        let token = ours.token(&grant);
        let refused = |links: &Links, deed, file, now| {
            assert!(matches!(links.verify(&token, deed, file, now), Err(Error::Forbidden(_))));
        };
        refused(&ours, Deed::Get, grant.file, before());
        refused(&ours, Deed::Put, Uuid::from_u128(8).into(), before());
        refused(&ours, Deed::Put, grant.file, grant.expires_at);
        refused(&links("t"), Deed::Put, grant.file, before());
    }

    #[test]
    fn no_other_text_is_a_token() {
        let (ours, grant) = (links("s"), grant());
        let token = ours.token(&grant);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(ours.verify(&changed, Deed::Put, grant.file, before()).is_err(), "{at}");
        }
        for text in ["", "A", &token[1..], &token[..token.len() - 1], &format!("{token}A"), &"A".repeat(10_000), "é"] {
            assert!(ours.verify(text, Deed::Put, grant.file, before()).is_err(), "{text}");
        }
    }
}
