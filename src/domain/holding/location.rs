//! Where data and secrets lie: addresses that name a place and carry nothing else.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{details::refuse_secret, secret::is_marked_secret};
use crate::domain::{Invalid, text::Line};

/// A place in one of the configured stores: `STORE://PATH`, as in `archive://acme/mail`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreUri {
    store: String,
    path: String,
}

/// The longest address of a place, in bytes.
///
/// # Source
/// The key of an object in S3 has at most 1,024 bytes.
const STORE_URI_MAX_BYTES: usize = 1_024;

impl StoreUri {
    /// The name of the store in the configuration.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// The place within the store: relative, with `/` between its parts, never empty, never leaving the store.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for StoreUri {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |message: &str| {
            Invalid::new(message).remedy("Give the name of a configured store and a path in it: `archive://acme/mail`.")
        };
        let (store, path) =
            text.split_once("://").ok_or_else(|| invalid("This is not a place in a store: `://` is missing."))?;
        let is_named = (1..=63).contains(&store.len())
            && store.starts_with(|c: char| c.is_ascii_lowercase())
            && store.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_named {
            return Err(invalid("The name of a store is lower-case letters, digits and hyphens."));
        }
        if text.len() > STORE_URI_MAX_BYTES {
            return Err(invalid("This place has more than 1,024 bytes."));
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() <= 255;
        if !path.split('/').all(is_part) {
            return Err(invalid("A path in a store has no empty part, no `.` and no `..`."));
        }
        if path.chars().any(|c| c.is_control() || c == '\\') {
            return Err(invalid("A path in a store has no control characters and no backslash."));
        }
        Ok(Self { store: store.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for StoreUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.store, self.path)
    }
}

/// Where a secret lies: the address of an entry in a vault. It carries no password and no query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VaultUri(String);

impl VaultUri {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VaultUri {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new("This is not the address of a vault's entry.")
                .remedy("Give one like `vault://msp/acme/admin`.")
        };
        let text = Line::<1, 500>::parse(text)?.into_string();
        if let Some(sign) = is_marked_secret(&text) {
            return Err(refuse_secret(sign));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
        let is_plain = !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || "?#@".contains(c));
        if is_scheme && is_plain { Ok(Self(text)) } else { Err(invalid()) }
    }
}

impl fmt::Display for VaultUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

as_text!(StoreUri, VaultUri);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_never_leaves_its_store() {
        for good in ["archive://acme", "archive://acme/mail box/2026", "s3-eu://acme/ü", "a://b/..c", "a://b/"] {
            assert!(good.parse::<StoreUri>().is_ok(), "{good}");
        }
        let uri: StoreUri = "archive://acme/mail/".parse().unwrap();
        assert_eq!(
            (uri.store(), uri.path(), uri.to_string().as_str()),
            ("archive", "acme/mail", "archive://acme/mail")
        );
        let long = format!("archive://{}", "a/".repeat(600));
        let bad = [
            "",
            "acme",
            "://acme",
            "archive://",
            "archive:///etc",
            "archive://../etc",
            "archive://acme/../other",
            "archive://acme//mail",
            "archive://./acme",
            "archive://acme/\u{0}",
            "archive://acme\\mail",
            "Archive://acme",
            "9a://b",
            "ar chive://acme",
            &long,
        ];
        for text in bad {
            assert!(text.parse::<StoreUri>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_address_of_a_secret_carries_none() {
        for uri in ["vault://user:hunter2@msp/acme", "vault://msp/acme?token=abcdefgh", "hunter2", "vault://"] {
            assert!(uri.parse::<VaultUri>().is_err(), "{uri}");
        }
        assert!("vault://msp/acme/admin".parse::<VaultUri>().is_ok());
    }
}
