//! "Why not?": what the two processes that ship with the program wait for, and that each answer says the way out.

use std::collections::BTreeSet;

use gangway::{
    auth::permission::{Surface, TABLE},
    domain::role::Role,
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    engagement::change,
    support::{
        TestApp,
        flow::{self, House, OFFBOARDING, ONBOARDING, START, begin, done, key, started, step_of, text, work},
        make::{self, sent},
        on_both_stacks, run,
    },
};

const BLOCKERS: &str = "fragment B on Blocker { __typename code isHard message remedy
    ... on AgreementsUnsignedBlocker { agreements: kinds } ... on EvidenceMissingBlocker { stepKey evidence: kinds }
    ... on DecisionMissingBlocker { decision: kind decisionId } ... on DateNotReachedBlocker { on today }
    ... on FactsUnverifiedBlocker { absentKinds unverifiedCount } ... on HoldingsOpenBlocker { holdingIds }
    ... on HoldingsNotActiveBlocker { holdingIds } ... on HoldingsNotClosedBlocker { holdingIds } ... on ReceiptMissingBlocker { holdingIds }
    ... on TeamsMissingBlocker { teams } ... on FeesOpenBlocker { fees isAttested } ... on SamePersonBlocker { stepKey }
    ... on ExceptionsOpenBlocker { exceptionIds } ... on DecisionsOpenBlocker { decisionIds } ... on StepsOpenBlocker { stepKeys } }";

/// Every blocker of a run: of its conclusion, and of each of its steps.
async fn look(app: &TestApp, house: &House, id: &str) -> Value {
    let document = format!(
        "query($id: ID!) {{ engagement(id: $id) {{ blockedBy {{ ...B }} steps {{ id key blockedBy {{ ...B }} }} }} }} {BLOCKERS}"
    );
    app.ask(&house.technician, &document, json!({ "id": id })).await["engagement"].take()
}

/// The steps with the codes of their blockers, those of hard ones with a mark.
fn table(look: &Value) -> Vec<String> {
    look["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| format!("{}: {}", text(&step["key"]), codes(&step["blockedBy"])))
        .collect()
}

fn codes(blockers: &Value) -> String {
    let code = |one: &Value| format!("{}{}", text(&one["code"]), if one["isHard"] == true { "!" } else { "" });
    blockers.as_array().unwrap().iter().map(code).collect::<Vec<_>>().join(" ")
}

/// The blocker of a step with this code.
fn find(look: &Value, step: &str, code: &str) -> Value {
    let steps = look["steps"].as_array().unwrap();
    let blockers = &steps.iter().find(|one| one["key"] == step).unwrap()["blockedBy"];
    let found = blockers.as_array().unwrap().iter().find(|one| one["code"] == code);
    found.unwrap_or_else(|| panic!("no {code} at {step}: {blockers}")).clone()
}

/// Puts every step of a run into a state.
async fn put_all(app: &TestApp, look: &Value, state: &str) {
    for step in look["steps"].as_array().unwrap() {
        flow::put(app, &text(&step["id"]), state, None).await;
    }
}

/// A client that is under service, with a line of every kind in its ledger.
async fn served(app: &TestApp, house: &House, slug: &str) -> (String, Vec<String>) {
    let client = make::client(app, slug).await;
    let data = |name: &str, disposition: &str| {
        json!({ "name": name, "details": { "data": { "dataKind": "FILES",
        "location": format!("archive://{slug}/{name}"), "disposition": disposition, "keyEscrow": "NOT_ENCRYPTED" } } })
    };
    let credential = |name: &str, last: bool| {
        json!({ "name": name, "details": { "credential": { "credentialKind": "ADMIN",
        "principal": name, "mfaState": "ENABLED", "isLastMile": last } } })
    };
    let record = |system: &str| json!({ "name": system, "details": { "systemRecord": { "system": system } } });
    let holdings = json!([data("files", "RETURN"), data("scratch", "DESTROY"), credential("admin", false), credential("rmm", true),
        flow::agent("pc-1"), { "name": "backup", "details": { "config": { "configKind": "BACKUP_JOB", "location": "bk-01", "reference": "job-7" } } },
        record("PSA"), record("BILLING")]);
    let ids = flow::register(app, &house.technician, &client, holdings).await;
    (client, ids)
}

on_both_stacks! {
    async fn an_onboarding_says_what_every_step_waits_for(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let mut planned = json!([flow::agent("pc-1"), { "name": "PSA", "details": { "systemRecord": { "system": "PSA" } } },
            { "name": "admin", "details": { "credential": { "credentialKind": "ADMIN", "principal": "admin", "mfaState": "ENABLED" } } },
            { "name": "check", "details": { "config": { "configKind": "MONITORING_CHECK", "location": "mon-01", "reference": "check-1" } } }]);
        planned.as_array_mut().unwrap().iter_mut().for_each(|one| one["isPlanned"] = json!(true));
        flow::register(&app, &house.technician, &client, planned).await;
        let run = started(&app, &house, &client, ONBOARDING).await;
        let id = text(&run["id"]);
        let before = look(&app, &house, &id).await;
        assert_eq!(table(&before), [
            "handover: ", "kickoff: STEPS_OPEN", "discovery: STEPS_OPEN", "system_records: STEPS_OPEN FACTS_UNVERIFIED",
            "credentials: STEPS_OPEN FACTS_UNVERIFIED", "accounts: STEPS_OPEN", "hardware: STEPS_OPEN",
            "tools: STEPS_OPEN DECISION_MISSING!", "baseline: STEPS_OPEN DECISION_MISSING", "tests: STEPS_OPEN",
            "documentation: STEPS_OPEN", "training: STEPS_OPEN", "welcome: STEPS_OPEN", "transition: STEPS_OPEN",
            "activation: STEPS_OPEN STEPS_OPEN!",
        ]);
        assert_eq!(codes(&before["blockedBy"]), "STEPS_OPEN! STEPS_OPEN! STEPS_OPEN! STEPS_OPEN!");
        put_all(&app, &before, "IN_PROGRESS").await;
        let within = look(&app, &house, &id).await;
        assert_eq!(table(&within), [
            "handover: CHECKLIST_OPEN EVIDENCE_MISSING AGREEMENTS_UNSIGNED! TEAMS_MISSING",
            "kickoff: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING TEAMS_MISSING",
            "discovery: STEPS_OPEN CHECKLIST_OPEN FACTS_UNVERIFIED",
            "system_records: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING HOLDINGS_NOT_ACTIVE",
            "credentials: STEPS_OPEN CHECKLIST_OPEN DECISION_MISSING! HOLDINGS_NOT_ACTIVE",
            "accounts: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING",
            "hardware: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING",
            "tools: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING HOLDINGS_NOT_ACTIVE",
            "baseline: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING HOLDINGS_NOT_ACTIVE",
            "tests: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING", "documentation: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING",
            "training: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING", "welcome: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING",
            "transition: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING",
            "activation: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING DATE_NOT_REACHED!",
        ]);
        assert_eq!(find(&within, "handover", "AGREEMENTS_UNSIGNED")["agreements"], json!(["SLA", "SOW"]));
        assert_eq!(find(&within, "handover", "EVIDENCE_MISSING")["evidence"], json!(["MEETING"]));
        assert_eq!(find(&within, "kickoff", "TEAMS_MISSING")["teams"], json!(["SALES", "ACCOUNT_MANAGER", "TECHNICIAN", "CUSTOMER_SUCCESS"]));
        let facts = find(&within, "discovery", "FACTS_UNVERIFIED");
        assert_eq!((&facts["absentKinds"], &facts["unverifiedCount"]), (&json!(["DEVICE", "USER_BASE", "APPLICATION"]), &json!(1)));
        let access = find(&within, "credentials", "DECISION_MISSING");
        assert_eq!((&access["decision"], &access["decisionId"]), (&json!("ACCESS_APPROVAL"), &Value::Null));
        let day = find(&within, "activation", "DATE_NOT_REACHED");
        assert_eq!((&day["on"], &day["today"]), (&Value::Null, &json!("2026-03-02")));
        assert!(day["remedy"].as_str().unwrap().contains("clientUpdate"));
    }

    async fn an_offboarding_says_what_every_step_waits_for(app) {
        let house = flow::house(&app).await;
        let (client, holdings) = served(&app, &house, "acme").await;
        flow::notice(&app, &house, &client, "2026-04-30").await;
        let run = started(&app, &house, &client, OFFBOARDING).await;
        let id = text(&run["id"]);
        let before = look(&app, &house, &id).await;
        assert_eq!(table(&before), [
            "plan: ", "data_return: STEPS_OPEN RETURN_TERMS_MISSING! RECIPIENT_KEY_UNCONFIRMED!",
            "credential_revocation: STEPS_OPEN DECISION_MISSING!", "tool_removal: STEPS_OPEN", "last_mile: STEPS_OPEN HOLDINGS_OPEN!",
            "config_removal: STEPS_OPEN DATE_NOT_REACHED!",
            "sanitization: STEPS_OPEN DATE_NOT_REACHED! DECISION_MISSING! RECEIPT_MISSING!",
            "sanitization_verification: STEPS_OPEN HOLDINGS_NOT_CLOSED!", "final_reports: STEPS_OPEN", "final_billing: STEPS_OPEN",
            "archive: STEPS_OPEN", "record_closure: STEPS_OPEN STEPS_OPEN!",
            "system_deactivation: STEPS_OPEN STEPS_OPEN! HOLDINGS_OPEN!",
        ]);
        assert_eq!(codes(&before["blockedBy"]), "STEPS_OPEN! RECEIPT_MISSING! RESIDUALS! STEPS_OPEN!");
        let day = find(&before, "sanitization", "DATE_NOT_REACHED");
        assert_eq!((&day["on"], &day["remedy"]), (&json!("2026-04-30"), &Value::Null), "only time helps");
        assert_eq!(find(&before, "last_mile", "HOLDINGS_OPEN")["holdingIds"], json!([holdings[4]]));
        assert_eq!(find(&before, "sanitization_verification", "HOLDINGS_NOT_CLOSED")["holdingIds"], json!([holdings[5]]));
        assert_eq!(find(&before, "sanitization", "RECEIPT_MISSING")["holdingIds"], json!([holdings[0]]));
        put_all(&app, &before, "IN_PROGRESS").await;
        let within = look(&app, &house, &id).await;
        assert_eq!(table(&within), [
            "plan: CHECKLIST_OPEN DECISION_MISSING", "data_return: STEPS_OPEN CHECKLIST_OPEN RECEIPT_MISSING! HOLDINGS_OPEN",
            "credential_revocation: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING HOLDINGS_OPEN!",
            "tool_removal: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING HOLDINGS_OPEN!", "last_mile: STEPS_OPEN EVIDENCE_MISSING HOLDINGS_OPEN!",
            "config_removal: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING HOLDINGS_OPEN!", "sanitization: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING",
            "sanitization_verification: STEPS_OPEN EVIDENCE_MISSING HOLDINGS_NOT_CLOSED! HOLDINGS_OPEN!",
            "final_reports: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING", "final_billing: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING FEES_OPEN!",
            "archive: STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING", "record_closure: STEPS_OPEN EVIDENCE_MISSING HOLDINGS_OPEN!",
            "system_deactivation: STEPS_OPEN EVIDENCE_MISSING HOLDINGS_OPEN!",
        ]);
        // Dates come by themselves, on the client's own day.
        app.pass(59 * 86_400);
        let later = look(&app, &house, &id).await;
        put_all(&app, &later, "PENDING").await;
        let later = look(&app, &house, &id).await;
        assert_eq!(codes(&later["steps"][5]["blockedBy"]), "STEPS_OPEN");
    }

    async fn every_kind_of_blocker_is_met_and_names_its_way_out(app) {
        let house = flow::house(&app).await;
        let mut seen: Vec<Value> = Vec::new();
        // What stands before the start.
        let client = flow::prospect(&app, &house, "acme").await;
        let (bare, _) = served(&app, &house, "bare").await;
        let everybody = "UPDATE \"user\" SET is_active = ";
        let db = app.app.db().write();
        db.execute_unprepared(&format!("{everybody} FALSE")).await.unwrap();
        let document = START.replace("blockers { code isHard message remedy }", "blockers { __typename code isHard message remedy }");
        for (client, number) in [(&bare, ONBOARDING), (&bare, OFFBOARDING)] {
            let refused = sent(&app, &house.account, &document, begin(&app, client, number)).await;
            seen.extend(refused["userErrors"][0]["blockers"].as_array().unwrap().iter().cloned());
        }
        db.execute_unprepared(&format!("{everybody} TRUE")).await.unwrap();
        // What stands before steps and ends of both processes.
        flow::register(&app, &house.technician, &client, json!([{ "name": "PSA", "isPlanned": true, "details": { "systemRecord": { "system": "PSA" } } }])).await;
        flow::notice(&app, &house, &bare, "2026-04-30").await;
        for (client, number) in [(&client, ONBOARDING), (&bare, OFFBOARDING)] {
            let run = started(&app, &house, client, number).await;
            let id = text(&run["id"]);
            let first = look(&app, &house, &id).await;
            put_all(&app, &first, "IN_PROGRESS").await;
            flow::ask(&app, &house.account, "PLAN", Some(&id), None).await;
            let raise = "mutation($input: ExceptionRaiseInput!) { exceptionRaise(input: $input) { userErrors { message } } }";
            let input = json!({ "engagementId": id, "type": "DEVIATION", "situation": "It is late", "justification": "Nobody could come before today.",
                "expiresAt": "2026-03-30T09:00:00.000Z", "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }], "idempotencyKey": key(&app) });
            done(sent(&app, &house.technician, raise, input).await);
            let second = look(&app, &house, &id).await;
            for one in [&first, &second] {
                let steps = one["steps"].as_array().unwrap().iter().flat_map(|step| step["blockedBy"].as_array().unwrap());
                seen.extend(steps.chain(one["blockedBy"].as_array().unwrap()).cloned());
            }
            if number == OFFBOARDING {
                let step = step_of(&run, "sanitization");
                finished_by(&app, &step, &house.technician.id.to_string()).await;
                flow::put(&app, &step_of(&run, "sanitization_verification"), "PENDING", None).await;
                let verifying = look(&app, &house, &id).await;
                let same = find(&verifying, "sanitization_verification", "SAME_PERSON");
                assert_eq!((&same["stepKey"], &same["isHard"]), (&json!("sanitization"), &json!(true)));
                seen.push(same);
            }
        }
        let kinds: BTreeSet<String> = seen.iter().map(|one| text(&one["__typename"])).collect();
        let all = app.ask(&house.sales, r#"{ __type(name: "Blocker") { possibleTypes { name } } }"#, json!({})).await;
        let all: BTreeSet<String> = all["__type"]["possibleTypes"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect();
        assert_eq!(kinds, all);
        let mutations: BTreeSet<&str> = TABLE.iter().filter(|row| row.surface == Surface::Mutation).map(|row| row.field).collect();
        for one in seen {
            let (code, message) = (text(&one["code"]), text(&one["message"]));
            assert!(message.ends_with('.') && message.len() > 10 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{one}");
            let Some(remedy) = one["remedy"].as_str() else {
                assert_eq!(code, "DATE_NOT_REACHED", "{one}");
                continue;
            };
            let named: Vec<&str> = remedy.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty() && named.iter().all(|mutation| mutations.contains(mutation)), "{one}");
        }
    }

    async fn doing_what_the_remedy_says_clears_the_blocker(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let run = started(&app, &house, &client, ONBOARDING).await;
        let id = text(&run["id"]);
        for step in ["handover", "discovery"] {
            flow::put(&app, &step_of(&run, step), "IN_PROGRESS", None).await;
        }
        let left = async |step: &str| {
            let read = look(&app, &house, &id).await;
            let steps = read["steps"].as_array().unwrap();
            codes(&steps.iter().find(|one| one["key"] == step).unwrap()["blockedBy"])
        };
        let sla = json!({ "sla": { "targets": [{ "priority": "P1", "respondWithinMinutes": 15, "resolveWithinMinutes": 60 }] } });
        flow::agree(&app, &house, &client, sla).await;
        assert_eq!(find(&look(&app, &house, &id).await, "handover", "AGREEMENTS_UNSIGNED")["agreements"], json!(["SOW"]));
        flow::agree(&app, &house, &client, json!({ "sow": { "lines": [{ "key": "L1", "text": "Monitoring." }] } })).await;
        assert_eq!(left("handover").await, "CHECKLIST_OPEN EVIDENCE_MISSING TEAMS_MISSING");
        let evidence = "mutation($input: EvidenceAddInput!) { evidenceAdd(input: $input) { userErrors { message } } }";
        let meeting = |attendees: Value| json!({ "stepId": step_of(&run, "handover"), "idempotencyKey": key(&app),
            "details": { "meeting": { "heldAt": "2026-03-02T08:00:00Z", "notes": "Handed over.", "attendees": attendees } } });
        done(sent(&app, &house.sales, evidence, meeting(json!([{ "name": "Sam", "team": "SALES" }]))).await);
        assert_eq!(find(&look(&app, &house, &id).await, "handover", "TEAMS_MISSING")["teams"], json!(["ONBOARDING_MANAGER"]));
        done(sent(&app, &house.sales, evidence, meeting(json!([{ "name": "Olga", "team": "ONBOARDING_MANAGER", "isExcused": true }]))).await);
        assert_eq!(left("handover").await, "CHECKLIST_OPEN");
        let lines = app.ask(&house.sales, "query($id: ID!) { engagement(id: $id) { steps { checklist { id } } } }", json!({ "id": id })).await;
        let set = "mutation($input: ChecklistItemSetInput!) { checklistItemSet(input: $input) { userErrors { message } } }";
        for line in lines["engagement"]["steps"][0]["checklist"].as_array().unwrap() {
            done(sent(&app, &house.sales, set, json!({ "id": line["id"], "expectedRevision": 1, "state": "DONE" })).await);
        }
        assert_eq!(left("handover").await, "");
        done(work(&app, &house.sales, "Complete", &step_of(&run, "handover"), Value::Null).await);

        let found = json!([
            { "name": "fw-01", "source": "SCAN", "details": { "device": { "deviceType": "NETWORK" } } },
            { "name": "Staff", "source": "INTERVIEW", "details": { "userBase": { "userCount": 12 } } },
            { "name": "Ledger", "source": "INTERVIEW", "details": { "application": { "criticality": "HIGH" } } },
        ]);
        let facts = flow::facts(&app, &house.technician, &client, found).await;
        let unverified = find(&look(&app, &house, &id).await, "discovery", "FACTS_UNVERIFIED");
        assert_eq!((&unverified["absentKinds"], &unverified["unverifiedCount"]), (&json!([]), &json!(4)));
        let verify = "mutation($input: FactsVerifyInput!) { factsVerify(input: $input) { results { userErrors { message } } userErrors { message } } }";
        let rows: Vec<Value> = facts.iter().map(|id| json!({ "id": id, "expectedRevision": 1 })).collect();
        let own = done(sent(&app, &house.technician, verify, json!({ "facts": rows })).await);
        assert!(own["results"].as_array().unwrap().iter().all(|row| row["userErrors"] != json!([])), "nobody verifies their own: {own}");
        done(sent(&app, &house.manager, verify, json!({ "facts": rows })).await);
        let unverified = find(&look(&app, &house, &id).await, "discovery", "FACTS_UNVERIFIED");
        assert_eq!(unverified["unverifiedCount"], 1, "the form itself is left");

        let tools = find(&look(&app, &house, &id).await, "tools", "DECISION_MISSING");
        assert!(tools["remedy"].as_str().unwrap().contains("decisionRequest"));
        let decision = flow::ask(&app, &house.technician, "ACCESS_APPROVAL", Some(&id), None).await;
        let tools = find(&look(&app, &house, &id).await, "tools", "DECISION_MISSING");
        assert_eq!((&tools["decisionId"], tools["remedy"].as_str().unwrap().contains("decisionRequest")), (&json!(decision), false));
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        flow::grant(&app, &contact, &decision).await;
        assert_eq!(left("tools").await, "STEPS_OPEN");

        let update = "mutation($input: ClientUpdateInput!) { clientUpdate(input: $input) { userErrors { message } } }";
        let revision = app.ask(&house.sales, "query($id: ID!) { client(id: $id) { revision } }", json!({ "id": client })).await["client"]["revision"].take();
        done(sent(&app, &house.sales, update, json!({ "id": client, "expectedRevision": revision, "serviceStartOn": "2026-03-09" })).await);
        flow::put(&app, &step_of(&run, "activation"), "IN_PROGRESS", None).await;
        assert_eq!(find(&look(&app, &house, &id).await, "activation", "DATE_NOT_REACHED")["on"], "2026-03-09");
        app.pass(7 * 86_400);
        assert_eq!(left("activation").await, "STEPS_OPEN CHECKLIST_OPEN EVIDENCE_MISSING");
    }

    async fn a_contact_reads_why_its_engagement_waits_and_cannot_end_it(app) {
        let house = flow::house(&app).await;
        let (client, _) = served(&app, &house, "acme").await;
        flow::notice(&app, &house, &client, "2026-04-30").await;
        let run = started(&app, &house, &client, OFFBOARDING).await;
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        let document = "query($id: ID!) { engagement(id: $id) { blockedBy { code message } steps { blockedBy { code message } } } }";
        let read = app.ask(&contact, document, json!({ "id": run["id"] })).await;
        assert!(read["engagement"]["blockedBy"].as_array().unwrap().len() > 2);
        let conclude = "mutation($input: EngagementConcludeInput!) { engagementConclude(input: $input) { userErrors { code } } }";
        let refused = app.answer(&contact, conclude, json!({ "input": { "id": run["id"], "expectedRevision": 1 } })).await;
        assert!(format!("{:?}", refused.errors).contains("FORBIDDEN"));
        assert_eq!(change(&app, &house.account, "Conclude", &text(&run["id"]), &json!(1)).await["userErrors"][0]["code"], "BLOCKED");
    }
}

/// Says that somebody finished a step.
async fn finished_by(app: &TestApp, step: &str, actor: &str) {
    use sea_orm::{ActiveModelTrait, ActiveValue};
    let id = step.parse::<gangway::ids::StepId>().unwrap().uuid();
    let changed = entity::step::ActiveModel {
        id: ActiveValue::Unchanged(id),
        state: ActiveValue::Set("DONE".to_owned()),
        finished_by: ActiveValue::Set(Some(actor.to_owned())),
        ..<entity::step::ActiveModel as Default>::default()
    };
    changed.update(app.app.db().write()).await.unwrap();
}
