//! The public keys of an issuer: read from PEM, or from one entry of a JSON Web Key set.
//!
//! A key knows the **one** algorithm it verifies with. It is fixed where the key is configured (or follows from the
//! key's own type within the issuer's pinned algorithms), never by a token, so a public key cannot be
//! turned into an HMAC secret and a weaker scheme cannot be asked for. A key that is malformed, too
//! short or private is refused when it is read, not when the first token comes.
//!
//! # Source
//! RFC 8725 sections 3.1 and 3.2 (algorithm verification); RFC 7517 and 7518 (JWK); RFC 8037 (Ed25519).

use std::{fmt, ops::RangeInclusive};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::PublicEncryptingKey,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, jwk::Jwk};
use serde_json::Value;

use crate::{
    domain::words,
    error::{Result, Violation},
};

/// The lengths of an RSA modulus that are accepted, in bits.
///
/// # Source
/// RFC 7518 section 3.3 (at least 2048); the upper end is what the verifying library takes.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

words! {
    /// How an issuer signs.
    Algorithm {
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// RSA PKCS #1 v1.5 with SHA-256, keys of 2048 to 8192 bits.
        Rs256 = "RS256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

impl Algorithm {
    fn jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::EdDsa => &signature::ED25519,
        }
    }
}

/// A key that verifies tokens of one issuer with one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<String>,
    algorithm: jsonwebtoken::Algorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// Reads a `-----BEGIN PUBLIC KEY-----` block. Which of the `pinned` algorithms it is for follows from the key; `kid`
    /// is what tokens call it, when they do.
    ///
    /// # Errors
    /// `Violation` when the text is not a public key for one of the algorithms.
    pub fn from_pem(kid: Option<&str>, pinned: &[Algorithm], pem: &str) -> Result<Self> {
        if pem.contains("PRIVATE KEY") {
            return Err(Violation::new("key", "This is a private key; only the issuer may hold it.")
                .remedy("Configure the public half: openssl pkey -in KEY -pubout")
                .into());
        }
        let is_public = pem.contains("-----BEGIN PUBLIC KEY-----");
        let read = |&algorithm: &Algorithm| {
            let key = match algorithm {
                Algorithm::Es256 => DecodingKey::from_ec_pem(pem.as_bytes()),
                Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
                Algorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
            };
            let key = key.ok().filter(|key| is_sound(algorithm, key))?;
            Some(Self { kid: kid.map(str::to_owned), algorithm: algorithm.jwt(), key })
        };
        pinned.iter().filter(|_| is_public).find_map(read).ok_or_else(|| {
            let words: Vec<_> = pinned.iter().map(|algorithm| algorithm.as_str()).collect();
            Violation::new("key", format!("This is not a public key for {} in PEM form.", words.join(" or ")))
                .remedy("Give a block that starts with -----BEGIN PUBLIC KEY-----")
                .into()
        })
    }

    /// Reads one entry of a JWK set, or `None` when it is not a signature key of one of the `pinned` algorithms.
    pub(in crate::auth) fn from_jwk(entry: &Value, pinned: &[Algorithm]) -> Option<Self> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let algorithm = match (text("kty")?, text("crv")) {
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            ("RSA", None) => Algorithm::Rs256,
            _ => return None,
        };
        let says_otherwise = text("alg")
            .is_some_and(|alg| alg != algorithm.as_str() && !(alg == "Ed25519" && algorithm == Algorithm::EdDsa));
        if says_otherwise || text("use").is_some_and(|usage| usage != "sig") || !pinned.contains(&algorithm) {
            return None;
        }
        // The members that were judged above, and nothing else: a word the library does not know must not lose a key.
        let members = ["kty", "crv", "n", "e", "x", "y"];
        let bare: serde_json::Map<_, _> =
            members.iter().filter_map(|&name| Some((name.to_owned(), entry.get(name)?.clone()))).collect();
        let jwk: Jwk = serde_json::from_value(Value::Object(bare)).ok()?;
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let sound = match algorithm {
            Algorithm::Rs256 => is_sound_rsa(text("n")?),
            Algorithm::Es256 | Algorithm::EdDsa => is_sound(algorithm, &key),
        };
        sound.then(|| Self { kid: text("kid").map(str::to_owned), algorithm: algorithm.jwt(), key })
    }

    /// The shared secret of the development issuer, which is the only place for one.
    pub(in crate::auth) fn development(secret: &[u8]) -> Self {
        Self { kid: None, algorithm: jsonwebtoken::Algorithm::HS256, key: DecodingKey::from_secret(secret) }
    }

    pub(in crate::auth) fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.algorithm
    }

    pub(in crate::auth) fn decoding(&self) -> &DecodingKey {
        &self.key
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?}, kid {:?})", self.algorithm, self.kid)
    }
}

/// The key that a token names, or the only one there is when it names none. A name is compared, never
/// looked up anywhere else: it is the sender's text.
pub(in crate::auth) fn pick<'a>(keys: &'a [VerifyingKey], kid: Option<&str>) -> Option<&'a VerifyingKey> {
    match (kid, keys) {
        (None, [only]) => Some(only),
        (Some(_), [only]) if only.kid.is_none() => Some(only),
        (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid)),
        (None, _) => None,
    }
}

/// Whether the key is of the algorithm's kind: a point on the curve, 32 bytes, a modulus of the right length.
fn is_sound(algorithm: Algorithm, key: &DecodingKey) -> bool {
    let parsed =
        key.try_get_as_bytes().ok().and_then(|bytes| ParsedPublicKey::new(algorithm.verification(), bytes).ok());
    match algorithm {
        Algorithm::Es256 | Algorithm::EdDsa => parsed.is_some(),
        // Parsing leaves the length to the first signature; a short key should be refused when it is configured.
        Algorithm::Rs256 => parsed
            .and_then(|key| AsDer::<PublicKeyX509Der<'_>>::as_der(&key).ok())
            .and_then(|der| PublicEncryptingKey::from_der(der.as_ref()).ok())
            .is_some_and(|key| RSA_BITS.contains(&key.key_size_bits())),
    }
}

fn is_sound_rsa(modulus: &str) -> bool {
    URL_SAFE_NO_PAD.decode(modulus).is_ok_and(|bytes| {
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        RSA_BITS.contains(&((bytes.len() - zeros) * 8))
    })
}
