//! A process document with its types: what goes out comes back in as the very same document.

use gangway::{auth::Actor, domain::role::Role};
use serde_json::{Map, Value, json};

use crate::support::{
    TestApp,
    flow::{self, document, done, key, template, text},
    make::{refusal, sent},
    on_both_stacks, run,
};

const READ: &str = include_str!("../../docs/examples/process-document.graphql");
const DRAFT: &str = include_str!("../../docs/examples/process-draft.graphql");
const UPDATE: &str = include_str!("../../docs/examples/process-update-draft.graphql");
const SUBMIT: &str = include_str!("../../docs/examples/process-submit.graphql");
const CONTENT: &str = "query($number: String!) { process(documentNumber: $number) { approvedVersion { content } } }";

/// A word of the schema as the name of a field: `NO_RESIDUALS` is written `noResiduals`.
fn field(word: &str) -> String {
    let mut words = word.split('_').map(str::to_lowercase);
    let first = words.next().unwrap();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// A document as it was read, in the form in which it is sent.
fn sendable(read: Value) -> Value {
    match read {
        Value::Array(parts) => parts.into_iter().map(sendable).collect(),
        Value::Object(parts) => sendable_part(parts.into_iter().map(|(name, part)| (name, sendable(part))).collect()),
        other => other,
    }
}

/// Gates and selectors of holdings are sent below the name of their kind.
fn sendable_part(mut part: Map<String, Value>) -> Value {
    if part.remove("isAlwaysHard").is_some() {
        let name = field(&text(&part.remove("code").unwrap()));
        return if part.is_empty() { json!({ name: true }) } else { json!({ name: part }) };
    }
    let selects = ["systems", "tools", "isLastMile", "configKinds", "dispositions"];
    if part.len() == 2 && selects.iter().any(|name| part.contains_key(*name)) {
        let name = field(&text(&part.remove("kind").unwrap()));
        return json!({ name: part });
    }
    part.into()
}

/// The approved version of the built-in `number`, whole.
async fn approved(app: &TestApp, number: &str) -> Value {
    gangway::app::process::builtin::install(&app.app).await.unwrap();
    let asked = app.ask(&app.staff(Role::Sales), READ, json!({ "number": number })).await;
    asked["process"]["approvedVersion"].clone()
}

async fn draft(app: &TestApp, author: &Actor, input: Value) -> Value {
    let mut input = input;
    flow::merge(&mut input, json!({ "idempotencyKey": key(app) }));
    sent(app, author, DRAFT, input).await
}

/// Every gate there is, as JSON has them, each on a step of its own.
fn with_every_gate(number: &str) -> Value {
    let of = json!({ "kind": "CONFIG", "config_kinds": ["BACKUP_JOB"] });
    let gates = [
        json!({ "gate": "AGREEMENTS_SIGNED", "kinds": ["SLA"] }),
        json!({ "gate": "STEPS_DONE", "keys": ["first"] }),
        json!({ "gate": "EVIDENCE_PRESENT", "kinds": ["PHOTO"] }),
        json!({ "gate": "TEAMS_MET", "teams": ["SALES"] }),
        json!({ "gate": "FACTS_VERIFIED", "kinds": [] }),
        json!({ "gate": "ROLE_HELD", "role": "BILLING" }),
        json!({ "gate": "DECISION_GRANTED", "kind": "CHANGE" }),
        json!({ "gate": "DATE_REACHED", "which": "TERMINATION" }),
        json!({ "gate": "HOLDINGS_ACTIVE", "of": { "kind": "SYSTEM_RECORD", "systems": ["PSA"] } }),
        json!({ "gate": "HOLDINGS_SETTLED", "of": { "kind": "CREDENTIAL", "is_last_mile": false } }),
        json!({ "gate": "HOLDINGS_CLOSED", "of": of }),
        json!({ "gate": "DIFFERENT_PERSON", "step": "first" }),
        json!({ "gate": "CHECKLIST_DONE" }),
        json!({ "gate": "INTAKE_RECEIVED" }),
        json!({ "gate": "DESIGNATED_AUTHORITY_SET" }),
        json!({ "gate": "APPROVED_CHANGE" }),
        json!({ "gate": "WINDOW_AGREED" }),
        json!({ "gate": "NOTICE_RECORDED" }),
        json!({ "gate": "RETURN_TERMS_AGREED" }),
        json!({ "gate": "RECIPIENT_KEY_CONFIRMED" }),
        json!({ "gate": "RECEIPT_GIVEN" }),
        json!({ "gate": "FEES_SETTLED" }),
        json!({ "gate": "NO_RESIDUALS" }),
        json!({ "gate": "OPEN_EXCEPTIONS_CLOSED" }),
        json!({ "gate": "OPEN_DECISIONS_DECIDED" }),
    ];
    let asked = gates.into_iter().enumerate().map(|(index, mut gate)| {
        flow::merge(
            &mut gate,
            json!({ "when": if index % 2 == 0 { "START" } else { "COMPLETE" }, "hard": index % 3 == 0 }),
        );
        gate
    });
    let more = json!({
        "gates": asked.collect::<Vec<_>>(), "job_kind": "DATA_RETURN", "is_security": true, "depends_on": ["first"],
        "checklist": [{ "key": "one", "text": "One." }, { "key": "two", "text": "Two.", "is_required": false }],
        "required_evidence": ["ATTESTATION"], "due": { "days": -3, "from": "TARGET" },
        "holdings": [{ "kind": "AGENT" }, { "kind": "DATA", "dispositions": ["RETAIN"] }, { "kind": "CREDENTIAL", "is_last_mile": true }],
    });
    let mut content = document(number, &[template("first", json!({})), template("second", more)]);
    flow::merge(
        &mut content,
        json!({
            "start_gates": [{ "gate": "INTAKE_RECEIVED" }], "challenges": [{ "expected": "Little.", "learning": "Much." }],
            "exceptions": { "situations": ["None."], "actions": [{ "kind": "ESCALATE", "text": "Call." }], "risks": [{ "kind": "LEGAL", "text": "Law." }] },
            "prepared": { "by": "Somebody", "at": "2026-02-28T10:00:00Z", "time_zone": "Europe/Berlin", "original_time_text": "Ten.",
                "original_approval_text": "Yes.", "place": { "address": "Here", "latitude": 52.5, "longitude": -13.25 } },
            "review": { "interval_months": 6, "reviewer": "Somebody", "contact": "somebody@gangway.example", "auto_revise": false,
                "steps_before_revision": ["Look."] },
        }),
    );
    content
}

/// A draft as it stands, with its document.
async fn drafted(app: &TestApp, author: &Actor, content: Value) -> Value {
    let whole = READ.split_once("fragment Document").unwrap().1;
    let select = "mutation($input: ProcessDraftInput!) { processDraft(input: $input) {
        processVersion { id contentHash content document { ...Document } } userErrors { message path } } }";
    let input = json!({ "content": content, "idempotencyKey": key(app) });
    let made = sent(app, author, &format!("{select} fragment Document {whole}"), input).await;
    done(made)["processVersion"].take()
}

on_both_stacks! {
    async fn the_built_in_documents_come_back_in_as_what_went_out(app) {
        let author = app.staff(Role::OnboardingManager);
        for (number, other) in [("T-ONB-010", "T-ONB-710"), ("T-OFF-010", "T-OFF-710")] {
            let mut typed = sendable(approved(&app, number).await["document"].take());
            typed["documentNumber"] = json!(other);
            let made = done(draft(&app, &author, json!({ "document": typed })).await)["processVersion"].take();
            assert_eq!(made["findings"], json!([]));
            // The same document in the form that is stored: nothing of it was lost or turned on the way.
            let mut stored = app.ask(&author, CONTENT, json!({ "number": number })).await["process"]["approvedVersion"]["content"].take();
            stored["document_number"] = json!(other);
            let input = json!({ "id": made["id"], "expectedRevision": 1, "content": stored });
            let changed = done(sent(&app, &author, UPDATE, input).await)["processVersion"].take();
            assert_eq!((&changed["contentHash"], &changed["revision"]), (&made["contentHash"], &json!(2)), "{number}");
            let submitted = sent(&app, &author, SUBMIT, json!({ "id": made["id"], "expectedRevision": 2 })).await;
            assert_eq!(done(submitted)["processVersion"]["state"], "IN_REVIEW");
        }
    }

    async fn every_gate_and_every_field_comes_back_in_as_what_went_out(app) {
        let author = app.staff(Role::OnboardingManager);
        let version = drafted(&app, &author, with_every_gate("T-ONB-711")).await;
        let kinds = "{ __type(name: \"ProcessGateKind\") { enumValues { name } } }";
        let kinds = app.ask(&author, kinds, json!({})).await["__type"]["enumValues"].take();
        let mut kinds: Vec<_> = kinds.as_array().unwrap().iter().map(|kind| text(&kind["name"])).collect();
        let gates = version["document"]["steps"][1]["gates"].as_array().unwrap();
        let mut shown: Vec<_> = gates.iter().map(|gate| text(&gate["gate"]["code"])).collect();
        let stored: Vec<_> = version["content"]["steps"][1]["gates"].as_array().unwrap().iter().map(|gate| text(&gate["gate"])).collect();
        assert_eq!(shown, stored, "the words are those of the document");
        kinds.sort();
        shown.sort();
        assert_eq!(shown, kinds, "this draft has every gate");
        let input = json!({ "id": version["id"], "expectedRevision": 1, "document": sendable(version["document"].clone()) });
        let changed = done(sent(&app, &author, UPDATE, input).await)["processVersion"].take();
        assert_eq!((&changed["contentHash"], &changed["revision"]), (&version["contentHash"], &json!(2)));
    }

    async fn an_instant_finer_than_a_millisecond_is_taken_as_it_is_shown(app) {
        let author = app.staff(Role::OnboardingManager);
        let mut content = document("T-ONB-714", &[template("only", json!({}))]);
        content["prepared"]["at"] = json!("2026-02-28T10:00:00.123999Z");
        let version = drafted(&app, &author, content).await;
        let at = |form: &str| version[form]["prepared"]["at"].clone();
        assert_eq!((at("document"), at("content")), (json!("2026-02-28T10:00:00.123Z"), json!("2026-02-28T10:00:00.123Z")));
        let input = json!({ "id": version["id"], "expectedRevision": 1, "document": sendable(version["document"].clone()) });
        let changed = done(sent(&app, &author, UPDATE, input).await)["processVersion"].take();
        assert_eq!((&changed["contentHash"], &changed["revision"]), (&version["contentHash"], &json!(2)));
    }

    async fn what_does_not_fit_is_named_by_its_place_in_the_document(app) {
        let author = app.staff(Role::OnboardingManager);
        let fits = sendable(approved(&app, "T-ONB-010").await["document"].take());
        let false_gate = json!({ "gate": { "noResiduals": false }, "when": "START" });
        let twice = json!([{ "stepKey": "kickoff", "raci": "INFORMED" }, { "stepKey": "kickoff", "raci": "CONSULTED" }]);
        for (place, wrong, path) in [
            ("/documentNumber", json!("nonsense"), "document.documentNumber"),
            ("/prepared/timeZone", json!("Mars/North"), "document.prepared.timeZone"),
            ("/steps/3/gates/0", false_gate, "document.steps.3.gates.0.gate"),
            ("/startGates", json!([{ "noticeRecorded": false }]), "document.startGates.0"),
            ("/stakeholders/2/raci", twice, "document.stakeholders.2.raci.1.stepKey"),
        ] {
            let mut document = fits.clone();
            *document.pointer_mut(place).unwrap() = wrong;
            let refused = draft(&app, &author, json!({ "document": document })).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string(), "{refused}");
        }
        let content = document("T-ONB-712", &[template("only", json!({}))]);
        for input in [json!({}), json!({ "document": fits, "content": content })] {
            assert_eq!(refusal(&draft(&app, &author, input).await), ("BAD_USER_INPUT", "document".to_owned()));
        }
        let mut turned = fits.clone();
        turned["documentNumber"] = json!("T-ONB-713");
        let made = done(draft(&app, &author, json!({ "document": turned })).await)["processVersion"].take();
        turned["kind"] = json!("OFFBOARDING");
        let refused = sent(&app, &author, UPDATE, json!({ "id": made["id"], "expectedRevision": 1, "document": turned })).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "document.kind".to_owned()));
    }

    async fn a_client_is_shown_its_steps_and_no_document(app) {
        let run = run::run(&app, "acme").await;
        let contact = run::of_client(&app, Role::ClientContact, &run.client).await;
        let read = "query($id: ID!) { engagement(id: $id) { processVersion { steps { key } document { title } content } } }";
        let seen = |actor: Actor| {
            let (app, id) = (&app, json!({ "id": run.id }));
            async move { app.ask(&actor, read, id).await["engagement"]["processVersion"].take() }
        };
        let (theirs, ours) = (seen(contact).await, seen(app.staff(Role::Sales)).await);
        assert_eq!((&theirs["document"], &theirs["content"]), (&Value::Null, &Value::Null));
        assert_eq!(theirs["steps"], ours["steps"]);
        assert!(ours["document"]["title"].is_string(), "{ours}");
    }
}
