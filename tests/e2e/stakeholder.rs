//! Stakeholders, and what each is to each step.

use gangway::domain::role::Role;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    make::{refusal, sent},
    on_both_stacks,
    run::{self, Run},
};

const UPSERT: &str = "mutation($input: StakeholderUpsertInput!) { stakeholderUpsert(input: $input) {
    stakeholder { id position name responsibilities phone { raw e164 isAmbiguous } raci { stepKey raci } revision engagement { id } }
    userErrors { code path message remedy ... on ConflictError { currentRevision } } replayed } }";
const LIST: &str = "query($id: ID!) { engagement(id: $id) { stakeholders { id name position } } }";

fn input(run: &Run, key: &str) -> Value {
    json!({ "engagementId": run.id, "name": "IT Engineering Team", "responsibilities": "Sets up systems and tests them.",
        "phone": "7879999999", "raci": [{ "stepKey": "kickoff", "raci": "CONSULTED" }, { "stepKey": "access", "raci": "ACCOUNTABLE" }],
        "idempotencyKey": key })
}

async fn upsert(app: &TestApp, input: Value) -> Value {
    sent(app, &app.staff(Role::OnboardingManager), UPSERT, input).await
}

on_both_stacks! {
    async fn a_stakeholder_is_named_and_changed(app) {
        let run = run::run(&app, "acme").await;
        let named = upsert(&app, input(&run, "first-request")).await;
        assert_eq!(named["userErrors"], json!([]));
        let stakeholder = &named["stakeholder"];
        assert_eq!((&stakeholder["position"], &stakeholder["revision"]), (&json!(1), &json!(1)));
        assert_eq!(stakeholder["engagement"]["id"], json!(run.id));
        assert_eq!(stakeholder["phone"], json!({ "raw": "7879999999", "e164": null, "isAmbiguous": true }));
        let raci = json!([{ "stepKey": "access", "raci": "ACCOUNTABLE" }, { "stepKey": "kickoff", "raci": "CONSULTED" }]);
        assert_eq!(stakeholder["raci"], raci);
        let id = stakeholder["id"].as_str().unwrap();
        let mut change = input(&run, "second-request");
        change["id"] = json!(id);
        change["expectedRevision"] = json!(1);
        change["phone"] = json!("+1 212 555 0100");
        change["raci"] = json!([]);
        let changed = upsert(&app, change.clone()).await;
        assert_eq!(changed["stakeholder"]["phone"]["e164"], "+12125550100");
        assert_eq!((&changed["stakeholder"]["revision"], &changed["stakeholder"]["raci"]), (&json!(2), &json!([])));
        change["idempotencyKey"] = json!("third-request");
        let stale = upsert(&app, change).await;
        assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()));
        assert_eq!(stale["userErrors"][0]["currentRevision"], 2);
        assert_eq!(run::events(&app, id).await, ["stakeholder.added", "stakeholder.updated"]);
    }

    async fn stakeholders_stand_in_the_order_they_were_named_in(app) {
        let run = run::run(&app, "acme").await;
        for (n, name) in ["First", "Second", "Third"].into_iter().enumerate() {
            let mut named = input(&run, &format!("request-{n}"));
            (named["name"], named["raci"]) = (json!(name), Value::Null);
            upsert(&app, named).await;
        }
        let read = app.ask(&app.staff(Role::Technician), LIST, json!({ "id": run.id })).await;
        let names: Vec<_> = read["engagement"]["stakeholders"].as_array().unwrap().iter()
            .map(|stakeholder| (stakeholder["position"].clone(), stakeholder["name"].clone())).collect();
        assert_eq!(names, [(json!(1), json!("First")), (json!(2), json!("Second")), (json!(3), json!("Third"))]);
    }

    async fn two_named_at_once_take_different_places(app) {
        let run = run::run(&app, "acme").await;
        let named = |key: &str| {
            let mut named = input(&run, key);
            named["raci"] = Value::Null;
            upsert(&app, named)
        };
        let (one, two) = tokio::join!(named("first-request"), named("second-request"));
        assert_ne!(one["stakeholder"]["position"], two["stakeholder"]["position"], "{one} {two}");
    }

    async fn one_stakeholder_answers_for_a_step(app) {
        let run = run::run(&app, "acme").await;
        upsert(&app, input(&run, "first-request")).await;
        let mut second = input(&run, "second-request");
        second["name"] = json!("Customer Success Team");
        let refused = upsert(&app, second.clone()).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "raci".to_owned()));
        assert!(refused["userErrors"][0]["message"].as_str().unwrap().contains("IT Engineering Team"));
        second["raci"] = json!([{ "stepKey": "access", "raci": "INFORMED" }]);
        second["idempotencyKey"] = json!("third-request");
        assert_eq!(upsert(&app, second).await["userErrors"], json!([]));
    }

    async fn wrong_input_names_the_field(app) {
        let run = run::run(&app, "acme").await;
        let twice = json!([{ "stepKey": "kickoff", "raci": "INFORMED" }, { "stepKey": "kickoff", "raci": "CONSULTED" }]);
        for (field, value, path) in [
            ("name", json!(" \n "), "name"),
            ("responsibilities", json!(""), "responsibilities"),
            ("phone", json!("ask reception"), "phone"),
            ("raci", json!([{ "stepKey": "nowhere", "raci": "INFORMED" }]), "raci"),
            ("raci", twice, "raci.1.stepKey"),
            ("expectedRevision", json!(1), "expectedRevision"),
            ("idempotencyKey", json!("short"), "idempotencyKey"),
        ] {
            let mut wrong = input(&run, "a-good-key");
            wrong[field] = value;
            assert_eq!(refusal(&upsert(&app, wrong).await), ("BAD_USER_INPUT", path.to_owned()));
        }
        let read = app.ask(&app.staff(Role::Technician), LIST, json!({ "id": run.id })).await;
        assert_eq!(read["engagement"]["stakeholders"], json!([]));
    }

    async fn foreign_ids_read_as_absent_and_a_request_counts_once(app) {
        let (run, other) = (run::run(&app, "acme").await, run::run(&app, "other").await);
        let manager = app.staff(Role::OnboardingManager);
        let first = sent(&app, &manager, UPSERT, input(&run, "the-same-key")).await;
        let again = sent(&app, &manager, UPSERT, input(&run, "the-same-key")).await;
        assert_eq!((&again["replayed"], &again["stakeholder"]), (&json!(true), &first["stakeholder"]));
        let mut moved = input(&other, "second-request");
        (moved["id"], moved["expectedRevision"]) = (first["stakeholder"]["id"].clone(), json!(1));
        assert_eq!(refusal(&upsert(&app, moved).await), ("NOT_FOUND", "id".to_owned()));
        let scoped = run::of_client(&app, Role::OnboardingManager, &other.client).await;
        let foreign = sent(&app, &scoped, UPSERT, input(&run, "third-request")).await;
        assert_eq!(refusal(&foreign), ("NOT_FOUND", "engagementId".to_owned()));
        let contact = run::of_client(&app, Role::ClientContact, &run.client).await;
        assert_eq!(app.answer(&contact, LIST, json!({ "id": run.id })).await.errors.len(), 1);
    }

    async fn the_log_holds_no_personal_data_of_a_stakeholder(app) {
        use sea_orm::EntityTrait;
        let run = run::run(&app, "acme").await;
        upsert(&app, input(&run, "first-request")).await;
        let events = entity::event::Entity::find().all(app.app.db().read()).await.unwrap();
        let event = events.iter().find(|event| event.kind == "stakeholder.added").unwrap();
        let text = format!("{} {}", event.summary, event.payload);
        assert!(!text.contains("Engineering") && !text.contains("787"), "{text}");
    }
}
