//! Lists that an object carries whole take so many entries and no more, and say so.

use gangway::domain::role::Role;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    TestApp,
    flow::{agent, register, text},
    make::{self, refusal, sent},
    on_both_stacks,
};

const EVIDENCE: &str = "mutation($input: EvidenceAddInput!) { evidenceAdd(input: $input) {
    evidence { id } userErrors { code path message remedy } } }";
const CHALLENGE: &str = "mutation($input: ChallengeRecordInput!) { challengeRecord(input: $input) {
    challenge { id } userErrors { code path message remedy } } }";
const RUN: &str = "{ clients { nodes { engagements { nodes { id challenges { id } } } } } }";
const REGISTER: &str = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) {
    results { holding { id } } userErrors { code path message remedy } } }";
const RESIDUALS: &str = "query($id: ID!) { residuals(clientId: $id) { id } }";
const PAGE: &str = "query($id: ID!) { holdings(first: 1, filter: { clientId: $id, isResidual: true }) { totalCount } }";

/// As many more rows like the only one there is.
async fn more_like_it<E>(app: &TestApp, more: usize, change: impl Fn(&mut E::Model) + Send + Sync)
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Clone + Send + Sync,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    let db = app.app.db().write();
    let first = E::find().one(db).await.unwrap().unwrap();
    let copy = |_| {
        let mut row = first.clone();
        change(&mut row);
        row.into_active_model()
    };
    for begin in (1..=more).step_by(250) {
        let rows = (begin..=more.min(begin + 249)).map(copy);
        E::insert_many(rows).exec_without_returning(db).await.unwrap();
    }
}

fn word(step: &str, key: &str) -> Value {
    json!({ "stepId": step, "details": { "attestation": { "statement": "Done." } }, "idempotencyKey": key })
}

/// The refusal names what to do instead.
fn assert_full(payload: &Value) {
    assert_eq!(refusal(payload).0, "CONFLICT", "{payload}");
    let error = &payload["userErrors"][0];
    assert!(text(&error["message"]).contains("no more"), "{error}");
    assert!(text(&error["remedy"]).ends_with('.'), "{error}");
}

on_both_stacks! {
    async fn a_step_takes_five_hundred_pieces_of_evidence(app) {
        let client = make::client(&app, "acme").await;
        let step = make::step(&app, &client).await;
        let technician = app.staff(Role::Technician);
        sent(&app, &technician, EVIDENCE, word(&step, "first-word")).await;
        more_like_it::<entity::evidence::Entity>(&app, 498, |row| row.id = Uuid::now_v7()).await;
        let last = sent(&app, &technician, EVIDENCE, word(&step, "last-word")).await;
        assert_eq!(last["userErrors"], json!([]));
        let refused = sent(&app, &technician, EVIDENCE, word(&step, "one-too-many")).await;
        assert_full(&refused);
        assert_eq!(sent(&app, &technician, EVIDENCE, word(&step, "last-word")).await["evidence"], last["evidence"]);
    }

    async fn a_run_takes_five_hundred_challenges(app) {
        let client = make::client(&app, "acme").await;
        make::step(&app, &client).await;
        let technician = app.staff(Role::Technician);
        let run = app.ask(&technician, RUN, json!({})).await["clients"]["nodes"][0]["engagements"]["nodes"][0]["id"].clone();
        let input = |key: &str| json!({ "engagementId": run, "expected": "A day.", "idempotencyKey": key });
        let first = sent(&app, &technician, CHALLENGE, input("first-challenge")).await["challenge"]["id"].clone();
        more_like_it::<entity::challenge::Entity>(&app, 499, |row| row.id = Uuid::now_v7()).await;
        assert_full(&sent(&app, &technician, CHALLENGE, input("one-too-many")).await);
        let listed = app.ask(&technician, RUN, json!({})).await;
        assert_eq!(listed["clients"]["nodes"][0]["engagements"]["nodes"][0]["challenges"].as_array().unwrap().len(), 500);
        let changed = json!({ "id": first, "engagementId": run, "actual": "A week.", "idempotencyKey": "change-challenge" });
        assert_eq!(sent(&app, &technician, CHALLENGE, changed).await["userErrors"], json!([]), "what is there can be changed");
    }

    async fn a_ledger_takes_ten_thousand_lines_and_whoever_asks_for_too_many_is_told_to_page(app) {
        let client = make::client(&app, "acme").await;
        make::step(&app, &client).await;
        let technician = app.staff(Role::Technician);
        register(&app, &technician, &client, json!([agent("pc-1")])).await;
        let other = |row: &mut entity::holding::Model| {
            row.id = Uuid::now_v7();
            row.external_ref = None;
        };
        more_like_it::<entity::holding::Entity>(&app, 999, other).await;
        let compliance = app.staff(Role::Compliance);
        let listed = app.ask(&compliance, RESIDUALS, json!({ "id": client })).await;
        assert_eq!(listed["residuals"].as_array().unwrap().len(), 1_000);
        more_like_it::<entity::holding::Entity>(&app, 9_000, other).await;
        let answer = app.answer(&compliance, RESIDUALS, json!({ "id": client })).await;
        let answer = serde_json::to_value(&answer).unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        assert!(text(&answer["errors"][0]["extensions"]["remedy"]).contains("isResidual"), "{answer}");
        assert_eq!(app.ask(&compliance, PAGE, json!({ "id": client })).await["holdings"]["totalCount"], 10_000);
        let one_more = json!({ "clientId": client, "holdings": [agent("pc-2")], "idempotencyKey": "one-too-many" });
        assert_full(&sent(&app, &technician, REGISTER, one_more).await);
    }
}
