//! Published keys: rotation, outages, and what a stranger can make the server do.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{auth::jwks::Jwks, error::Unavailable};

const UNKNOWN_KEY: &str = "The token's key is not one of its issuer's.";

/// An issuer whose published body a test replaces; `None` is an outage.
struct Published {
    body: Arc<Mutex<Option<String>>>,
    fetches: Arc<AtomicUsize>,
    clock: Manual,
    verifier: TokenVerifier,
}

impl Published {
    fn new(keys: &[Value]) -> Self {
        let body = Arc::new(Mutex::new(Some(json!({ "keys": keys }).to_string())));
        let (fetches, clock) = (Arc::new(AtomicUsize::new(0)), Manual::at(noon()));
        let (answer, count) = (Arc::clone(&body), Arc::clone(&fetches));
        let fetch = move |_: String| {
            count.fetch_add(1, Ordering::SeqCst);
            let body = answer.lock().unwrap().clone();
            async move {
                tokio::task::yield_now().await;
                body.map(String::into_bytes).ok_or_else(outage)
            }
        };
        let algorithms = vec![Algorithm::Es256, Algorithm::EdDsa];
        let jwks = Jwks::new("https://keys", algorithms, Arc::new(fetch), Arc::new(clock.clone())).unwrap();
        let issuer = Issuer::with_jwks(ISSUER, AUDIENCE, jwks).unwrap();
        let verifier = TokenVerifier::new(vec![issuer], Arc::new(clock.clone())).unwrap();
        Self { body, fetches, clock, verifier }
    }

    fn publish(&self, body: Option<&Value>) {
        *self.body.lock().unwrap() = body.map(ToString::to_string);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

fn outage() -> Error {
    Error::Unavailable(Unavailable {
        system: "token issuer",
        retry_after: std::time::Duration::ZERO,
        source: "down".into(),
    })
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_not_before() {
    let (old, new) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::EdDsa));
    let issuer = Published::new(&[old.jwk("old")]);
    assert_eq!(issuer.fetches(), 0, "nothing is fetched before the first token");
    for _ in 0..3 {
        accepted(&issuer.verifier, &old.token_of("old")).await;
    }
    assert_eq!(issuer.fetches(), 1);
    issuer.publish(Some(&json!({ "keys": [old.jwk("old"), new.jwk("new")] })));
    issuer.clock.advance(TimeDelta::minutes(1));
    accepted(&issuer.verifier, &new.token_of("new")).await;
    accepted(&issuer.verifier, &old.token_of("old")).await;
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn strangers_cannot_make_us_fetch_more_than_once_a_minute() {
    let signer = Signer::new(Algorithm::Es256);
    let issuer = Published::new(&[signer.jwk("ours")]);
    accepted(&issuer.verifier, &signer.token_of("ours")).await;
    for index in 0..20 {
        issuer.clock.advance(TimeDelta::seconds(1));
        assert_eq!(refusal(issuer.verifier.verify(&signer.token_of(&format!("made-up-{index}"))).await), UNKNOWN_KEY);
    }
    assert_eq!(issuer.fetches(), 1);
    issuer.clock.advance(TimeDelta::minutes(1));
    let tokens: Vec<_> = (0..20).map(|index| signer.token_of(&format!("at-once-{index}"))).collect();
    let answers = futures_util::future::join_all(tokens.iter().map(|token| issuer.verifier.verify(token))).await;
    assert!(answers.into_iter().all(|answer| refusal(answer) == UNKNOWN_KEY));
    assert_eq!(issuer.fetches(), 2, "twenty at once cost one fetch");
}

#[tokio::test]
async fn an_outage_or_a_broken_answer_leaves_the_last_good_set() {
    let signer = Signer::new(Algorithm::Es256);
    let issuer = Published::new(&[signer.jwk("ours")]);
    accepted(&issuer.verifier, &signer.token_of("ours")).await;
    let broken =
        [None, Some(json!("not a set")), Some(json!({ "keys": [] })), Some(json!({ "keys": [{ "kty": "oct" }] }))];
    for (index, body) in broken.iter().enumerate() {
        issuer.publish(body.as_ref());
        issuer.clock.advance(TimeDelta::minutes(11));
        let mut token = claims();
        for name in ["iat", "exp"] {
            token[name] = json!(token[name].as_i64().unwrap() + 660 * (i64::try_from(index).unwrap() + 1));
        }
        let mut header = signer.header();
        header["kid"] = "ours".into();
        accepted(&issuer.verifier, &signer.sign(&header, &token)).await;
        assert_eq!(issuer.fetches(), 2 + index, "it was tried");
    }
}

#[tokio::test]
async fn while_the_issuer_is_down_a_key_nobody_knows_is_an_outage_and_not_a_refusal() {
    let signer = Signer::new(Algorithm::Es256);
    let issuer = Published::new(&[]);
    issuer.publish(None);
    let answer = issuer.verifier.verify(&signer.token_of("ours")).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    issuer.publish(Some(&json!({ "keys": [signer.jwk("ours")] })));
    issuer.clock.advance(TimeDelta::minutes(1));
    accepted(&issuer.verifier, &signer.token_of("ours")).await;
}

#[tokio::test]
async fn a_withdrawn_key_stops_working_within_ten_minutes() {
    let (kept, withdrawn) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
    let issuer = Published::new(&[kept.jwk("kept"), withdrawn.jwk("withdrawn")]);
    accepted(&issuer.verifier, &withdrawn.token_of("withdrawn")).await;
    issuer.publish(Some(&json!({ "keys": [kept.jwk("kept")] })));
    issuer.clock.advance(TimeDelta::minutes(10));
    assert_eq!(refusal(issuer.verifier.verify(&withdrawn.token_of("withdrawn")).await), UNKNOWN_KEY);
    accepted(&issuer.verifier, &kept.token_of("kept")).await;
}

#[tokio::test]
async fn a_set_without_pinned_algorithm_is_refused() {
    let fetch = |_: String| async { Ok(Vec::new()) };
    assert!(Jwks::new("https://keys", vec![], Arc::new(fetch), Arc::new(Manual::at(noon()))).is_err());
}
