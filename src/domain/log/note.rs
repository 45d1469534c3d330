//! Signed notes: a short text and the signatures below it.
//!
//! ```text
//! <text, one or more lines>
//!
//! — <key name> <base64 of 4 bytes of key id and the signature>
//! ```
//!
//! A key has a name and an id made of name and key, so a reader finds the signature it can check and
//! passes over the others.
//!
//! # Source
//! C2SP `signed-note`, version 1; signature type 0x01 (Ed25519).

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Marks an Ed25519 key, in a key id as in a printed key.
const ED25519_TYPE: u8 = 1;
const KEY_ID_LEN: usize = 4;
const SIGNATURE_LEN: usize = 64;
const SIGNATURE_START: &str = "\u{2014} ";
/// A note with more signatures is refused unread. Ours have one.
const MAX_SIGNATURES: usize = 100;
/// No note is longer: the certificate of a whole ledger of lines has some megabytes.
pub const MAX_NOTE_BYTES: usize = 16 << 20;

/// Why a text is no note, or a note that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text does not have the form of a note.
    #[error("the text is not a signed note")]
    Malformed,
    /// A signature that carries a known key's name and id was not made by it over this text.
    #[error("a signature does not hold")]
    Signature,
    /// No signature is of a known key.
    #[error("no signature is of a known key")]
    UnknownKey,
    /// The key's name is empty or has a space or a plus in it, or the key itself cannot be.
    #[error("the key cannot sign notes")]
    Key,
}

/// What a reader needs to check a signature. Printed: `name+id+key`, the id in hexadecimal, the key in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; KEY_ID_LEN],
    public: [u8; 32],
}

impl VerifierKey {
    /// The Ed25519 key `public` under `name`.
    ///
    /// # Errors
    /// `Key` when the name cannot stand in a note.
    pub fn new(name: impl Into<String>, public: [u8; 32]) -> Result<Self, NoteError> {
        let name = name.into();
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(NoteError::Key);
        }
        let id = key_id(&name, &public);
        Ok(Self { name, id, public })
    }

    /// How the key is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of a hash of name and key, in hexadecimal.
    pub fn id(&self) -> String {
        hex::encode(self.id)
    }

    fn check(&self, text: &str, signature: &[u8]) -> Result<(), NoteError> {
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(text.as_bytes(), signature)
            .ok()
            .ok_or(NoteError::Signature)
    }
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; KEY_ID_LEN] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519_TYPE]).chain_update(public).finalize();
    let mut id = [0; KEY_ID_LEN];
    id.copy_from_slice(&hash[..KEY_ID_LEN]);
    id
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_TYPE], self.public.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.id(), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let key = STANDARD.decode(key).ok().ok_or(NoteError::Key)?;
        let (&[ED25519_TYPE], public) = key.split_at_checked(1).ok_or(NoteError::Key)? else {
            return Err(NoteError::Key);
        };
        let key = Self::new(name, public.try_into().ok().ok_or(NoteError::Key)?)?;
        if key.id() == id { Ok(key) } else { Err(NoteError::Key) }
    }
}

/// A key that signs notes.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl Signer {
    /// The key that the 32 secret bytes `seed` make, under `name`.
    ///
    /// # Errors
    /// `Key` when the name cannot stand in a note.
    pub fn from_seed(name: impl Into<String>, seed: &[u8; 32]) -> Result<Self, NoteError> {
        Self::new(name, Ed25519KeyPair::from_seed_unchecked(seed).ok().ok_or(NoteError::Key)?)
    }

    /// The key in an unencrypted PKCS #8 document, as `openssl genpkey -algorithm ED25519` writes it in
    /// DER form, under `name`.
    ///
    /// # Errors
    /// `Key` when the document holds no Ed25519 key or the name cannot stand in a note.
    pub fn from_pkcs8(name: impl Into<String>, document: &[u8]) -> Result<Self, NoteError> {
        Self::new(name, Ed25519KeyPair::from_pkcs8(document).ok().ok_or(NoteError::Key)?)
    }

    /// The key in an unencrypted PKCS #8 document in PEM form, as `openssl genpkey -algorithm ED25519` writes it,
    /// under `name`.
    ///
    /// # Errors
    /// As [`Signer::from_pkcs8`].
    pub fn from_pem(name: impl Into<String>, text: &str) -> Result<Self, NoteError> {
        let body: String = text
            .trim()
            .strip_prefix("-----BEGIN PRIVATE KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
            .ok_or(NoteError::Key)?
            .split_ascii_whitespace()
            .collect();
        Self::from_pkcs8(name, &STANDARD.decode(body).ok().ok_or(NoteError::Key)?)
    }

    fn new(name: impl Into<String>, pair: Ed25519KeyPair) -> Result<Self, NoteError> {
        let public = pair.public_key().as_ref().try_into().ok().ok_or(NoteError::Key)?;
        Ok(Self { verifier: VerifierKey::new(name, public)?, pair })
    }

    /// What readers need to check its signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// `text` with the signature below it.
    ///
    /// # Errors
    /// `Malformed` when `text` cannot stand in a note: it ends with a line end and has no other control
    /// characters.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        // What nobody would open is not signed.
        if !is_note_text(text) || text.len() > MAX_NOTE_BYTES / 2 {
            return Err(NoteError::Malformed);
        }
        let signature = self.pair.try_sign(text.as_bytes()).ok().ok_or(NoteError::Key)?;
        let stamped = [self.verifier.id.as_slice(), signature.as_ref()].concat();
        Ok(format!("{text}\n{SIGNATURE_START}{} {}\n", self.verifier.name, STANDARD.encode(stamped)))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

/// The key that signs now, and those that signed before it.
#[derive(Debug)]
pub struct Keys {
    /// Signs now.
    pub signer: Signer,
    /// Signed what is not younger than their retirement; still good for checking.
    pub retired: Vec<VerifierKey>,
}

impl Keys {
    /// Every key whose signature counts.
    pub fn verifiers(&self) -> Vec<VerifierKey> {
        std::iter::once(self.signer.verifier()).chain(&self.retired).cloned().collect()
    }
}

fn is_note_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c.is_control() && c != '\n')
}

/// The text of `note`, whoever signed it. Only for what is checked otherwise.
pub fn text_of(note: &str) -> Option<&str> {
    // The signatures stand below the last empty line.
    let end = note.rfind("\n\n")? + 1;
    Some(&note[..end])
}

/// The text of `note`, once at least one signature of `keys` holds and none of theirs fails.
///
/// # Errors
/// `Malformed`, `Signature` or `UnknownKey`.
pub fn open<'n>(note: &'n str, keys: &[VerifierKey]) -> Result<&'n str, NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Malformed);
    }
    let text = text_of(note).ok_or(NoteError::Malformed)?;
    let signatures = &note[text.len() + 1..];
    if !is_note_text(text) || !signatures.ends_with('\n') || signatures.lines().count() > MAX_SIGNATURES {
        return Err(NoteError::Malformed);
    }
    let mut is_signed = false;
    for line in signatures.lines() {
        let (name, stamped) = parse_signature(line)?;
        let (id, signature) = stamped.split_at(KEY_ID_LEN);
        let Some(key) = keys.iter().find(|key| key.name == name && key.id == id) else { continue };
        if signature.len() != SIGNATURE_LEN {
            return Err(NoteError::Signature);
        }
        key.check(text, signature)?;
        is_signed = true;
    }
    if is_signed { Ok(text) } else { Err(NoteError::UnknownKey) }
}

fn parse_signature(line: &str) -> Result<(&str, Vec<u8>), NoteError> {
    let (name, stamped) =
        line.strip_prefix(SIGNATURE_START).and_then(|rest| rest.split_once(' ')).ok_or(NoteError::Malformed)?;
    let stamped = STANDARD.decode(stamped).ok().ok_or(NoteError::Malformed)?;
    if name.is_empty() || stamped.len() <= KEY_ID_LEN {
        return Err(NoteError::Malformed);
    }
    Ok((name, stamped))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the Go checksum database's `note` package, which the specification was drawn from.
    const NAME: &str = "PeterNeumann";
    const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn verifier() -> VerifierKey {
        VERIFIER.parse().unwrap()
    }

    #[test]
    fn the_reference_note_opens() {
        assert_eq!(open(NOTE, &[verifier()]), Ok(TEXT));
        assert_eq!(verifier().to_string(), VERIFIER);
        assert_eq!(verifier().id(), "c74f20a3");
    }

    #[test]
    fn signing_gives_the_reference_note() {
        // The reference prints the secret key as its type byte and the seed.
        let secret = STANDARD.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
        let signer = Signer::from_seed(NAME, secret[1..].try_into().unwrap()).unwrap();
        assert_eq!(signer.verifier(), &verifier());
        assert_eq!(signer.sign(TEXT).unwrap(), NOTE);
    }

    #[test]
    fn a_changed_note_is_refused() {
        assert_eq!(open(&NOTE.replace("answer", "Answer"), &[verifier()]), Err(NoteError::Signature));
        assert_eq!(open(&NOTE.replace("x08go/ZJ", "x08go/Zj"), &[verifier()]), Err(NoteError::Signature));
        assert_eq!(open(&NOTE.replace("x08go/ZJ", "y08go/ZJ"), &[verifier()]), Err(NoteError::UnknownKey));
        assert_eq!(open(&NOTE.replace("\u{2014} Peter", "\u{2014} Paul"), &[verifier()]), Err(NoteError::UnknownKey));
        assert_eq!(open(NOTE, &[]), Err(NoteError::UnknownKey));
    }

    #[test]
    fn a_strangers_signature_beside_ours_is_passed_over_but_ours_must_hold() {
        let stranger = Signer::from_seed("stranger", &[7; 32]).unwrap();
        let line = stranger.sign(TEXT).unwrap()[TEXT.len() + 1..].to_owned();
        assert_eq!(open(&format!("{NOTE}{line}"), &[verifier()]), Ok(TEXT));
        let broken = line.replace("stranger ", "stranger A");
        assert_eq!(open(&format!("{NOTE}{broken}"), &[verifier()]), Err(NoteError::Malformed));
        let ours = NOTE[TEXT.len() + 1..].replace("/ZJ", "/Zj");
        assert_eq!(open(&format!("{NOTE}{ours}"), &[verifier()]), Err(NoteError::Signature));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let end = &NOTE[TEXT.len() + 1..];
        for note in [
            String::new(),
            "\n".to_owned(),
            "\n\n".to_owned(),
            TEXT.to_owned(),
            format!("{TEXT}\n"),
            format!("{TEXT}\n{}", end.trim_end()),
            format!("{TEXT}\n{}", end.replace('\u{2014}', "-")),
            format!("a\tb\n\n{end}"),
            format!("a\r\n\n{end}"),
            format!("{TEXT}\n{}", end.repeat(MAX_SIGNATURES + 1)),
        ] {
            assert!(
                matches!(open(&note, &[verifier()]), Err(NoteError::Malformed | NoteError::UnknownKey)),
                "{note:?}"
            );
        }
    }

    #[test]
    fn keys_that_cannot_sign_are_refused() {
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\n"] {
            assert_eq!(Signer::from_seed(name, &[1; 32]).unwrap_err(), NoteError::Key, "{name:?}");
        }
        for key in ["", "a+b", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "a+00000000+AA=="]
        {
            assert_eq!(key.parse::<VerifierKey>(), Err(NoteError::Key), "{key}");
        }
        assert_eq!(Signer::from_pkcs8("a", b"none").unwrap_err(), NoteError::Key);
    }

    #[test]
    fn a_pem_document_of_openssl_signs() {
        // The key of RFC 8410, section 10.3.
        let pem = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let signer = Signer::from_pem("log.example", pem).unwrap();
        let public = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
        assert_eq!(STANDARD.encode(signer.verifier().public), public);
        for text in ["", "-----BEGIN PRIVATE KEY-----", &pem.replace("PRIVATE", "PUBLIC"), &pem.replace("MC4C", "MC4D")]
        {
            assert_eq!(Signer::from_pem("log.example", text).unwrap_err(), NoteError::Key);
        }
    }

    #[test]
    fn a_pkcs8_document_signs() {
        let document = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
        let signer = Signer::from_pkcs8("log.example", document.as_ref()).unwrap();
        assert_eq!(open(&signer.sign("x\n").unwrap(), &[signer.verifier().clone()]), Ok("x\n"));
        assert_eq!(signer.sign("x"), Err(NoteError::Malformed));
    }
}
