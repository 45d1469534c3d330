//! Steps: who works on them, in which order, and what their checklists say.

use gangway::{auth::Actor, domain::role::Role};
use serde_json::{Value, json};

use crate::{
    engagement::change,
    support::{
        TestApp,
        flow::{self, House, blocked, done, key, started, step_of, template, text, work},
        make::{self, refusal, sent},
        on_both_stacks, run,
    },
};

const STEP: &str = "query($id: ID!) { engagement(id: $id) { steps { id key state revision startedAt finishedAt assignee { id name }
    checklist { id key state note revision isRequired setAt } blockedBy { code isHard ... on ChecklistOpenBlocker { itemKeys } }
    viewerCan { assign start complete markNotApplicable reopen addEvidence } } } }";
const SET: &str = "mutation($input: ChecklistItemSetInput!) { checklistItemSet(input: $input) {
    checklistItem { state note revision setAt } step { key state }
    userErrors { code path message remedy ... on ConflictError { currentRevision } } } }";
const VOTE: &str = "mutation($input: DecisionVoteInput!) { decisionVote(input: $input) { decision { state }
    userErrors { code message path ... on BlockedError { blockers { code } } } } }";
const RAISE: &str = "mutation($input: ExceptionRaiseInput!) { exceptionRaise(input: $input) {
    exception { id decision { id } } userErrors { code path message } } }";

/// A run of a short process: `one`, then `two`, and `last`, which nothing but a finished `one` opens.
struct Short {
    house: House,
    client: String,
    id: String,
    one: String,
    two: String,
    last: String,
}

async fn short(app: &TestApp) -> Short {
    let house = flow::house(app).await;
    let line = |key: &str, required: bool| json!({ "key": key, "text": "To do.", "is_required": required });
    let hard = json!([{ "gate": "STEPS_DONE", "when": "START", "hard": true, "keys": ["one"] }]);
    let steps = [
        template("one", json!({ "checklist": [line("must", true), line("may", false)] })),
        template("two", json!({ "depends_on": ["one"], "may_be_not_applicable": false })),
        template("last", json!({ "gates": hard, "holdings": [{ "kind": "AGENT" }] })),
    ];
    flow::process(app, &house, "T-ONB-700", &steps).await;
    let client = make::client(app, "acme").await;
    let run = started(app, &house, &client, "T-ONB-700").await;
    let [one, two, last] = ["one", "two", "last"].map(|key| step_of(&run, key));
    Short { id: text(&run["id"]), house, client, one, two, last }
}

impl Short {
    /// The step with this key, as `actor` sees it.
    async fn see(&self, app: &TestApp, actor: &Actor, key: &str) -> Value {
        let read = app.ask(actor, STEP, json!({ "id": self.id })).await;
        read["engagement"]["steps"].as_array().unwrap().iter().find(|step| step["key"] == key).unwrap().clone()
    }

    /// Says something of a line of the checklist of `one`.
    async fn set(&self, app: &TestApp, line: usize, state: &str, note: Value) -> Value {
        let item = self.see(app, &self.house.technician, "one").await["checklist"][line].take();
        let input = json!({ "id": item["id"], "expectedRevision": item["revision"], "state": state, "note": note });
        sent(app, &self.house.technician, SET, input).await
    }

    /// Finishes `one`.
    async fn finish_one(&self, app: &TestApp) {
        done(self.set(app, 0, "DONE", Value::Null).await);
        flow::finish(app, &self.house.technician, &self.one).await;
    }

    /// An approved exception for a step until the end of the month.
    async fn except(&self, app: &TestApp, r#type: &str, step: &str) -> String {
        let input = json!({ "engagementId": self.id, "stepId": step, "type": r#type, "situation": "Hardware is late",
            "justification": "The vendor ships three weeks late.", "expiresAt": "2026-03-30T09:00:00.000Z",
            "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }], "idempotencyKey": key(app) });
        let raised = done(sent(app, &self.house.technician, RAISE, input).await);
        text(&raised["exception"]["decision"]["id"])
    }
}

on_both_stacks! {
    async fn a_step_is_begun_and_finished_by_whoever_took_it(app) {
        let run = short(&app).await;
        let technician = &run.house.technician;
        let begun = done(work(&app, technician, "Start", &run.one, Value::Null).await);
        assert_eq!((&begun["step"]["state"], &begun["step"]["revision"]), (&json!("IN_PROGRESS"), &json!(2)));
        assert_eq!(begun["step"]["assignee"]["id"], technician.id.to_string());
        let open = work(&app, technician, "Complete", &run.one, Value::Null).await;
        assert_eq!(blocked(&open), ["CHECKLIST_OPEN"]);
        let seen = run.see(&app, technician, "one").await;
        assert_eq!(seen["blockedBy"], json!([{ "code": "CHECKLIST_OPEN", "isHard": false, "itemKeys": ["must"] }]));
        done(run.set(&app, 0, "DONE", Value::Null).await);
        app.pass(3_600);
        let finished = done(work(&app, technician, "Complete", &run.one, json!("Done by hand.")).await);
        assert_eq!((&finished["step"]["state"], &finished["step"]["stateReason"]), (&json!("DONE"), &json!("Done by hand.")));
        let seen = run.see(&app, technician, "one").await;
        assert_eq!((&seen["startedAt"], &seen["finishedAt"]), (&json!("2026-03-02T09:00:00.000Z"), &json!("2026-03-02T10:00:00.000Z")));
        assert_eq!((&seen["revision"], &seen["blockedBy"]), (&json!(3), &json!([])));
        assert_eq!(run::events(&app, &run.one).await, ["step.started", "step.completed"]);
    }

    async fn a_step_is_given_to_a_person_and_back_to_its_queue(app) {
        let run = short(&app).await;
        let lead = &run.house.manager;
        let helper = run::colleague(&app, &[Role::CustomerSuccess]).await;
        assert!(app.answer(&helper, STEP, json!({ "id": run.id })).await.errors.is_empty());
        let given = done(work(&app, lead, "Assign", &run.one, json!(helper.id.to_string())).await);
        assert_eq!(given["step"]["assignee"]["id"], helper.id.to_string());
        let mine = "{ steps(filter: { isMine: true }) { nodes { key } totalCount } }";
        assert_eq!(app.ask(&run.house.technician, mine, json!({})).await["steps"]["totalCount"], 0);
        // Whoever it is given to may work on it, whatever the step's role; its own role still may, too.
        done(work(&app, &helper, "Start", &run.one, Value::Null).await);
        let back = done(work(&app, lead, "Assign", &run.one, Value::Null).await);
        assert_eq!(back["step"]["assignee"], Value::Null);
        let foreign = app.answer(&helper, "mutation($input: StepCompleteInput!) { stepComplete(input: $input) { userErrors { message } } }",
            json!({ "input": { "id": run.one, "expectedRevision": 4 } })).await;
        assert!(format!("{:?}", foreign.errors).contains("FORBIDDEN"));
        for nobody in ["usr_01h455vb4pex5vsknk084sn02q", "nobody", run.client.as_str()] {
            let refused = work(&app, lead, "Assign", &run.one, json!(nobody)).await;
            assert_eq!(refusal(&refused), ("NOT_FOUND", "assigneeId".to_owned()), "{nobody}");
        }
        let contact = run::of_client(&app, Role::ClientContact, &run.client).await;
        let refused = work(&app, lead, "Assign", &run.one, json!(contact.id.to_string())).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND", "assigneeId".to_owned()), "a contact is no colleague");
        assert_eq!(run::events(&app, &run.one).await, ["step.assigned", "step.started", "step.assigned"]);
    }

    async fn a_step_moves_only_along_its_states(app) {
        let run = short(&app).await;
        let table: [(&str, &[&str]); 5] = [
            ("PENDING", &["Start", "MarkNotApplicable", "Assign"]),
            ("IN_PROGRESS", &["Complete", "MarkNotApplicable", "Assign"]),
            ("DONE", &["Reopen"]),
            ("NOT_APPLICABLE", &["Reopen"]),
            ("EXCEPTED", &["Reopen"]),
        ];
        done(run.set(&app, 0, "DONE", Value::Null).await);
        for (state, verbs) in table {
            for verb in ["Start", "Complete", "MarkNotApplicable", "Reopen", "Assign"] {
                flow::put(&app, &run.one, state, None).await;
                let value = if verb == "Assign" { Value::Null } else { json!("Because.") };
                let answer = work(&app, &run.house.manager, verb, &run.one, value).await;
                if verbs.contains(&verb) {
                    done(answer);
                } else {
                    assert_eq!(refusal(&answer).0, "CONFLICT", "{state} {verb}");
                    assert!(answer["userErrors"][0]["message"].as_str().unwrap().contains(state), "{answer}");
                }
            }
        }
    }

    async fn a_stale_revision_changes_nothing(app) {
        let run = short(&app).await;
        done(work(&app, &run.house.manager, "Assign", &run.one, Value::Null).await);
        for verb in ["Assign", "Start", "Complete", "MarkNotApplicable", "Reopen"] {
            let document = format!("mutation($input: Step{verb}Input!) {{ step{verb}(input: $input) {{
                userErrors {{ code path message remedy ... on ConflictError {{ currentRevision }} }} }} }}");
            let stale = sent(&app, &run.house.manager, &document, json!({ "id": run.one, "expectedRevision": 1 })).await;
            assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()), "{verb}");
            assert_eq!(stale["userErrors"][0]["currentRevision"], 2, "{verb}");
            let absent = sent(&app, &run.house.manager, &document, json!({ "id": "stp_01h455vb4pex5vsknk084sn02q", "expectedRevision": 1 })).await;
            assert_eq!(refusal(&absent), ("NOT_FOUND", "id".to_owned()), "{verb}");
        }
        assert_eq!(run::events(&app, &run.one).await, ["step.assigned"]);
    }

    async fn a_step_is_left_out_only_where_there_is_nothing_to_do(app) {
        let run = short(&app).await;
        let lead = &run.house.manager;
        let silent = work(&app, lead, "MarkNotApplicable", &run.one, Value::Null).await;
        assert_eq!(refusal(&silent), ("BAD_USER_INPUT", "reason".to_owned()));
        assert!(silent["userErrors"][0]["remedy"].is_string());
        let needed = work(&app, lead, "MarkNotApplicable", &run.two, json!("Nothing to do.")).await;
        assert_eq!(refusal(&needed).0, "CONFLICT");
        assert!(needed["userErrors"][0]["message"].as_str().unwrap().contains("every client"), "{needed}");
        flow::register(&app, &run.house.technician, &run.client, json!([flow::agent("pc-1")])).await;
        let about = work(&app, lead, "MarkNotApplicable", &run.last, json!("Nothing to do.")).await;
        assert_eq!(blocked(&about), ["HOLDINGS_OPEN"]);
        assert_eq!(about["userErrors"][0]["blockers"][0]["isHard"], true);
        let left = done(work(&app, lead, "MarkNotApplicable", &run.one, json!("Nothing to do.")).await);
        assert_eq!((&left["step"]["state"], &left["step"]["stateReason"]), (&json!("NOT_APPLICABLE"), &json!("Nothing to do.")));
        // What does not apply stands in nobody's way.
        done(work(&app, &run.house.technician, "Start", &run.two, Value::Null).await);
    }

    async fn a_step_that_is_opened_again_asks_its_gates_anew(app) {
        let run = short(&app).await;
        run.finish_one(&app).await;
        done(work(&app, &run.house.technician, "Start", &run.two, Value::Null).await);
        let silent = work(&app, &run.house.manager, "Reopen", &run.one, Value::Null).await;
        assert_eq!(refusal(&silent), ("BAD_USER_INPUT", "reason".to_owned()));
        let again = done(work(&app, &run.house.manager, "Reopen", &run.one, json!("It was not done.")).await);
        assert_eq!((&again["step"]["state"], &again["step"]["stateReason"]), (&json!("PENDING"), &json!("It was not done.")));
        let seen = run.see(&app, &run.house.technician, "one").await;
        assert_eq!((&seen["startedAt"], &seen["finishedAt"]), (&Value::Null, &Value::Null));
        assert_eq!(blocked(&work(&app, &run.house.technician, "Complete", &run.two, Value::Null).await), ["STEPS_OPEN"]);
        flow::finish(&app, &run.house.technician, &run.one).await;
        done(work(&app, &run.house.technician, "Complete", &run.two, Value::Null).await);
        let kinds = ["step.started", "step.completed", "step.reopened", "step.started", "step.completed"];
        assert_eq!(run::events(&app, &run.one).await, kinds);
    }

    async fn lines_of_a_checklist_are_set_and_cleared(app) {
        let run = short(&app).await;
        let ticked = done(run.set(&app, 0, "DONE", json!("Seen.")).await);
        assert_eq!(ticked["checklistItem"], json!({ "state": "DONE", "note": "Seen.", "revision": 2, "setAt": "2026-03-02T09:00:00.000Z" }));
        assert_eq!(ticked["step"]["key"], "one");
        let silent = run.set(&app, 1, "NOT_APPLICABLE", Value::Null).await;
        assert_eq!(refusal(&silent), ("BAD_USER_INPUT", "note".to_owned()));
        done(run.set(&app, 1, "NOT_APPLICABLE", json!("There is none.")).await);
        let cleared = done(run.set(&app, 0, "OPEN", Value::Null).await);
        assert_eq!((&cleared["checklistItem"]["state"], &cleared["checklistItem"]["note"]), (&json!("OPEN"), &Value::Null));
        let item = run.see(&app, &run.house.technician, "one").await["checklist"][0].take();
        let stale = sent(&app, &run.house.technician, SET, json!({ "id": item["id"], "expectedRevision": 1, "state": "DONE" })).await;
        assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()));
        assert_eq!(stale["userErrors"][0]["currentRevision"], 3);
        let absent = sent(&app, &run.house.technician, SET, json!({ "id": "chk_01h455vb4pex5vsknk084sn02q", "expectedRevision": 1, "state": "DONE" })).await;
        assert_eq!(refusal(&absent), ("NOT_FOUND", "id".to_owned()));
        let input = json!({ "input": { "id": item["id"], "expectedRevision": 3, "state": "DONE" } });
        let foreign = app.answer(&app.staff(Role::Billing), SET, input).await;
        assert!(format!("{:?}", foreign.errors).contains("FORBIDDEN"));
        run.finish_one(&app).await;
        assert_eq!(refusal(&run.set(&app, 0, "OPEN", Value::Null).await).0, "CONFLICT");
        assert_eq!(run::events(&app, item["id"].as_str().unwrap()).await, ["checklist_item.set"; 3]);
    }

    async fn work_out_of_order_is_refused_until_an_exception_is_approved(app) {
        let run = short(&app).await;
        let technician = &run.house.technician;
        let refused = work(&app, technician, "Start", &run.two, Value::Null).await;
        assert_eq!(blocked(&refused), ["STEPS_OPEN"]);
        let blocker = &refused["userErrors"][0]["blockers"][0];
        assert_eq!((&blocker["isHard"], &blocker["message"]), (&json!(false), &json!("Not finished yet: one.")));
        assert!(blocker["remedy"].as_str().unwrap().contains("exceptionRaise"), "{refused}");
        let decision = run.except(&app, "OUT_OF_ORDER", &run.two).await;
        assert_eq!(blocked(&work(&app, technician, "Start", &run.two, Value::Null).await), ["STEPS_OPEN"]);
        flow::grant(&app, &run.house.delivery, &decision).await;
        assert_eq!(run.see(&app, technician, "two").await["blockedBy"], json!([]));
        flow::finish(&app, technician, &run.two).await;
        // It stands for that step alone.
        assert_eq!(blocked(&work(&app, technician, "Start", &run.last, Value::Null).await), ["STEPS_OPEN"]);
    }

    async fn an_exception_that_ran_out_permits_nothing(app) {
        let run = short(&app).await;
        let decision = run.except(&app, "OUT_OF_ORDER", &run.two).await;
        flow::grant(&app, &run.house.delivery, &decision).await;
        app.pass(28 * 86_400);
        assert_eq!(blocked(&work(&app, &run.house.technician, "Start", &run.two, Value::Null).await), ["STEPS_OPEN"]);
    }

    async fn no_exception_opens_a_hard_gate(app) {
        let run = short(&app).await;
        let technician = &run.house.technician;
        for r#type in ["OUT_OF_ORDER", "DEVIATION"] {
            let decision = run.except(&app, r#type, &run.last).await;
            flow::grant(&app, &run.house.delivery, &decision).await;
            let refused = work(&app, technician, "Start", &run.last, Value::Null).await;
            assert_eq!(blocked(&refused), ["STEPS_OPEN"], "{type}");
            let blocker = &refused["userErrors"][0]["blockers"][0];
            assert_eq!(blocker["isHard"], true, "{type}");
            assert!(!blocker["remedy"].as_str().unwrap().contains("exceptionRaise"), "{refused}");
        }
        // Nor is a step skipped that stands behind one.
        let decision = run.except(&app, "SKIPPED", &run.last).await;
        let ballot = |key: &str| json!({ "id": decision, "verdict": "GRANT", "idempotencyKey": key });
        assert_eq!(blocked(&sent(&app, &run.house.delivery, VOTE, ballot("skip-too-early")).await), ["STEPS_OPEN"]);
        assert_eq!(flow::row(&app, &run.last).await.state, "PENDING");
        run.finish_one(&app).await;
        done(sent(&app, &run.house.delivery, VOTE, ballot("skip-in-time")).await);
        assert_eq!(flow::row(&app, &run.last).await.state, "EXCEPTED");
    }

    async fn a_deviation_clears_soft_gates_at_the_end_too(app) {
        let run = short(&app).await;
        let technician = &run.house.technician;
        done(work(&app, technician, "Start", &run.one, Value::Null).await);
        let ahead = run.except(&app, "OUT_OF_ORDER", &run.one).await;
        flow::grant(&app, &run.house.delivery, &ahead).await;
        assert_eq!(blocked(&work(&app, technician, "Complete", &run.one, Value::Null).await), ["CHECKLIST_OPEN"]);
        let decision = run.except(&app, "DEVIATION", &run.one).await;
        flow::grant(&app, &run.house.delivery, &decision).await;
        done(work(&app, technician, "Complete", &run.one, Value::Null).await);
    }

    async fn what_a_viewer_can_do_is_what_the_mutations_let_it(app) {
        let run = short(&app).await;
        done(run.set(&app, 0, "DONE", Value::Null).await);
        let evidence = "mutation($input: EvidenceAddInput!) { evidenceAdd(input: $input) { userErrors { code } } }";
        let verbs = [("Assign", "assign"), ("Start", "start"), ("Complete", "complete"),
            ("MarkNotApplicable", "markNotApplicable"), ("Reopen", "reopen"), ("", "addEvidence")];
        let mut allowed = 0;
        for &role in Role::ALL {
            let contact = role == Role::ClientContact;
            let actor = if contact { run::of_client(&app, role, &run.client).await } else { run::colleague(&app, &[role]).await };
            for (state, own) in [("PENDING", false), ("PENDING", true), ("IN_PROGRESS", false), ("IN_PROGRESS", true), ("DONE", false)] {
                let owner = own.then_some(&actor);
                flow::put(&app, &run.one, state, owner).await;
                let can = run.see(&app, &actor, "one").await["viewerCan"].take();
                for (verb, field) in verbs {
                    flow::put(&app, &run.one, state, owner).await;
                    let revision = flow::row(&app, &run.one).await.revision;
                    let (document, input) = if verb.is_empty() {
                        (evidence.to_owned(), json!({ "stepId": run.one, "details": { "attestation": { "statement": "So it is." } }, "idempotencyKey": key(&app) }))
                    } else {
                        let document = format!("mutation($input: Step{verb}Input!) {{ step{verb}(input: $input) {{ userErrors {{ code }} }} }}");
                        let mut input = json!({ "id": run.one, "expectedRevision": revision });
                        if verb != "Assign" {
                            input["reason"] = json!("Because.");
                        }
                        (document, input)
                    };
                    let answer = app.answer(&actor, &document, json!({ "input": input })).await;
                    let refused = answer.errors.iter().any(|error| format!("{error:?}").contains("FORBIDDEN"));
                    assert!(refused || answer.errors.is_empty(), "{role} {state} {own} {field}: {:?}", answer.errors);
                    let data = answer.data.into_json().unwrap().to_string();
                    let was_done = !refused && data.contains(r#""userErrors":[]"#);
                    assert_eq!(can[field], was_done, "{role} {state} {own} {field}: {data}");
                    assert!(was_done || refused || data.contains("CONFLICT"), "{role} {state} {own} {field}: {data}");
                    allowed += i32::from(was_done);
                }
            }
        }
        assert!(allowed > 50, "the table is not empty: {allowed}");
    }

    async fn nobody_can_do_anything_with_a_step_while_its_run_pauses(app) {
        let run = short(&app).await;
        done(change(&app, &run.house.manager, "Pause", &run.id, &json!(1)).await);
        let can = run.see(&app, &run.house.manager, "one").await["viewerCan"].take();
        assert!(can.as_object().unwrap().values().all(|may| may == false), "{can}");
        for verb in ["Assign", "Start", "Complete", "MarkNotApplicable", "Reopen"] {
            let value = if verb == "Assign" { Value::Null } else { json!("Because.") };
            assert_eq!(refusal(&work(&app, &run.house.manager, verb, &run.one, value).await).0, "CONFLICT", "{verb}");
        }
        assert_eq!(refusal(&run.set(&app, 0, "DONE", Value::Null).await).0, "CONFLICT");
    }
}
