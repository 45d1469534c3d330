//! Contacts.

use gangway::domain::role::Role;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    make::{self, assert_constant, refusal, sent},
    on_both_stacks,
};

const UPSERT: &str = "mutation($input: ContactUpsertInput!) {
    contactUpsert(input: $input) {
        contact { id role name email phone { raw e164 isAmbiguous } escalationOrder revision client { id slug } }
        userErrors { code path message remedy ... on ConflictError { currentRevision } } replayed } }";
const CONTACTS: &str = "query($id: ID!) { client(id: $id) { contacts { name escalationOrder } } }";

fn input(client: &str, key: &str) -> Value {
    json!({ "clientId": client, "role": "PRIMARY", "name": "Dana Reyes", "email": "dana@Acme.example",
            "phone": "+1 (212) 555-0100", "idempotencyKey": key })
}

async fn upsert(app: &TestApp, input: Value) -> Value {
    sent(app, &app.staff(Role::AccountManager), UPSERT, input).await
}

on_both_stacks! {
    async fn a_contact_is_entered_and_hangs_below_its_client(app) {
        let client = make::client(&app, "acme").await;
        let entered = upsert(&app, input(&client, "first-request")).await;
        assert_eq!(entered["userErrors"], json!([]));
        let contact = &entered["contact"];
        assert_eq!(contact["email"], "dana@acme.example");
        assert_eq!(contact["phone"], json!({ "raw": "+1 (212) 555-0100", "e164": "+12125550100", "isAmbiguous": false }));
        assert_eq!((&contact["escalationOrder"], &contact["revision"]), (&json!(1), &json!(1)));
        assert_eq!(contact["client"], json!({ "id": client, "slug": "acme" }));
        let mut second = input(&client, "second-request");
        second["name"] = json!("Kim Osei");
        upsert(&app, second).await;
        let read = app.ask(&app.staff(Role::ClientContact), CONTACTS, json!({ "id": client })).await;
        let expected = json!([{ "name": "Dana Reyes", "escalationOrder": 1 }, { "name": "Kim Osei", "escalationOrder": 2 }]);
        assert_eq!(read["client"]["contacts"], expected);
    }

    async fn a_change_replaces_the_contact_and_needs_its_revision(app) {
        let client = make::client(&app, "acme").await;
        let id = upsert(&app, input(&client, "first-request")).await["contact"]["id"].take();
        let change = |revision: Value, key: &str| json!({ "clientId": client, "id": id, "expectedRevision": revision,
            "role": "BILLING", "name": "Dana Reyes-Lee", "email": "dana@acme.example", "idempotencyKey": key });
        let changed = upsert(&app, change(json!(1), "second-request")).await;
        assert_eq!((&changed["contact"]["name"], &changed["contact"]["phone"]), (&json!("Dana Reyes-Lee"), &Value::Null));
        assert_eq!((&changed["contact"]["revision"], &changed["contact"]["escalationOrder"]), (&json!(2), &json!(1)));
        let stale = upsert(&app, change(json!(1), "third-request")).await;
        assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()));
        assert_eq!(stale["userErrors"][0]["currentRevision"], 2);
        let missing = upsert(&app, change(Value::Null, "fourth-request")).await;
        assert_eq!(refusal(&missing), ("BAD_USER_INPUT", "expectedRevision".to_owned()));
    }

    async fn wrong_input_names_the_field_and_the_remedy(app) {
        let client = make::client(&app, "acme").await;
        let cases = [("email", json!("dana at acme")), ("phone", json!("ask reception")), ("escalationOrder", json!(0)),
            ("name", json!(" \n")), ("idempotencyKey", json!("short")), ("expectedRevision", json!(1))];
        for (field, value) in cases {
            let mut wrong = input(&client, "a-good-key");
            wrong[field] = value;
            let refused = upsert(&app, wrong).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", field.to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string(), "{field}");
            assert_eq!(refused["contact"], Value::Null);
        }
        let mut unreachable = input(&client, "a-good-key");
        unreachable["email"] = Value::Null;
        unreachable["phone"] = Value::Null;
        assert_eq!(refusal(&upsert(&app, unreachable).await), ("BAD_USER_INPUT", "email".to_owned()));
        let read = app.ask(&app.staff(Role::Sales), CONTACTS, json!({ "id": client })).await;
        assert_eq!(read["client"]["contacts"], json!([]));
    }

    async fn an_unknown_client_and_anothers_contact_read_as_absent(app) {
        let (client, other) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        let id = upsert(&app, input(&client, "first-request")).await["contact"]["id"].take();
        let mut foreign = input(&other, "second-request");
        foreign["id"] = id;
        foreign["expectedRevision"] = json!(1);
        assert_eq!(refusal(&upsert(&app, foreign).await), ("NOT_FOUND", "id".to_owned()));
        for unknown in ["cli_01h455vb4pex5vsknk084sn02q", "con_01h455vb4pex5vsknk084sn02q", "nonsense"] {
            let refused = upsert(&app, input(unknown, "third-request")).await;
            assert_eq!(refusal(&refused), ("NOT_FOUND", "clientId".to_owned()), "{unknown}");
        }
    }

    async fn the_same_request_again_enters_no_second_contact(app) {
        let client = make::client(&app, "acme").await;
        let manager = app.staff(Role::AccountManager);
        let first = sent(&app, &manager, UPSERT, input(&client, "the-same-key")).await;
        let again = sent(&app, &manager, UPSERT, input(&client, "the-same-key")).await;
        assert_eq!((&again["replayed"], &again["contact"]), (&json!(true), &first["contact"]));
        let mut other = input(&client, "the-same-key");
        other["name"] = json!("Somebody Else");
        let reused = sent(&app, &manager, UPSERT, other).await;
        assert_eq!(refusal(&reused).0, "IDEMPOTENCY_KEY_REUSED");
    }

    async fn contacts_of_many_clients_are_read_in_one_statement(app) {
        let count = |clients: usize| { let app = &app; async move {
            let before = app.app.db().statements();
            let document = "{ clients(first: 100) { nodes { contacts { name client { name } } } } }";
            let read = app.ask(&app.staff(Role::Sales), document, json!({})).await;
            assert_eq!(read["clients"]["nodes"].as_array().unwrap().len(), clients);
            app.app.db().statements() - before
        } };
        for n in 0..2 {
            let client = make::client(&app, &format!("client-{n}")).await;
            upsert(&app, input(&client, &format!("request-{n}"))).await;
        }
        let few = count(2).await;
        for n in 2..12 {
            let client = make::client(&app, &format!("client-{n}")).await;
            upsert(&app, input(&client, &format!("request-{n}"))).await;
        }
        assert_constant(few, count(12).await);
    }

    async fn the_log_holds_no_personal_data_of_a_contact(app) {
        use sea_orm::EntityTrait;
        let client = make::client(&app, "acme").await;
        upsert(&app, input(&client, "first-request")).await;
        let events = entity::event::Entity::find().all(app.app.db().read()).await.unwrap();
        let event = events.iter().find(|event| event.kind == "contact.created").unwrap();
        let text = format!("{} {}", event.summary, event.payload);
        for personal in ["Dana", "dana@", "555"] {
            assert!(!text.contains(personal), "{text}");
        }
    }
}
