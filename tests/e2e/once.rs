//! The same request again: what was made once is given back, and two at once do not make two.

use futures_util::future::{Either, select};
use gangway::domain::role::Role;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    flow::{done, key},
    make::{self, refusal, sent},
    on_both_stacks,
};

const CONTACT: &str = "mutation($input: ContactUpsertInput!) { contactUpsert(input: $input) { contact { id }
    userErrors { code path message remedy ... on IdempotencyError { retryAfterMs } } replayed } }";
const UPSERT: &str = "mutation($input: UserUpsertInput!) { userUpsert(input: $input) { user { id name revision }
    userErrors { code path message remedy ... on IdempotencyError { retryAfterMs } } replayed } }";

async fn contacts(app: &TestApp, client: &str) -> usize {
    let document = "query($id: ID!) { client(id: $id) { contacts { id } } }";
    let read = app.ask(&app.staff(Role::Sales), document, json!({ "id": client })).await;
    read["client"]["contacts"].as_array().unwrap().len()
}

on_both_stacks! {
    async fn two_requests_with_one_key_at_once_make_one_thing(app) {
        let client = make::client(&app, "acme").await;
        let sales = app.staff(Role::Sales);
        let input = json!({ "clientId": client, "role": "PRIMARY", "name": "Dana", "email": "dana@acme.example", "idempotencyKey": key(&app) });
        let (first, again) = (sent(&app, &sales, CONTACT, input.clone()), sent(&app, &sales, CONTACT, input.clone()));
        if app.is_embedded() {
            // Deeds take turns, so the second finds what the first made.
            let (first, again) = tokio::join!(first, again);
            assert_eq!(done(first.clone())["contact"], done(again.clone())["contact"]);
            assert!(first["replayed"] != again["replayed"], "{first} {again}");
        } else {
            // Whichever of them has the turn waits for the client, which is held here; so the other one ends first.
            let held = app.app.db().write().begin().await.unwrap();
            let lock = Statement::from_string(DbBackend::Postgres, "SELECT id FROM client FOR UPDATE");
            held.query_all_raw(lock).await.unwrap();
            let (told, waiting) = match select(Box::pin(first), Box::pin(again)).await {
                Either::Left((told, waiting)) | Either::Right((told, waiting)) => (told, waiting),
            };
            assert_eq!(refusal(&told), ("IDEMPOTENCY_IN_PROGRESS", "idempotencyKey".to_owned()));
            assert_eq!((&told["userErrors"][0]["retryAfterMs"], &told["replayed"]), (&json!(1_000), &json!(false)));
            held.rollback().await.unwrap();
            let made = done(waiting.await);
            let later = done(sent(&app, &sales, CONTACT, input).await);
            assert_eq!((&later["contact"], &later["replayed"], &made["replayed"]), (&made["contact"], &json!(true), &json!(false)));
        }
        assert_eq!(contacts(&app, &client).await, 1);
    }

    async fn a_key_that_came_with_another_input_is_not_worth_a_retry(app) {
        let client = make::client(&app, "acme").await;
        let sales = app.staff(Role::Sales);
        let mut input = json!({ "clientId": client, "role": "PRIMARY", "name": "Dana", "email": "dana@acme.example", "idempotencyKey": key(&app) });
        done(sent(&app, &sales, CONTACT, input.clone()).await);
        input["name"] = json!("Somebody else");
        let refused = sent(&app, &sales, CONTACT, input).await;
        assert_eq!(refusal(&refused), ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey".to_owned()));
        assert_eq!(refused["userErrors"][0]["retryAfterMs"], Value::Null);
        assert!(refused["userErrors"][0]["remedy"].is_string(), "{refused}");
        assert_eq!(contacts(&app, &client).await, 1);
    }

    async fn entering_a_person_again_gives_the_person_and_changes_nothing(app) {
        let admin = app.staff(Role::Admin);
        let mut input = json!({ "subject": "issuer#dana", "name": "Dana", "roles": ["SALES"], "idempotencyKey": key(&app) });
        let first = done(sent(&app, &admin, UPSERT, input.clone()).await);
        let again = done(sent(&app, &admin, UPSERT, input.clone()).await);
        assert_eq!((&again["user"], &again["replayed"], &first["replayed"]), (&first["user"], &json!(true), &json!(false)));
        // A change that comes again is not stale: it was done.
        input = json!({ "subject": "issuer#dana", "name": "Dana Reyes", "roles": ["SALES"], "expectedRevision": 1, "idempotencyKey": key(&app) });
        let changed = done(sent(&app, &admin, UPSERT, input.clone()).await);
        let again = done(sent(&app, &admin, UPSERT, input.clone()).await);
        assert_eq!((&again["user"], &again["replayed"], &changed["user"]["revision"]), (&changed["user"], &json!(true), &json!(2)));
        input["name"] = json!("Nobody");
        assert_eq!(refusal(&sent(&app, &admin, UPSERT, input.clone()).await).0, "IDEMPOTENCY_KEY_REUSED");
        input["idempotencyKey"] = json!(key(&app));
        assert_eq!(refusal(&sent(&app, &admin, UPSERT, input).await).0, "CONFLICT");
    }
}
