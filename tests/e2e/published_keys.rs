//! An issuer that publishes its keys over HTTP and changes them: with a real server on this machine.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use chrono::{TimeDelta, TimeZone, Utc};
use gangway::{
    adapters::jwks::JwksClient,
    auth::{Issuer, TokenVerifier, jwks::Jwks, keys::Algorithm},
    clock::Manual,
    error::Error,
};
use jsonwebtoken::{EncodingKey, Header, jwk::Jwk};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const ISSUER: &str = "https://login.example.test";

/// Serves the next of `answers` to each request, and the last one for ever.
async fn serve(answers: Vec<String>) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let (count, mut answers) = (Arc::new(Mutex::new(0)), VecDeque::from(answers));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            *counted.lock().unwrap() += 1;
            let mut request = [0; 2048];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer.unwrap().as_bytes()).await.unwrap();
            stream.shutdown().await.ok();
        }
    });
    (url, count)
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

struct Signer {
    kid: &'static str,
    key: EncodingKey,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        Self { kid, key: EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()) }
    }

    fn token(&self, clock: &Manual) -> String {
        use gangway::clock::Clock as _;
        let now = clock.now().timestamp();
        let claims =
            json!({ "iss": ISSUER, "aud": "gangway", "sub": "ada", "roles": ["SALES"], "iat": now, "exp": now + 600 });
        let mut header = Header::new(jsonwebtoken::Algorithm::EdDSA);
        (header.typ, header.kid) = (Some("at+jwt".into()), Some(self.kid.into()));
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

fn set(signers: &[&Signer]) -> String {
    let keys = signers.iter().map(|signer| {
        let mut jwk = Jwk::from_encoding_key(&signer.key, jsonwebtoken::Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some(signer.kid.into());
        jwk
    });
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
}

fn verifier(url: &str, clock: &Manual) -> TokenVerifier {
    let client = JwksClient::new().unwrap();
    let fetch = move |url: String| {
        let client = client.clone();
        async move { client.fetch(&url).await }
    };
    let clock = Arc::new(clock.clone());
    let jwks = Jwks::new(url, vec![Algorithm::EdDsa], Arc::new(fetch), clock.clone()).unwrap();
    TokenVerifier::new(vec![Issuer::with_jwks(ISSUER, "gangway", jwks).unwrap()], clock).unwrap()
}

#[tokio::test]
async fn keys_rotate_without_a_restart_and_an_outage_changes_nothing() {
    let clock = Manual::at(Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap());
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let down = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
    let (url, count) = serve(vec![ok(&set(&[&old])), ok(&set(&[&old, &new])), down, ok(&set(&[&new]))]).await;
    let verifier = verifier(&url, &clock);

    verifier.verify(&old.token(&clock)).await.unwrap();
    assert!(matches!(verifier.verify(&new.token(&clock)).await, Err(Error::Unauthenticated(_))), "within the minute");
    clock.advance(TimeDelta::minutes(1));
    verifier.verify(&new.token(&clock)).await.unwrap();
    assert_eq!(*count.lock().unwrap(), 2);

    clock.advance(TimeDelta::minutes(10));
    verifier.verify(&old.token(&clock)).await.unwrap();
    assert_eq!(*count.lock().unwrap(), 3, "the outage was met, and the last good set stayed");
    clock.advance(TimeDelta::minutes(1));
    verifier.verify(&new.token(&clock)).await.unwrap();
    assert!(matches!(verifier.verify(&old.token(&clock)).await, Err(Error::Unauthenticated(_))), "withdrawn");
    assert_eq!(*count.lock().unwrap(), 4);
}

#[tokio::test]
async fn a_closed_port_is_an_outage() {
    let clock = Manual::at(Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap());
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let verifier = verifier(&format!("http://127.0.0.1:{port}/keys"), &clock);
    let answer = verifier.verify(&Signer::new("any").token(&clock)).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn a_redirect_and_a_body_without_end_are_refused() {
    let client = JwksClient::new().unwrap();
    let (url, _) =
        serve(vec!["HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".into()]).await;
    assert!(matches!(client.fetch(&url).await, Err(Error::Unavailable(_))));
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", " ".repeat(300 * 1024));
    let (url, _) = serve(vec![endless]).await;
    assert!(matches!(client.fetch(&url).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn only_https_or_this_machine_is_asked() {
    let client = JwksClient::new().unwrap();
    for url in [
        "http://10.0.0.1/keys",
        "http://login.example.test/keys",
        "ftp://127.0.0.1/k",
        "file:///etc/passwd",
        "keys",
        "https://a:b@c.test/",
    ] {
        assert!(matches!(client.fetch(url).await, Err(Error::Violation(_))), "{url}");
    }
}
