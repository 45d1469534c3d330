//! Agreements and the notice that ends them.

use gangway::domain::role::Role;
use serde_json::{Value, json};

use crate::{
    engagement::change,
    support::{
        TestApp, flow,
        make::{self, assert_constant, refusal, sent},
        on_both_stacks, run,
    },
};

const RECORD: &str = "mutation($input: AgreementRecordInput!) {
    agreementRecord(input: $input) {
        agreement { id kind state title revision clauses { reference text } client { id } recordedBy { kind } effectiveOn
            ... on ServiceAgreement { noticeDays dataReturn { formats destination } }
            ... on SlaAgreement { targets { priority respondWithinMinutes resolveWithinMinutes } }
            ... on SowAgreement { lines { key text quantity } } }
        userErrors { code path message remedy } replayed } }";
const SIGN: &str = "mutation($input: AgreementSignInput!) {
    agreementSign(input: $input) {
        agreement { state revision signedAt signature { name title signedOn method reference } }
        userErrors { code path message remedy ... on ConflictError { currentRevision } } } }";
const TERMINATE: &str = "mutation($input: TerminationRecordInput!) {
    terminationRecord(input: $input) {
        client { finalServiceOn stage revision }
        notice { id kind state receivedOn channel noticeDays finalServiceOn shortNoticeReason signature { name } }
        userErrors { code path message remedy } replayed } }";
const WITHDRAW: &str = "mutation($input: TerminationWithdrawInput!) {
    terminationWithdraw(input: $input) {
        client { finalServiceOn stage } notice { state revision } userErrors { code path message remedy } } }";
const AGREEMENTS: &str = "query($id: ID!) { client(id: $id) { finalServiceOn agreements { kind state title } } }";

fn service(client: &str, key: &str) -> Value {
    json!({ "clientId": client, "title": "Master agreement", "effectiveOn": "2026-01-01", "idempotencyKey": key,
            "details": { "serviceAgreement": {
                "clauses": [{ "reference": "7.2", "text": "Licences may be bought out." }],
                "noticeDays": 30,
                "dataReturn": { "formats": ["BAGIT_TAR_ZSTD"], "destination": "The client's own bucket." } } } })
}

fn signature(id: &Value, revision: i32) -> Value {
    json!({ "id": id, "expectedRevision": revision, "name": "Dana Reyes", "title": "Owner", "signedOn": "2026-02-27",
            "method": "ELECTRONIC", "reference": "envelope 4711" })
}

fn notice(client: &str, key: &str) -> Value {
    json!({ "clientId": client, "receivedOn": "2026-03-01", "channel": "LETTER", "givenBy": "Dana Reyes",
            "finalServiceOn": "2026-04-30", "idempotencyKey": key })
}

async fn record(app: &TestApp, input: Value) -> Value {
    sent(app, &app.staff(Role::Sales), RECORD, input).await
}

async fn signed(app: &TestApp, client: &str, key: &str) -> Value {
    let id = record(app, service(client, key)).await["agreement"]["id"].take();
    sent(app, &app.staff(Role::AccountManager), SIGN, signature(&id, 1)).await
}

async fn terminate(app: &TestApp, input: Value) -> Value {
    sent(app, &app.staff(Role::AccountManager), TERMINATE, input).await
}

on_both_stacks! {
    async fn agreements_of_every_kind_are_recorded_as_drafts(app) {
        let client = make::client(&app, "acme").await;
        let recorded = record(&app, service(&client, "first-request")).await;
        assert_eq!(recorded["userErrors"], json!([]));
        let agreement = &recorded["agreement"];
        assert_eq!((&agreement["kind"], &agreement["state"], &agreement["noticeDays"]), (&json!("SERVICE_AGREEMENT"), &json!("DRAFT"), &json!(30)));
        assert_eq!(agreement["dataReturn"]["formats"], json!(["BAGIT_TAR_ZSTD"]));
        assert_eq!(agreement["clauses"][0]["reference"], "7.2");
        let sla = json!({ "clientId": client, "title": "Response times", "idempotencyKey": "second-request",
            "details": { "sla": { "targets": [{ "priority": "P1", "respondWithinMinutes": 15, "resolveWithinMinutes": 240 }] } } });
        assert_eq!(record(&app, sla).await["agreement"]["targets"][0]["resolveWithinMinutes"], 240);
        let sow = json!({ "clientId": client, "title": "Onboarding work", "idempotencyKey": "third-request",
            "details": { "sow": { "lines": [{ "key": "L1", "text": "Monitoring of all servers." }] } } });
        assert_eq!(record(&app, sow).await["agreement"]["lines"][0]["quantity"], 1);
        let read = app.ask(&app.staff(Role::ClientContact), AGREEMENTS, json!({ "id": client })).await;
        let kinds: Vec<_> = read["client"]["agreements"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["SERVICE_AGREEMENT", "SLA", "SOW"]);
    }

    async fn wrong_input_names_the_field_and_the_remedy(app) {
        let client = make::client(&app, "acme").await;
        let details = |details: Value| json!({ "clientId": client, "title": "A", "details": details, "idempotencyKey": "a-good-key" });
        let cases = [
            (details(json!({ "serviceAgreement": { "noticeDays": -1 } })), "details.serviceAgreement.noticeDays"),
            (details(json!({ "serviceAgreement": { "noticeDays": 4000 } })), "details.serviceAgreement.noticeDays"),
            (details(json!({ "serviceAgreement": { "dataReturn": { "formats": [], "destination": "x" } } })), "details.serviceAgreement.dataReturn.formats"),
            (details(json!({ "serviceAgreement": { "clauses": [{ "reference": "1", "text": " " }] } })), "details.serviceAgreement.clauses.0.text"),
            (details(json!({ "sla": { "targets": [{ "priority": "P1", "respondWithinMinutes": 60, "resolveWithinMinutes": 30 }] } })), "details"),
            (details(json!({ "sow": { "lines": [{ "key": "A", "text": "x" }, { "key": "B", "text": "x", "quantity": -1 }] } })), "details.sow.lines.1.quantity"),
            (details(json!({ "serviceAgreement": { "clauses": [{ "reference": "1", "text": "password=hunter22" }] } })), "details"),
        ];
        for (input, path) in cases {
            let refused = record(&app, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string(), "{path}");
            assert!(!refused.to_string().contains("hunter22"));
        }
        let mut backwards = service(&client, "a-good-key");
        backwards["endsOn"] = json!("2025-12-31");
        assert_eq!(refusal(&record(&app, backwards).await), ("BAD_USER_INPUT", "endsOn".to_owned()));
        let mut file = service(&client, "a-good-key");
        file["fileId"] = json!("fil_01h455vb4pex5vsknk084sn02q");
        assert_eq!(refusal(&record(&app, file).await), ("NOT_FOUND", "fileId".to_owned()));
        let unknown = record(&app, service("cli_01h455vb4pex5vsknk084sn02q", "a-good-key")).await;
        assert_eq!(refusal(&unknown), ("NOT_FOUND", "clientId".to_owned()));
    }

    async fn the_same_request_again_records_no_second_agreement(app) {
        let client = make::client(&app, "acme").await;
        let sales = app.staff(Role::Sales);
        let first = sent(&app, &sales, RECORD, service(&client, "the-same-key")).await;
        let again = sent(&app, &sales, RECORD, service(&client, "the-same-key")).await;
        assert_eq!((&again["agreement"], &again["replayed"]), (&first["agreement"], &json!(true)));
        let mut other = service(&client, "the-same-key");
        other["title"] = json!("Another");
        assert_eq!(refusal(&sent(&app, &sales, RECORD, other).await).0, "IDEMPOTENCY_KEY_REUSED");
    }

    async fn signing_puts_an_agreement_in_force_once(app) {
        let client = make::client(&app, "acme").await;
        let id = record(&app, service(&client, "first-request")).await["agreement"]["id"].take();
        let contact = app.staff(Role::ClientContact);
        let stale = sent(&app, &contact, SIGN, signature(&id, 7)).await;
        assert_eq!((refusal(&stale).0, &stale["userErrors"][0]["currentRevision"]), ("CONFLICT", &json!(1)));
        let mut early = signature(&id, 1);
        early["signedOn"] = json!("2026-03-03");
        assert_eq!(refusal(&sent(&app, &contact, SIGN, early).await), ("BAD_USER_INPUT", "signedOn".to_owned()));
        let done = sent(&app, &contact, SIGN, signature(&id, 1)).await;
        assert_eq!((&done["agreement"]["state"], &done["agreement"]["revision"]), (&json!("SIGNED"), &json!(2)));
        assert_eq!(done["agreement"]["signature"], json!({ "name": "Dana Reyes", "title": "Owner", "signedOn": "2026-02-27",
            "method": "ELECTRONIC", "reference": "envelope 4711" }));
        assert_eq!(refusal(&sent(&app, &contact, SIGN, signature(&id, 2)).await).0, "CONFLICT");
        let unknown = sent(&app, &contact, SIGN, signature(&json!("agr_01h455vb4pex5vsknk084sn02q"), 1)).await;
        assert_eq!(refusal(&unknown), ("NOT_FOUND", "id".to_owned()));
    }

    async fn a_notice_sets_the_last_day_of_service(app) {
        let client = make::client(&app, "acme").await;
        signed(&app, &client, "first-request").await;
        let done = terminate(&app, notice(&client, "second-request")).await;
        assert_eq!(done["userErrors"], json!([]));
        assert_eq!(done["client"]["finalServiceOn"], "2026-04-30");
        assert_eq!((&done["notice"]["state"], &done["notice"]["noticeDays"]), (&json!("SIGNED"), &json!(30)));
        assert_eq!(done["notice"]["signature"]["name"], "Dana Reyes");
        let mut later = notice(&client, "third-request");
        later["finalServiceOn"] = json!("2026-05-31");
        assert_eq!(terminate(&app, later).await["client"]["finalServiceOn"], "2026-05-31");
        let read = app.ask(&app.staff(Role::Sales), AGREEMENTS, json!({ "id": client })).await;
        let states: Vec<_> = read["client"]["agreements"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["SIGNED", "ENDED", "SIGNED"]);
    }

    async fn a_notice_that_is_taken_back_ends_and_the_service_goes_on(app) {
        let client = make::client(&app, "acme").await;
        signed(&app, &client, "first-request").await;
        let id = terminate(&app, notice(&client, "second-request")).await["notice"]["id"].take();
        let withdraw = async |id: &Value, revision: i32| {
            let input = json!({ "id": id, "expectedRevision": revision, "reason": "Dana Reyes called: they stay." });
            sent(&app, &app.staff(Role::AccountManager), WITHDRAW, input).await
        };
        assert_eq!(refusal(&withdraw(&id, 7).await), ("CONFLICT", "expectedRevision".to_owned()));
        let back = withdraw(&id, 1).await;
        assert_eq!(back["client"], json!({ "finalServiceOn": null, "stage": "PROSPECT" }), "{back}");
        assert_eq!((&back["notice"]["state"], &back["notice"]["revision"]), (&json!("ENDED"), &json!(2)));
        assert_eq!(run::events(&app, id.as_str().unwrap()).await, ["termination.recorded", "termination.withdrawn"]);
        assert_eq!(refusal(&withdraw(&id, 2).await).0, "CONFLICT", "it is no notice in force any more");
        let read = app.ask(&app.staff(Role::Sales), AGREEMENTS, json!({ "id": client })).await;
        assert_eq!(read["client"]["agreements"][0]["state"], "SIGNED", "the contract stands");
        let unknown = withdraw(&json!("agr_01h455vb4pex5vsknk084sn02q"), 1).await;
        assert_eq!(refusal(&unknown), ("NOT_FOUND", "id".to_owned()));
        let contract = record(&app, service(&client, "third-request")).await["agreement"]["id"].take();
        assert_eq!(refusal(&withdraw(&contract, 1).await).0, "CONFLICT", "a contract is no notice");
    }

    async fn a_notice_that_an_offboarding_follows_from_is_not_taken_back_under_it(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let id = terminate(&app, notice(&client, "second-request")).await["notice"]["id"].take();
        let run = flow::started(&app, &house, &client, flow::OFFBOARDING).await;
        let input = json!({ "id": id, "expectedRevision": 1, "reason": "They stay." });
        let refused = sent(&app, &house.account, WITHDRAW, input.clone()).await;
        assert_eq!(refusal(&refused).0, "CONFLICT");
        assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("engagementCancel"), "{refused}");
        flow::done(change(&app, &house.account, "Cancel", run["id"].as_str().unwrap(), &json!(1)).await);
        flow::done(sent(&app, &house.account, WITHDRAW, input).await);
        let again = sent(&app, &house.account, flow::START, flow::begin(&app, &client, flow::OFFBOARDING)).await;
        assert_eq!(refusal(&again).0, "BLOCKED", "no offboarding without a notice");
    }

    async fn a_notice_shorter_than_agreed_needs_a_reason(app) {
        let client = make::client(&app, "acme").await;
        signed(&app, &client, "first-request").await;
        let with = |field: &str, value: Value, key: &str| {
            let mut input = notice(&client, key);
            input[field] = value;
            input
        };
        let cases = [
            (with("finalServiceOn", json!("2026-02-28"), "a-good-key"), "finalServiceOn"),
            (with("finalServiceOn", json!("2026-03-30"), "a-good-key"), "finalServiceOn"),
            (with("receivedOn", json!("2026-03-03"), "a-good-key"), "receivedOn"),
            (with("endsOn", json!("2026-04-29"), "a-good-key"), "endsOn"),
            (with("shortNoticeReason", json!(" "), "a-good-key"), "shortNoticeReason"),
            (with("givenBy", json!(""), "a-good-key"), "givenBy"),
        ];
        for (input, path) in cases {
            let refused = terminate(&app, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string());
        }
        let mut short = with("finalServiceOn", json!("2026-03-15"), "short-request");
        short["shortNoticeReason"] = json!("The client moves its practice.");
        let manager = app.staff(Role::AccountManager);
        let done = sent(&app, &manager, TERMINATE, short.clone()).await;
        assert_eq!((&done["notice"]["noticeDays"], &done["client"]["finalServiceOn"]), (&json!(14), &json!("2026-03-15")));
        assert_eq!(done["notice"]["shortNoticeReason"], "The client moves its practice.");
        let again = sent(&app, &manager, TERMINATE, short).await;
        assert_eq!((&again["replayed"], &again["notice"]["id"]), (&json!(true), &done["notice"]["id"]));
        let unknown = terminate(&app, notice("cli_01h455vb4pex5vsknk084sn02q", "a-good-key")).await;
        assert_eq!(refusal(&unknown), ("NOT_FOUND", "clientId".to_owned()));
    }

    async fn agreements_of_many_clients_are_read_in_one_statement(app) {
        let count = async |clients: usize| {
            let before = app.app.db().statements();
            let document = "{ clients(first: 50) { nodes { agreements { title client { name } } } } }";
            let read = app.ask(&app.staff(Role::Sales), document, json!({})).await;
            assert_eq!(read["clients"]["nodes"].as_array().unwrap().len(), clients);
            app.app.db().statements() - before
        };
        for n in 0..2 {
            let client = make::client(&app, &format!("client-{n}")).await;
            record(&app, service(&client, &format!("request-{n}"))).await;
        }
        let few = count(2).await;
        for n in 2..14 {
            let client = make::client(&app, &format!("client-{n}")).await;
            record(&app, service(&client, &format!("request-{n}"))).await;
        }
        assert_constant(few, count(14).await);
    }
}
