//! Challenges: expected, met, learnt from.

use gangway::domain::role::Role;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    make::{refusal, sent},
    on_both_stacks, run,
};

const RECORD: &str = "mutation($input: ChallengeRecordInput!) { challengeRecord(input: $input) {
    challenge { id expected actual learning recordedAt recordedBy { id } engagement { id } }
    userErrors { code path message remedy } replayed } }";
const LIST: &str = "query($id: ID!) { engagement(id: $id) { challenges { expected actual learning } } }";

async fn record(app: &TestApp, input: Value) -> Value {
    sent(app, &app.staff(Role::Technician), RECORD, input).await
}

on_both_stacks! {
    async fn a_challenge_is_recorded_as_it_comes_to_be_known(app) {
        let run = run::run(&app, "acme").await;
        let first = json!({ "engagementId": run.id, "expected": "The vendor is slow.", "idempotencyKey": "first-request" });
        let recorded = record(&app, first).await;
        assert_eq!(recorded["userErrors"], json!([]));
        let id = recorded["challenge"]["id"].as_str().unwrap();
        assert_eq!(recorded["challenge"]["engagement"]["id"], json!(run.id));
        let more = json!({ "engagementId": run.id, "id": id, "actual": "It took nine days.", "learning": "Order a week earlier.",
            "idempotencyKey": "second-request" });
        let completed = record(&app, more).await;
        assert_eq!(completed["challenge"]["expected"], "The vendor is slow.");
        let other = json!({ "engagementId": run.id, "id": id, "actual": "It took two days.", "idempotencyKey": "third-request" });
        assert_eq!(refusal(&record(&app, other).await).0, "CONFLICT");
        let read = app.ask(&app.staff(Role::Director), LIST, json!({ "id": run.id })).await;
        let expected = json!([{ "expected": "The vendor is slow.", "actual": "It took nine days.", "learning": "Order a week earlier." }]);
        assert_eq!(read["engagement"]["challenges"], expected);
        assert_eq!(run::events(&app, id).await, ["challenge.recorded", "challenge.resolved"]);
    }

    async fn one_that_says_nothing_is_refused(app) {
        let run = run::run(&app, "acme").await;
        let empty = json!({ "engagementId": run.id, "idempotencyKey": "a-good-key" });
        assert_eq!(refusal(&record(&app, empty.clone()).await), ("BAD_USER_INPUT", "expected".to_owned()));
        for field in ["expected", "actual", "learning"] {
            let mut blank = empty.clone();
            blank[field] = json!("  ");
            assert_eq!(refusal(&record(&app, blank).await), ("BAD_USER_INPUT", field.to_owned()));
        }
        let read = app.ask(&app.staff(Role::Director), LIST, json!({ "id": run.id })).await;
        assert_eq!(read["engagement"]["challenges"], json!([]));
    }

    async fn foreign_ids_read_as_absent_and_a_request_counts_once(app) {
        let (run, other) = (run::run(&app, "acme").await, run::run(&app, "other").await);
        let technician = app.staff(Role::Technician);
        let input = json!({ "engagementId": run.id, "learning": "Ask earlier.", "idempotencyKey": "the-same-key" });
        let first = sent(&app, &technician, RECORD, input.clone()).await;
        let again = sent(&app, &technician, RECORD, input).await;
        assert_eq!((&again["replayed"], &again["challenge"]), (&json!(true), &first["challenge"]));
        let moved = json!({ "engagementId": other.id, "id": first["challenge"]["id"], "actual": "Elsewhere.", "idempotencyKey": "another-key" });
        assert_eq!(refusal(&record(&app, moved).await), ("NOT_FOUND", "id".to_owned()));
        let scoped = run::of_client(&app, Role::Technician, &other.client).await;
        let foreign = json!({ "engagementId": run.id, "actual": "Foreign.", "idempotencyKey": "a-third-key" });
        assert_eq!(refusal(&sent(&app, &scoped, RECORD, foreign).await), ("NOT_FOUND", "engagementId".to_owned()));
        let contact = run::of_client(&app, Role::ClientContact, &run.client).await;
        assert_eq!(app.answer(&contact, LIST, json!({ "id": run.id })).await.errors.len(), 1);
    }

    async fn stakeholders_and_challenges_of_many_runs_are_read_in_as_many_statements_as_of_few(app) {
        let document = "{ engagements(first: 100) { nodes { challenges { learning recordedBy { name } } stakeholders { name } } } }";
        let director = app.staff(Role::Director);
        let recorded = |n: usize| { let app = &app; async move {
            let run = run::run(app, &format!("client-{n}")).await;
            let input = json!({ "engagementId": run.id, "learning": "More.", "idempotencyKey": format!("request-{n}") });
            assert_eq!(record(app, input).await["userErrors"], json!([]));
        } };
        for n in 0..2 {
            recorded(n).await;
        }
        let few = run::statements(&app, &director, document).await;
        for n in 2..8 {
            recorded(n).await;
        }
        assert_eq!(run::statements(&app, &director, document).await, few);
        let read = app.ask(&director, document, json!({})).await;
        let nodes = read["engagements"]["nodes"].as_array().unwrap();
        assert!(nodes.len() == 8 && nodes.iter().all(|node| node["challenges"][0]["learning"] == "More."));
    }
}
