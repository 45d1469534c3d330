//! Decisions: who may answer a question, and what the answers come to.

use gangway::{auth::Actor, clock::IdSource, domain::role::Role};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    make::{self, refusal, sent},
    on_both_stacks,
    run::{self, Run},
};

mod inbox;
mod random;

pub(crate) const REQUEST: &str = "mutation($input: DecisionRequestInput!) { decisionRequest(input: $input) {
    decision { id state kind question subjectId revision requestedBy { id kind } client { id } engagement { id }
        rule { isOrdered requirements { anyOf quorum granted isMet } } }
    userErrors { code path message remedy } replayed } }";
pub(crate) const VOTE: &str = "mutation($input: DecisionVoteInput!) { decisionVote(input: $input) {
    decision { id state revision decidedAt rule { requirements { granted isMet } } votes { role verdict comment voter { id } }
        viewerCan { vote isAwaited } }
    userErrors { code path message remedy } replayed } }";
pub(crate) const DELEGATE: &str = "mutation($input: DecisionDelegateInput!) { decisionDelegate(input: $input) {
    decision { id state revision delegations { role delegator { id } delegate { id name } } }
    userErrors { code path message remedy } replayed } }";
const WITHDRAW: &str = "mutation($input: DecisionWithdrawInput!) { decisionWithdraw(input: $input) {
    decision { state revision } userErrors { code path message ... on ConflictError { currentRevision } } } }";

/// Asks whether the plan of a run stands, and gives back the decision's id.
pub(crate) async fn plan(app: &TestApp, run: &Run, rule: Value) -> String {
    let asked = sent(app, &app.staff(Role::AccountManager), REQUEST, question(run, rule)).await;
    assert_eq!(asked["userErrors"], json!([]));
    asked["decision"]["id"].as_str().unwrap().to_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "callers write the rule where they ask")]
fn question(run: &Run, rule: Value) -> Value {
    json!({ "kind": "PLAN", "question": "Does this plan stand?", "engagementId": run.id, "rule": rule,
        "idempotencyKey": format!("plan-of-{}", run.id) })
}

/// A vote of its own: no two ballots share an idempotency key.
pub(crate) fn ballot(app: &TestApp, decision: &str, verdict: &str) -> Value {
    let key = format!("vote-{}", app.clock.next());
    json!({ "id": decision, "verdict": verdict, "comment": "Because.", "idempotencyKey": key })
}

pub(crate) async fn vote(app: &TestApp, decision: &str, actor: &Actor, verdict: &str) -> Value {
    sent(app, actor, VOTE, ballot(app, decision, verdict)).await
}

/// The state a successful vote left.
fn state(payload: &Value) -> &str {
    assert_eq!(payload["userErrors"], json!([]));
    payload["decision"]["state"].as_str().unwrap()
}

fn both_managers() -> Value {
    json!({ "requirements": [{ "anyOf": ["SERVICE_DELIVERY_MANAGER", "HEAD_OF_OPERATIONS"], "quorum": 2 }] })
}

/// The decision as a second question sees it.
pub(crate) async fn state_of(app: &TestApp, actor: &Actor, run: &Run) -> Vec<Value> {
    let document = "query($id: ID!) { engagement(id: $id) { decisions { state } } }";
    let read = app.ask(actor, document, json!({ "id": run.id })).await;
    read["engagement"]["decisions"].as_array().unwrap().iter().map(|decision| decision["state"].clone()).collect()
}

on_both_stacks! {
    async fn the_last_missing_vote_grants(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::AccountManager);
        let asked = sent(&app, &manager, REQUEST, question(&run, Value::Null)).await;
        let decision = &asked["decision"];
        assert_eq!((&decision["state"], &decision["subjectId"]), (&json!("OPEN"), &json!(run.id)));
        assert_eq!((&decision["client"]["id"], &decision["engagement"]["id"]), (&json!(run.client), &json!(run.id)));
        assert_eq!(decision["requestedBy"], json!({ "id": manager.id.to_string(), "kind": "USER" }));
        let needed = json!([{ "anyOf": ["SERVICE_DELIVERY_MANAGER", "HEAD_OF_OPERATIONS"], "quorum": 1, "granted": 0, "isMet": false }]);
        assert_eq!(decision["rule"], json!({ "isOrdered": false, "requirements": needed }));
        let id = decision["id"].as_str().unwrap();
        let head = app.staff(Role::HeadOfOperations);
        let voted = vote(&app, id, &head, "GRANT").await;
        assert_eq!(state(&voted), "GRANTED");
        assert!(voted["decision"]["decidedAt"].is_string());
        let cast = json!([{ "role": "HEAD_OF_OPERATIONS", "verdict": "GRANT", "comment": "Because.", "voter": { "id": head.id.to_string() } }]);
        assert_eq!(voted["decision"]["votes"], cast);
        assert_eq!(run::events(&app, id).await, ["decision.requested", "decision.voted", "decision.granted"]);
        let late = vote(&app, id, &app.staff(Role::ServiceDeliveryManager), "REFUSE").await;
        assert_eq!(refusal(&late).0, "CONFLICT");
    }

    async fn one_refusal_refuses_and_says_why(app) {
        let run = run::run(&app, "acme").await;
        let id = plan(&app, &run, both_managers()).await;
        assert_eq!(state(&vote(&app, &id, &app.staff(Role::HeadOfOperations), "GRANT").await), "OPEN");
        let manager = app.staff(Role::ServiceDeliveryManager);
        let mut silent = ballot(&app, &id, "REFUSE");
        silent["comment"] = Value::Null;
        assert_eq!(refusal(&sent(&app, &manager, VOTE, silent).await), ("BAD_USER_INPUT", "comment".to_owned()));
        assert_eq!(state(&vote(&app, &id, &manager, "REFUSE").await), "REFUSED");
        assert_eq!(run::events(&app, &id).await.last().unwrap(), "decision.refused");
    }

    async fn a_quorum_counts_people_and_each_once(app) {
        let run = run::run(&app, "acme").await;
        let id = plan(&app, &run, both_managers()).await;
        let manager = app.staff(Role::ServiceDeliveryManager);
        let first = vote(&app, &id, &manager, "GRANT").await;
        assert_eq!(state(&first), "OPEN");
        assert_eq!(first["decision"]["rule"]["requirements"][0], json!({ "granted": 1, "isMet": false }));
        assert_eq!(refusal(&vote(&app, &id, &manager, "GRANT").await).0, "CONFLICT");
        assert_eq!(state(&vote(&app, &id, &app.staff(Role::ServiceDeliveryManager), "GRANT").await), "GRANTED");
    }

    async fn nobody_decides_on_their_own_request(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::ServiceDeliveryManager);
        let asked = sent(&app, &manager, REQUEST, question(&run, Value::Null)).await;
        let id = asked["decision"]["id"].as_str().unwrap();
        let own = vote(&app, id, &manager, "GRANT").await;
        assert_eq!(refusal(&own).0, "CONFLICT");
        assert!(own["userErrors"][0]["message"].as_str().unwrap().contains("own request"));
        assert_eq!(state_of(&app, &manager, &run).await, ["OPEN"]);
    }

    async fn in_order_the_second_waits_for_the_first(app) {
        let run = run::run(&app, "acme").await;
        let rule = json!({ "isOrdered": true, "requirements": [{ "anyOf": ["HEAD_OF_OPERATIONS"] }, { "anyOf": ["DIRECTOR"] }] });
        let id = plan(&app, &run, rule).await;
        let director = app.staff(Role::Director);
        let early = vote(&app, &id, &director, "GRANT").await;
        assert!(early["userErrors"][0]["message"].as_str().unwrap().contains("Others decide first"), "{early}");
        assert_eq!(state(&vote(&app, &id, &app.staff(Role::HeadOfOperations), "GRANT").await), "OPEN");
        assert_eq!(state(&vote(&app, &id, &director, "GRANT").await), "GRANTED");
    }

    async fn whoever_holds_two_roles_votes_where_a_vote_is_missing(app) {
        let run = run::run(&app, "acme").await;
        let rule = json!({ "requirements": [{ "anyOf": ["SERVICE_DELIVERY_MANAGER"] }, { "anyOf": ["COMPLIANCE"] }] });
        let id = plan(&app, &run, rule).await;
        vote(&app, &id, &app.staff(Role::ServiceDeliveryManager), "GRANT").await;
        let both = run::colleague(&app, &[Role::ServiceDeliveryManager, Role::Compliance]).await;
        let voted = vote(&app, &id, &both, "GRANT").await;
        assert_eq!(state(&voted), "GRANTED");
        assert_eq!(voted["decision"]["votes"][1]["role"], "COMPLIANCE");
    }

    async fn a_rule_of_ones_own_only_adds(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::AccountManager);
        let requirement = |roles: &[&str], quorum: i32| json!({ "requirements": [{ "anyOf": roles, "quorum": quorum }] });
        for rule in [
            requirement(&["TECHNICIAN"], 1),
            requirement(&["SERVICE_DELIVERY_MANAGER", "TECHNICIAN"], 1),
            requirement(&["SERVICE_DELIVERY_MANAGER", "SERVICE_DELIVERY_MANAGER"], 1),
            requirement(&["SERVICE_DELIVERY_MANAGER"], 0),
            requirement(&["SERVICE_DELIVERY_MANAGER"], 10),
            requirement(&["SERVICE_DELIVERY_MANAGER"], -1),
            requirement(&[], 1),
            json!({ "requirements": [] }),
        ] {
            let refused = sent(&app, &manager, REQUEST, question(&run, rule.clone())).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "rule".to_owned()), "{rule}");
        }
        assert!(state_of(&app, &manager, &run).await.is_empty());
    }

    async fn a_vote_is_handed_to_a_colleague(app) {
        let run = run::run(&app, "acme").await;
        let id = plan(&app, &run, Value::Null).await;
        let manager = run::colleague(&app, &[Role::ServiceDeliveryManager]).await;
        let deputy = run::colleague(&app, &[Role::Technician]).await;
        let third = run::colleague(&app, &[Role::Technician]).await;
        let to = |delegate: String, key: &str| json!({ "id": id, "delegateId": delegate, "idempotencyKey": key });
        let handed = sent(&app, &manager, DELEGATE, to(deputy.id.to_string(), "hand-it-on")).await;
        let expected = json!([{ "role": "SERVICE_DELIVERY_MANAGER", "delegator": { "id": manager.id.to_string() },
            "delegate": { "id": deputy.id.to_string(), "name": "Colleague TECHNICIAN" } }]);
        assert_eq!(handed["decision"]["delegations"], expected);
        assert_eq!(sent(&app, &manager, DELEGATE, to(deputy.id.to_string(), "hand-it-on")).await["replayed"], true);
        assert_eq!(refusal(&vote(&app, &id, &manager, "GRANT").await).0, "CONFLICT");
        let further = sent(&app, &deputy, DELEGATE, to(third.id.to_string(), "hand-it-further")).await;
        assert_eq!(refusal(&further).0, "CONFLICT");
        assert_eq!(refusal(&vote(&app, &id, &third, "GRANT").await).0, "CONFLICT");
        let voted = vote(&app, &id, &deputy, "GRANT").await;
        assert_eq!(state(&voted), "GRANTED");
        assert_eq!(voted["decision"]["votes"][0]["role"], "SERVICE_DELIVERY_MANAGER");
        let kinds = ["decision.requested", "decision.delegated", "decision.voted", "decision.granted"];
        assert_eq!(run::events(&app, &id).await, kinds);
    }

    async fn a_vote_is_handed_to_nobody_who_could_not_cast_it(app) {
        let run = run::run(&app, "acme").await;
        let asker = run::colleague(&app, &[Role::AccountManager]).await;
        let asked = sent(&app, &asker, REQUEST, question(&run, Value::Null)).await;
        let id = asked["decision"]["id"].as_str().unwrap();
        let manager = run::colleague(&app, &[Role::ServiceDeliveryManager]).await;
        let admin = run::colleague(&app, &[Role::Admin]).await;
        let stranger = app.staff(Role::Technician);
        for (delegate, refused) in [
            (asker.id.to_string(), ("CONFLICT", "")),
            (manager.id.to_string(), ("CONFLICT", "")),
            (admin.id.to_string(), ("BAD_USER_INPUT", "delegateId")),
            (stranger.id.to_string(), ("NOT_FOUND", "delegateId")),
            (run.id.clone(), ("NOT_FOUND", "delegateId")),
        ] {
            let input = json!({ "id": id, "delegateId": delegate, "idempotencyKey": format!("to-{delegate}") });
            let handed = sent(&app, &manager, DELEGATE, input).await;
            assert_eq!(refusal(&handed), (refused.0, refused.1.to_owned()), "{delegate}");
        }
        let technician = run::colleague(&app, &[Role::Technician]).await;
        let input = json!({ "id": id, "delegateId": manager.id.to_string(), "idempotencyKey": "not-mine-to-give" });
        assert_eq!(refusal(&sent(&app, &technician, DELEGATE, input).await).0, "CONFLICT");
    }

    async fn a_question_ends_when_its_time_is_over(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::AccountManager);
        let mut input = question(&run, Value::Null);
        input["expiresAt"] = json!("2026-03-02T10:00:00.000Z");
        let asked = sent(&app, &manager, REQUEST, input).await;
        let id = asked["decision"]["id"].as_str().unwrap();
        assert_eq!(gangway::app::decision::expire_due(&app.app, 10).await.unwrap(), 0);
        app.pass(3_600);
        assert_eq!(state_of(&app, &manager, &run).await, ["EXPIRED"]);
        let count = "query($states: [DecisionState!]) { decisions(filter: { states: $states }) { totalCount } }";
        for (word, expected) in [("OPEN", 0), ("EXPIRED", 1)] {
            let read = app.ask(&manager, count, json!({ "states": [word] })).await;
            assert_eq!(read["decisions"]["totalCount"], expected, "{word}");
        }
        let late = vote(&app, id, &app.staff(Role::HeadOfOperations), "GRANT").await;
        assert_eq!(refusal(&late).0, "CONFLICT");
        assert_eq!(gangway::app::decision::expire_due(&app.app, 10).await.unwrap(), 1);
        assert_eq!(gangway::app::decision::expire_due(&app.app, 10).await.unwrap(), 0);
        assert_eq!(run::events(&app, id).await, ["decision.requested", "decision.expired"]);
        let mut again = question(&run, Value::Null);
        again["idempotencyKey"] = json!("asked-once-more");
        assert_eq!(sent(&app, &manager, REQUEST, again).await["userErrors"], json!([]));
    }

    async fn of_two_last_votes_at_once_one_decides(app) {
        let run = run::run(&app, "acme").await;
        let (one, two) = (app.staff(Role::HeadOfOperations), app.staff(Role::ServiceDeliveryManager));
        for (round, verdicts) in [("GRANT", "GRANT"), ("GRANT", "REFUSE"), ("REFUSE", "GRANT")].into_iter().enumerate() {
            let mut input = question(&run, Value::Null);
            input["idempotencyKey"] = json!(format!("round-number-{round}"));
            let asked = sent(&app, &app.staff(Role::AccountManager), REQUEST, input).await;
            let id = asked["decision"]["id"].as_str().unwrap().to_owned();
            let (first, second) = tokio::join!(
                vote(&app, &id, &one, verdicts.0),
                vote(&app, &id, &two, verdicts.1),
            );
            let won = [&first, &second].into_iter().filter(|payload| payload["userErrors"] == json!([])).count();
            assert_eq!(won, 1, "{first} {second}");
            let events = run::events(&app, &id).await;
            assert_eq!(events.len(), 3, "{events:?}");
        }
    }

    async fn a_client_answers_what_it_is_asked_and_sees_nothing_else(app) {
        let (run, other) = (run::run(&app, "acme").await, run::run(&app, "other").await);
        let inside = plan(&app, &run, Value::Null).await;
        let input = json!({ "kind": "DESTRUCTION_CONFIRMATION", "question": "May your data be destroyed?",
            "engagementId": run.id, "idempotencyKey": "destroy-it-please" });
        let asked = sent(&app, &app.staff(Role::AccountManager), REQUEST, input).await;
        let id = asked["decision"]["id"].as_str().unwrap();
        let contact = run::of_client(&app, Role::ClientContact, &run.client).await;
        let stranger = run::of_client(&app, Role::ClientContact, &other.client).await;
        let list = "{ decisions { nodes { id votes { role } } totalCount } }";
        let seen = app.ask(&contact, list, json!({})).await;
        assert_eq!((&seen["decisions"]["totalCount"], &seen["decisions"]["nodes"][0]["id"]), (&json!(1), &json!(id)));
        assert_eq!(state_of(&app, &contact, &run).await.len(), 1);
        assert_eq!(app.ask(&stranger, list, json!({})).await["decisions"]["totalCount"], 0);
        for (actor, decision) in [(&stranger, id), (&contact, inside.as_str()), (&stranger, inside.as_str())] {
            let refused = vote(&app, decision, actor, "GRANT").await;
            assert_eq!(refusal(&refused), ("NOT_FOUND", "id".to_owned()));
        }
        let manager = vote(&app, id, &app.staff(Role::ServiceDeliveryManager), "GRANT").await;
        assert_eq!(refusal(&manager).0, "CONFLICT");
        assert_eq!(state(&vote(&app, id, &contact, "GRANT").await), "GRANTED");
    }

    async fn foreign_and_malformed_ids_read_as_absent(app) {
        let (run, other) = (run::run(&app, "acme").await, run::run(&app, "other").await);
        let id = plan(&app, &run, Value::Null).await;
        let scoped = run::of_client(&app, Role::ServiceDeliveryManager, &other.client).await;
        assert_eq!(refusal(&vote(&app, &id, &scoped, "GRANT").await), ("NOT_FOUND", "id".to_owned()));
        for (field, value, path) in [
            ("engagementId", run.id.as_str(), "engagementId"),
            ("engagementId", "nonsense", "engagementId"),
            ("subjectId", run.kickoff.as_str(), "subjectId"),
            ("subjectId", "stp_01h455vb4pex5vsknk084sn02q", "subjectId"),
            ("subjectId", "usr_01h455vb4pex5vsknk084sn02q", "subjectId"),
        ] {
            let mut input = question(&other, Value::Null);
            input["idempotencyKey"] = json!(format!("key-{}", app.clock.next()));
            input[field] = json!(value);
            let refused = sent(&app, &scoped, REQUEST, input).await;
            assert_eq!(refusal(&refused), ("NOT_FOUND", path.to_owned()), "{field} {value}");
        }
        let list = "query($id: ID) { decisions(filter: { engagementId: $id }) { totalCount } }";
        for id in [run.id.as_str(), "nonsense"] {
            assert_eq!(app.ask(&scoped, list, json!({ "id": id })).await["decisions"]["totalCount"], 0);
        }
        let withdrawn = sent(&app, &scoped, WITHDRAW, json!({ "id": id, "expectedRevision": 1 })).await;
        assert_eq!(refusal(&withdrawn), ("NOT_FOUND", "id".to_owned()));
    }

    async fn wrong_input_names_the_field(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::AccountManager);
        for (field, value, path) in [
            ("kind", json!("EXCEPTION"), "kind"),
            ("kind", json!("PROCESS_VERSION"), "kind"),
            ("question", json!("  "), "question"),
            ("expiresAt", json!("2026-03-02T08:59:00.000Z"), "expiresAt"),
            ("expiresAt", json!("2028-03-02T09:00:00.000Z"), "expiresAt"),
            ("subjectHash", json!("abc"), "subjectHash"),
            ("idempotencyKey", json!("short"), "idempotencyKey"),
        ] {
            let mut input = question(&run, Value::Null);
            input["subjectId"] = json!(run.kickoff);
            input["idempotencyKey"] = json!(format!("key-{}", app.clock.next()));
            input[field] = value.clone();
            let refused = sent(&app, &manager, REQUEST, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()), "{field} {value}");
        }
        let nothing = json!({ "kind": "PLAN", "question": "What?", "idempotencyKey": "about-nothing" });
        assert_eq!(refusal(&sent(&app, &manager, REQUEST, nothing).await), ("BAD_USER_INPUT", "subjectId".to_owned()));
        run::put(&app, &run, "CANCELLED").await;
        assert_eq!(refusal(&sent(&app, &manager, REQUEST, question(&run, Value::Null)).await).0, "CONFLICT");
    }

    async fn the_same_request_again_changes_nothing(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::AccountManager);
        let first = sent(&app, &manager, REQUEST, question(&run, both_managers())).await;
        let again = sent(&app, &manager, REQUEST, question(&run, both_managers())).await;
        assert_eq!((&again["replayed"], &again["decision"]["id"]), (&json!(true), &first["decision"]["id"]));
        let other = sent(&app, &manager, REQUEST, question(&run, Value::Null)).await;
        assert_eq!(refusal(&other).0, "IDEMPOTENCY_KEY_REUSED");
        let mut second = question(&run, Value::Null);
        second["idempotencyKey"] = json!("the-same-question");
        assert_eq!(refusal(&sent(&app, &manager, REQUEST, second).await).0, "CONFLICT");
        let id = first["decision"]["id"].as_str().unwrap();
        let head = app.staff(Role::HeadOfOperations);
        let once = ballot(&app, id, "GRANT");
        sent(&app, &head, VOTE, once.clone()).await;
        let revoted = sent(&app, &head, VOTE, once).await;
        assert_eq!((&revoted["replayed"], &revoted["decision"]["votes"].as_array().unwrap().len()), (&json!(true), &1));
        assert_eq!(run::events(&app, id).await, ["decision.requested", "decision.voted"]);
    }

    async fn only_whoever_asked_takes_a_question_back(app) {
        let run = run::run(&app, "acme").await;
        let manager = app.staff(Role::AccountManager);
        let asked = sent(&app, &manager, REQUEST, question(&run, both_managers())).await;
        let id = asked["decision"]["id"].as_str().unwrap();
        let input = |revision: i32| json!({ "id": id, "expectedRevision": revision });
        let somebody = sent(&app, &app.staff(Role::AccountManager), WITHDRAW, input(1)).await;
        assert_eq!(refusal(&somebody).0, "CONFLICT");
        vote(&app, id, &app.staff(Role::HeadOfOperations), "GRANT").await;
        let stale = sent(&app, &manager, WITHDRAW, input(1)).await;
        assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()));
        assert_eq!(stale["userErrors"][0]["currentRevision"], 2);
        let withdrawn = sent(&app, &manager, WITHDRAW, input(2)).await;
        assert_eq!(withdrawn["decision"], json!({ "state": "WITHDRAWN", "revision": 3 }));
        assert_eq!(refusal(&sent(&app, &manager, WITHDRAW, input(3)).await).0, "CONFLICT");
    }

    async fn those_who_decide_nothing_are_turned_away(app) {
        let run = run::run(&app, "acme").await;
        let id = plan(&app, &run, Value::Null).await;
        for role in [Role::Admin, Role::Integration] {
            let actor = app.staff(role);
            let answer = app.answer(&actor, VOTE, json!({ "input": ballot(&app, &id, "GRANT") })).await;
            assert_eq!(answer.errors.len(), 1, "{role}");
        }
        let client = make::client(&app, "third").await;
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        let answer = app.answer(&contact, REQUEST, json!({ "input": question(&run, Value::Null) })).await;
        assert_eq!(answer.errors.len(), 1);
    }
}
