//! Engagements: what they need to begin, how they pause and end, and what becomes of the client meanwhile.

use gangway::{auth::Actor, domain::role::Role};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    flow::{self, House, OFFBOARDING, ONBOARDING, START, begin, blocked, done, key, started, step_of, text},
    make::{self, refusal, sent},
    on_both_stacks, run,
};

const STATE: &str = "query($id: ID!) { engagement(id: $id) { state revision stateReason concludedAt client { stage }
    score { earned max percent } blockedBy { code isHard message remedy ... on ResidualsBlocker { holdingIds } ... on StepsOpenBlocker { stepKeys } }
    viewerCan { pause resume cancel conclude } } }";
const STAGE: &str = "query($id: ID!) { client(id: $id) { stage } }";

/// Sends one of the deeds that move an engagement; `verb` is the end of its name.
pub(crate) async fn change(app: &TestApp, actor: &Actor, verb: &str, id: &str, revision: &Value) -> Value {
    sent(app, actor, &change_document(verb), change_input(verb, id, revision)).await
}

fn change_document(verb: &str) -> String {
    format!(
        "mutation($input: Engagement{verb}Input!) {{ engagement{verb}(input: $input) {{
            engagement {{ id state revision stateReason concludedAt client {{ stage }} }}
            userErrors {{ code path message remedy ... on ConflictError {{ currentRevision }}
                ... on BlockedError {{ blockers {{ code isHard message remedy ... on ResidualsBlocker {{ holdingIds }} }} }} }} }} }}"
    )
}

fn change_input(verb: &str, id: &str, revision: &Value) -> Value {
    let mut input = json!({ "id": id, "expectedRevision": revision });
    if matches!(verb, "Pause" | "Cancel") {
        input["reason"] = json!("The client asked for it.");
    }
    input
}

async fn state(app: &TestApp, actor: &Actor, id: &str) -> Value {
    app.ask(actor, STATE, json!({ "id": id })).await["engagement"].take()
}

async fn stage(app: &TestApp, client: &str) -> String {
    text(&app.ask(&app.staff(Role::Sales), STAGE, json!({ "id": client })).await["client"]["stage"])
}

/// Begins a run of a process of one step, and finishes that step.
async fn walked(app: &TestApp, house: &House, client: &str, number: &str) -> Value {
    let run = started(app, house, client, number).await;
    flow::finish(app, &house.technician, &step_of(&run, "only")).await;
    run
}

async fn concluded(app: &TestApp, house: &House, run: &Value) -> Value {
    done(change(app, &house.account, "Conclude", &text(&run["id"]), &json!(1)).await)["engagement"].take()
}

on_both_stacks! {
    async fn an_onboarding_begins_when_everything_it_needs_is_there(app) {
        gangway::app::process::builtin::install(&app.app).await.unwrap();
        let client = make::client(&app, "acme").await;
        let sales = app.staff(Role::Sales);
        let start = async || sent(&app, &sales, START, begin(&app, &client, ONBOARDING)).await;
        let missing = start().await;
        assert_eq!(blocked(&missing), ["DESIGNATED_AUTHORITY_UNSET", "AGREEMENTS_UNSIGNED", "INTAKE_MISSING", "ROLE_UNHELD"]);
        let blockers = missing["userErrors"][0]["blockers"].as_array().unwrap();
        assert!(blockers.iter().all(|blocker| blocker["isHard"] == true && blocker["remedy"].as_str().unwrap().contains('`')), "{missing}");
        assert_eq!((&missing["engagement"], &missing["userErrors"][0]["remedy"].is_string()), (&Value::Null, &true));

        let upsert = "mutation($input: UserUpsertInput!) { userUpsert(input: $input) { user { id revision } userErrors { message } } }";
        let person = |roles: Value, active: bool, revision: Value| json!({ "subject": "issuer#vera", "name": "Vera", "roles": roles, "isActive": active, "expectedRevision": revision, "idempotencyKey": key(&app) });
        let admin = app.staff(Role::Admin);
        done(sent(&app, &admin, upsert, person(json!(["COMPLIANCE"]), true, Value::Null)).await);
        assert_eq!(blocked(&start().await), ["AGREEMENTS_UNSIGNED", "INTAKE_MISSING", "ROLE_UNHELD"]);
        run::colleague(&app, &[Role::AccountManager]).await;
        assert_eq!(blocked(&start().await), ["AGREEMENTS_UNSIGNED", "INTAKE_MISSING"]);
        flow::facts(&app, &sales, &client, flow::intake()).await;
        assert_eq!(blocked(&start().await), ["AGREEMENTS_UNSIGNED"]);

        // A contract that nobody signed is none, and an authority who left is none.
        let record = "mutation($input: AgreementRecordInput!) { agreementRecord(input: $input) { agreement { id } userErrors { message } } }";
        let input = json!({ "clientId": client, "title": "Contract", "details": flow::contract(), "idempotencyKey": key(&app) });
        let draft = done(sent(&app, &sales, record, input).await)["agreement"]["id"].take();
        assert_eq!(blocked(&start().await), ["AGREEMENTS_UNSIGNED"]);
        let sign = "mutation($input: AgreementSignInput!) { agreementSign(input: $input) { userErrors { message } } }";
        let input = json!({ "id": draft, "expectedRevision": 1, "name": "Dana Reyes", "signedOn": "2026-02-27", "method": "INK" });
        done(sent(&app, &sales, sign, input).await);
        done(sent(&app, &admin, upsert, person(json!(["COMPLIANCE"]), false, json!(1))).await);
        assert_eq!(blocked(&start().await), ["DESIGNATED_AUTHORITY_UNSET"]);
        assert_eq!(stage(&app, &client).await, "PROSPECT");
        done(sent(&app, &admin, upsert, person(json!(["COMPLIANCE"]), true, json!(2))).await);
        let run = done(start().await);
        assert_eq!(run["engagement"]["client"]["stage"], "ONBOARDING");
    }

    async fn an_engagement_is_laid_out_from_the_version_it_pins(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let mut input = begin(&app, &client, ONBOARDING);
        input["targetOn"] = json!("2026-04-15");
        let run = done(sent(&app, &house.sales, START, input).await)["engagement"].take();
        assert_eq!((&run["state"], &run["revision"], &run["targetOn"]), (&json!("RUNNING"), &json!(1), &json!("2026-04-15")));
        assert_eq!(run["startedAt"], "2026-03-02T09:00:00.000Z");
        let steps = run["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 15);
        assert!(steps.iter().zip(1..).all(|(step, place)| step["position"] == place && step["state"] == "PENDING"), "{run}");
        // Two days after the start, at the end of the client's own day, in winter time; the last one by the target.
        assert_eq!((&steps[0]["key"], &steps[0]["dueAt"]), (&json!("handover"), &json!("2026-03-05T05:00:00.000Z")));
        assert_eq!((&steps[14]["key"], &steps[14]["dueAt"]), (&json!("activation"), &json!("2026-04-16T04:00:00.000Z")));
        assert_eq!(steps[0]["checklist"].as_array().unwrap().len(), 4);
        let events = run::events(&app, &text(&run["id"])).await;
        assert_eq!(events, ["engagement.started"]);
        let queue = app.ask(&house.technician, "{ steps(first: 100, filter: { roles: [TECHNICIAN] }) { nodes { key dueAt } totalCount } }", json!({})).await;
        let due: Vec<&str> = queue["steps"]["nodes"].as_array().unwrap().iter().map(|step| step["dueAt"].as_str().unwrap()).collect();
        assert!(due.len() == 9 && due.is_sorted() && queue["steps"]["totalCount"] == 9, "{queue}");
    }

    async fn a_client_has_one_live_engagement_of_each_kind(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let first = started(&app, &house, &client, ONBOARDING).await;
        let second = sent(&app, &house.account, START, begin(&app, &client, ONBOARDING)).await;
        assert_eq!(refusal(&second).0, "CONFLICT", "{second}");
        assert!(second["userErrors"][0]["remedy"].is_string() || second["userErrors"][0]["message"].is_string());
        done(change(&app, &house.account, "Pause", &text(&first["id"]), &json!(1)).await);
        assert_eq!(refusal(&sent(&app, &house.account, START, begin(&app, &client, ONBOARDING)).await).0, "CONFLICT");
        flow::notice(&app, &house, &client, "2026-04-30").await;
        started(&app, &house, &client, OFFBOARDING).await;
        done(change(&app, &house.account, "Cancel", &text(&first["id"]), &json!(2)).await);
        started(&app, &house, &client, ONBOARDING).await;
        let other = flow::prospect(&app, &house, "other").await;
        started(&app, &house, &other, ONBOARDING).await;
    }

    async fn two_starts_at_once_make_one_engagement(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let start = |actor: Actor| { let (app, input) = (&app, begin(&app, &client, ONBOARDING)); async move { sent(app, &actor, START, input).await } };
        let answers = tokio::join!(start(house.account.clone()), start(house.sales.clone()), start(house.manager.clone()));
        let answers = [answers.0, answers.1, answers.2];
        assert_eq!(answers.iter().filter(|answer| answer["engagement"].is_object()).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer["engagement"].is_object() || refusal(answer).0 == "CONFLICT"));
    }

    async fn what_cannot_begin_is_named(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let draft = "mutation($input: ProcessDraftInput!) { processDraft(input: $input) { userErrors { message } } }";
        let content = flow::document("T-ONB-700", &[flow::template("only", json!({}))]);
        done(sent(&app, &house.manager, draft, json!({ "content": content, "idempotencyKey": key(&app) })).await);
        for (field, value, code, path) in [
            ("documentNumber", json!("T-ONB-999"), "NOT_FOUND", "documentNumber"),
            ("documentNumber", json!("T-ONB-700"), "NOT_FOUND", "documentNumber"),
            ("documentNumber", json!("onboarding"), "BAD_USER_INPUT", "documentNumber"),
            ("clientId", json!("cli_01h455vb4pex5vsknk084sn02q"), "NOT_FOUND", "clientId"),
            ("clientId", json!("eng_01h455vb4pex5vsknk084sn02q"), "NOT_FOUND", "clientId"),
            ("kind", json!("OFFBOARDING"), "BAD_USER_INPUT", "kind"),
            ("targetOn", json!("2026-03-01"), "BAD_USER_INPUT", "targetOn"),
            ("idempotencyKey", json!("short"), "BAD_USER_INPUT", "idempotencyKey"),
        ] {
            let mut input = begin(&app, &client, ONBOARDING);
            input[field] = value.clone();
            let refused = sent(&app, &house.sales, START, input).await;
            assert_eq!(refusal(&refused), (code, path.to_owned()), "{field} {value}");
            assert!(code == "NOT_FOUND" || refused["userErrors"][0]["remedy"].is_string(), "{field} {value}");
        }
        let all = app.ask(&house.sales, "{ engagements { totalCount } steps { totalCount } }", json!({})).await;
        assert_eq!((&all["engagements"]["totalCount"], &all["steps"]["totalCount"]), (&json!(0), &json!(0)));
        assert_eq!(stage(&app, &client).await, "PROSPECT");
    }

    async fn the_same_request_again_begins_nothing(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let input = begin(&app, &client, ONBOARDING);
        let first = done(sent(&app, &house.sales, START, input.clone()).await);
        let again = done(sent(&app, &house.sales, START, input.clone()).await);
        assert_eq!((&again["engagement"], &first["replayed"], &again["replayed"]), (&first["engagement"], &json!(false), &json!(true)));
        let mut other = input.clone();
        other["targetOn"] = json!("2026-05-01");
        assert_eq!(refusal(&sent(&app, &house.sales, START, other).await).0, "IDEMPOTENCY_KEY_REUSED");
        // The key is the caller's own: somebody else's request with the same text is another request.
        assert_eq!(refusal(&sent(&app, &house.account, START, input).await).0, "CONFLICT");
    }

    async fn an_engagement_pauses_goes_on_and_is_given_up(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let run = started(&app, &house, &client, ONBOARDING).await;
        let (id, step) = (text(&run["id"]), step_of(&run, "handover"));
        assert_eq!(refusal(&change(&app, &house.account, "Resume", &id, &json!(1)).await).0, "CONFLICT");
        let paused = done(change(&app, &house.account, "Pause", &id, &json!(1)).await);
        assert_eq!(paused["engagement"]["state"], "PAUSED");
        assert_eq!(paused["engagement"]["stateReason"], "The client asked for it.");
        assert_eq!(paused["engagement"]["client"]["stage"], "ONBOARDING");
        let idle = flow::work(&app, &house.sales, "Start", &step, Value::Null).await;
        assert_eq!(refusal(&idle).0, "CONFLICT");
        assert_eq!(refusal(&change(&app, &house.account, "Conclude", &id, &json!(2)).await).0, "CONFLICT");
        let on = done(change(&app, &house.account, "Resume", &id, &json!(2)).await);
        assert_eq!((&on["engagement"]["state"], &on["engagement"]["stateReason"]), (&json!("RUNNING"), &Value::Null));
        done(flow::work(&app, &house.sales, "Start", &step, Value::Null).await);
        let over = done(change(&app, &house.account, "Cancel", &id, &json!(3)).await);
        assert_eq!((&over["engagement"]["state"], &over["engagement"]["client"]["stage"]), (&json!("CANCELLED"), &json!("PROSPECT")));
        for verb in ["Pause", "Resume", "Conclude", "Cancel"] {
            let late = change(&app, &house.account, verb, &id, &json!(4)).await;
            assert_eq!(refusal(&late).0, "CONFLICT", "{verb}");
            assert!(late["userErrors"][0]["message"].as_str().unwrap().contains("CANCELLED"), "{late}");
        }
        let kept = app.ask(&house.sales, "query($id: ID!) { engagement(id: $id) { steps { key state } } }", json!({ "id": id })).await;
        assert_eq!(kept["engagement"]["steps"][0], json!({ "key": "handover", "state": "IN_PROGRESS" }));
        let events = run::events(&app, &id).await;
        assert_eq!(events, ["engagement.started", "engagement.paused", "engagement.resumed", "engagement.cancelled"]);
    }

    async fn a_stale_revision_and_a_missing_reason_change_nothing(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        let id = text(&started(&app, &house, &client, ONBOARDING).await["id"]);
        done(change(&app, &house.account, "Pause", &id, &json!(1)).await);
        for verb in ["Pause", "Resume", "Cancel", "Conclude"] {
            let stale = change(&app, &house.account, verb, &id, &json!(1)).await;
            assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()), "{verb}");
            assert_eq!(stale["userErrors"][0]["currentRevision"], 2, "{verb}");
            assert!(stale["userErrors"][0]["remedy"].is_string(), "{verb}");
            let absent = change(&app, &house.account, verb, "eng_01h455vb4pex5vsknk084sn02q", &json!(1)).await;
            assert_eq!(refusal(&absent), ("NOT_FOUND", "id".to_owned()), "{verb}");
        }
        for verb in ["Pause", "Cancel"] {
            for reason in [" ", "\u{7}bell", &"x".repeat(4_001)] {
                let mut input = change_input(verb, &id, &json!(2));
                input["reason"] = json!(reason);
                let refused = sent(&app, &house.account, &change_document(verb), input).await;
                assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "reason".to_owned()), "{verb}");
            }
        }
        assert_eq!(state(&app, &house.account, &id).await["revision"], 2);
    }

    async fn a_clients_stage_follows_its_engagements(app) {
        let house = flow::house(&app).await;
        for number in ["T-ONB-700", "T-OFF-700"] {
            flow::process(&app, &house, number, &[flow::template("only", json!({}))]).await;
        }
        let client = make::client(&app, "acme").await;
        assert_eq!(stage(&app, &client).await, "PROSPECT");
        let run = started(&app, &house, &client, "T-ONB-700").await;
        assert_eq!(stage(&app, &client).await, "ONBOARDING");
        done(change(&app, &house.account, "Cancel", &text(&run["id"]), &json!(1)).await);
        assert_eq!(stage(&app, &client).await, "PROSPECT");
        let run = walked(&app, &house, &client, "T-ONB-700").await;
        assert_eq!(stage(&app, &client).await, "ONBOARDING");
        assert_eq!(concluded(&app, &house, &run).await["client"]["stage"], "ACTIVE");
        flow::notice(&app, &house, &client, "2026-04-30").await;
        assert_eq!(stage(&app, &client).await, "ACTIVE");
        let run = started(&app, &house, &client, "T-OFF-700").await;
        assert_eq!(stage(&app, &client).await, "OFFBOARDING");
        done(change(&app, &house.account, "Pause", &text(&run["id"]), &json!(1)).await);
        assert_eq!(stage(&app, &client).await, "OFFBOARDING");
        done(change(&app, &house.account, "Cancel", &text(&run["id"]), &json!(2)).await);
        assert_eq!(stage(&app, &client).await, "ACTIVE");
        let run = walked(&app, &house, &client, "T-OFF-700").await;
        app.pass(60);
        assert_eq!(concluded(&app, &house, &run).await["client"]["stage"], "CONCLUDED");
        app.pass(60);
        started(&app, &house, &client, "T-ONB-700").await;
        assert_eq!(stage(&app, &client).await, "ONBOARDING");
        let stages = run::events(&app, &client).await.iter().filter(|kind| *kind == "client.stage_changed").count();
        assert_eq!(stages, 9, "{:?}", run::events(&app, &client).await);
    }

    async fn a_client_that_comes_back_needs_a_contract_and_a_notice_of_its_own(app) {
        let house = flow::house(&app).await;
        flow::process(&app, &house, "T-OFF-700", &[flow::template("only", json!({}))]).await;
        let client = flow::prospect(&app, &house, "acme").await;
        flow::notice(&app, &house, &client, "2026-04-30").await;
        let run = walked(&app, &house, &client, "T-OFF-700").await;
        let before = "query($id: ID!) { client(id: $id) { finalServiceOn agreements { id state } } }";
        assert_eq!(app.ask(&house.account, before, json!({ "id": client })).await["client"]["finalServiceOn"], "2026-04-30");
        concluded(&app, &house, &run).await;
        let after = app.ask(&house.account, before, json!({ "id": client })).await["client"].take();
        assert_eq!(after["finalServiceOn"], Value::Null);
        assert!(after["agreements"].as_array().unwrap().iter().all(|agreement| agreement["state"] == "ENDED"), "{after}");
        for agreement in after["agreements"].as_array().unwrap() {
            assert_eq!(run::events(&app, agreement["id"].as_str().unwrap()).await.last().unwrap(), "agreement.ended");
        }
        for (number, missing) in [(OFFBOARDING, "NOTICE_MISSING"), (ONBOARDING, "AGREEMENTS_UNSIGNED")] {
            let refused = sent(&app, &house.account, START, begin(&app, &client, number)).await;
            assert!(blocked(&refused).iter().any(|code| code == missing), "{refused}");
        }
    }

    async fn an_engagement_is_not_concluded_while_steps_are_open(app) {
        let house = flow::house(&app).await;
        let steps = [flow::template("one", json!({})), flow::template("two", json!({}))];
        flow::process(&app, &house, "T-ONB-700", &steps).await;
        let client = make::client(&app, "acme").await;
        let run = started(&app, &house, &client, "T-ONB-700").await;
        let id = text(&run["id"]);
        assert_eq!(blocked(&change(&app, &house.account, "Conclude", &id, &json!(1)).await), ["STEPS_OPEN", "STEPS_OPEN"]);
        flow::finish(&app, &house.technician, &step_of(&run, "one")).await;
        let now = state(&app, &house.account, &id).await;
        assert_eq!((&now["blockedBy"][0]["stepKeys"], &now["blockedBy"][0]["isHard"]), (&json!(["two"]), &json!(true)));
        assert_eq!(now["viewerCan"]["conclude"], false);
        done(flow::work(&app, &house.account, "MarkNotApplicable", &step_of(&run, "two"), json!("Nothing to do.")).await);
        let now = state(&app, &house.account, &id).await;
        assert_eq!((&now["blockedBy"], &now["viewerCan"]["conclude"]), (&json!([]), &json!(true)));
        let over = concluded(&app, &house, &run).await;
        assert_eq!((&over["state"], &over["concludedAt"]), (&json!("CONCLUDED"), &json!("2026-03-02T09:00:00.000Z")));
        let after = state(&app, &house.account, &id).await;
        assert_eq!(after["viewerCan"], json!({ "pause": false, "resume": false, "cancel": false, "conclude": false }));
    }

    async fn an_offboarding_is_not_concluded_while_anything_is_left(app) {
        let house = flow::house(&app).await;
        flow::process(&app, &house, "T-OFF-700", &[flow::template("only", json!({}))]).await;
        let client = make::client(&app, "acme").await;
        flow::agree(&app, &house, &client, flow::contract()).await;
        let other = make::client(&app, "other").await;
        flow::register(&app, &house.technician, &other, json!([flow::agent("not-acme")])).await;
        let held = flow::register(&app, &house.technician, &client, json!([flow::agent("pc-1"), flow::agent("pc-2")])).await;
        flow::notice(&app, &house, &client, "2026-04-30").await;
        let run = walked(&app, &house, &client, "T-OFF-700").await;
        let id = text(&run["id"]);
        let refused = change(&app, &house.account, "Conclude", &id, &json!(1)).await;
        assert_eq!(blocked(&refused), ["RESIDUALS"]);
        let mut left: Vec<String> = refused["userErrors"][0]["blockers"][0]["holdingIds"].as_array().unwrap().iter().map(text).collect();
        left.sort();
        assert_eq!(left, held);
        assert_eq!(refused["userErrors"][0]["blockers"][0]["isHard"], true);
        let retain = "mutation($input: HoldingRetainInput!) { holdingRetain(input: $input) { holding { state isResidual } userErrors { message } } }";
        for holding in &held {
            let decision = flow::ask(&app, &house.account, "TOOL_RETENTION", None, Some(holding)).await;
            flow::grant(&app, &house.delivery, &decision).await;
            assert_eq!(blocked(&change(&app, &house.account, "Conclude", &id, &json!(1)).await), ["RESIDUALS"]);
            let input = json!({ "id": holding, "expectedRevision": 1, "clause": "7.2", "decisionId": decision });
            let kept = done(sent(&app, &house.account, retain, input).await);
            assert_eq!(kept["holding"], json!({ "state": "RETAINED", "isResidual": false }));
        }
        let over = concluded(&app, &house, &run).await;
        assert_eq!((&over["state"], &over["client"]["stage"]), (&json!("CONCLUDED"), &json!("CONCLUDED")));
    }

    async fn open_questions_keep_an_engagement_open(app) {
        let house = flow::house(&app).await;
        flow::process(&app, &house, "T-ONB-700", &[flow::template("only", json!({}))]).await;
        let client = make::client(&app, "acme").await;
        let run = walked(&app, &house, &client, "T-ONB-700").await;
        let id = text(&run["id"]);
        let decision = flow::ask(&app, &house.account, "PLAN", Some(&id), None).await;
        assert_eq!(blocked(&change(&app, &house.account, "Conclude", &id, &json!(1)).await), ["DECISIONS_OPEN"]);
        flow::grant(&app, &house.delivery, &decision).await;
        concluded(&app, &house, &run).await;
    }

    async fn the_score_counts_required_lines_of_steps_that_apply(app) {
        let house = flow::house(&app).await;
        let line = |key: &str, required: bool| json!({ "key": key, "text": "To do.", "is_required": required });
        let steps = [
            flow::template("one", json!({ "checklist": [line("a", true), line("b", true), line("c", false)] })),
            flow::template("two", json!({ "checklist": [line("a", true)] })),
        ];
        flow::process(&app, &house, "T-ONB-700", &steps).await;
        let client = make::client(&app, "acme").await;
        let run = started(&app, &house, &client, "T-ONB-700").await;
        let id = text(&run["id"]);
        let score = async || state(&app, &house.sales, &id).await["score"].take();
        assert_eq!(score().await, json!({ "earned": 0, "max": 3, "percent": 0 }));
        let set = "mutation($input: ChecklistItemSetInput!) { checklistItemSet(input: $input) { checklistItem { state } userErrors { message } } }";
        let items = app.ask(&house.sales, "query($id: ID!) { engagement(id: $id) { steps { checklist { id } } } }", json!({ "id": id })).await;
        let item = |step: usize, line: usize| items["engagement"]["steps"][step]["checklist"][line]["id"].clone();
        let tick = async |item: Value, revision: i32, state: &str| {
            let input = json!({ "id": item, "expectedRevision": revision, "state": state, "note": "Seen to." });
            done(sent(&app, &house.technician, set, input).await)
        };
        tick(item(0, 0), 1, "DONE").await;
        assert_eq!(score().await, json!({ "earned": 1, "max": 3, "percent": 33 }));
        tick(item(0, 2), 1, "DONE").await;
        tick(item(0, 1), 1, "NOT_APPLICABLE").await;
        assert_eq!(score().await, json!({ "earned": 2, "max": 3, "percent": 66 }));
        done(flow::work(&app, &house.account, "MarkNotApplicable", &step_of(&run, "two"), json!("Nothing to do.")).await);
        assert_eq!(score().await, json!({ "earned": 2, "max": 2, "percent": 100 }));
        tick(item(0, 0), 2, "OPEN").await;
        done(flow::work(&app, &house.account, "MarkNotApplicable", &step_of(&run, "one"), json!("Nothing to do.")).await);
        assert_eq!(score().await, json!({ "earned": 0, "max": 0, "percent": null }));
    }

    async fn what_a_viewer_can_do_is_what_the_mutations_let_it(app) {
        let house = flow::house(&app).await;
        flow::process(&app, &house, "T-ONB-700", &[flow::template("only", json!({}))]).await;
        for &role in Role::ALL {
            let client = make::client(&app, &format!("of-{}", role.as_str().to_lowercase().replace('_', "-"))).await;
            let actor = if role == Role::ClientContact { run::of_client(&app, role, &client).await } else { run::colleague(&app, &[role]).await };
            for (verb, field, from) in [("Pause", "pause", "RUNNING"), ("Resume", "resume", "PAUSED"), ("Conclude", "conclude", "RUNNING"), ("Cancel", "cancel", "RUNNING")] {
                let run = walked(&app, &house, &client, "T-ONB-700").await;
                let id = text(&run["id"]);
                if from == "PAUSED" {
                    done(change(&app, &house.account, "Pause", &id, &json!(1)).await);
                }
                let before = state(&app, &actor, &id).await;
                let variables = json!({ "input": change_input(verb, &id, &before["revision"]) });
                let answer = app.answer(&actor, &change_document(verb), variables).await;
                let refused = answer.errors.first().map(|error| format!("{error:?}"));
                assert!(refused.as_deref().is_none_or(|error| error.contains("FORBIDDEN")), "{role} {verb}: {refused:?}");
                assert_eq!(before["viewerCan"][field], refused.is_none(), "{role} {verb}");
                let left = state(&app, &house.account, &id).await;
                if left["state"] != "CONCLUDED" && left["state"] != "CANCELLED" {
                    done(change(&app, &house.account, "Cancel", &id, &left["revision"]).await);
                }
            }
        }
    }

    async fn whoever_may_not_begin_an_engagement_is_told_so(app) {
        let house = flow::house(&app).await;
        let client = flow::prospect(&app, &house, "acme").await;
        for &role in Role::ALL {
            let open = matches!(role, Role::Sales | Role::OnboardingManager | Role::AccountManager);
            let answer = app.answer(&app.staff(role), START, json!({ "input": begin(&app, &client, "T-ONB-999") })).await;
            assert_eq!(answer.errors.is_empty(), open, "{role}");
        }
    }
}
