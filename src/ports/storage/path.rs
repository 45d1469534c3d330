//! Where something lies in a store: bytes, because neither a Unix file name nor the truth is always text.
//!
//! **The text form** is used in inventories, the database and answers: the bytes as UTF-8, with
//! `%XX` (upper-case hex) for `%` itself, for control characters and for bytes that are not part of valid
//! UTF-8. It is reversible and holds one line. The manifest of a bag has a form of its own
//! ([`ObjectPath::to_manifest_text`]).

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// A path below a store's root: components joined by `/`, no leading slash; empty for the root itself.
///
/// The type says nothing about being *safe*: each adapter refuses what cannot exist in its store.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectPath(Vec<u8>);

/// A text that is not the text form of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a percent sign is not followed by two hex digits")]
pub struct BadPathText;

impl ObjectPath {
    /// The root of a store.
    pub const ROOT: Self = Self(Vec::new());

    /// The path with exactly these bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`BadPathText`] when a `%` is not followed by two hex digits.
    pub fn from_text(text: &str) -> Result<Self, BadPathText> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
            bytes.extend_from_slice(&rest[..at]);
            let code = rest.get(at + 1..at + 3).ok_or(BadPathText)?;
            let mut byte = [0];
            hex::decode_to_slice(code, &mut byte).map_err(|_odd| BadPathText)?;
            bytes.push(byte[0]);
            rest = &rest[at + 3..];
        }
        bytes.extend_from_slice(rest);
        Ok(Self(bytes))
    }

    /// The text form.
    pub fn to_text(&self) -> Cow<'_, str> {
        encode(&self.0, |character| character == '%' || character.is_control())
    }

    /// The path as the manifest of a bag has it: as UTF-8, with `%XX` for CR, LF and `%`, and for bytes that are not part
    /// of valid UTF-8, which such a manifest cannot hold. [`from_text`](Self::from_text) reads this as well.
    ///
    /// # Source
    /// RFC 8493, section 2.1.3: these three characters and only those.
    pub fn to_manifest_text(&self) -> Cow<'_, str> {
        encode(&self.0, |character| matches!(character, '%' | '\r' | '\n'))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as text, when they are valid UTF-8.
    pub fn as_utf8(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// This path with `name` below it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() && !name.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// What follows `folder` and its slash, or nothing when the path does not lie below it.
    pub fn below(&self, folder: &Self) -> Option<&[u8]> {
        if folder.is_root() {
            return Some(&self.0);
        }
        self.0.strip_prefix(folder.0.as_slice())?.strip_prefix(b"/")
    }

    /// Whether one of the two is, or lies below, the other.
    pub fn meets(&self, other: &Self) -> bool {
        self == other || self.below(other).is_some() || other.below(self).is_some()
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// Everything before the last component.
    #[must_use]
    pub fn parent(&self) -> Self {
        let cut = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Self(self.0[..cut].to_vec())
    }
}

/// Bytes as text, in which what `is_encoded`, and what is no text, stands as `%XX`.
fn encode(bytes: &[u8], is_encoded: fn(char) -> bool) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_encoded) => Cow::Borrowed(text),
        _ => Cow::Owned(encode_slowly(bytes, is_encoded)),
    }
}

fn encode_slowly(bytes: &[u8], is_encoded: fn(char) -> bool) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() + 16);
    let escape = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a string cannot fail.
            write!(text, "%{byte:02X}").unwrap_or_default();
        }
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_encoded(character) {
                escape(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

impl From<&str> for ObjectPath {
    /// The path with the bytes of `text`, which is **not** decoded.
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { "" })?;
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_text())
    }
}

impl Serialize for ObjectPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for ObjectPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_text(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_form_shows_what_a_terminal_would_hide() {
        let cases: [(&[u8], &str); 6] = [
            (b"plain name.txt", "plain name.txt"),
            (b"100%.txt", "100%25.txt"),
            (b"two\nlines\r", "two%0Alines%0D"),
            (b"caf\xE9", "caf%E9"),
            ("café".as_bytes(), "café"),
            (b"\x7f\x1b[31m", "%7F%1B[31m"),
        ];
        for (bytes, text) in cases {
            assert_eq!(ObjectPath::from_bytes(bytes).to_text(), text);
            assert_eq!(ObjectPath::from_text(text).unwrap().as_bytes(), bytes);
        }
    }

    #[test]
    fn a_manifest_encodes_line_breaks_and_percent_signs_and_only_those() {
        let cases: [(&[u8], &str); 5] = [
            (b"100%.txt", "100%25.txt"),
            (b"two\nlines\r", "two%0Alines%0D"),
            (b"a\ttab, \x0b, \x1b and \x7f", "a\ttab, \x0b, \x1b and \x7f"),
            ("caf\u{e9}\u{85}\u{2028}".as_bytes(), "caf\u{e9}\u{85}\u{2028}"),
            (b"caf\xE9\t", "caf%E9\t"),
        ];
        for (bytes, text) in cases {
            assert_eq!(ObjectPath::from_bytes(bytes).to_manifest_text(), text);
            assert_eq!(ObjectPath::from_text(text).unwrap().as_bytes(), bytes);
        }
    }

    #[test]
    fn a_stray_percent_sign_is_no_text_form() {
        for text in ["%", "a%2", "%zz", "%é"] {
            assert_eq!(ObjectPath::from_text(text), Err(BadPathText), "{text}");
        }
    }

    #[test]
    fn below_stops_at_whole_components() {
        let path = ObjectPath::from("photos/2024/a.jpg");
        assert_eq!(path.below(&"photos".into()), Some(&b"2024/a.jpg"[..]));
        assert_eq!(path.below(&"photo".into()), None);
        assert_eq!(path.below(&ObjectPath::ROOT), Some(&b"photos/2024/a.jpg"[..]));
        assert_eq!(path.parent(), "photos/2024".into());
        assert_eq!(path.file_name(), b"a.jpg");
        assert_eq!(ObjectPath::from("a").parent(), ObjectPath::ROOT);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_from_their_text(bytes: Vec<u8>) {
            let path = ObjectPath::from_bytes(bytes.clone());
            let text = path.to_text().into_owned();
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert_eq!(ObjectPath::from_text(&text).unwrap(), path);
        }
    }
}
