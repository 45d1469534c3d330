//! Signing in, people and api keys.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gangway::{
    auth::{
        Actor, Authenticate, Authenticator, ClientScope, TokenVerifier,
        development::{DevelopmentIssuer, Secret, TokenOrder},
        permission::{Surface, TABLE},
    },
    domain::role::Role,
    error::Error,
    ids::{ActorId, ClientId},
};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestApp, on_both_stacks};

const VIEWER: &str =
    "{ viewer { name roles clientIds permissions actor { id kind } expiresAt user { subject revision } } }";
const UPSERT: &str = "mutation($input: UserUpsertInput!) {
    userUpsert(input: $input) { user { id name roles isActive revision client { slug } } userErrors { code path message } }
}";
const USERS: &str =
    "query($filter: UserFilter) { users(filter: $filter) { nodes { id name roles isActive } totalCount } }";
const CREATE_KEY: &str = "mutation($input: ApiKeyCreateInput!) {
    apiKeyCreate(input: $input) {
        apiKey { id name hint roles clientIds createdBy { kind } expiresAt revokedAt lastUsedAt }
        secret userErrors { code path message } replayed
    }
}";
const REVOKE_KEY: &str = "mutation($input: ApiKeyRevokeInput!) {
    apiKeyRevoke(input: $input) { apiKey { revokedAt } userErrors { code } }
}";

/// Who signs tokens in these tests, and who verifies them.
struct Door {
    issuer: DevelopmentIssuer,
    authenticator: Authenticator,
}

impl Door {
    fn of(app: &TestApp) -> Self {
        let clock = Arc::new(app.clock.clone());
        let issuer = DevelopmentIssuer::new(Secret::new("s".repeat(32).into()).unwrap(), clock.clone());
        let tokens = TokenVerifier::new(vec![issuer.issuer().unwrap()], clock.clone()).unwrap();
        let directory = Arc::new(app.app.clone());
        Self { issuer, authenticator: Authenticator::new(tokens, directory.clone(), directory, clock) }
    }

    fn token(&self, subject: &str, role: Role, client: Option<ClientId>) -> String {
        let (roles, ttl) = (BTreeSet::from([role]), Duration::from_hours(8));
        let order = TokenOrder { roles, client, ttl, subject: Some(subject.into()), name: Some("Ada Byron".into()) };
        self.issuer.issue(&order).unwrap()
    }

    async fn admit(&self, bearer: &str) -> Result<Actor, Error> {
        self.authenticator.authenticate(bearer).await
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Unauthenticated(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// The kinds of all events so far, in order.
async fn events(app: &TestApp) -> Vec<String> {
    let mut rows = entity::event::Entity::find().all(app.app.db().read()).await.unwrap();
    rows.sort_by_key(|row| row.id);
    rows.into_iter().map(|row| row.kind).collect()
}

async fn client(app: &TestApp, slug: &str) -> ClientId {
    let create = "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } } }";
    let input = json!({ "name": slug, "slug": slug, "timeZone": "UTC", "idempotencyKey": format!("client-{slug}") });
    let made = app.ask(&app.staff(Role::Sales), create, json!({ "input": input })).await;
    made["clientCreate"]["client"]["id"].as_str().unwrap().parse().unwrap()
}

fn person(subject: &str, roles: &[&str]) -> Value {
    let key = format!("person-{}", Uuid::now_v7());
    json!({ "input": { "subject": subject, "name": "Grace Hopper", "roles": roles, "idempotencyKey": key } })
}

fn key(name: &str, roles: &[&str]) -> Value {
    json!({ "input": { "name": name, "roles": roles, "idempotencyKey": format!("make-{}", name.replace(' ', "-")) } })
}

on_both_stacks! {
    async fn whoever_shows_a_good_token_is_written_down_once_and_is_the_viewer(app) {
        let door = Door::of(&app);
        let token = door.token("ada", Role::Technician, None);
        let actor = door.admit(&token).await.unwrap();
        let viewer = app.ask(&actor, VIEWER, json!({})).await["viewer"].take();
        assert_eq!((&viewer["name"], &viewer["roles"]), (&json!("Ada Byron"), &json!(["TECHNICIAN"])));
        assert_eq!(viewer["actor"], json!({ "id": actor.id.to_string(), "kind": "USER" }));
        assert_eq!(viewer["user"], json!({ "subject": "gangway-development#ada", "revision": 1 }));
        assert_eq!(viewer["clientIds"], Value::Null);
        let open = viewer["permissions"].as_array().unwrap();
        assert!(open.contains(&json!("stepComplete")) && !open.contains(&json!("apiKeyCreate")));
        assert_eq!(events(&app).await, ["user.created"]);
        let before = app.app.db().statements();
        assert_eq!(door.admit(&token).await.unwrap(), actor);
        assert_eq!(app.app.db().statements(), before, "a remembered person costs no statement");
        assert_eq!(Door::of(&app).admit(&token).await.unwrap(), actor);
        assert_eq!(app.app.db().statements(), before + 1, "another process asks once");
        assert_eq!(events(&app).await, ["user.created"]);
    }

    async fn a_later_token_brings_the_person_up_to_date(app) {
        let door = Door::of(&app);
        let first = door.admit(&door.token("ada", Role::Technician, None)).await.unwrap();
        let second = door.admit(&door.token("ada", Role::Director, None)).await.unwrap();
        assert_eq!(first.id, second.id);
        let filter = json!({ "filter": { "role": "DIRECTOR" } });
        let users = app.ask(&second, USERS, filter).await["users"].take();
        assert_eq!((&users["totalCount"], &users["nodes"][0]["roles"]), (&json!(1), &json!(["DIRECTOR"])));
        let none = app.ask(&second, USERS, json!({ "filter": { "role": "TECHNICIAN" } })).await;
        assert_eq!(none["users"]["totalCount"], 0);
        assert_eq!(events(&app).await, ["user.created", "user.updated"]);
    }

    async fn two_first_requests_at_once_make_one_person(app) {
        let (one, other) = (Door::of(&app), Door::of(&app));
        let token = one.token("ada", Role::Sales, None);
        let (first, second) = tokio::join!(one.admit(&token), other.admit(&token));
        assert_eq!(first.unwrap().id, second.unwrap().id);
        assert_eq!(events(&app).await, ["user.created"]);
    }

    async fn a_contact_needs_a_client_that_exists_and_reads_no_people(app) {
        let door = Door::of(&app);
        let nowhere = ClientId::from(uuid::Uuid::now_v7());
        let stranger = door.token("kim", Role::ClientContact, Some(nowhere));
        assert_eq!(refusal(door.admit(&stranger).await), "The token names a client that does not exist.");
        let (mine, foreign) = (client(&app, "acme").await, client(&app, "other").await);
        let contact = door.admit(&door.token("kim", Role::ClientContact, Some(mine))).await.unwrap();
        assert!(contact.scope.allows(mine) && !contact.scope.allows(foreign));
        let viewer = app.ask(&contact, VIEWER, json!({})).await["viewer"].take();
        assert_eq!((&viewer["clientIds"], &viewer["user"]), (&json!([mine.to_string()]), &Value::Null));
        let refused = app.answer(&contact, USERS, json!({})).await;
        assert_eq!(refused.errors.len(), 1);
        let clients = app.ask(&contact, "{ clients { nodes { slug } totalCount } }", json!({})).await;
        assert_eq!(clients["clients"], json!({ "nodes": [{ "slug": "acme" }], "totalCount": 1 }));
    }

    async fn admin_enters_changes_and_shuts_out_a_person(app) {
        let (admin, door) = (app.staff(Role::Admin), Door::of(&app));
        let subject = "gangway-development#grace";
        let entered = app.ask(&admin, UPSERT, person(subject, &["COMPLIANCE"])).await["userUpsert"].take();
        assert_eq!((&entered["userErrors"], &entered["user"]["revision"]), (&json!([]), &json!(1)));
        let stale = app.ask(&admin, UPSERT, person(subject, &["SALES"])).await["userUpsert"].take();
        assert_eq!(stale["userErrors"][0]["code"], "CONFLICT");

        let token = door.token("grace", Role::Compliance, None);
        let grace = door.admit(&token).await.unwrap();
        assert_eq!(grace.id.to_string(), entered["user"]["id"].as_str().unwrap());
        let mut out = person(subject, &["COMPLIANCE"]);
        out["input"]["isActive"] = json!(false);
        out["input"]["expectedRevision"] = json!(2);
        let shut = app.ask(&admin, UPSERT, out).await["userUpsert"].take();
        assert_eq!((&shut["userErrors"], &shut["user"]["isActive"]), (&json!([]), &json!(false)));
        app.pass(60);
        assert_eq!(refusal(door.admit(&token).await), "This account is deactivated.");
        let users = app.ask(&admin, USERS, json!({ "filter": { "isActive": true } })).await;
        assert_eq!(users["users"]["totalCount"], 0);
        assert_eq!(events(&app).await, ["user.created", "user.updated", "user.deactivated"]);
    }

    async fn a_person_entered_wrongly_is_refused_with_the_field(app) {
        let admin = app.staff(Role::Admin);
        let cases = [
            ("subject", json!("grace"), "BAD_USER_INPUT", "subject"),
            ("name", json!(" "), "BAD_USER_INPUT", "name"),
            ("email", json!("nowhere"), "BAD_USER_INPUT", "email"),
            ("roles", json!([]), "BAD_USER_INPUT", "roles"),
            ("roles", json!(["CLIENT_CONTACT"]), "BAD_USER_INPUT", "roles"),
            ("roles", json!(["CLIENT_CONTACT", "ADMIN"]), "BAD_USER_INPUT", "roles"),
            ("clientId", json!("cli_01h455vb4pex5vsknk084sn02q"), "NOT_FOUND", "clientId"),
        ];
        for (field, value, code, path) in cases {
            let mut input = person("issuer#grace", &["SALES"]);
            input["input"][field] = value;
            let refused = app.ask(&admin, UPSERT, input).await["userUpsert"].take();
            assert_eq!(refused["userErrors"][0]["code"], code, "{field}");
            assert_eq!(refused["userErrors"][0]["path"], json!([path]));
        }
        assert!(events(&app).await.is_empty());
    }

    async fn nobody_shuts_themselves_out(app) {
        let door = Door::of(&app);
        let admin = door.admit(&door.token("root", Role::Admin, None)).await.unwrap();
        let mut input = person("gangway-development#root", &["ADMIN"]);
        input["input"]["isActive"] = json!(false);
        input["input"]["expectedRevision"] = json!(1);
        let refused = app.ask(&admin, UPSERT, input).await["userUpsert"].take();
        assert_eq!(refused["userErrors"][0]["code"], "CONFLICT");
    }

    async fn an_api_key_is_shown_once_signs_in_and_ends(app) {
        let (admin, door) = (app.staff(Role::Admin), Door::of(&app));
        let made = app.ask(&admin, CREATE_KEY, key("psa sync", &["INTEGRATION"])).await["apiKeyCreate"].take();
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("gwk_") && secret.ends_with(made["apiKey"]["hint"].as_str().unwrap()));
        let again = app.ask(&admin, CREATE_KEY, key("psa sync", &["INTEGRATION"])).await["apiKeyCreate"].take();
        assert_eq!((&again["replayed"], &again["secret"]), (&json!(true), &Value::Null));
        assert_eq!(again["apiKey"]["id"], made["apiKey"]["id"]);

        let actor = door.admit(&secret).await.unwrap();
        assert_eq!(actor.id.to_string(), made["apiKey"]["id"].as_str().unwrap());
        let viewer = app.ask(&actor, VIEWER, json!({})).await["viewer"].take();
        assert_eq!((&viewer["actor"]["kind"], &viewer["roles"]), (&json!("API_KEY"), &json!(["INTEGRATION"])));
        let listed = app.ask(&admin, "{ apiKeys { nodes { name lastUsedAt } totalCount } }", json!({})).await;
        assert_eq!(listed["apiKeys"]["totalCount"], 1);
        assert_eq!(listed["apiKeys"]["nodes"][0]["lastUsedAt"], "2026-03-02T09:00:00.000Z");

        let revoke = json!({ "input": { "id": made["apiKey"]["id"] } });
        let revoked = app.ask(&admin, REVOKE_KEY, revoke.clone()).await["apiKeyRevoke"].take();
        assert_eq!(revoked["apiKey"]["revokedAt"], "2026-03-02T09:00:00.000Z");
        app.pass(60);
        assert_eq!(refusal(door.admit(&secret).await), "The api key was revoked.");
        let twice = app.ask(&admin, REVOKE_KEY, revoke).await["apiKeyRevoke"].take();
        assert_eq!(twice["userErrors"][0]["code"], "CONFLICT");
        assert_eq!(events(&app).await, ["api_key.created", "api_key.revoked"]);
        let rows = format!("{:?}", entity::event::Entity::find().all(app.app.db().read()).await.unwrap());
        let stored = format!("{:?}", entity::api_key::Entity::find().all(app.app.db().read()).await.unwrap());
        assert!(!rows.contains(&secret[4..]) && !stored.contains(&secret[4..]), "the secret is stored nowhere");
    }

    async fn a_busy_keys_last_use_is_written_once_a_minute(app) {
        let (admin, door) = (app.staff(Role::Admin), Door::of(&app));
        let made = app.ask(&admin, CREATE_KEY, key("poller", &["OPERATOR"])).await["apiKeyCreate"].take();
        let secret = made["secret"].as_str().unwrap();
        for _ in 0..3 {
            door.admit(secret).await.unwrap();
            Door::of(&app).admit(secret).await.unwrap();
            app.pass(25);
        }
        let listed = app.ask(&admin, "{ apiKeys { nodes { lastUsedAt } } }", json!({})).await;
        assert_eq!(listed["apiKeys"]["nodes"][0]["lastUsedAt"], "2026-03-02T09:00:00.000Z");
        app.pass(10);
        Door::of(&app).admit(secret).await.unwrap();
        let listed = app.ask(&admin, "{ apiKeys { nodes { lastUsedAt } } }", json!({})).await;
        assert_eq!(listed["apiKeys"]["nodes"][0]["lastUsedAt"], "2026-03-02T09:01:25.000Z");
    }

    async fn a_key_for_some_clients_sees_no_other(app) {
        let (admin, door) = (app.staff(Role::Admin), Door::of(&app));
        let mine = client(&app, "acme").await;
        client(&app, "other").await;
        let mut input = key("acme only", &["INTEGRATION"]);
        input["input"]["clientIds"] = json!([mine.to_string()]);
        let made = app.ask(&admin, CREATE_KEY, input).await["apiKeyCreate"].take();
        assert_eq!(made["apiKey"]["clientIds"], json!([mine.to_string()]));
        let actor = door.admit(made["secret"].as_str().unwrap()).await.unwrap();
        let clients = app.ask(&actor, "{ clients { nodes { slug } } }", json!({})).await;
        assert_eq!(clients["clients"]["nodes"], json!([{ "slug": "acme" }]));
    }

    async fn a_key_that_could_decide_or_is_for_nothing_is_refused(app) {
        let admin = app.staff(Role::Admin);
        let cases = [
            ("roles", json!(["DIRECTOR"]), "BAD_USER_INPUT"),
            ("roles", json!(["INTEGRATION", "ADMIN"]), "BAD_USER_INPUT"),
            ("roles", json!([]), "BAD_USER_INPUT"),
            ("clientIds", json!([]), "BAD_USER_INPUT"),
            ("clientIds", json!(["cli_01h455vb4pex5vsknk084sn02q"]), "NOT_FOUND"),
            ("clientIds", json!(["acme"]), "NOT_FOUND"),
            ("expiresAt", json!("2026-03-02T09:00:00Z"), "BAD_USER_INPUT"),
            ("name", json!(""), "BAD_USER_INPUT"),
        ];
        for (field, value, code) in cases {
            let mut input = key("refused", &["INTEGRATION"]);
            input["input"][field] = value;
            let refused = app.ask(&admin, CREATE_KEY, input).await["apiKeyCreate"].take();
            assert_eq!(refused["secret"], Value::Null);
            assert_eq!((&refused["userErrors"][0]["code"], &refused["userErrors"][0]["path"]), (&json!(code), &json!([field])));
        }
        assert!(events(&app).await.is_empty());
    }

    async fn an_expired_key_opens_nothing(app) {
        let (admin, door) = (app.staff(Role::Admin), Door::of(&app));
        let mut input = key("short", &["INTEGRATION"]);
        input["input"]["expiresAt"] = json!("2026-03-02T09:00:30Z");
        let made = app.ask(&admin, CREATE_KEY, input).await["apiKeyCreate"].take();
        let secret = made["secret"].as_str().unwrap();
        door.admit(secret).await.unwrap();
        app.pass(30);
        assert_eq!(refusal(door.admit(secret).await), "The api key has expired.");
    }

    async fn only_an_unrestricted_admin_manages_people_and_keys(app) {
        let mine = client(&app, "acme").await;
        let door = Door::of(&app);
        let narrow = door.admit(&door.token("local-admin", Role::Admin, Some(mine))).await.unwrap();
        assert_ne!(narrow.scope, ClientScope::system());
        let actors = Role::ALL.iter().filter(|&&role| role != Role::Admin).map(|&role| app.staff(role));
        for actor in actors.chain([narrow]) {
            for (document, input) in [
                (UPSERT, person("issuer#grace", &["SALES"])),
                (CREATE_KEY, key("mine", &["INTEGRATION"])),
                (REVOKE_KEY, json!({ "input": { "id": "key_01h455vb4pex5vsknk084sn02q" } })),
            ] {
                let answer = app.answer(&actor, document, input).await;
                assert_eq!(answer.errors.len(), 1, "{:?}: {document}", actor.roles);
                let code = answer.errors[0].extensions.as_ref().and_then(|extensions| extensions.get("code").cloned());
                assert_eq!(code, Some("FORBIDDEN".into()), "{:?}", actor.roles);
            }
        }
    }
}

#[tokio::test]
async fn every_role_is_told_exactly_what_it_may() {
    let app = TestApp::embedded().await;
    for &role in Role::ALL {
        let actor = app.staff(role);
        assert!(matches!(actor.id, ActorId::User(_)));
        let viewer = app.ask(&actor, "{ viewer { permissions } }", json!({})).await["viewer"].take();
        let expected: Vec<_> = TABLE.iter().filter(|row| row.roles.contains(&role)).map(|row| row.field).collect();
        assert_eq!(viewer["permissions"], json!(expected), "{role}");
        assert!(TABLE.iter().any(|row| row.surface == Surface::Query && row.roles.contains(&role)));
    }
}
