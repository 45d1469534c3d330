//! Facts.

use gangway::domain::role::Role;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    make::{self, assert_constant, refusal, sent},
    on_both_stacks,
};

const RECORD: &str = "mutation($input: FactsRecordInput!) {
    factsRecord(input: $input) {
        results { index fact { id kind name source state revision client { id } collectedBy { id kind } verifiedBy { id }
            ... on DeviceFact { deviceType hostname site } ... on ApplicationFact { criticality rtoMinutes owner }
            ... on UserBaseFact { userCount } ... on VendorFact { service accountRef }
            ... on ComplianceNeedFact { framework scope } ... on NoteFact { text } }
            userErrors { code path message remedy } }
        userErrors { code path message remedy } replayed } }";
const VERIFY: &str = "mutation($input: FactsVerifyInput!) {
    factsVerify(input: $input) {
        results { index fact { id state revision verifiedBy { id } verifiedAt }
            userErrors { code path message remedy ... on ConflictError { currentRevision } } }
        userErrors { code path message remedy } } }";
const FACTS: &str = "query($id: ID!, $first: Int, $after: String, $kind: FactKind) {
    client(id: $id) { facts(first: $first, after: $after, kind: $kind) {
        nodes { name kind } pageInfo { hasNextPage hasPreviousPage endCursor } totalCount } } }";

fn note(name: &str) -> Value {
    json!({ "name": name, "source": "INTERVIEW", "details": { "note": { "text": "Closed on Fridays." } } })
}

fn input(client: &str, key: &str, facts: Value) -> Value {
    let mut input = json!({ "clientId": client, "idempotencyKey": key });
    input["facts"] = facts;
    input
}

async fn record(app: &TestApp, input: Value) -> Value {
    sent(app, &app.staff(Role::Technician), RECORD, input).await
}

on_both_stacks! {
    async fn facts_of_every_kind_are_recorded_and_read(app) {
        let client = make::client(&app, "acme").await;
        let rows = json!([
            { "name": "dc-01", "source": "SCAN", "details": { "device": { "deviceType": "SERVER", "hostname": "dc-01.acme.local", "site": "HQ" } } },
            { "name": "Head office", "source": "INTAKE", "details": { "userBase": { "userCount": 40, "location": "Boston" } } },
            { "name": "Dentrix", "source": "INTERVIEW", "details": { "application": { "criticality": "CRITICAL", "rtoMinutes": 60, "owner": "Dana Reyes" } } },
            { "name": "Telco", "source": "QUESTIONNAIRE", "details": { "vendor": { "service": "Internet line", "accountRef": "C-4711" } } },
            { "name": "Patient data", "source": "INTERVIEW", "details": { "complianceNeed": { "framework": "HIPAA", "scope": "All patient records." } } },
            note("Opening hours"),
        ]);
        let recorded = record(&app, input(&client, "first-request", rows)).await;
        assert_eq!((&recorded["userErrors"], &recorded["replayed"]), (&json!([]), &json!(false)));
        let results = recorded["results"].as_array().unwrap();
        let kinds: Vec<_> = results.iter().map(|result| result["fact"]["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["DEVICE", "USER_BASE", "APPLICATION", "VENDOR", "COMPLIANCE_NEED", "NOTE"]);
        for (index, result) in results.iter().enumerate() {
            assert_eq!((&result["index"], &result["userErrors"]), (&json!(index), &json!([])));
            assert_eq!((&result["fact"]["state"], &result["fact"]["revision"]), (&json!("RECORDED"), &json!(1)));
            assert_eq!(result["fact"]["client"]["id"], json!(client));
        }
        assert_eq!(results[0]["fact"]["hostname"], "dc-01.acme.local");
        assert_eq!(results[2]["fact"]["rtoMinutes"], 60);
        let read = app.ask(&app.staff(Role::Sales), FACTS, json!({ "id": client, "kind": "NOTE" })).await;
        assert_eq!(read["client"]["facts"]["nodes"], json!([{ "name": "Opening hours", "kind": "NOTE" }]));
        assert_eq!(read["client"]["facts"]["totalCount"], 1);
    }

    async fn a_wrong_row_spoils_no_other(app) {
        let client = make::client(&app, "acme").await;
        let secret = json!({ "name": "Line", "source": "INTERVIEW", "details": { "vendor": { "service": "Internet", "accountRef": "password=hunter2" } } });
        let rows = json!([
            note("Good"),
            note("   "),
            { "name": "Staff", "source": "INTAKE", "details": { "userBase": { "userCount": -1 } } },
            { "name": "Crowd", "source": "INTAKE", "details": { "userBase": { "userCount": 2_000_000_000 } } },
            note("Good"),
            secret,
            { "name": "pc", "source": "SCAN", "details": { "device": { "deviceType": "LAPTOP", "hostname": "a\u{0}b" } } },
            note("Also good"),
        ]);
        let recorded = record(&app, input(&client, "first-request", rows.clone())).await;
        assert_eq!(recorded["userErrors"], json!([]));
        let results = recorded["results"].as_array().unwrap();
        let done: Vec<_> = results.iter().map(|result| result["fact"].is_object()).collect();
        assert_eq!(done, [true, false, false, false, false, false, false, true]);
        let wrong = [(1, "facts.1.name"), (2, "facts.2.details.userBase.userCount"), (3, "facts.3.details"), (4, "facts.4.name"),
            (5, "facts.5.details"), (6, "facts.6.details.device.hostname")];
        for (index, path) in wrong {
            assert_eq!(refusal(&results[index]), ("BAD_USER_INPUT", path.to_owned()));
            assert!(!results[index].to_string().contains("hunter2"));
        }
        let read = app.ask(&app.staff(Role::Sales), FACTS, json!({ "id": client })).await;
        assert_eq!(read["client"]["facts"]["totalCount"], 2);
    }

    async fn the_same_request_again_gives_the_same_results_and_writes_nothing(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let rows = json!([note("Good"), note(" "), note("Also good")]);
        let first = sent(&app, &technician, RECORD, input(&client, "the-same-key", rows.clone())).await;
        let again = sent(&app, &technician, RECORD, input(&client, "the-same-key", rows)).await;
        assert_eq!((&again["results"], &again["replayed"]), (&first["results"], &json!(true)));
        let reused = sent(&app, &technician, RECORD, input(&client, "the-same-key", json!([note("Other")]))).await;
        assert_eq!(refusal(&reused).0, "IDEMPOTENCY_KEY_REUSED");
    }

    async fn a_fact_recorded_again_is_replaced_and_unverified(app) {
        let client = make::client(&app, "acme").await;
        let first = record(&app, input(&client, "first-request", json!([note("Hours")]))).await["results"][0]["fact"].take();
        let verify = json!({ "facts": [{ "id": first["id"], "expectedRevision": 1 }] });
        let verified = sent(&app, &app.staff(Role::OnboardingManager), VERIFY, verify).await;
        assert_eq!(verified["results"][0]["fact"]["state"], "VERIFIED");
        let mut changed = note("Hours");
        changed["details"]["note"]["text"] = json!("Open on Fridays.");
        let second = record(&app, input(&client, "second-request", json!([changed]))).await["results"][0]["fact"].take();
        assert_eq!((&second["id"], &second["revision"]), (&first["id"], &json!(3)));
        assert_eq!((&second["state"], &second["verifiedBy"], &second["text"]), (&json!("RECORDED"), &Value::Null, &json!("Open on Fridays.")));
    }

    async fn whoever_collected_a_fact_does_not_verify_it(app) {
        let client = make::client(&app, "acme").await;
        let collector = app.staff(Role::Technician);
        let recorded = sent(&app, &collector, RECORD, input(&client, "first-request", json!([note("A"), note("B"), note("C")]))).await;
        let ids: Vec<_> = recorded["results"].as_array().unwrap().iter().map(|result| result["fact"]["id"].clone()).collect();
        let own = sent(&app, &collector, VERIFY, json!({ "facts": [{ "id": ids[0], "expectedRevision": 1 }] })).await;
        assert_eq!(refusal(&own["results"][0]), ("CONFLICT", "facts.0".to_owned()));
        let other = app.staff(Role::Technician);
        let rows = json!({ "facts": [
            { "id": ids[0], "expectedRevision": 1 },
            { "id": ids[1], "expectedRevision": 7 },
            { "id": "fac_01h455vb4pex5vsknk084sn02q", "expectedRevision": 1 },
            { "id": "nonsense", "expectedRevision": 1 },
            { "id": ids[2], "expectedRevision": 1 },
            { "id": ids[2], "expectedRevision": 1 },
        ] });
        let verified = sent(&app, &other, VERIFY, rows).await;
        let results = verified["results"].as_array().unwrap();
        assert_eq!(results[0]["fact"]["verifiedBy"]["id"], other.id.to_string());
        assert_eq!(refusal(&results[1]), ("CONFLICT", "facts.1.expectedRevision".to_owned()));
        assert_eq!(results[1]["userErrors"][0]["currentRevision"], 1);
        assert_eq!(refusal(&results[2]), ("NOT_FOUND", "facts.2.id".to_owned()));
        assert_eq!(refusal(&results[3]), ("NOT_FOUND", "facts.3.id".to_owned()));
        assert_eq!((&results[4]["fact"]["state"], &results[4]["fact"]["revision"]), (&json!("VERIFIED"), &json!(2)));
        assert_eq!(refusal(&results[5]).0, "CONFLICT");
        let again = sent(&app, &other, VERIFY, json!({ "facts": [{ "id": ids[0], "expectedRevision": 2 }] })).await;
        assert_eq!(refusal(&again["results"][0]).0, "CONFLICT");
    }

    async fn a_request_has_1_to_500_rows(app) {
        let client = make::client(&app, "acme").await;
        let many: Vec<_> = (0..501).map(|n| note(&format!("Note {n}"))).collect();
        for rows in [json!([]), json!(many)] {
            let refused = record(&app, input(&client, "first-request", rows)).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "facts".to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string());
        }
        let before = app.app.db().statements();
        let recorded = record(&app, input(&client, "first-request", json!(many[..500]))).await;
        assert!(recorded["results"].as_array().unwrap().iter().all(|result| result["fact"].is_object()));
        let statements = app.app.db().statements() - before;
        // Loads of the answer may fall into a few batches on a busy machine; one for each row would be 500.
        assert!(statements < 100, "500 rows took {statements} statements");
    }

    async fn an_unknown_client_reads_as_absent(app) {
        let refused = record(&app, input("cli_01h455vb4pex5vsknk084sn02q", "first-request", json!([note("A")]))).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND", "clientId".to_owned()));
    }

    async fn facts_of_many_clients_are_read_page_by_page_in_one_statement(app) {
        let clients = [make::client(&app, "first").await, make::client(&app, "second").await];
        for (n, client) in clients.iter().enumerate() {
            for m in 0..5 {
                app.pass(1);
                record(&app, input(client, &format!("request-{n}-{m}"), json!([note(&format!("Note {m}"))]))).await;
            }
        }
        let sales = app.staff(Role::Sales);
        let read = app.ask(&sales, FACTS, json!({ "id": clients[0], "first": 2 })).await["client"]["facts"].take();
        assert_eq!(read["nodes"], json!([{ "name": "Note 4", "kind": "NOTE" }, { "name": "Note 3", "kind": "NOTE" }]));
        assert_eq!((&read["pageInfo"]["hasNextPage"], &read["totalCount"]), (&json!(true), &json!(5)));
        let after = json!({ "id": clients[0], "first": 3, "after": read["pageInfo"]["endCursor"] });
        let rest = app.ask(&sales, FACTS, after).await["client"]["facts"].take();
        assert_eq!(rest["nodes"].as_array().unwrap().len(), 3);
        assert_eq!((&rest["pageInfo"]["hasNextPage"], &rest["pageInfo"]["hasPreviousPage"]), (&json!(false), &json!(true)));
        let nested = "{ clients(first: 50) { nodes { slug facts(first: 2) { nodes { name collectedBy { id } } totalCount pageInfo { hasNextPage } } } } }";
        let count = async |expected: usize| {
            let before = app.app.db().statements();
            let read = app.ask(&sales, nested, json!({})).await;
            let nodes = read["clients"]["nodes"].as_array().unwrap().clone();
            assert_eq!(nodes.len(), expected);
            let full = nodes.iter().find(|node| node["slug"] == "second").unwrap();
            assert_eq!((&full["facts"]["totalCount"], &full["facts"]["nodes"].as_array().unwrap().len()), (&json!(5), &2));
            app.app.db().statements() - before
        };
        let few = count(2).await;
        for n in 0..8 {
            let client = make::client(&app, &format!("more-{n}")).await;
            record(&app, input(&client, &format!("more-{n}-request"), json!([note("A"), note("B")]))).await;
        }
        make::client(&app, "without-facts").await;
        assert_constant(few, count(11).await);
    }

    async fn a_contact_of_the_client_reads_no_facts(app) {
        let client = make::client(&app, "acme").await;
        let answer = app.answer(&app.staff(Role::ClientContact), FACTS, json!({ "id": client })).await;
        assert_eq!(answer.errors.len(), 1);
        assert!(format!("{:?}", answer.errors[0].extensions).contains("FORBIDDEN"));
    }
}
