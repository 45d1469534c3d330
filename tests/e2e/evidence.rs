//! Evidence.

use gangway::domain::role::Role;
use serde_json::{Value, json};
use sha2::Digest;

use crate::support::{
    TestApp, flow,
    make::{self, assert_constant, refusal, sent},
    on_both_stacks,
};

const ADD: &str = "mutation($input: EvidenceAddInput!) {
    evidenceAdd(input: $input) {
        evidence { id kind label sha256 recordedAt recordedBy { id kind }
            ... on AttestationEvidence { statement }
            ... on MeetingEvidence { heldAt notes attendees { name team isExcused } }
            ... on PhotoEvidence { caption fileId } ... on FileEvidence { description fileId } }
        userErrors { code path message remedy } replayed } }";
const NESTED: &str =
    "{ clients(first: 50) { nodes { engagements { nodes { steps { key evidence { label recordedBy { id } } } } } } } }";

fn attestation(step: &str, key: &str) -> Value {
    json!({ "stepId": step, "details": { "attestation": { "statement": "All agents report." } }, "idempotencyKey": key })
}

async fn add(app: &TestApp, input: Value) -> Value {
    sent(app, &app.staff(Role::Technician), ADD, input).await
}

on_both_stacks! {
    async fn words_and_meetings_prove_a_step(app) {
        let client = make::client(&app, "acme").await;
        let step = make::step(&app, &client).await;
        let word = add(&app, attestation(&step, "first-request")).await;
        assert_eq!(word["userErrors"], json!([]));
        assert_eq!((&word["evidence"]["kind"], &word["evidence"]["label"]), (&json!("ATTESTATION"), &json!("Attestation")));
        assert_eq!(word["evidence"]["statement"], "All agents report.");
        let meeting = json!({ "stepId": step, "label": "Kickoff", "idempotencyKey": "second-request", "details": { "meeting": {
            "heldAt": "2026-03-01T15:00:00Z", "notes": "Roles are clear.",
            "attendees": [{ "name": "Ann", "team": "SALES" }, { "name": "Ben", "team": "TECHNICIAN", "isExcused": true }, { "name": "Guest" }] } } });
        let meeting = add(&app, meeting).await;
        assert_eq!(meeting["evidence"]["label"], "Kickoff");
        assert_eq!(meeting["evidence"]["attendees"][1], json!({ "name": "Ben", "team": "TECHNICIAN", "isExcused": true }));
        let read = app.ask(&app.staff(Role::Sales), NESTED, json!({})).await;
        let steps = &read["clients"]["nodes"][0]["engagements"]["nodes"][0]["steps"];
        let labels: Vec<_> = steps[0]["evidence"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
        assert_eq!(labels, ["Attestation", "Kickoff"]);
    }

    async fn a_line_of_the_ledger_is_proven_too(app) {
        let client = make::client(&app, "acme").await;
        let agents = json!([flow::agent("pc-1"), flow::agent("pc-2")]);
        let lines = flow::register(&app, &app.staff(Role::Technician), &client, agents).await;
        let picture = make::upload(&app, &client, "rack.png", make::PNG).await;
        let word = json!({ "holdingId": lines[0], "details": { "attestation": { "statement": "The agent reports." } }, "idempotencyKey": "first-request" });
        let photo = json!({ "holdingId": lines[0], "details": { "photo": { "fileId": picture } }, "idempotencyKey": "second-request" });
        for input in [word, photo] {
            assert_eq!(add(&app, input).await["userErrors"], json!([]));
        }
        let read = "query($id: ID!) { client(id: $id) { holdings { nodes { name evidence { kind label } } } } }";
        let read = app.ask(&app.staff(Role::Technician), read, json!({ "id": client })).await;
        let mut nodes = read["client"]["holdings"]["nodes"].as_array().unwrap().clone();
        nodes.sort_by_key(|node| node["name"].to_string());
        let proofs = json!([{ "kind": "ATTESTATION", "label": "Attestation" }, { "kind": "PHOTO", "label": "Photo 1" }]);
        assert_eq!(nodes, [json!({ "name": "pc-1", "evidence": proofs }), json!({ "name": "pc-2", "evidence": [] })]);
    }

    async fn files_and_numbered_photos_prove_a_step(app) {
        let client = make::client(&app, "acme").await;
        let step = make::step(&app, &client).await;
        let picture = make::upload(&app, &client, "rack.png", make::PNG).await;
        let photo = |key: &str| json!({ "stepId": step, "details": { "photo": { "fileId": picture, "caption": "The rack." } }, "idempotencyKey": key });
        for (n, key) in ["first-request", "second-request"].into_iter().enumerate() {
            let added = add(&app, photo(key)).await;
            assert_eq!(added["evidence"]["label"], format!("Photo {}", n + 1));
            assert_eq!(added["evidence"]["sha256"], hex::encode(sha2::Sha256::digest(make::PNG)));
        }
        let mut named = photo("third-request");
        named["label"] = json!("Rack");
        assert_eq!(refusal(&add(&app, named).await), ("BAD_USER_INPUT", "label".to_owned()));
        let document = make::upload(&app, &client, "plan.pdf", b"%PDF-1.7").await;
        let mut wrong = photo("third-request");
        wrong["details"]["photo"]["fileId"] = json!(document);
        assert_eq!(refusal(&add(&app, wrong).await), ("BAD_USER_INPUT", "details.photo.fileId".to_owned()));
        let proof = json!({ "stepId": step, "details": { "file": { "fileId": document } }, "idempotencyKey": "fourth-request" });
        assert_eq!(add(&app, proof).await["evidence"]["label"], "plan.pdf");
    }

    async fn a_file_must_have_arrived_for_the_same_client(app) {
        let (client, other) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        let step = make::step(&app, &client).await;
        let proof = |file: &str| json!({ "stepId": step, "details": { "file": { "fileId": file } }, "idempotencyKey": "a-good-key" });
        let expected = make::announce(&app, &client, "plan.pdf", 8).await["file"]["id"].as_str().unwrap().to_owned();
        let refused = add(&app, proof(&expected)).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "details.file.fileId".to_owned()));
        assert!(refused["userErrors"][0]["remedy"].is_string());
        let foreign = make::upload(&app, &other, "plan.pdf", b"%PDF-1.7").await;
        for unknown in [foreign.as_str(), "fil_01h455vb4pex5vsknk084sn02q", "nonsense"] {
            assert_eq!(refusal(&add(&app, proof(unknown)).await), ("NOT_FOUND", "details.file.fileId".to_owned()));
        }
    }

    async fn wrong_input_names_the_field_and_the_remedy(app) {
        let client = make::client(&app, "acme").await;
        let step = make::step(&app, &client).await;
        let with = |details: Value| json!({ "stepId": step, "details": details, "idempotencyKey": "a-good-key" });
        let meeting = |attendees: Value, held_at: &str| with(json!({ "meeting": { "heldAt": held_at, "notes": "x", "attendees": attendees } }));
        let ann = json!([{ "name": "Ann" }]);
        let cases = [
            (with(json!({ "attestation": { "statement": " " } })), "details.attestation.statement"),
            (with(json!({ "attestation": { "statement": "password=hunter22" } })), "details"),
            (meeting(ann.clone(), "2026-03-03T15:00:00Z"), "details"),
            (meeting(json!([{ "name": "Ann" }, { "name": "" }]), "2026-03-01T15:00:00Z"), "details.meeting.attendees.1.name"),
            (json!({ "details": { "attestation": { "statement": "x" } }, "idempotencyKey": "a-good-key" }), "stepId"),
            (json!({ "stepId": step, "holdingId": "hol_01h455vb4pex5vsknk084sn02q", "details": { "attestation": { "statement": "x" } }, "idempotencyKey": "a-good-key" }), "stepId"),
        ];
        for (input, path) in cases {
            let refused = add(&app, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string(), "{path}");
        }
        let unknown = add(&app, attestation("stp_01h455vb4pex5vsknk084sn02q", "a-good-key")).await;
        assert_eq!(refusal(&unknown), ("NOT_FOUND", "stepId".to_owned()));
        let ledger = json!({ "holdingId": "hol_01h455vb4pex5vsknk084sn02q", "details": { "attestation": { "statement": "x" } }, "idempotencyKey": "a-good-key" });
        assert_eq!(refusal(&add(&app, ledger).await), ("NOT_FOUND", "holdingId".to_owned()));
    }

    async fn only_those_who_work_on_a_step_prove_it(app) {
        let client = make::client(&app, "acme").await;
        let step = make::step(&app, &client).await;
        let variables = |key: &str| json!({ "input": attestation(&step, key) });
        for role in [Role::Billing, Role::ClientContact, Role::Admin] {
            let answer = app.answer(&app.staff(role), ADD, variables("a-good-key")).await;
            assert!(format!("{:?}", answer.errors).contains("FORBIDDEN"), "{role}");
        }
        let lead = app.ask(&app.staff(Role::AccountManager), ADD, variables("a-good-key")).await;
        assert_eq!(lead["evidenceAdd"]["userErrors"], json!([]));
    }

    async fn the_same_request_again_attaches_no_second_proof(app) {
        let client = make::client(&app, "acme").await;
        let step = make::step(&app, &client).await;
        let technician = app.staff(Role::Technician);
        let first = sent(&app, &technician, ADD, attestation(&step, "the-same-key")).await;
        let again = sent(&app, &technician, ADD, attestation(&step, "the-same-key")).await;
        assert_eq!((&again["evidence"], &again["replayed"]), (&first["evidence"], &json!(true)));
        let mut other = attestation(&step, "the-same-key");
        other["details"]["attestation"]["statement"] = json!("Something else.");
        assert_eq!(refusal(&sent(&app, &technician, ADD, other).await).0, "IDEMPOTENCY_KEY_REUSED");
    }

    async fn evidence_of_many_steps_is_read_in_one_statement(app) {
        let count = async |clients: usize| {
            let before = app.app.db().statements();
            let read = app.ask(&app.staff(Role::Sales), NESTED, json!({})).await;
            assert_eq!(read["clients"]["nodes"].as_array().unwrap().len(), clients);
            app.app.db().statements() - before
        };
        for n in 0..2 {
            let client = make::client(&app, &format!("client-{n}")).await;
            let step = make::step(&app, &client).await;
            add(&app, attestation(&step, &format!("request-{n}"))).await;
        }
        let few = count(2).await;
        for n in 2..14 {
            let client = make::client(&app, &format!("client-{n}")).await;
            let step = make::step(&app, &client).await;
            add(&app, attestation(&step, &format!("request-{n}"))).await;
        }
        assert_constant(few, count(14).await);
    }
}
