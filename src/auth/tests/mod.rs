//! The tests of `auth` that need keys, and the keys: made anew in every run, none is committed.

mod api_key;
mod authenticator;
mod development;
mod forgery;
mod jwks;
mod keys;

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{EncodingKey, jwk::Jwk};
use serde_json::{Value, json};

use super::{
    Issuer, TokenVerifier,
    claims::Identity,
    keys::{Algorithm, VerifyingKey},
};
use crate::{
    clock::{Instant, Manual},
    error::{Error, Result},
};

const ISSUER: &str = "https://login.example.test";
const AUDIENCE: &str = "gangway-test";

fn noon() -> Instant {
    DateTime::from_timestamp(1_795_608_000, 0).unwrap()
}

/// A key pair as an issuer has it.
struct Signer {
    algorithm: jsonwebtoken::Algorithm,
    private: EncodingKey,
    public_pem: String,
}

impl Signer {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                let public = pair.public_key().as_der().unwrap();
                let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
                Self::of(jsonwebtoken::Algorithm::ES256, private, public.as_ref())
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let public = pair.public_key().as_der().unwrap();
                let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                let private = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).unwrap();
                Self::of(jsonwebtoken::Algorithm::RS256, private, public.as_ref())
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().unwrap();
                let public = pair.public_key().as_der().unwrap();
                let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
                Self::of(jsonwebtoken::Algorithm::EdDSA, private, public.as_ref())
            }
        }
    }

    fn of(algorithm: jsonwebtoken::Algorithm, private: EncodingKey, public: &[u8]) -> Self {
        Self { algorithm, private, public_pem: pem("PUBLIC KEY", public) }
    }

    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": self.algorithm })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }

    fn token_of(&self, kid: &str) -> String {
        let mut header = self.header();
        header["kid"] = kid.into();
        self.sign(&header, &claims())
    }

    fn jwk(&self, kid: &str) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.private, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = kid.into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// A verifier that knows this key, and the time.
    fn verifier(&self, algorithm: Algorithm) -> TokenVerifier {
        let key = VerifyingKey::from_pem(None, &[algorithm], &self.public_pem).unwrap();
        verifier(Issuer::with_keys(ISSUER, AUDIENCE, vec![key]).unwrap())
    }
}

fn verifier(issuer: Issuer) -> TokenVerifier {
    TokenVerifier::new(vec![issuer], Arc::new(Manual::at(noon()))).unwrap()
}

fn encode(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The claims of a good token.
fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "name": "Ada Byron",
        "email": "ada@example.test",
        "roles": ["TECHNICIAN"],
        "iat": noon().timestamp(),
        "exp": (noon() + TimeDelta::hours(1)).timestamp(),
    })
}

/// The claims of a good token with one of them changed, or left out when `value` is null.
fn claims_with(name: &str, value: &Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
        value => claims[name] = value.clone(),
    }
    claims
}

/// Why `result` is a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Unauthenticated(reason)) => reason,
        other => format!("not refused: {other:?}").leak(),
    }
}

async fn accepted(verifier: &TokenVerifier, token: &str) -> Identity {
    verifier.verify(token).await.unwrap()
}
