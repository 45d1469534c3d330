//! Process documents: written, approved by somebody else, frozen, reviewed, and revised by a copy.

use gangway::{auth::Actor, clock::IdSource, domain::role::Role};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    flow::{self, START, begin, document, done, key, template, text},
    make::{self, refusal, sent},
    on_both_stacks, run,
};

const VERSION: &str =
    "fragment V on ProcessVersion { id number state contentHash title revision preparedAt approvedAt nextReviewOn
    findings { path message } reviews { verdict notes } steps { key } process { documentNumber title kind } }";
const PROCESS: &str = "query($number: String!) { process(documentNumber: $number) { documentNumber kind title
    versions { id number state revision contentHash } approvedVersion { id number nextReviewOn approvedAt steps { key } content } } }";
const DRAFT: &str = "mutation($input: ProcessDraftInput!) { processDraft(input: $input) {
    processVersion { ...V } userErrors { code path message remedy } replayed } }";
const UPDATE: &str = "mutation($input: ProcessUpdateDraftInput!) { processUpdateDraft(input: $input) {
    processVersion { ...V } userErrors { code path message remedy ... on ConflictError { currentRevision } } } }";
const SUBMIT: &str = "mutation($input: ProcessSubmitInput!) { processSubmit(input: $input) {
    processVersion { ...V } decision { id kind state subjectId rule { requirements { anyOf } } } userErrors { code path message remedy } } }";
const REVIEW: &str = "mutation($input: ProcessReviewInput!) { processReview(input: $input) {
    processVersion { ...V } userErrors { code path message remedy } replayed } }";
const DUPLICATE: &str = "mutation($input: ProcessDuplicateInput!) { processDuplicate(input: $input) {
    processVersion { ...V } userErrors { code path message remedy } replayed } }";
const VOTE: &str = "mutation($input: DecisionVoteInput!) { decisionVote(input: $input) { decision { state } userErrors { code path message } } }";

/// Who writes and who approves.
struct Desk {
    author: Actor,
    director: Actor,
}

impl Desk {
    fn of(app: &TestApp) -> Self {
        Self { author: app.staff(Role::OnboardingManager), director: app.staff(Role::Director) }
    }

    /// Sends one of the mutations of this page.
    async fn send(&self, app: &TestApp, mutation: &str, input: Value) -> Value {
        sent(app, &self.author, &format!("{mutation} {VERSION}"), input).await
    }

    async fn draft(&self, app: &TestApp, content: Value) -> Value {
        done(self.send(app, DRAFT, json!({ "content": content, "idempotencyKey": key(app) })).await)["processVersion"]
            .take()
    }

    /// Submits a version and gives back the question of its approval.
    async fn submit(&self, app: &TestApp, version: &Value) -> String {
        let input = json!({ "id": version["id"], "expectedRevision": version["revision"] });
        text(&done(self.send(app, SUBMIT, input).await)["decision"]["id"])
    }

    async fn approve(&self, app: &TestApp, version: &Value) {
        let question = self.submit(app, version).await;
        flow::grant(app, &self.director, &question).await;
    }

    async fn review(&self, app: &TestApp, version: &Value, verdict: &str) -> Value {
        self.send(
            app,
            REVIEW,
            json!({ "id": version["id"], "verdict": verdict, "notes": "Looked at it.", "idempotencyKey": key(app) }),
        )
        .await
    }

    async fn duplicate(&self, app: &TestApp, version: &Value) -> Value {
        self.send(app, DUPLICATE, json!({ "id": version["id"], "idempotencyKey": key(app) })).await
    }
}

fn short(number: &str) -> Value {
    document(number, &[template("only", json!({}))])
}

async fn process(app: &TestApp, number: &str) -> Value {
    app.ask(&app.staff(Role::Sales), PROCESS, json!({ "number": number })).await["process"].take()
}

/// The states of a process's versions, the newest first.
async fn states(app: &TestApp, number: &str) -> Vec<String> {
    process(app, number).await["versions"].as_array().unwrap().iter().map(|one| text(&one["state"])).collect()
}

on_both_stacks! {
    async fn both_processes_come_with_the_program_and_only_once(app) {
        for _ in 0..2 {
            gangway::app::process::builtin::install(&app.app).await.unwrap();
        }
        let list = "query($filter: ProcessFilter) { processes(filter: $filter) { nodes { documentNumber kind } totalCount } }";
        let all = app.ask(&app.staff(Role::Sales), list, json!({})).await["processes"].take();
        let both = json!([{ "documentNumber": "T-ONB-010", "kind": "ONBOARDING" }, { "documentNumber": "T-OFF-010", "kind": "OFFBOARDING" }]);
        assert_eq!((&all["nodes"], &all["totalCount"]), (&both, &json!(2)));
        let one = app.ask(&app.staff(Role::Sales), list, json!({ "filter": { "kind": "OFFBOARDING" } })).await;
        assert_eq!(one["processes"]["totalCount"], 1);
        // The nine steps of the policy are the nine activities of the offboarding, in thirteen steps.
        for (number, steps, activities, first, last) in [
            ("T-ONB-010", 15, 5, "handover", "activation"), ("T-OFF-010", 13, 9, "plan", "system_deactivation")
        ] {
            let found = process(&app, number).await;
            let approved = &found["approvedVersion"];
            let keys = approved["steps"].as_array().unwrap();
            assert_eq!((keys.len(), approved["content"]["activities"].as_array().unwrap().len()), (steps, activities), "{number}");
            assert_eq!((&keys[0]["key"], &keys[steps - 1]["key"]), (&json!(first), &json!(last)));
            assert_eq!((&approved["number"], &approved["approvedAt"]), (&json!(1), &json!("2026-03-02T09:00:00.000Z")));
            assert!(approved["nextReviewOn"].is_string() && found["versions"].as_array().unwrap().len() == 1);
            let events = run::events(&app, approved["id"].as_str().unwrap()).await;
            assert_eq!(events, ["process.approved"], "{number}");
        }
        assert_eq!(process(&app, "T-ONB-999").await, Value::Null);
        assert_eq!(process(&app, "nonsense").await, Value::Null);
    }

    async fn a_document_is_drafted_changed_submitted_and_approved_by_somebody_else(app) {
        let desk = Desk::of(&app);
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        assert_eq!((&draft["state"], &draft["number"], &draft["findings"]), (&json!("DRAFT"), &json!(1), &json!([])));
        assert_eq!(draft["process"], json!({ "documentNumber": "T-ONB-700", "title": "A short process", "kind": "ONBOARDING" }));
        let mut content = short("T-ONB-700");
        content["objective"] = json!("Something better to run.");
        let changed = done(desk.send(&app, UPDATE, json!({ "id": draft["id"], "expectedRevision": 1, "content": content })).await)["processVersion"].take();
        assert_eq!((&changed["revision"], changed["contentHash"] == draft["contentHash"]), (&json!(2), false));
        let submitted = done(desk.send(&app, SUBMIT, json!({ "id": draft["id"], "expectedRevision": 2 })).await);
        assert_eq!(submitted["processVersion"]["state"], "IN_REVIEW");
        let decision = &submitted["decision"];
        assert_eq!((&decision["kind"], &decision["subjectId"]), (&json!("PROCESS_VERSION"), &draft["id"]));
        assert_eq!(decision["rule"]["requirements"], json!([{ "anyOf": ["DIRECTOR"] }]));
        let frozen = desk.send(&app, UPDATE, json!({ "id": draft["id"], "expectedRevision": 3, "content": content })).await;
        assert_eq!(refusal(&frozen).0, "CONFLICT", "what is in review is not edited");
        assert_eq!(process(&app, "T-ONB-700").await["approvedVersion"], Value::Null);
        let ballot = json!({ "id": decision["id"], "verdict": "GRANT", "idempotencyKey": key(&app) });
        for role in [Role::HeadOfOperations, Role::Admin, Role::OnboardingManager] {
            let answer = app.answer(&app.staff(role), VOTE, json!({ "input": ballot })).await;
            assert!(!answer.errors.is_empty() || answer.data.to_string().contains("CONFLICT"), "{role}");
        }
        flow::grant(&app, &desk.director, &text(&decision["id"])).await;
        let approved = process(&app, "T-ONB-700").await["approvedVersion"].take();
        assert_eq!((&approved["id"], &approved["approvedAt"], &approved["nextReviewOn"]), (&draft["id"], &json!("2026-03-02T09:00:00.000Z"), &json!("2026-09-02")));
        assert_eq!(approved["content"]["objective"], "Something better to run.");
        let events = run::events(&app, draft["id"].as_str().unwrap()).await;
        assert_eq!(events, ["process.drafted", "process.draft_updated", "process.submitted", "process.approved"]);
    }

    async fn nobody_approves_what_they_wrote_or_submitted(app) {
        let both = [Role::OnboardingManager, Role::Director];
        let (author, submitter) = (run::colleague(&app, &both).await, run::colleague(&app, &both).await);
        let desk = Desk { author: author.clone(), director: submitter.clone() };
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        let other = Desk { author: submitter.clone(), director: author.clone() };
        let question = other.submit(&app, &draft).await;
        for actor in [&author, &submitter] {
            let ballot = json!({ "id": question, "verdict": "GRANT", "idempotencyKey": key(&app) });
            assert_eq!(refusal(&sent(&app, actor, VOTE, ballot).await).0, "CONFLICT");
        }
        assert_eq!(states(&app, "T-ONB-700").await, ["IN_REVIEW"]);
        flow::grant(&app, &app.staff(Role::Director), &question).await;
        assert_eq!(states(&app, "T-ONB-700").await, ["APPROVED"]);
    }

    async fn whoever_wrote_on_a_version_does_not_approve_it_though_another_did_so_later(app) {
        let both = [Role::OnboardingManager, Role::Director];
        let (author, editor) = (run::colleague(&app, &both).await, run::colleague(&app, &both).await);
        let desk = Desk { author: author.clone(), director: editor.clone() };
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        let other = Desk { author: editor.clone(), director: author.clone() };
        let mut content = short("T-ONB-700");
        content["goals"] = json!(["It ends, with a comma."]);
        let input = json!({ "id": draft["id"], "expectedRevision": draft["revision"], "content": content });
        let changed = done(other.send(&app, UPDATE, input).await)["processVersion"].take();
        let question = other.submit(&app, &changed).await;
        let ballot = json!({ "id": question, "verdict": "GRANT", "idempotencyKey": key(&app) });
        assert_eq!(refusal(&sent(&app, &author, VOTE, ballot).await).0, "CONFLICT");
        assert_eq!(states(&app, "T-ONB-700").await, ["IN_REVIEW"]);
        flow::grant(&app, &app.staff(Role::Director), &question).await;
        assert_eq!(states(&app, "T-ONB-700").await, ["APPROVED"]);
    }

    async fn a_version_that_is_sent_back_is_changed_and_submitted_again(app) {
        let desk = Desk::of(&app);
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        let question = desk.submit(&app, &draft).await;
        let ballot = json!({ "id": question, "verdict": "REFUSE", "comment": "Too short.", "idempotencyKey": key(&app) });
        assert_eq!(done(sent(&app, &desk.director, VOTE, ballot).await)["decision"]["state"], "REFUSED");
        let back = process(&app, "T-ONB-700").await["versions"][0].take();
        assert_eq!(back["state"], "DRAFT");
        let mut content = short("T-ONB-700");
        content["goals"] = json!(["It ends.", "It ends well."]);
        let changed = done(desk.send(&app, UPDATE, json!({ "id": back["id"], "expectedRevision": back["revision"], "content": content })).await);
        desk.approve(&app, &changed["processVersion"]).await;
        assert_eq!(states(&app, "T-ONB-700").await, ["APPROVED"]);
    }

    async fn what_is_no_document_or_cannot_be_run_is_named(app) {
        let desk = Desk::of(&app);
        let mut unknown_gate = short("T-ONB-700");
        unknown_gate["steps"][0]["gates"] = json!([{ "gate": "MOON_IS_FULL", "when": "START" }]);
        let mut extra = short("T-ONB-700");
        extra["shortcut"] = json!(true);
        for content in [json!({}), unknown_gate, extra, { let mut bad = short("T-ONB-700"); bad["document_number"] = json!("onboarding"); bad }] {
            let refused = desk.send(&app, DRAFT, json!({ "content": content, "idempotencyKey": key(&app) })).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "content".to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string());
        }
        let cases = [
            (json!({ "depends_on": ["nothing"] }), "document.steps.0.dependsOn"),
            (json!({ "depends_on": ["only"] }), "document.steps"),
            (json!({ "title": " " }), "document.steps.0.title"),
            (json!({ "gates": [{ "gate": "STEPS_DONE", "when": "START", "keys": ["only"] }] }), "document.steps.0.gates.0"),
            (json!({ "checklist": [{ "key": "a", "text": "x" }, { "key": "a", "text": "y" }] }), "document.steps.0.checklist.1.key"),
        ];
        for (number, (step, path)) in (701..).zip(cases) {
            let draft = desk.draft(&app, document(&format!("T-ONB-{number}"), &[template("only", step)])).await;
            assert!(!draft["findings"].as_array().unwrap().is_empty(), "{path}");
            let refused = desk.send(&app, SUBMIT, json!({ "id": draft["id"], "expectedRevision": 1 })).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()));
            assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("processUpdateDraft"));
            assert_eq!(states(&app, &format!("T-ONB-{number}")).await, ["DRAFT"]);
        }
        let mut automatic = short("T-ONB-709");
        automatic["review"]["auto_revise"] = json!(true);
        let draft = desk.draft(&app, automatic).await;
        let refused = desk.send(&app, SUBMIT, json!({ "id": draft["id"], "expectedRevision": 1 })).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "document.review.autoRevise".to_owned()), "no version revises itself");
    }

    async fn numbers_keys_and_revisions_guard_against_doubles(app) {
        let desk = Desk::of(&app);
        let input = json!({ "content": short("T-ONB-700"), "idempotencyKey": key(&app) });
        let first = done(desk.send(&app, DRAFT, input.clone()).await);
        let again = done(desk.send(&app, DRAFT, input.clone()).await);
        assert_eq!((&again["processVersion"], &again["replayed"]), (&first["processVersion"], &json!(true)));
        let mut other = input;
        other["content"]["title"] = json!("Another");
        assert_eq!(refusal(&desk.send(&app, DRAFT, other).await).0, "IDEMPOTENCY_KEY_REUSED");
        let taken = desk.send(&app, DRAFT, json!({ "content": short("T-ONB-700"), "idempotencyKey": key(&app) })).await;
        assert_eq!(refusal(&taken).0, "CONFLICT");
        let id = &first["processVersion"]["id"];
        for (number, path) in [("T-ONB-701", "content.documentNumber"), ("T-OFF-700", "content.documentNumber")] {
            let refused = desk.send(&app, UPDATE, json!({ "id": id, "expectedRevision": 1, "content": short(number) })).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", path.to_owned()));
        }
        let mut turned = short("T-ONB-700");
        turned["kind"] = json!("OFFBOARDING");
        let refused = desk.send(&app, UPDATE, json!({ "id": id, "expectedRevision": 1, "content": turned })).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "content.kind".to_owned()));
        let stale = desk.send(&app, UPDATE, json!({ "id": id, "expectedRevision": 9, "content": short("T-ONB-700") })).await;
        assert_eq!((refusal(&stale), &stale["userErrors"][0]["currentRevision"]), (("CONFLICT", "expectedRevision".to_owned()), &json!(1)));
        let stale = desk.send(&app, SUBMIT, json!({ "id": id, "expectedRevision": 9 })).await;
        assert_eq!(refusal(&stale), ("CONFLICT", "expectedRevision".to_owned()));
        for mutation in [UPDATE, SUBMIT, REVIEW, DUPLICATE] {
            let mut input = json!({ "id": "prv_01h455vb4pex5vsknk084sn02q" });
            flow::merge(&mut input, match mutation {
                UPDATE => json!({ "expectedRevision": 1, "content": short("T-ONB-700") }),
                SUBMIT => json!({ "expectedRevision": 1 }),
                REVIEW => json!({ "verdict": "KEEP", "notes": "x", "idempotencyKey": key(&app) }),
                _ => json!({ "idempotencyKey": key(&app) }),
            });
            assert_eq!(refusal(&desk.send(&app, mutation, input).await), ("NOT_FOUND", "id".to_owned()));
        }
    }

    async fn a_review_that_is_sent_twice_is_one_review(app) {
        let desk = Desk::of(&app);
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        desk.approve(&app, &draft).await;
        let input = json!({ "id": draft["id"], "verdict": "KEEP", "notes": "Looked at it.", "idempotencyKey": "one-review" });
        let first = done(desk.send(&app, REVIEW, input.clone()).await);
        let again = done(desk.send(&app, REVIEW, input).await);
        assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)));
        let read = "{ process(documentNumber: \"T-ONB-700\") { versions { reviews { verdict } } } }";
        let found = app.ask(&desk.director, read, json!({})).await;
        assert_eq!(found["process"]["versions"][0]["reviews"], json!([{ "verdict": "KEEP" }]));
    }

    async fn an_approved_version_never_changes(app) {
        let desk = Desk::of(&app);
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        desk.approve(&app, &draft).await;
        let approved = process(&app, "T-ONB-700").await["versions"][0].take();
        let update = json!({ "id": approved["id"], "expectedRevision": approved["revision"], "content": short("T-ONB-700") });
        assert_eq!(refusal(&desk.send(&app, UPDATE, update).await).0, "CONFLICT");
        let submit = json!({ "id": approved["id"], "expectedRevision": approved["revision"] });
        assert_eq!(refusal(&desk.send(&app, SUBMIT, submit).await).0, "CONFLICT");
        // The database refuses as well, whoever asks it.
        let db = app.app.db().write();
        for sql in [
            "UPDATE process_version SET content = '{}'",
            "UPDATE process_version SET content_hash = 'x'",
            "UPDATE process_version SET state = 'DRAFT'",
            "UPDATE process_version SET number = 9",
            "UPDATE process_version SET approved_by = 'somebody'",
            "DELETE FROM process_version",
        ] {
            let refused = db.execute_unprepared(sql).await;
            assert!(refused.is_err_and(|error| error.to_string().contains("process version")), "{sql}");
        }
        assert_eq!(process(&app, "T-ONB-700").await["versions"][0], approved);
    }

    async fn a_version_is_revised_only_by_a_copy_after_a_review_that_asks_for_it(app) {
        let desk = Desk::of(&app);
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        assert_eq!(refusal(&desk.review(&app, &draft, "REVISE").await).0, "CONFLICT", "a draft is not reviewed");
        desk.approve(&app, &draft).await;
        let refused = desk.duplicate(&app, &draft).await;
        assert_eq!(refusal(&refused).0, "CONFLICT");
        assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("processReview"), "{refused}");
        app.pass(31 * 86_400);
        let kept = done(desk.review(&app, &draft, "KEEP").await);
        assert_eq!((&kept["processVersion"]["state"], &kept["processVersion"]["nextReviewOn"]), (&json!("APPROVED"), &json!("2026-10-02")));
        assert_eq!(refusal(&desk.duplicate(&app, &draft).await).0, "CONFLICT", "a review that keeps it asks for nothing");
        done(desk.review(&app, &draft, "REVISE").await);
        let copy = done(desk.duplicate(&app, &draft).await)["processVersion"].take();
        assert_eq!((&copy["number"], &copy["state"], &copy["contentHash"]), (&json!(2), &json!("DRAFT"), &draft["contentHash"]));
        assert_eq!(refusal(&desk.duplicate(&app, &draft).await).0, "CONFLICT", "one revision at a time");
        assert_eq!(states(&app, "T-ONB-700").await, ["DRAFT", "APPROVED"]);
        let mut content = short("T-ONB-700");
        content["steps"].as_array_mut().unwrap().push(template("more", json!({})));
        content["stakeholders"][0]["raci"]["more"] = json!("ACCOUNTABLE");
        let changed = done(desk.send(&app, UPDATE, json!({ "id": copy["id"], "expectedRevision": 1, "content": content })).await)["processVersion"].take();
        desk.approve(&app, &changed).await;
        assert_eq!(states(&app, "T-ONB-700").await, ["APPROVED", "SUPERSEDED"]);
        assert_eq!(refusal(&desk.duplicate(&app, &draft).await).0, "CONFLICT");
        assert_eq!(refusal(&desk.duplicate(&app, &changed).await).0, "CONFLICT", "the review of one version is none of the next");
        assert_eq!(refusal(&desk.review(&app, &draft, "KEEP").await).0, "CONFLICT");
        let events = run::events(&app, draft["id"].as_str().unwrap()).await;
        assert_eq!(events[3..], ["process.reviewed", "process.reviewed", "process.superseded"], "{events:?}");
    }

    async fn a_run_keeps_the_version_it_began_with(app) {
        let house = flow::house(&app).await;
        let desk = Desk { author: house.manager.clone(), director: house.director.clone() };
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        desk.approve(&app, &draft).await;
        let (first, second) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        let run = flow::started(&app, &house, &first, "T-ONB-700").await;
        done(desk.review(&app, &draft, "REVISE").await);
        let copy = done(desk.duplicate(&app, &draft).await)["processVersion"].take();
        let mut content = short("T-ONB-700");
        content["steps"].as_array_mut().unwrap().push(template("more", json!({})));
        content["stakeholders"][0]["raci"]["more"] = json!("ACCOUNTABLE");
        let changed = done(desk.send(&app, UPDATE, json!({ "id": copy["id"], "expectedRevision": 1, "content": content })).await)["processVersion"].take();
        desk.approve(&app, &changed).await;
        let later = flow::started(&app, &house, &second, "T-ONB-700").await;
        let pinned = "query($id: ID!) { engagement(id: $id) { processVersion { number state } steps { key } } }";
        let old = app.ask(&house.sales, pinned, json!({ "id": run["id"] })).await["engagement"].take();
        assert_eq!(old, json!({ "processVersion": { "number": 1, "state": "SUPERSEDED" }, "steps": [{ "key": "only" }] }));
        let new = app.ask(&house.sales, pinned, json!({ "id": later["id"] })).await["engagement"].take();
        assert_eq!(new, json!({ "processVersion": { "number": 2, "state": "APPROVED" }, "steps": [{ "key": "only" }, { "key": "more" }] }));
        flow::finish(&app, &house.technician, &flow::step_of(&run, "only")).await;
    }

    async fn a_retired_process_is_not_begun_any_more(app) {
        let house = flow::house(&app).await;
        let desk = Desk { author: house.manager.clone(), director: house.director.clone() };
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        desk.approve(&app, &draft).await;
        let retired = done(desk.review(&app, &draft, "RETIRE").await);
        assert_eq!(retired["processVersion"]["state"], "RETIRED");
        let client = make::client(&app, "acme").await;
        let refused = sent(&app, &house.sales, START, begin(&app, &client, "T-ONB-700")).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND", "documentNumber".to_owned()));
        assert_eq!(refusal(&desk.duplicate(&app, &draft).await).0, "CONFLICT");
    }

    async fn only_authors_write_and_a_contact_reads_no_document(app) {
        let desk = Desk::of(&app);
        let draft = desk.draft(&app, short("T-ONB-700")).await;
        for &role in Role::ALL {
            let writes = matches!(role, Role::OnboardingManager | Role::AccountManager | Role::Compliance | Role::ServiceDeliveryManager | Role::HeadOfOperations);
            let actor = app.staff(role);
            let input = json!({ "content": short(&format!("T-ONB-{}", 800 + actor.roles.len())), "idempotencyKey": format!("key-{}", app.clock.next()) });
            let drafted = app.answer(&actor, &format!("{DRAFT} {VERSION}"), json!({ "input": input })).await;
            assert_eq!(drafted.errors.is_empty(), writes, "{role}");
            let submit = json!({ "input": { "id": draft["id"], "expectedRevision": 99 } });
            let submitted = app.answer(&actor, &format!("{SUBMIT} {VERSION}"), submit).await;
            assert_eq!(submitted.errors.is_empty(), writes, "{role}");
        }
        let contact = app.staff(Role::ClientContact);
        assert!(format!("{:?}", app.answer(&contact, PROCESS, json!({ "number": "T-ONB-700" })).await.errors).contains("FORBIDDEN"));
    }
}
