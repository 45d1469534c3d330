//! Which keys can be configured or published, and which are left out.

use super::*;

const WEAK_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC1y25nScrjhlp7RaPeMalzsAAF
iqDKU2DqPu4JPT5f4xh+g4BHMA0RLY0FkEmfpUdpYciwiO8L2FdNO8nMORhtMa9y
i3TehoBVhS6ipzh7jNi0IUV9l5Q9atUs35AkhUUDny09xLpvqIBD+geiv8VMW1Wp
nhaTOmcSF70anehigwIDAQAB
-----END PUBLIC KEY-----
";
const OTHER_CURVE: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE9cMjwHZOH0C1HGS0cOKbDv7r3GJM//qF
9JHQSTHaXIhfb8CV9IBU7A3pTLUWbk2WTuv7pdCKoyi/5DAl5e0iDogGHtTCJVZJ
gJKsnOwlKcZJjdBqcCws2kqDzfFFs1bk
-----END PUBLIC KEY-----
";

#[test]
fn a_pem_is_taken_only_for_the_algorithm_it_is_for() {
    for &algorithm in Algorithm::ALL {
        let signer = Signer::new(algorithm);
        for &other in Algorithm::ALL {
            let taken = VerifyingKey::from_pem(None, &[other], &signer.public_pem);
            assert_eq!(taken.is_ok(), other == algorithm, "{algorithm} as {other}");
        }
    }
}

#[test]
fn weak_foreign_private_and_broken_pems_are_refused_with_a_remedy() {
    let private = pem("PRIVATE KEY", Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref());
    let broken = Signer::new(Algorithm::Es256).public_pem.replace("AAAA", "").replace("MFkw", "MFkx");
    for (algorithm, text) in [
        (Algorithm::Rs256, WEAK_RSA),
        (Algorithm::Es256, OTHER_CURVE),
        (Algorithm::EdDsa, private.as_str()),
        (Algorithm::Es256, broken.as_str()),
        (Algorithm::Es256, ""),
        (Algorithm::Rs256, "-----BEGIN PUBLIC KEY-----"),
    ] {
        match VerifyingKey::from_pem(None, &[algorithm], text) {
            Err(Error::Violation(violation)) => assert!(violation.remedy.is_some(), "{text}"),
            other => unreachable!("{other:?}: {text}"),
        }
    }
}

#[test]
fn a_published_key_is_taken_when_it_is_a_signature_key_of_a_pinned_algorithm() {
    for &algorithm in Algorithm::ALL {
        let jwk = Signer::new(algorithm).jwk("k");
        let others: Vec<_> = Algorithm::ALL.iter().copied().filter(|&other| other != algorithm).collect();
        assert!(VerifyingKey::from_jwk(&jwk, &[algorithm]).is_some(), "{algorithm}");
        assert!(VerifyingKey::from_jwk(&jwk, &others).is_none(), "{algorithm} is not pinned");
        for (name, value) in [("use", "enc"), ("alg", "HS256"), ("alg", "RS512"), ("kty", "oct"), ("crv", "P-384")] {
            let mut changed = jwk.clone();
            changed[name] = value.into();
            assert!(VerifyingKey::from_jwk(&changed, Algorithm::ALL).is_none(), "{algorithm} {name} {value}");
        }
        let mut sparse = jwk.clone();
        for name in ["use", "alg"] {
            sparse.as_object_mut().unwrap().remove(name);
        }
        sparse["key_ops"] = json!(["something new"]);
        assert!(VerifyingKey::from_jwk(&sparse, &[algorithm]).is_some(), "{algorithm} without use and alg");
    }
}

#[test]
fn unsound_and_symmetric_published_keys_are_left_out() {
    let mut off_curve = Signer::new(Algorithm::Es256).jwk("k");
    off_curve["y"] = off_curve["x"].clone();
    let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
    for jwk in [
        off_curve,
        json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }),
        json!({ "kty": "RSA", "n": short, "e": "AQAB" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
        json!({ "kty": "EC", "crv": "P-256" }),
        json!("a text"),
    ] {
        assert!(VerifyingKey::from_jwk(&jwk, Algorithm::ALL).is_none(), "{jwk}");
    }
}

#[test]
fn an_issuer_needs_a_name_an_audience_and_a_key() {
    let key = || VerifyingKey::from_pem(None, &[Algorithm::EdDsa], &Signer::new(Algorithm::EdDsa).public_pem).unwrap();
    for (name, audience, keys) in
        [("", "a", vec![key()]), ("a#b", "a", vec![key()]), ("a", "", vec![key()]), ("a", "a", vec![])]
    {
        assert!(matches!(Issuer::with_keys(name, audience, keys), Err(Error::Violation(_))), "{name} {audience}");
    }
}
