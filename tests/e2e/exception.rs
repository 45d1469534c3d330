//! Exceptions: raised with reasons, decided by management, worked off, closed.

use gangway::{
    app::{decision, exception},
    auth::Actor,
    clock::IdSource,
    domain::role::Role,
};
use serde_json::{Value, json};

use crate::{
    decision::vote,
    support::{
        TestApp,
        make::{refusal, sent},
        on_both_stacks,
        run::{self, Run},
    },
};

const RAISE: &str = "mutation($input: ExceptionRaiseInput!) { exceptionRaise(input: $input) {
    exception { id type state situation justification isInForce expiresAt revision client { id } engagement { id } step { key }
        holdingId risks { kind likelihood impact penalty { amountMinor currency } } actions { kind state note }
        decision { id kind state expiresAt rule { requirements { anyOf } } } viewerCan { settleActions close withdraw } }
    userErrors { code path message remedy } replayed } }";
const ACTION: &str = "mutation($input: ExceptionActionDoneInput!) { exceptionActionDone(input: $input) {
    exception { revision actions { kind state note setBy { id } } viewerCan { settleActions close } }
    userErrors { code path message remedy ... on ConflictError { currentRevision } } } }";
const CLOSE: &str = "mutation($input: ExceptionCloseInput!) { exceptionClose(input: $input) {
    exception { state revision closedAt isInForce } userErrors { code path message remedy } } }";
const WITHDRAW: &str = "mutation($input: ExceptionWithdrawInput!) { exceptionWithdraw(input: $input) {
    exception { state revision decision { state } } userErrors { code path message } } }";
const REGISTER: &str = "query($filter: ExceptionFilter) { exceptions(filter: $filter) {
    nodes { id state isInForce decision { state } step { state } } totalCount } }";

/// A deviation that is complete.
fn deviation(run: &Run) -> Value {
    json!({ "engagementId": run.id, "stepId": run.kickoff, "type": "DEVIATION",
        "situation": "Client delays in providing access", "justification": "The client's own team is away until Monday.",
        "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "HIGH", "impact": "MEDIUM",
            "penalty": { "amountMinor": "125000", "currency": "USD" } }],
        "actions": [{ "kind": "RESCHEDULE", "note": "Training moves to the week after." }],
        "expiresAt": "2026-03-30T09:00:00.000Z", "idempotencyKey": format!("deviation-{}", run.id) })
}

/// Raises a deviation of `type` about `step` and gives back its id and its decision's.
async fn raised(app: &TestApp, actor: &Actor, run: &Run, r#type: &str, step: &str) -> (String, String) {
    let mut input = deviation(run);
    (input["type"], input["stepId"]) = (json!(r#type), json!(step));
    let payload = sent(app, actor, RAISE, input).await;
    assert_eq!(payload["userErrors"], json!([]));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&payload["exception"]["id"]), text(&payload["exception"]["decision"]["id"]))
}

async fn approved(app: &TestApp, run: &Run, r#type: &str, step: &str) -> String {
    let (id, question) = raised(app, &app.staff(Role::Technician), run, r#type, step).await;
    let voted = vote(app, &question, &app.staff(Role::ServiceDeliveryManager), "GRANT").await;
    assert_eq!(voted["decision"]["state"], "GRANTED");
    id
}

/// The one exception of the register.
async fn only(app: &TestApp) -> Value {
    let read = app.ask(&app.staff(Role::Compliance), REGISTER, json!({})).await;
    assert_eq!(read["exceptions"]["totalCount"], 1);
    read["exceptions"]["nodes"][0].clone()
}

async fn settle(app: &TestApp, id: &str, revision: i32, action: &str, more: Value) -> Value {
    let mut input = json!({ "id": id, "expectedRevision": revision, "action": action });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sent(app, &app.staff(Role::OnboardingManager), ACTION, input).await
}

on_both_stacks! {
    async fn an_exception_is_raised_with_the_question_that_decides_it(app) {
        let run = run::run(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let payload = sent(&app, &technician, RAISE, deviation(&run)).await;
        assert_eq!((&payload["userErrors"], &payload["replayed"]), (&json!([]), &json!(false)));
        let exception = &payload["exception"];
        assert_eq!((&exception["state"], &exception["isInForce"]), (&json!("REQUESTED"), &json!(false)));
        assert_eq!((&exception["client"]["id"], &exception["engagement"]["id"]), (&json!(run.client), &json!(run.id)));
        assert_eq!(exception["step"], json!({ "key": "kickoff" }));
        assert_eq!(exception["risks"][0]["penalty"], json!({ "amountMinor": "125000", "currency": "USD" }));
        let actions = json!([{ "kind": "ESCALATE", "state": "OPEN", "note": null }, { "kind": "DOCUMENT", "state": "OPEN", "note": null },
            { "kind": "RESCHEDULE", "state": "OPEN", "note": "Training moves to the week after." }]);
        assert_eq!(exception["actions"], actions);
        let question = &exception["decision"];
        assert_eq!((&question["kind"], &question["state"]), (&json!("EXCEPTION"), &json!("OPEN")));
        assert_eq!(question["expiresAt"], exception["expiresAt"]);
        let managers = json!([{ "anyOf": ["SERVICE_DELIVERY_MANAGER", "HEAD_OF_OPERATIONS"] }]);
        assert_eq!(question["rule"]["requirements"], managers);
        assert_eq!(exception["viewerCan"], json!({ "settleActions": false, "close": false, "withdraw": true }));
        assert_eq!(run::events(&app, exception["id"].as_str().unwrap()).await, ["exception.raised"]);
        assert_eq!(run::events(&app, question["id"].as_str().unwrap()).await, ["decision.requested"]);
    }

    async fn an_approved_exception_is_worked_off_and_closed(app) {
        let run = run::run(&app, "acme").await;
        let id = approved(&app, &run, "DEVIATION", &run.kickoff).await;
        assert_eq!((&only(&app).await["state"], &only(&app).await["isInForce"]), (&json!("APPROVED"), &json!(true)));
        let manager = app.staff(Role::OnboardingManager);
        let close = |revision: i32| json!({ "id": id, "expectedRevision": revision });
        let early = sent(&app, &manager, CLOSE, close(2)).await;
        assert_eq!(refusal(&early).0, "CONFLICT");
        assert!(early["userErrors"][0]["remedy"].as_str().unwrap().contains("exceptionActionDone"));
        let done = settle(&app, &id, 2, "ESCALATE", json!({ "note": "Told at the stand-up." })).await;
        assert_eq!(done["exception"]["actions"][0]["note"], "Told at the stand-up.");
        let silent = settle(&app, &id, 3, "DOCUMENT", json!({ "state": "NOT_APPLICABLE" })).await;
        assert_eq!(refusal(&silent).0, "CONFLICT");
        settle(&app, &id, 3, "DOCUMENT", json!({ "state": "NOT_APPLICABLE", "note": "There is no checklist yet." })).await;
        let last = settle(&app, &id, 4, "RESCHEDULE", json!({})).await;
        assert_eq!(last["exception"]["actions"][2]["note"], "Training moves to the week after.");
        assert_eq!(last["exception"]["viewerCan"], json!({ "settleActions": true, "close": true }));
        let closed = sent(&app, &manager, CLOSE, close(5)).await;
        assert_eq!((&closed["exception"]["state"], &closed["exception"]["isInForce"]), (&json!("CLOSED"), &json!(true)));
        assert!(closed["exception"]["closedAt"].is_string());
        let done = ["exception.action_done"; 3];
        let kinds = [&["exception.raised", "exception.approved"][..], &done[..], &["exception.closed"][..]].concat();
        assert_eq!(run::events(&app, &id).await, kinds);
    }

    async fn what_follows_from_a_deed_names_it_as_its_cause(app) {
        let run = run::run(&app, "acme").await;
        approved(&app, &run, "SKIPPED", &run.kickoff).await;
        gangway::app::log::seal_waiting(&app.app).await.unwrap();
        let document = "query($client: ID) { timeline(last: 4, filter: { clientId: $client }) { nodes { id kind causeId } } }";
        let read = app.ask(&app.staff(Role::Compliance), document, json!({ "client": run.client })).await;
        let events = read["timeline"]["nodes"].as_array().unwrap();
        let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["decision.voted", "decision.granted", "exception.approved", "step.excepted"]);
        let causes: Vec<_> = events.iter().map(|event| &event["causeId"]).collect();
        assert_eq!(causes, [&Value::Null, &Value::Null, &events[1]["id"], &events[1]["id"]]);
    }

    async fn a_refused_exception_is_rejected(app) {
        let run = run::run(&app, "acme").await;
        let (id, question) = raised(&app, &app.staff(Role::Technician), &run, "DEVIATION", &run.kickoff).await;
        vote(&app, &question, &app.staff(Role::HeadOfOperations), "REFUSE").await;
        assert_eq!(only(&app).await["state"], "REJECTED");
        assert_eq!(run::events(&app, &id).await, ["exception.raised", "exception.rejected"]);
        assert_eq!(refusal(&settle(&app, &id, 2, "ESCALATE", json!({})).await).0, "CONFLICT");
    }

    async fn nobody_approves_their_own_exception(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::ServiceDeliveryManager);
        let (_, question) = raised(&app, &manager, &run, "DEVIATION", &run.kickoff).await;
        assert_eq!(refusal(&vote(&app, &question, &manager, "GRANT").await).0, "CONFLICT");
        assert_eq!(only(&app).await["state"], "REQUESTED");
    }

    async fn the_designated_authority_has_a_say_where_security_is_touched(app) {
        let run = run::run(&app, "acme").await;
        let (id, question) = raised(&app, &app.staff(Role::Technician), &run, "SKIPPED", &run.access).await;
        let first = vote(&app, &question, &app.staff(Role::ServiceDeliveryManager), "GRANT").await;
        assert_eq!(first["decision"]["state"], "OPEN");
        assert_eq!(only(&app).await["state"], "REQUESTED");
        let second = vote(&app, &question, &app.staff(Role::Compliance), "GRANT").await;
        assert_eq!(second["decision"]["state"], "GRANTED");
        let exception = only(&app).await;
        assert_eq!((&exception["state"], &exception["step"]["state"]), (&json!("APPROVED"), &json!("EXCEPTED")));
        assert_eq!(run::events(&app, &id).await, ["exception.raised", "exception.approved"]);
        assert_eq!(run::events(&app, &run.access).await, ["step.excepted"]);
    }

    async fn an_approved_exception_lets_a_step_begin_out_of_order(app) {
        let run = run::run(&app, "acme").await;
        let start = "mutation($input: StepStartInput!) { stepStart(input: $input) { step { state } userErrors { code } } }";
        let technician = run::colleague(&app, &[Role::Technician]).await;
        let input = json!({ "id": run.handover, "expectedRevision": 1 });
        assert_eq!(refusal(&sent(&app, &technician, start, input.clone()).await).0, "BLOCKED");
        approved(&app, &run, "OUT_OF_ORDER", &run.handover).await;
        let begun = sent(&app, &technician, start, input).await;
        assert_eq!(begun["step"], json!({ "state": "IN_PROGRESS" }));
    }

    async fn only_whoever_raised_an_exception_takes_it_back(app) {
        let run = run::run(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let (id, question) = raised(&app, &technician, &run, "DEVIATION", &run.kickoff).await;
        let input = |revision: i32| json!({ "id": id, "expectedRevision": revision });
        assert_eq!(refusal(&sent(&app, &app.staff(Role::Technician), WITHDRAW, input(1)).await).0, "CONFLICT");
        let stale = sent(&app, &technician, WITHDRAW, input(7)).await;
        assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()));
        let withdrawn = sent(&app, &technician, WITHDRAW, input(1)).await;
        assert_eq!(withdrawn["exception"], json!({ "state": "WITHDRAWN", "revision": 2, "decision": { "state": "WITHDRAWN" } }));
        assert_eq!(refusal(&sent(&app, &technician, WITHDRAW, input(2)).await).0, "CONFLICT");
        assert_eq!(run::events(&app, &question).await, ["decision.requested", "decision.withdrawn"]);
        assert_eq!(run::events(&app, &id).await, ["exception.raised", "exception.withdrawn"]);
        let late = vote(&app, &question, &app.staff(Role::HeadOfOperations), "GRANT").await;
        assert_eq!(refusal(&late).0, "CONFLICT");
    }

    async fn one_that_waits_expires_with_its_question(app) {
        let run = run::run(&app, "acme").await;
        let (id, question) = raised(&app, &app.staff(Role::Technician), &run, "DEVIATION", &run.kickoff).await;
        app.pass(28 * 86_400);
        let read = only(&app).await;
        assert_eq!((&read["state"], &read["decision"]["state"]), (&json!("EXPIRED"), &json!("EXPIRED")));
        assert_eq!(decision::expire_due(&app.app, 10).await.unwrap(), 1);
        assert_eq!(exception::expire_due(&app.app, 10).await.unwrap(), 0);
        assert_eq!(run::events(&app, &id).await, ["exception.raised", "exception.expired"]);
        assert_eq!(run::events(&app, &question).await, ["decision.requested", "decision.expired"]);
    }

    async fn an_approved_one_allows_nothing_once_its_time_is_over(app) {
        let run = run::run(&app, "acme").await;
        let id = approved(&app, &run, "DEVIATION", &run.kickoff).await;
        let (waiting, ()) = {
            let mut input = deviation(&run);
            input["idempotencyKey"] = json!("a-second-one");
            let payload = sent(&app, &app.staff(Role::Technician), RAISE, input).await;
            (payload["exception"]["id"].as_str().unwrap().to_owned(), ())
        };
        assert_eq!(exception::expire_due(&app.app, 10).await.unwrap(), 0);
        app.pass(28 * 86_400);
        let filter = |states: &[&str]| json!({ "filter": { "states": states } });
        let compliance = app.staff(Role::Compliance);
        for (state, expected) in [("APPROVED", 0), ("REQUESTED", 0), ("EXPIRED", 2)] {
            let read = app.ask(&compliance, REGISTER, filter(&[state])).await;
            assert_eq!(read["exceptions"]["totalCount"], expected, "{state}");
            assert!(read["exceptions"]["nodes"].as_array().unwrap().iter().all(|node| node["isInForce"] == false));
        }
        assert_eq!(refusal(&settle(&app, &id, 2, "ESCALATE", json!({})).await).0, "CONFLICT");
        assert_eq!(exception::expire_due(&app.app, 1).await.unwrap(), 1);
        assert_eq!(exception::expire_due(&app.app, 10).await.unwrap(), 1);
        assert_eq!(exception::expire_due(&app.app, 10).await.unwrap(), 0);
        assert_eq!(run::events(&app, &id).await.last().unwrap(), "exception.expired");
        assert_eq!(run::events(&app, &waiting).await.last().unwrap(), "exception.expired");
    }

    async fn what_is_incomplete_or_out_of_bounds_is_named(app) {
        let run = run::run(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let risk = |penalty: Value| json!([{ "kind": "LEGAL", "likelihood": "LOW", "impact": "LOW", "penalty": penalty }]);
        let planned = json!([{ "kind": "DOCUMENT", "note": "Once." }, { "kind": "DOCUMENT", "note": "Twice." }]);
        for (field, value, path) in [
            ("situation", json!("  "), "situation"),
            ("situation", json!("x".repeat(201)), "situation"),
            ("justification", json!("urgent"), "justification"),
            ("justification", json!(format!("{}short", " ".repeat(40))), "justification"),
            ("risks", json!([]), "risks"),
            ("risks", risk(json!({ "amountMinor": "0", "currency": "USD" })), "risks"),
            ("risks", risk(json!({ "amountMinor": "-5", "currency": "USD" })), "risks"),
            ("risks", risk(json!({ "amountMinor": "5", "currency": "dollars" })), "risks"),
            ("actions", planned, "actions.1.kind"),
            ("actions", json!([{ "kind": "DOCUMENT", "note": " " }]), "actions.0.note"),
            ("expiresAt", json!("2026-03-02T09:00:00.000Z"), "expiresAt"),
            ("expiresAt", json!("2026-07-02T09:00:00.000Z"), "expiresAt"),
            ("idempotencyKey", json!("short"), "idempotencyKey"),
        ] {
            let mut input = deviation(&run);
            input["idempotencyKey"] = json!(format!("key-{}", app.clock.next()));
            input[field] = value.clone();
            let refused = sent(&app, &technician, RAISE, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()), "{field} {value}");
        }
        for (r#type, step, holding, path) in [
            ("SKIPPED", Value::Null, Value::Null, "stepId"),
            ("OUT_OF_ORDER", Value::Null, Value::Null, "stepId"),
            ("OUT_OF_ORDER", Value::Null, json!("hol_01h455vb4pex5vsknk084sn02q"), "type"),
            ("SKIPPED", json!(run.kickoff), json!("hol_01h455vb4pex5vsknk084sn02q"), "holdingId"),
        ] {
            let mut input = deviation(&run);
            input["idempotencyKey"] = json!(format!("key-{}", app.clock.next()));
            (input["type"], input["stepId"], input["holdingId"]) = (json!(r#type), step, holding);
            let refused = sent(&app, &technician, RAISE, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()), "{type}");
        }
        let read = app.ask(&technician, REGISTER, json!({})).await;
        assert_eq!(read["exceptions"]["totalCount"], 0);
    }

    async fn foreign_ids_read_as_absent_and_a_contact_sees_no_exceptions(app) {
        let (run, other) = (run::run(&app, "acme").await, run::run(&app, "other").await);
        let id = approved(&app, &run, "DEVIATION", &run.kickoff).await;
        let scoped = run::of_client(&app, Role::OnboardingManager, &other.client).await;
        for (field, value) in [
            ("engagementId", run.id.as_str()),
            ("engagementId", "nonsense"),
            ("stepId", run.kickoff.as_str()),
            ("stepId", "stp_01h455vb4pex5vsknk084sn02q"),
        ] {
            let mut input = deviation(&other);
            input["idempotencyKey"] = json!(format!("key-{}", app.clock.next()));
            input[field] = json!(value);
            let refused = sent(&app, &scoped, RAISE, input).await;
            assert_eq!(refusal(&refused), ("NOT_FOUND", field.to_owned()), "{value}");
        }
        let mut input = deviation(&other);
        (input["type"], input["stepId"]) = (json!("SKIPPED"), Value::Null);
        input["holdingId"] = json!("hol_01h455vb4pex5vsknk084sn02q");
        assert_eq!(refusal(&sent(&app, &scoped, RAISE, input).await), ("NOT_FOUND", "holdingId".to_owned()));
        let change = json!({ "id": id, "expectedRevision": 2 });
        let mut action = change.clone();
        action["action"] = json!("ESCALATE");
        for (document, input) in [(ACTION, action), (CLOSE, change.clone()), (WITHDRAW, change)] {
            assert_eq!(refusal(&sent(&app, &scoped, document, input).await), ("NOT_FOUND", "id".to_owned()), "{document}");
        }
        assert_eq!(app.ask(&scoped, REGISTER, json!({})).await["exceptions"]["totalCount"], 0);
        let contact = run::of_client(&app, Role::ClientContact, &run.client).await;
        assert_eq!(app.answer(&contact, REGISTER, json!({})).await.errors.len(), 1);
        let below = format!("{{ engagement(id: \"{}\") {{ exceptions {{ id }} }} }}", run.id);
        assert_eq!(app.answer(&contact, &below, json!({})).await.errors.len(), 1);
    }

    async fn the_same_request_again_raises_no_second_exception(app) {
        let run = run::run(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let first = sent(&app, &technician, RAISE, deviation(&run)).await;
        let again = sent(&app, &technician, RAISE, deviation(&run)).await;
        assert_eq!((&again["replayed"], &again["exception"]), (&json!(true), &first["exception"]));
        let mut other = deviation(&run);
        other["situation"] = json!("Something else");
        assert_eq!(refusal(&sent(&app, &technician, RAISE, other).await).0, "IDEMPOTENCY_KEY_REUSED");
        only(&app).await;
    }

    async fn a_stale_revision_changes_nothing(app) {
        let run = run::run(&app, "acme").await;
        let id = approved(&app, &run, "DEVIATION", &run.kickoff).await;
        settle(&app, &id, 2, "ESCALATE", json!({})).await;
        let stale = settle(&app, &id, 2, "DOCUMENT", json!({})).await;
        assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()));
        assert_eq!(stale["userErrors"][0]["currentRevision"], 3);
        let closed = sent(&app, &app.staff(Role::OnboardingManager), CLOSE, json!({ "id": id, "expectedRevision": 2 })).await;
        assert_eq!(refusal(&closed), ("CONFLICT", "expectedRevision".to_owned()));
    }

    async fn nothing_deviates_in_a_run_that_is_over(app) {
        let run = run::run(&app, "acme").await;
        run::put(&app, &run, "CONCLUDED").await;
        assert_eq!(refusal(&sent(&app, &app.staff(Role::Technician), RAISE, deviation(&run)).await).0, "CONFLICT");
    }

    async fn a_skipped_step_that_was_done_meanwhile_stays_done(app) {
        let run = run::run(&app, "acme").await;
        let (_, question) = raised(&app, &app.staff(Role::Technician), &run, "SKIPPED", &run.kickoff).await;
        let technician = run::colleague(&app, &[Role::Technician]).await;
        for (verb, revision) in [("Start", 1), ("Complete", 2)] {
            let document = format!("mutation($input: Step{verb}Input!) {{ step{verb}(input: $input) {{ userErrors {{ message }} }} }}");
            let done = sent(&app, &technician, &document, json!({ "id": run.kickoff, "expectedRevision": revision })).await;
            assert_eq!(done["userErrors"], json!([]));
        }
        vote(&app, &question, &app.staff(Role::HeadOfOperations), "GRANT").await;
        let exception = only(&app).await;
        assert_eq!((&exception["state"], &exception["step"]["state"]), (&json!("APPROVED"), &json!("DONE")));
    }

    async fn many_exceptions_are_read_in_as_many_statements_as_few(app) {
        let document = "{ engagements(first: 100) { nodes { exceptions { state step { key } decision { state votes { role } }
            requestedBy { name } client { name } viewerCan { close } } } } }";
        let technician = app.staff(Role::Technician);
        for n in 0..2 {
            let run = run::run(&app, &format!("client-{n}")).await;
            raised(&app, &technician, &run, "DEVIATION", &run.kickoff).await;
        }
        let few = run::statements(&app, &technician, document).await;
        for n in 2..10 {
            let run = run::run(&app, &format!("client-{n}")).await;
            raised(&app, &technician, &run, "DEVIATION", &run.kickoff).await;
        }
        assert_eq!(run::statements(&app, &technician, document).await, few);
        let read = app.ask(&technician, document, json!({})).await;
        let nodes = read["engagements"]["nodes"].as_array().unwrap();
        assert!(nodes.len() == 10 && nodes.iter().all(|node| node["exceptions"][0]["state"] == "REQUESTED"));
    }
}
