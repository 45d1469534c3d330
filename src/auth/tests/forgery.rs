//! Tokens that must not pass, one trick at a time; each starts from a token that does.

use base64::Engine as _;

use super::*;
use crate::{auth::jwt::MAX_TOKEN_BYTES, domain::role::Role, ids::ClientId};

const NOT_SIGNED: &str = "The token's signature does not hold.";
const WRONG_ALGORITHM: &str = "The token's algorithm is not its key's.";
const UNKNOWN_KEY: &str = "The token's key is not one of its issuer's.";
const INCOMPLETE: &str = "The token lacks a required claim, or one cannot be read: iss, aud, exp, iat, sub, roles.";
const UNREADABLE: &str = "The bearer is not a token: a part of it cannot be read.";

#[tokio::test]
async fn a_good_token_of_each_algorithm_says_who_it_is_about() {
    for &algorithm in Algorithm::ALL {
        let signer = Signer::new(algorithm);
        let identity = accepted(&signer.verifier(algorithm), &signer.token(&claims())).await;
        assert_eq!(identity.subject, "https://login.example.test#ada");
        assert_eq!((identity.name.as_str(), identity.email.as_deref()), ("Ada Byron", Some("ada@example.test")));
        assert_eq!(identity.roles, [Role::Technician].into());
        assert_eq!(identity.expires_at, noon() + TimeDelta::hours(1));
        assert_eq!(identity.scope().restriction(), None);
    }
}

#[tokio::test]
async fn free_documents_are_a_word_of_the_scope() {
    let signer = Signer::new(Algorithm::EdDsa);
    let verifier = signer.verifier(Algorithm::EdDsa);
    for (scope, may) in [("openid graphql:adhoc", true), ("graphql:adhoc-not", false), ("", false)] {
        let token = signer.token(&claims_with("scope", &json!(scope)));
        assert_eq!(accepted(&verifier, &token).await.may_adhoc, may, "{scope}");
    }
}

#[tokio::test]
async fn claims_that_break_a_rule_are_refused() {
    let signer = Signer::new(Algorithm::EdDsa);
    let verifier = signer.verifier(Algorithm::EdDsa);
    let at = |seconds: i64| json!(noon().timestamp() + seconds);
    let other_issuer = "The token's issuer is not accepted here.";
    let other_audience = "The token is meant for another audience.";
    let cases = [
        ("iss", json!("https://evil.example.test"), other_issuer),
        ("iss", json!("https://login.example.test/"), other_issuer),
        ("iss", json!(null), UNREADABLE),
        ("iss", json!(["https://login.example.test"]), UNREADABLE),
        ("aud", json!("another"), other_audience),
        ("aud", json!([]), other_audience),
        ("aud", json!(null), INCOMPLETE),
        ("exp", at(-30), "The token has expired."),
        ("exp", json!(null), INCOMPLETE),
        ("exp", json!("tomorrow"), INCOMPLETE),
        ("exp", json!(i64::MAX), "The token's times cannot be read."),
        ("exp", at(24 * 3600 + 1), "The token lives longer than 24 hours."),
        ("iat", at(31), "The token's `iat` lies in the future."),
        ("iat", at(365 * 24 * 3600), "The token's `iat` lies in the future."),
        ("iat", json!(null), INCOMPLETE),
        ("nbf", at(31), "The token is not valid yet."),
        ("sub", json!(null), INCOMPLETE),
        ("sub", json!(7), INCOMPLETE),
        ("sub", json!(" "), "The token's `sub` must have 1 to 255 printable characters."),
        ("sub", json!("a".repeat(256)), "The token's `sub` must have 1 to 255 printable characters."),
        ("sub", json!("a\nb"), "The token's `sub` must have 1 to 255 printable characters."),
        ("sub", json!("ada\u{202e}"), "The token's `sub` must have 1 to 255 printable characters."),
        ("name", json!("a".repeat(201)), "The token's `name` must have at most 200 printable characters."),
        ("name", json!("Ada\u{1b}[2J"), "The token's `name` must have at most 200 printable characters."),
        ("email", json!("not an address"), "The token's `email` is not an address."),
        ("roles", json!(null), INCOMPLETE),
        ("roles", json!([]), "The token names no role."),
        ("roles", json!(["TECHNICIAN", "ROOT"]), "The token names a role that does not exist."),
        ("roles", json!(["technician"]), "The token names a role that does not exist."),
        ("client", json!("acme"), "The token's `client` is not a client id."),
        ("client", json!("stp_01h455vb4pex5vsknk084sn02q"), "The token's `client` is not a client id."),
    ];
    for (name, value, reason) in cases {
        let token = signer.token(&claims_with(name, &value));
        assert_eq!(refusal(verifier.verify(&token).await), reason, "{name}: {value}");
    }
}

#[tokio::test]
async fn what_lies_just_within_the_rules_passes() {
    let signer = Signer::new(Algorithm::EdDsa);
    let verifier = signer.verifier(Algorithm::EdDsa);
    let at = |seconds: i64| json!(noon().timestamp() + seconds);
    let mut short = claims_with("exp", &at(-29));
    short["iat"] = at(-100);
    accepted(&verifier, &signer.token(&short)).await;
    for (name, value) in [
        ("exp", at(24 * 3600)),
        ("iat", at(30)),
        ("nbf", at(30)),
        ("aud", json!(["another", AUDIENCE])),
        ("email", json!(null)),
    ] {
        accepted(&verifier, &signer.token(&claims_with(name, &value))).await;
    }
    let nameless = accepted(&verifier, &signer.token(&claims_with("name", &json!(null)))).await;
    assert_eq!(nameless.name, "ada");
}

#[tokio::test]
async fn a_contact_sees_its_one_client_and_is_nothing_else() {
    let signer = Signer::new(Algorithm::EdDsa);
    let verifier = signer.verifier(Algorithm::EdDsa);
    let client = ClientId::from(uuid::Uuid::now_v7());
    let mut contact = claims_with("roles", &json!(["CLIENT_CONTACT"]));
    assert_eq!(
        refusal(verifier.verify(&signer.token(&contact)).await),
        "The token of a CLIENT_CONTACT must name its `client`."
    );
    contact["client"] = client.to_string().into();
    let identity = accepted(&verifier, &signer.token(&contact)).await;
    assert_eq!(identity.scope().restriction(), Some(&[client].into()));
    contact["roles"] = json!(["CLIENT_CONTACT", "DIRECTOR"]);
    assert_eq!(
        refusal(verifier.verify(&signer.token(&contact)).await),
        "A CLIENT_CONTACT cannot hold a role of the provider as well."
    );
}

#[tokio::test]
async fn the_algorithm_is_the_keys_whatever_the_token_asks_for() {
    for &algorithm in Algorithm::ALL {
        let signer = Signer::new(algorithm);
        let verifier = signer.verifier(algorithm);
        let claims = claims();
        for alg in ["none", "None", "nOnE", ""] {
            let message = format!("{}.{}", encode(&json!({ "typ": "at+jwt", "alg": alg })), encode(&claims));
            for signature in ["", "AA"] {
                let reason = refusal(verifier.verify(&format!("{message}.{signature}")).await);
                assert!([INCOMPLETE, WRONG_ALGORITHM].contains(&reason), "{alg}: {reason}");
            }
        }
        // The classic: the public key, which everybody has, taken for a shared secret.
        for secret in [signer.public_pem.as_bytes(), signer.public_pem.trim_end().as_bytes()] {
            let algorithm = jsonwebtoken::Algorithm::HS256;
            let forger = Signer { algorithm, private: EncodingKey::from_secret(secret), public_pem: String::new() };
            assert_eq!(refusal(verifier.verify(&forger.token(&claims)).await), WRONG_ALGORITHM);
        }
        for &other in Algorithm::ALL.iter().filter(|&&other| other != algorithm) {
            let forger = Signer::new(other);
            assert_eq!(refusal(verifier.verify(&forger.token(&claims)).await), WRONG_ALGORITHM, "{algorithm} {other}");
        }
        assert_eq!(refusal(verifier.verify(&Signer::new(algorithm).token(&claims)).await), NOT_SIGNED);
    }
}

#[tokio::test]
async fn a_header_leads_nowhere() {
    let (signer, forger) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
    let verifier = signer.verifier(Algorithm::Es256);
    for (name, value) in [
        ("jwk", forger.jwk("mine")),
        ("jku", json!("https://evil.example.test/keys")),
        ("x5u", json!("https://evil.example.test/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = forger.header();
        header[name] = value;
        assert_eq!(refusal(verifier.verify(&forger.sign(&header, &claims())).await), NOT_SIGNED, "{name}");
        accepted(&verifier, &signer.sign(&header, &claims())).await;
    }
    let mut header = signer.header();
    header["crit"] = json!(["exp"]);
    let reason = refusal(verifier.verify(&signer.sign(&header, &claims())).await);
    assert_eq!(reason, "The token demands an extension (`crit`) that is not known here.");
}

#[tokio::test]
async fn a_key_id_is_compared_and_nothing_more() {
    let (signer, other) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
    let key = |kid: &str, signer: &Signer| {
        VerifyingKey::from_pem(Some(kid), &[Algorithm::Es256], &signer.public_pem).unwrap()
    };
    let keys = vec![key("2026-a", &signer), key("2026-b", &other)];
    let verifier = verifier(Issuer::with_keys(ISSUER, AUDIENCE, keys).unwrap());
    accepted(&verifier, &signer.token_of("2026-a")).await;
    for kid in ["", "2026-A", "2026-a\0", "../../etc/passwd", "/dev/null", "' OR 1=1 --", "https://evil.example.test/k"]
    {
        assert_eq!(refusal(verifier.verify(&signer.token_of(kid)).await), UNKNOWN_KEY, "{kid}");
    }
    assert_eq!(refusal(verifier.verify(&signer.token_of("2026-b")).await), NOT_SIGNED);
    assert_eq!(refusal(verifier.verify(&signer.token(&claims())).await), UNKNOWN_KEY, "no kid, two keys");
}

#[tokio::test]
async fn a_token_that_was_changed_cut_or_stuffed_is_refused() {
    let signer = Signer::new(Algorithm::EdDsa);
    let verifier = signer.verifier(Algorithm::EdDsa);
    let token = signer.token(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let richer = encode(&claims_with("roles", &json!(["DIRECTOR"])));
    assert_eq!(refusal(verifier.verify(&format!("{}.{richer}.{}", parts[0], parts[2])).await), NOT_SIGNED);
    assert_eq!(refusal(verifier.verify(&format!("{}.{}.", parts[0], parts[1])).await), NOT_SIGNED);
    assert_eq!(refusal(verifier.verify(&token[..token.len() - 4]).await), NOT_SIGNED);
    for shape in ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d.e", "Bearer x", "\u{0}.\u{0}.\u{0}", "é.é.é"] {
        assert!(refusal(verifier.verify(shape).await).starts_with("The bearer is not a token"), "{shape}");
    }
    assert!(refusal(verifier.verify(&format!("{token}.{}", parts[2])).await).starts_with("The bearer is not a token"));
    let twice = format!(r#"{{"iss":"https://evil.example.test",{}"#, &claims().to_string()[1..]);
    let twice = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(twice);
    assert_eq!(refusal(verifier.verify(&format!("{}.{twice}.{}", parts[0], parts[2])).await), UNREADABLE);
}

#[tokio::test]
async fn an_oversize_token_is_not_even_read() {
    let signer = Signer::new(Algorithm::EdDsa);
    let verifier = signer.verifier(Algorithm::EdDsa);
    let filled = |count: usize| signer.token(&claims_with("padding", &json!("x".repeat(count))));
    let largest = (0..MAX_TOKEN_BYTES).rev().find(|&count| filled(count).len() <= MAX_TOKEN_BYTES).unwrap();
    accepted(&verifier, &filled(largest)).await;
    assert_eq!(refusal(verifier.verify(&filled(largest + 3)).await), "The token is longer than 8 kB.");
}

#[tokio::test]
async fn only_an_access_token_is_one() {
    let signer = Signer::new(Algorithm::EdDsa);
    let verifier = signer.verifier(Algorithm::EdDsa);
    for typ in [json!("JWT"), json!("id+jwt"), json!("logout+jwt"), json!(""), json!("at+jwt ")] {
        let header = json!({ "typ": typ, "alg": "EdDSA" });
        assert_eq!(
            refusal(verifier.verify(&signer.sign(&header, &claims())).await),
            "The token's `typ` must be `at+jwt`."
        );
    }
    let header = json!({ "alg": "EdDSA" });
    assert_eq!(refusal(verifier.verify(&signer.sign(&header, &claims())).await), "The token's `typ` must be `at+jwt`.");
    for typ in ["AT+JWT", "application/at+jwt"] {
        accepted(&verifier, &signer.sign(&json!({ "typ": typ, "alg": "EdDSA" }), &claims())).await;
    }
}

#[tokio::test]
async fn one_issuers_key_does_not_speak_for_another() {
    let (ours, theirs) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
    let issuer = |name: &str, signer: &Signer| {
        let key = VerifyingKey::from_pem(None, &[Algorithm::Es256], &signer.public_pem).unwrap();
        Issuer::with_keys(name, AUDIENCE, vec![key]).unwrap()
    };
    let clock = Arc::new(Manual::at(noon()));
    let issuers = vec![issuer(ISSUER, &ours), issuer("https://partner.example.test", &theirs)];
    let verifier = TokenVerifier::new(issuers, clock.clone()).unwrap();
    assert_eq!(refusal(verifier.verify(&theirs.token(&claims())).await), NOT_SIGNED);
    let partner = theirs.token(&claims_with("iss", &json!("https://partner.example.test")));
    assert_eq!(accepted(&verifier, &partner).await.subject, "https://partner.example.test#ada");
    assert!(TokenVerifier::new(vec![issuer(ISSUER, &ours), issuer(ISSUER, &theirs)], clock).is_err());
}
