//! The ledger: what is entered in it, what may stay, and what is still open.

use gangway::{auth::Actor, domain::role::Role};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    flow::{self, agent, done, key, merge, register, text},
    make::{self, refusal, sent},
    on_both_stacks, run,
};

const REGISTER: &str = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) {
    results { index holding { __typename id kind name state externalRef isResidual revision client { id }
        ... on SystemRecordHolding { system } ... on AgentHolding { tool hostname version }
        ... on CredentialHolding { credentialKind principal mfaState vaultUri rotationDueOn isLastMile }
        ... on ConfigHolding { configKind location reference } ... on DataHolding { dataKind place: location disposition keyEscrow } }
        userErrors { code path message remedy } }
    userErrors { code path message remedy } replayed } }";
const RETAIN: &str = "mutation($input: HoldingRetainInput!) { holdingRetain(input: $input) {
    holding { id state retainedClause isResidual revision }
    userErrors { code path message remedy ... on ConflictError { currentRevision } } } }";
const ACTIVATE: &str = "mutation($input: HoldingActivateInput!) { holdingActivate(input: $input) {
    holding { id state isResidual revision } userErrors { code path message remedy ... on ConflictError { currentRevision } } } }";
const LIST: &str = "query($first: Int, $after: String, $filter: HoldingFilter) { holdings(first: $first, after: $after, filter: $filter) {
    nodes { name kind state client { id } } pageInfo { hasNextPage endCursor } totalCount } }";
const RESIDUALS: &str = "query($id: ID!) { residuals(clientId: $id) { name state } }";

fn credential(more: Value) -> Value {
    let mut credential = json!({ "credentialKind": "ADMIN", "principal": "ACME\\svc-backup", "mfaState": "ENABLED" });
    merge(&mut credential, more);
    json!({ "name": "Domain admin", "details": { "credential": credential } })
}

fn data(location: &str) -> Value {
    json!({ "name": "Files", "details": { "data": { "dataKind": "FILES", "location": location, "disposition": "RETURN", "keyEscrow": "NOT_ENCRYPTED" } } })
}

fn config(more: Value) -> Value {
    let mut config = json!({ "configKind": "BACKUP_JOB", "location": "bk-01", "reference": "job-7" });
    merge(&mut config, more);
    json!({ "name": "Backup", "details": { "config": config } })
}

/// One line of each kind, with everything that can be said about it.
fn each_kind() -> Value {
    json!([
        { "name": "PSA record", "externalRef": "psa-4711", "details": { "systemRecord": { "system": "PSA" } } },
        { "name": "pc-1", "externalRef": "mesh//node-1", "details": { "agent": { "tool": "RMM", "hostname": "pc-1", "os": "Windows 11",
            "serial": "C02XG2JHJG5H", "site": "Main St", "version": "2.4.1" } } },
        credential(json!({ "vaultUri": "vault://msp/acme/admin", "rotationDueOn": "2026-06-01", "isLastMile": true,
            "fingerprint": format!("SHA256:{}", "a".repeat(43)) })),
        config(json!({})),
        data("archive://acme/files"),
    ])
}

fn rows(app: &TestApp, client: &str, holdings: &Value) -> Value {
    json!({ "clientId": client, "holdings": holdings, "idempotencyKey": key(app) })
}

/// Everything that the tables say of holdings and of what happened.
async fn stored(app: &TestApp) -> String {
    let db = app.app.db().read();
    let holdings = entity::holding::Entity::find().all(db).await.unwrap();
    let events = entity::event::Entity::find().all(db).await.unwrap();
    let requests = entity::idempotency::Entity::find().all(db).await.unwrap();
    format!("{holdings:?} {events:?} {requests:?}")
}

async fn count(app: &TestApp) -> Value {
    app.ask(&app.staff(Role::Compliance), LIST, json!({})).await["holdings"]["totalCount"].take()
}

async fn names(app: &TestApp, actor: &Actor, filter: Value) -> Vec<String> {
    let read = app.ask(actor, LIST, json!({ "first": 100, "filter": filter })).await["holdings"].take();
    let mut names: Vec<String> = read["nodes"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect();
    assert_eq!(read["totalCount"], names.len(), "{filter}");
    names.sort();
    names
}

on_both_stacks! {
    async fn lines_of_every_kind_are_entered_and_read_back(app) {
        let client = make::client(&app, "acme").await;
        let registered = done(sent(&app, &app.staff(Role::Technician), REGISTER, rows(&app, &client, &each_kind())).await);
        let results = registered["results"].as_array().unwrap();
        assert!(results.iter().zip(0..).all(|(row, index)| row["index"] == index && row["userErrors"] == json!([])), "{registered}");
        let lines: Vec<&Value> = results.iter().map(|row| &row["holding"]).collect();
        assert!(lines.iter().all(|one| one["state"] == "ACTIVE" && one["isResidual"] == true && one["revision"] == 1 && one["client"]["id"] == json!(client)));
        assert_eq!((&lines[0]["__typename"], &lines[0]["system"], &lines[0]["externalRef"]), (&json!("SystemRecordHolding"), &json!("PSA"), &json!("psa-4711")));
        assert_eq!((&lines[1]["kind"], &lines[1]["hostname"], &lines[1]["version"]), (&json!("AGENT"), &json!("pc-1"), &json!("2.4.1")));
        assert_eq!((&lines[2]["principal"], &lines[2]["vaultUri"]), (&json!("ACME\\svc-backup"), &json!("vault://msp/acme/admin")));
        assert_eq!((&lines[2]["rotationDueOn"], &lines[2]["isLastMile"]), (&json!("2026-06-01"), &json!(true)));
        assert_eq!((&lines[3]["configKind"], &lines[3]["reference"]), (&json!("BACKUP_JOB"), &json!("job-7")));
        assert_eq!((&lines[4]["place"], &lines[4]["disposition"]), (&json!("archive://acme/files"), &json!("RETURN")));
        assert_eq!(run::events(&app, &text(&lines[4]["id"])).await, ["holding.registered"]);
    }

    async fn a_wrong_row_is_named_and_spoils_no_other(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let named = |name: &str, reference: &str| { let mut row = agent(name); row["externalRef"] = json!(reference); row };
        register(&app, &technician, &client, json!([named("old", "node-1")])).await;
        let holdings = json!([
            named("pc-1", "node-2"),
            { "name": " ", "details": { "systemRecord": { "system": "PSA" } } },
            named("pc-2", "node-1"),
            named("pc-3", "node-3"),
            named("pc-4", "node-3"),
            { "name": "record", "externalRef": "node-1", "details": { "systemRecord": { "system": "RMM" } } },
            agent("pc-5\u{202e}"),
            data("nowhere://acme/files"),
        ]);
        let registered = done(sent(&app, &technician, REGISTER, rows(&app, &client, &holdings)).await);
        let outcome: Vec<String> = registered["results"].as_array().unwrap().iter().map(|row| {
            if row["holding"].is_object() {
                return "done".to_owned();
            }
            let (code, path) = refusal(row);
            assert!(row["userErrors"][0]["remedy"].is_string(), "{row}");
            format!("{code} {path}")
        }).collect();
        assert_eq!(outcome, [
            "done", "BAD_USER_INPUT holdings.1.name", "CONFLICT holdings.2.externalRef", "done", "CONFLICT holdings.4.externalRef",
            "done", "BAD_USER_INPUT holdings.6.name", "BAD_USER_INPUT holdings.7.details.data.location",
        ]);
        assert_eq!(count(&app).await, 4);
        // What one client's system calls a thing, another's may call another.
        let other = make::client(&app, "other").await;
        register(&app, &technician, &other, json!([named("pc-1", "node-1")])).await;
    }

    async fn a_request_has_one_to_five_hundred_rows(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        for many in [0, 501] {
            let holdings: Vec<Value> = (0..many).map(|n| agent(&format!("pc-{n}"))).collect();
            let refused = sent(&app, &technician, REGISTER, rows(&app, &client, &json!(holdings))).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "holdings".to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string() && refused["results"] == json!(null));
        }
        assert_eq!(count(&app).await, 0);
        let holdings: Vec<Value> = (0..500).map(|n| agent(&format!("pc-{n}"))).collect();
        let before = app.app.db().statements();
        let registered = done(sent(&app, &technician, REGISTER, rows(&app, &client, &json!(holdings))).await);
        assert_eq!(registered["results"].as_array().unwrap().len(), 500);
        let taken = app.app.db().statements() - before;
        assert!(taken < 40, "{taken} statements for 500 rows");
        assert_eq!(count(&app).await, 500);
    }

    async fn a_secret_is_refused_and_stands_nowhere(app) {
        let client = make::client(&app, "acme").await;
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        let cases = [
            (json!({ "name": "P@ssw0rd!23", "details": { "systemRecord": { "system": "PSA" } } }), "name", "P@ssw0rd!23"),
            (json!({ "name": "A", "externalRef": token, "details": { "systemRecord": { "system": "PSA" } } }), "externalRef", token),
            (json!({ "name": "A", "details": { "agent": { "tool": "RMM", "hostname": token } } }), "details.agent.hostname", token),
            (json!({ "name": "A", "details": { "agent": { "tool": "RMM", "hostname": "pc", "site": "password=hunter22" } } }), "details.agent.site", "hunter22"),
            (credential(json!({ "principal": "Xk9#mQ2$vL7!pR4z" })), "details.credential.principal", "Xk9#mQ2$vL7!pR4z"),
            (credential(json!({ "mfaState": "NOT_APPLICABLE", "mfaReason": "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP" })), "details.credential.mfaReason", "JBSWY3DPEHPK3PXP"),
            (credential(json!({ "vaultUri": "vault://admin:hunter22@msp/acme" })), "details.credential.vaultUri", "hunter22"),
            (credential(json!({ "fingerprint": "hunter22" })), "details.credential.fingerprint", "hunter22"),
            (config(json!({ "reference": "psk=hunter22hunter22" })), "details.config.reference", "hunter22"),
            (config(json!({ "location": "https://admin:hunter22@fw-01" })), "details.config.location", "hunter22"),
        ];
        for (row, path, secret) in cases {
            let refused = done(sent(&app, &app.staff(Role::Technician), REGISTER, rows(&app, &client, &json!([row]))).await);
            assert_eq!(refusal(&refused["results"][0]), ("BAD_USER_INPUT", format!("holdings.0.{path}")));
            assert!(refused["results"][0]["userErrors"][0]["remedy"].is_string(), "{path}");
            assert!(!refused.to_string().contains(secret) && !stored(&app).await.contains(secret), "{path}: {refused}");
        }
        assert_eq!(count(&app).await, 0);
    }

    async fn data_lies_in_a_configured_place_or_is_refused(app) {
        let client = make::client(&app, "acme").await;
        let bad = [
            "nowhere://acme/files", "/etc/passwd", "file:///etc/passwd", "archive:///etc", "archive://../etc", "archive://acme/../../etc",
            "archive://acme/./x", "archive://acme//x", "archive://", "archive://acme\\..\\x", "ARCHIVE://acme", "archive://acme/\u{7}",
            "acme/files", "", &format!("archive://{}", "a/".repeat(600)), "https://archive/acme", "archive://acme/%2e%2e/x/..",
        ];
        for location in bad {
            let refused = done(sent(&app, &app.staff(Role::Technician), REGISTER, rows(&app, &client, &json!([data(location)]))).await);
            assert_eq!(refusal(&refused["results"][0]), ("BAD_USER_INPUT", "holdings.0.details.data.location".to_owned()), "{location:?}");
            let remedy = refused["results"][0]["userErrors"][0]["remedy"].as_str().unwrap();
            assert!(remedy.contains("archive"), "{remedy}");
        }
        assert_eq!(count(&app).await, 0);
        register(&app, &app.staff(Role::Technician), &client, json!([data("archive://acme/files/")])).await;
    }

    async fn what_a_kind_needs_is_asked_for(app) {
        let client = make::client(&app, "acme").await;
        let mut kept = data("archive://acme/files");
        kept["details"]["data"]["disposition"] = json!("RETAIN");
        for (row, path) in [
            (kept, "details.data.clause"),
            (credential(json!({ "mfaState": "NOT_APPLICABLE" })), "details.credential.mfaReason"),
            (credential(json!({ "vaultUri": "not a vault" })), "details.credential.vaultUri"),
            (json!({ "name": "x".repeat(201), "details": { "systemRecord": { "system": "PSA" } } }), "name"),
            (json!({ "name": "A", "details": { "agent": { "tool": "RMM", "hostname": "x".repeat(501) } } }), "details.agent.hostname"),
            (json!({ "name": "A", "details": { "agent": { "tool": "RMM", "hostname": "" } } }), "details.agent.hostname"),
            (config(json!({ "location": "a\nb" })), "details.config.location"),
        ] {
            let refused = done(sent(&app, &app.staff(Role::Technician), REGISTER, rows(&app, &client, &json!([row]))).await);
            assert_eq!(refusal(&refused["results"][0]), ("BAD_USER_INPUT", format!("holdings.0.{path}")));
            assert!(refused["results"][0]["userErrors"][0]["remedy"].is_string(), "{path}");
        }
        for details in [json!({}), json!({ "agent": { "tool": "RMM", "hostname": "a" }, "systemRecord": { "system": "PSA" } }), json!({ "agent": { "tool": "TOASTER", "hostname": "a" } })] {
            let input = rows(&app, &client, &json!([{ "name": "A", "details": details }]));
            assert_eq!(app.answer(&app.staff(Role::Technician), REGISTER, json!({ "input": input })).await.errors.len(), 1, "{details}");
        }
    }

    async fn the_same_request_again_enters_nothing(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let input = rows(&app, &client, &json!([agent("pc-1"), data("nowhere://x"), agent("pc-2")]));
        let first = done(sent(&app, &technician, REGISTER, input.clone()).await);
        let again = done(sent(&app, &technician, REGISTER, input.clone()).await);
        assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)));
        assert_eq!(again["results"], first["results"]);
        let mut other = input;
        other["holdings"] = json!([agent("pc-3")]);
        assert_eq!(refusal(&sent(&app, &technician, REGISTER, other).await), ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey".to_owned()));
        assert_eq!(count(&app).await, 2);
    }

    async fn a_planned_line_becomes_active_when_it_is_there(app) {
        let house = flow::house(&app).await;
        let client = make::client(&app, "acme").await;
        let mut planned = agent("pc-1");
        planned["isPlanned"] = json!(true);
        let id = register(&app, &house.technician, &client, json!([planned])).await.remove(0);
        assert_eq!(names(&app, &house.technician, json!({ "states": ["PLANNED"] })).await, ["pc-1"]);
        let activate = async |revision: i32| sent(&app, &house.technician, ACTIVATE, json!({ "id": id, "expectedRevision": revision })).await;
        let stale = activate(7).await;
        assert_eq!((refusal(&stale), &stale["userErrors"][0]["currentRevision"]), (("CONFLICT", "expectedRevision".to_owned()), &json!(1)));
        let active = done(activate(1).await);
        assert_eq!(active["holding"], json!({ "id": id, "state": "ACTIVE", "isResidual": true, "revision": 2 }));
        assert_eq!(refusal(&activate(2).await).0, "CONFLICT");
        assert_eq!(run::events(&app, &id).await, ["holding.registered", "holding.activated"]);
        let absent = sent(&app, &house.technician, ACTIVATE, json!({ "id": "hol_01h455vb4pex5vsknk084sn02q", "expectedRevision": 1 })).await;
        assert_eq!(refusal(&absent), ("NOT_FOUND", "id".to_owned()));
        for role in [Role::Sales, Role::Compliance, Role::ClientContact, Role::Admin] {
            let answer = app.answer(&app.staff(role), ACTIVATE, json!({ "input": { "id": id, "expectedRevision": 2 } })).await;
            assert!(format!("{:?}", answer.errors).contains("FORBIDDEN"), "{role}");
        }
    }

    async fn a_planned_line_keeps_its_step_open_until_it_is_active(app) {
        let house = flow::house(&app).await;
        let gates = json!([{ "gate": "HOLDINGS_ACTIVE", "when": "COMPLETE", "of": { "kind": "AGENT" } }]);
        flow::process(&app, &house, "T-ONB-700", &[flow::template("tools", json!({ "gates": gates }))]).await;
        let client = make::client(&app, "acme").await;
        let mut planned = agent("pc-1");
        planned["isPlanned"] = json!(true);
        let id = register(&app, &house.technician, &client, json!([planned])).await.remove(0);
        let step = flow::step_of(&flow::started(&app, &house, &client, "T-ONB-700").await, "tools");
        done(flow::work(&app, &house.technician, "Start", &step, Value::Null).await);
        let refused = flow::work(&app, &house.technician, "Complete", &step, Value::Null).await;
        assert_eq!(flow::blocked(&refused), ["HOLDINGS_NOT_ACTIVE"]);
        assert!(refused["userErrors"][0]["blockers"][0]["remedy"].as_str().unwrap().contains("holdingActivate"));
        done(sent(&app, &house.technician, ACTIVATE, json!({ "id": id, "expectedRevision": 1 })).await);
        done(flow::work(&app, &house.technician, "Complete", &step, Value::Null).await);
    }

    async fn a_line_stays_by_a_clause_in_force_and_a_granted_decision_about_it(app) {
        let house = flow::house(&app).await;
        let (client, other) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        flow::agree(&app, &house, &client, flow::contract()).await;
        let clause = |reference: &str| json!({ "serviceAgreement": { "clauses": [{ "reference": reference, "text": "It stays." }] } });
        flow::agree(&app, &house, &other, clause("9.9")).await;
        let record = "mutation($input: AgreementRecordInput!) { agreementRecord(input: $input) { userErrors { message } } }";
        let draft = json!({ "clientId": client, "title": "Draft", "details": clause("8.1"), "idempotencyKey": key(&app) });
        done(sent(&app, &house.sales, record, draft).await);
        let ids = register(&app, &house.technician, &client, json!([agent("pc-1"), agent("pc-2")])).await;
        let decision = flow::ask(&app, &house.account, "TOOL_RETENTION", None, Some(&ids[0])).await;
        let retain = async |clause: &str, decision: &str, revision: i32| {
            sent(&app, &house.account, RETAIN, json!({ "id": ids[0], "expectedRevision": revision, "clause": clause, "decisionId": decision })).await
        };
        assert_eq!(refusal(&retain("7.2", &decision, 1).await), ("BAD_USER_INPUT", "decisionId".to_owned()), "nobody voted yet");
        flow::grant(&app, &house.delivery, &decision).await;
        for wrong in ["7.3", "8.1", "9.9", "7"] {
            let refused = retain(wrong, &decision, 1).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "clause".to_owned()), "{wrong}");
            assert!(refused["userErrors"][0]["remedy"].is_string());
        }
        let kept = done(retain(" 7.2", &decision, 1).await);
        assert_eq!(kept["holding"], json!({ "id": ids[0], "state": "RETAINED", "retainedClause": "7.2", "isResidual": false, "revision": 2 }));
        let read = app.ask(&house.account, LIST, json!({ "filter": { "states": ["RETAINED"] } })).await;
        assert_eq!(read["holdings"]["nodes"], json!([{ "name": "pc-1", "kind": "AGENT", "state": "RETAINED", "client": { "id": client } }]));
        let residuals = app.ask(&house.account, RESIDUALS, json!({ "id": client })).await;
        assert_eq!(residuals["residuals"], json!([{ "name": "pc-2", "state": "ACTIVE" }]));
        assert_eq!(run::events(&app, &ids[0]).await, ["holding.registered", "holding.retained"]);
        assert_eq!(refusal(&retain("7.2", &decision, 2).await).0, "CONFLICT");
    }

    async fn no_other_decision_lets_a_line_stay(app) {
        let house = flow::house(&app).await;
        let client = make::client(&app, "acme").await;
        flow::agree(&app, &house, &client, flow::contract()).await;
        let mut planned = agent("pc-3");
        planned["isPlanned"] = json!(true);
        let ids = register(&app, &house.technician, &client, json!([agent("pc-1"), agent("pc-2"), planned])).await;
        let about_other = flow::ask(&app, &house.account, "TOOL_RETENTION", None, Some(&ids[1])).await;
        let another_kind = flow::ask(&app, &house.account, "CHANGE", None, Some(&ids[0])).await;
        let about_planned = flow::ask(&app, &house.account, "TOOL_RETENTION", None, Some(&ids[2])).await;
        for decision in [&about_other, &another_kind, &about_planned] {
            flow::grant(&app, &house.delivery, decision).await;
        }
        let refused_one = flow::ask(&app, &house.account, "TOOL_RETENTION", None, Some(&ids[0])).await;
        let vote = "mutation($input: DecisionVoteInput!) { decisionVote(input: $input) { userErrors { message } } }";
        done(sent(&app, &house.delivery, vote, json!({ "id": refused_one, "verdict": "REFUSE", "comment": "No.", "idempotencyKey": key(&app) })).await);
        let retain = async |id: &str, decision: &str| sent(&app, &house.account, RETAIN, json!({ "id": id, "expectedRevision": 1, "clause": "7.2", "decisionId": decision })).await;
        for decision in [&about_other, &another_kind, &about_planned, &refused_one] {
            let refused = retain(&ids[0], decision).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "decisionId".to_owned()));
            assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("decisionRequest"));
        }
        assert_eq!(refusal(&retain(&ids[0], "dec_01h455vb4pex5vsknk084sn02q").await), ("NOT_FOUND", "decisionId".to_owned()));
        assert_eq!(refusal(&retain("hol_01h455vb4pex5vsknk084sn02q", &about_other).await), ("NOT_FOUND", "id".to_owned()));
        assert_eq!(refusal(&retain(&ids[2], &about_planned).await).0, "CONFLICT", "what is only planned does not stay");
        let answer = app.answer(&house.technician, RETAIN, json!({ "input": { "id": ids[1], "expectedRevision": 1, "clause": "7.2", "decisionId": about_other } })).await;
        assert!(format!("{:?}", answer.errors).contains("FORBIDDEN"));
        assert_eq!(names(&app, &house.account, json!({ "isResidual": true })).await.len(), 3);
    }

    async fn the_ledger_is_read_by_client_kind_state_and_page(app) {
        let technician = app.staff(Role::Technician);
        let (client, other) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        register(&app, &technician, &client, each_kind()).await;
        let mut planned = agent("pc-9");
        planned["isPlanned"] = json!(true);
        register(&app, &technician, &other, json!([planned])).await;
        assert_eq!(names(&app, &technician, json!({ "kinds": ["AGENT"] })).await, ["pc-1", "pc-9"]);
        assert_eq!(names(&app, &technician, json!({ "kinds": ["AGENT", "DATA"], "clientId": client })).await, ["Files", "pc-1"]);
        assert_eq!(names(&app, &technician, json!({ "states": ["PLANNED"] })).await, ["pc-9"]);
        assert_eq!(names(&app, &technician, json!({ "isResidual": true, "clientId": client })).await.len(), 5);
        assert_eq!(names(&app, &technician, json!({ "clientId": "nonsense" })).await, [""; 0]);
        let mut seen = Vec::new();
        let mut after = Value::Null;
        loop {
            let page = app.ask(&technician, LIST, json!({ "first": 4, "after": after })).await["holdings"].take();
            seen.extend(page["nodes"].as_array().unwrap().iter().map(|one| text(&one["name"])));
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        seen.sort();
        assert_eq!(seen, ["Backup", "Domain admin", "Files", "PSA record", "pc-1", "pc-9"]);
        let nested = "query($id: ID!, $filter: HoldingFilter) { client(id: $id) { holdings(filter: $filter) { nodes { name } totalCount } } }";
        let read = app.ask(&technician, nested, json!({ "id": other, "filter": { "kinds": ["AGENT"] } })).await;
        assert_eq!(read["client"]["holdings"], json!({ "nodes": [{ "name": "pc-9" }], "totalCount": 1 }));
        let elsewhere = app.ask(&technician, nested, json!({ "id": other, "filter": { "clientId": client } })).await;
        assert_eq!(elsewhere["client"]["holdings"], json!({ "nodes": [], "totalCount": 0 }));
    }

    async fn whoever_is_for_one_client_sees_and_touches_no_other_ledger(app) {
        let house = flow::house(&app).await;
        let (mine, foreign) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        let theirs = register(&app, &house.technician, &foreign, json!([agent("secret-pc")])).await.remove(0);
        register(&app, &house.technician, &mine, json!([agent("pc-1")])).await;
        let decision = flow::ask(&app, &house.account, "TOOL_RETENTION", None, Some(&theirs)).await;
        let scoped = run::of_client(&app, Role::AccountManager, &mine).await;
        assert_eq!(names(&app, &scoped, json!({})).await, ["pc-1"]);
        assert_eq!(names(&app, &scoped, json!({ "clientId": foreign })).await, [""; 0]);
        assert_eq!(app.ask(&scoped, RESIDUALS, json!({ "id": foreign })).await["residuals"], Value::Null);
        let entered = sent(&app, &scoped, REGISTER, rows(&app, &foreign, &json!([agent("pc-2")]))).await;
        assert_eq!(refusal(&entered), ("NOT_FOUND", "clientId".to_owned()));
        let input = json!({ "id": theirs, "expectedRevision": 1, "clause": "7.2", "decisionId": decision });
        assert_eq!(refusal(&sent(&app, &scoped, RETAIN, input).await), ("NOT_FOUND", "id".to_owned()));
        assert_eq!(refusal(&sent(&app, &scoped, ACTIVATE, json!({ "id": theirs, "expectedRevision": 1 })).await), ("NOT_FOUND", "id".to_owned()));
        let contact = run::of_client(&app, Role::ClientContact, &mine).await;
        for document in [LIST.to_owned(), format!("{{ residuals(clientId: \"{mine}\") {{ name }} }}")] {
            assert!(format!("{:?}", app.answer(&contact, &document, json!({})).await.errors).contains("FORBIDDEN"));
        }
    }
}
