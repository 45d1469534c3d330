//! People and keys behind bearers, with a directory in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use async_trait::async_trait;
use uuid::Uuid;

use super::*;
use crate::{
    auth::{
        Actor, Authenticate, Authenticator,
        api_key::{ApiKeyDirectory, ApiKeySecret, KeyHash, StoredKey},
        authenticator::{SignIn, SignedIn, UserDirectory},
    },
    domain::{api_key::ApiKey, role::Role},
    ids::{ActorId, ApiKeyId, ClientId, UserId},
};

#[derive(Default)]
struct Directory {
    users: Mutex<BTreeMap<String, SignedIn>>,
    sign_ins: Mutex<Vec<SignIn>>,
    keys: Mutex<BTreeMap<KeyHash, StoredKey>>,
    lookups: Mutex<usize>,
    uses: Mutex<Vec<Instant>>,
}

#[async_trait]
impl UserDirectory for Directory {
    async fn sign_in(&self, sign_in: SignIn) -> Result<SignedIn> {
        let fresh = SignedIn { id: UserId::from(Uuid::now_v7()), is_active: true };
        let known = *self.users.lock().unwrap().entry(sign_in.subject.clone()).or_insert(fresh);
        self.sign_ins.lock().unwrap().push(sign_in);
        Ok(known)
    }
}

#[async_trait]
impl ApiKeyDirectory for Directory {
    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredKey>> {
        *self.lookups.lock().unwrap() += 1;
        Ok(self.keys.lock().unwrap().get(hash).cloned())
    }

    async fn used(&self, id: ApiKeyId, at: Instant) -> Result<()> {
        self.uses.lock().unwrap().push(at);
        for stored in self.keys.lock().unwrap().values_mut().filter(|stored| stored.key.id == id) {
            stored.key.last_used_at = Some(at);
        }
        Ok(())
    }
}

struct Scene {
    signer: Signer,
    directory: Arc<Directory>,
    clock: Manual,
    authenticator: Authenticator,
}

impl Scene {
    fn new() -> Self {
        let (signer, clock) = (Signer::new(Algorithm::EdDsa), Manual::at(noon()));
        let directory = Arc::new(Directory::default());
        let key = VerifyingKey::from_pem(None, &[Algorithm::EdDsa], &signer.public_pem).unwrap();
        let issuer = Issuer::with_keys(ISSUER, AUDIENCE, vec![key]).unwrap();
        let tokens = TokenVerifier::new(vec![issuer], Arc::new(clock.clone())).unwrap();
        let authenticator = Authenticator::new(tokens, directory.clone(), directory.clone(), Arc::new(clock.clone()));
        Self { signer, directory, clock, authenticator }
    }

    async fn by_token(&self, claims: &Value) -> Result<Actor> {
        self.authenticator.authenticate(&self.signer.token(claims)).await
    }

    fn add_key(&self, change: impl FnOnce(&mut ApiKey)) -> ApiKeySecret {
        let key = ApiKeySecret::generate().unwrap();
        let mut stored = ApiKey {
            id: ApiKeyId::from(Uuid::now_v7()),
            name: "psa sync".into(),
            hint: key.hint(),
            roles: BTreeSet::from([Role::Integration]),
            client_ids: None,
            created_by: ActorId::System,
            created_at: noon(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        change(&mut stored);
        let stored = StoredKey { key: stored, hash: key.hash() };
        self.directory.keys.lock().unwrap().insert(key.hash(), stored);
        key
    }
}

#[tokio::test]
async fn a_person_is_the_same_actor_with_every_token_and_costs_one_look_a_minute() {
    let scene = Scene::new();
    let first = scene.by_token(&claims()).await.unwrap();
    let second = scene.by_token(&claims()).await.unwrap();
    assert_eq!(first, second);
    assert_eq!((first.name.as_str(), first.expires_at), ("Ada Byron", Some(noon() + TimeDelta::hours(1))));
    assert_eq!(scene.directory.sign_ins.lock().unwrap().len(), 1);
    scene.clock.advance(TimeDelta::seconds(60));
    scene.by_token(&claims()).await.unwrap();
    assert_eq!(scene.directory.sign_ins.lock().unwrap().len(), 2);
    let other = scene.by_token(&claims_with("sub", &json!("grace"))).await.unwrap();
    assert_ne!(other.id, first.id);
}

#[tokio::test]
async fn changed_roles_are_written_down_at_once_and_come_from_the_token() {
    let scene = Scene::new();
    scene.by_token(&claims()).await.unwrap();
    let actor = scene.by_token(&claims_with("roles", &json!(["SALES"]))).await.unwrap();
    assert_eq!(actor.roles, [Role::Sales].into());
    let sign_ins = scene.directory.sign_ins.lock().unwrap();
    assert_eq!(sign_ins.last().unwrap().roles, [Role::Sales].into());
}

#[tokio::test]
async fn a_deactivated_person_is_out_within_a_minute_although_the_token_is_good() {
    let scene = Scene::new();
    scene.by_token(&claims()).await.unwrap();
    for user in scene.directory.users.lock().unwrap().values_mut() {
        user.is_active = false;
    }
    scene.clock.advance(TimeDelta::seconds(60));
    assert_eq!(refusal(scene.by_token(&claims()).await), "This account is deactivated.");
    assert_eq!(refusal(scene.by_token(&claims()).await), "This account is deactivated.");
}

#[tokio::test]
async fn an_expired_token_is_refused_although_its_person_is_remembered() {
    let scene = Scene::new();
    let soon = claims_with("exp", &json!(noon().timestamp() + 10));
    scene.by_token(&soon).await.unwrap();
    scene.clock.advance(TimeDelta::seconds(40));
    assert_eq!(refusal(scene.by_token(&soon).await), "The token has expired.");
}

#[tokio::test]
async fn a_key_acts_in_its_roles_for_its_clients() {
    let scene = Scene::new();
    let client = ClientId::from(Uuid::now_v7());
    let everywhere = scene.add_key(|_| ());
    let narrow = scene.add_key(|key| key.client_ids = Some([client].into()));
    let nowhere = scene.add_key(|key| key.client_ids = Some([].into()));
    let actor = scene.authenticator.authenticate(everywhere.expose()).await.unwrap();
    assert!(matches!(actor.id, ActorId::ApiKey(_)));
    assert_eq!((actor.roles.clone(), actor.scope.restriction()), ([Role::Integration].into(), None));
    let actor = scene.authenticator.authenticate(narrow.expose()).await.unwrap();
    assert_eq!(actor.scope.restriction(), Some(&[client].into()));
    let actor = scene.authenticator.authenticate(nowhere.expose()).await.unwrap();
    assert!(!actor.scope.allows(client));
}

#[tokio::test]
async fn a_keys_life_ends_by_time_or_by_hand() {
    let scene = Scene::new();
    let expiring = scene.add_key(|key| key.expires_at = Some(noon() + TimeDelta::seconds(30)));
    scene.authenticator.authenticate(expiring.expose()).await.unwrap();
    scene.clock.advance(TimeDelta::seconds(30));
    assert_eq!(refusal(scene.authenticator.authenticate(expiring.expose()).await), "The api key has expired.");

    let revoked = scene.add_key(|_| ());
    scene.authenticator.authenticate(revoked.expose()).await.unwrap();
    scene.directory.keys.lock().unwrap().get_mut(&revoked.hash()).unwrap().key.revoked_at = Some(noon());
    scene.clock.advance(TimeDelta::seconds(60));
    assert_eq!(refusal(scene.authenticator.authenticate(revoked.expose()).await), "The api key was revoked.");

    let stranger = ApiKeySecret::generate().unwrap();
    assert_eq!(refusal(scene.authenticator.authenticate(stranger.expose()).await), "The api key is unknown.");
}

#[tokio::test]
async fn a_directory_that_answers_with_another_key_is_not_believed() {
    let scene = Scene::new();
    let (presented, other) = (ApiKeySecret::generate().unwrap(), scene.add_key(|_| ()));
    let stored = scene.directory.keys.lock().unwrap().remove(&other.hash()).unwrap();
    scene.directory.keys.lock().unwrap().insert(presented.hash(), stored);
    assert_eq!(refusal(scene.authenticator.authenticate(presented.expose()).await), "The api key is unknown.");
}

#[tokio::test]
async fn a_busy_key_costs_one_look_and_one_write_a_minute_and_a_mistyped_one_none() {
    let scene = Scene::new();
    let key = scene.add_key(|_| ());
    for _ in 0..90 {
        scene.authenticator.authenticate(key.expose()).await.unwrap();
        scene.clock.advance(TimeDelta::seconds(1));
    }
    assert_eq!(*scene.directory.lookups.lock().unwrap(), 2);
    assert_eq!(*scene.directory.uses.lock().unwrap(), [noon(), noon() + TimeDelta::seconds(60)]);
    scene.authenticator.authenticate("gwk_mistyped").await.unwrap_err();
    assert_eq!(*scene.directory.lookups.lock().unwrap(), 2);
}
