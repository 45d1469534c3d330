//! `gangway token`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gangway::ids::ClientId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::program::Place;

/// What the token that `arguments` give says of its bearer.
async fn claims(place: &Place, arguments: &[&str]) -> Value {
    let token = place.print(arguments).await;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn lifetime(claims: &Value) -> i64 {
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

#[tokio::test]
async fn a_token_says_what_was_asked_for() {
    let (place, client) = (Place::new(), ClientId::from(Uuid::now_v7()).to_string());
    let asked = ["token", "--role", "CLIENT_CONTACT", "--client", &client, "--ttl", "15m", "--subject", "nora"];
    let told = claims(&place, &asked).await;
    assert_eq!(lifetime(&told), 15 * 60);
    assert_eq!(
        (&told["client"], &told["sub"], &told["roles"]),
        (&json!(client), &json!("nora"), &json!(["CLIENT_CONTACT"]))
    );

    let told = claims(&place, &["token", "--role", "SALES", "--role", "TECHNICIAN"]).await;
    assert_eq!(lifetime(&told), 60 * 60, "an hour when nothing is said");
    assert_eq!((&told["client"], &told["roles"]), (&Value::Null, &json!(["SALES", "TECHNICIAN"])));
}

#[tokio::test]
async fn a_token_that_would_not_count_is_not_given() {
    let place = Place::new();
    for (arguments, expected) in [
        (&["--role", "KING"][..], "--role is one of "),
        (&["--role", "CLIENT_CONTACT"], "client: "),
        (&["--role", "SALES", "--client", "acme"], "--client is a client's id"),
        (&["--role", "SALES", "--ttl", "15"], "--ttl is a number and s, m or h"),
        (&["--role", "SALES", "--ttl", "25h"], "ttl: "),
    ] {
        let said = place.run(&[&["token"], arguments].concat()).await;
        assert!(said.code == 1 && said.out.is_empty(), "{arguments:?}: {said:?}");
        assert!(said.err.starts_with(&format!("gangway: {expected}")), "{arguments:?}: {said:?}");
    }
}
