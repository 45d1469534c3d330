//! The development issuer: its secret, and tokens that the verifier takes.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use super::*;
use crate::{
    auth::development::{DevelopmentIssuer, Secret, TokenOrder},
    domain::role::Role,
    ids::ClientId,
};

fn order(role: Role) -> TokenOrder {
    TokenOrder { roles: [role].into(), client: None, ttl: Duration::from_hours(1), subject: None, name: None }
}

fn issuer() -> DevelopmentIssuer {
    DevelopmentIssuer::new(Secret::new("s".repeat(32).into()).unwrap(), Arc::new(Manual::at(noon())))
}

#[tokio::test]
async fn every_role_gets_a_token_of_its_own_that_the_verifier_takes() {
    let (issuer, client) = (issuer(), ClientId::from(uuid::Uuid::now_v7()));
    let verifier = verifier(issuer.issuer().unwrap());
    let mut subjects = std::collections::BTreeSet::new();
    for &role in Role::ALL {
        let client = (role == Role::ClientContact).then_some(client);
        let identity = accepted(&verifier, &issuer.issue(&TokenOrder { client, ..order(role) }).unwrap()).await;
        assert_eq!((identity.roles, identity.client), ([role].into(), client));
        assert!(subjects.insert(identity.subject));
    }
    let named = TokenOrder { subject: Some("ada".into()), name: Some("Ada".into()), ..order(Role::Sales) };
    let identity = accepted(&verifier, &issuer.issue(&named).unwrap()).await;
    assert_eq!((identity.subject.as_str(), identity.name.as_str()), ("gangway-development#ada", "Ada"));
}

#[test]
fn what_the_verifier_would_refuse_is_not_issued() {
    let day_and_second = Duration::from_secs(24 * 3600 + 1);
    for order in [
        TokenOrder { roles: [].into(), ..order(Role::Sales) },
        order(Role::ClientContact),
        TokenOrder { ttl: day_and_second, ..order(Role::Sales) },
        TokenOrder { ttl: Duration::MAX, ..order(Role::Sales) },
        TokenOrder { ttl: Duration::from_millis(999), ..order(Role::Sales) },
        TokenOrder { subject: Some(String::new()), ..order(Role::Sales) },
    ] {
        assert!(matches!(issuer().issue(&order), Err(Error::Violation(_))), "{order:?}");
    }
}

#[tokio::test]
async fn another_installations_secret_signs_nothing_here() {
    let other = DevelopmentIssuer::new(Secret::new("o".repeat(32).into()).unwrap(), Arc::new(Manual::at(noon())));
    let token = other.issue(&order(Role::Director)).unwrap();
    let verifier = verifier(issuer().issuer().unwrap());
    assert_eq!(refusal(verifier.verify(&token).await), "The token's signature does not hold.");
}

#[test]
fn the_secret_is_made_once_for_its_owner_only_also_when_many_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("development.secret");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Secret::load_or_create(&path).unwrap());
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.len(), 64);
    Secret::load_or_create(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    assert!(!format!("{:?}", Secret::load_or_create(&path).unwrap()).contains(&text));
}

#[test]
fn a_secret_that_others_can_read_or_guess_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("development.secret");
    Secret::load_or_create(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Secret::load_or_create(&path), Err(Error::Violation(_))));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "short").unwrap();
    assert!(matches!(Secret::load_or_create(&path), Err(Error::Violation(_))));
    assert!(matches!(Secret::load_or_create(&folder.path().join("no/such/folder")), Err(Error::Internal(_))));
}
