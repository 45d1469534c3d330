//! Every mutation leaves in the log what it should: a story in which each of them is done, and what each of them left.

use gangway::{auth::Actor, domain::role::Role};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    isolation::{
        changes,
        crawl::Types,
        world::{self, World},
    },
    job::Site,
    support::{
        TestApp,
        deeds::Left,
        flow::{self, key, step_of, template, text},
        make::sent,
        on_both_stacks, run,
    },
};

/// What each mutation leaves when it is done. One that does different things stands here more than once.
const LEAVES: &[(&str, &[&str])] = &[
    ("agreementRecord", &["agreement.recorded"]),
    ("agreementSign", &["agreement.signed"]),
    ("apiKeyCreate", &["api_key.created"]),
    ("apiKeyRevoke", &["api_key.revoked"]),
    ("challengeRecord", &["challenge.recorded"]),
    ("challengeRecord", &["challenge.resolved"]),
    ("checklistItemSet", &["checklist_item.set"]),
    ("clientCreate", &["client.created"]),
    ("clientUpdate", &["client.updated"]),
    ("connectorCreate", &["connector.created"]),
    ("connectorProbe", &["connector.probed"]),
    ("contactUpsert", &["contact.created"]),
    ("contactUpsert", &["contact.updated"]),
    ("dataReturnAcknowledge", &["holding.closed", "data_return.accepted"]),
    ("dataReturnAcknowledge", &["holding.resurfaced", "data_return.disputed"]),
    ("decisionDelegate", &["decision.delegated"]),
    ("decisionRequest", &["decision.requested"]),
    ("decisionVote", &["decision.voted"]),
    ("decisionVote", &["decision.voted", "decision.granted"]),
    ("decisionVote", &["decision.voted", "decision.granted", "exception.approved"]),
    ("decisionVote", &["decision.voted", "decision.granted", "exception.approved", "holding.excepted"]),
    ("decisionVote", &["decision.voted", "decision.granted", "exception.approved", "step.excepted"]),
    ("decisionVote", &["decision.voted", "decision.granted", "process.approved"]),
    ("decisionVote", &["decision.voted", "decision.granted", "process.superseded", "process.approved"]),
    ("decisionVote", &["decision.voted", "decision.refused"]),
    ("decisionVote", &["decision.voted", "decision.refused", "exception.rejected"]),
    ("decisionVote", &["decision.voted", "decision.refused", "process.rejected"]),
    ("decisionWithdraw", &["decision.withdrawn"]),
    ("engagementCancel", &["engagement.cancelled", "client.stage_changed"]),
    ("engagementConclude", &["engagement.concluded", "client.stage_changed"]),
    ("engagementPause", &["engagement.paused"]),
    ("engagementResume", &["engagement.resumed"]),
    ("engagementStart", &["engagement.started", "client.stage_changed"]),
    ("evidenceAdd", &["evidence.added"]),
    ("exceptionActionDone", &["exception.action_done"]),
    ("exceptionClose", &["exception.closed"]),
    ("exceptionRaise", &["decision.requested", "exception.raised"]),
    ("exceptionWithdraw", &["decision.withdrawn", "exception.withdrawn"]),
    ("factsRecord", &["fact.recorded"]),
    ("factsVerify", &["fact.verified"]),
    ("holdingActivate", &["holding.activated"]),
    ("holdingRetain", &["holding.retained"]),
    ("holdingsRegister", &["holding.registered"]),
    ("jobCancel", &["job.cancel_requested"]),
    ("jobCancel", &["job.cancelled"]),
    ("jobPlan", &["job.planned"]),
    ("jobRetry", &["job.requeued"]),
    ("jobStart", &["job.queued"]),
    ("processDraft", &["process.drafted"]),
    ("processDuplicate", &["process.duplicated"]),
    ("processReview", &["process.reviewed"]),
    ("processReview", &["process.reviewed", "process.retired"]),
    ("processSubmit", &["decision.requested", "process.submitted"]),
    ("processUpdateDraft", &["process.draft_updated"]),
    ("recipientKeyConfirm", &["recipient_key.confirmed"]),
    ("recipientKeyRegister", &["recipient_key.registered"]),
    ("recipientKeyRevoke", &["recipient_key.revoked"]),
    ("stakeholderUpsert", &["stakeholder.added"]),
    ("stakeholderUpsert", &["stakeholder.updated"]),
    ("stepAssign", &["step.assigned"]),
    ("stepComplete", &["step.completed"]),
    ("stepMarkNotApplicable", &["step.marked_not_applicable"]),
    ("stepReopen", &["step.reopened"]),
    ("stepStart", &["step.started"]),
    ("terminationRecord", &["termination.recorded"]),
    ("terminationWithdraw", &["termination.withdrawn"]),
    ("uploadCreate", &["file.requested"]),
    ("userUpsert", &["user.created"]),
    ("userUpsert", &["user.deactivated"]),
    ("userUpsert", &["user.updated"]),
];

/// Does a mutation: as its revision has it, whatever that is.
async fn does(app: &TestApp, actor: &Actor, mutation: &str, mut input: Value) {
    let first = app.ask(actor, &changes::document(mutation), json!({ "input": input })).await[mutation].take();
    let again = if first["userErrors"][0]["code"] == "CONFLICT" {
        input["expectedRevision"] = first["userErrors"][0]["currentRevision"].clone();
        app.ask(actor, &changes::document(mutation), json!({ "input": input })).await[mutation].take()
    } else {
        first
    };
    flow::done(again);
}

/// A deed on something that has a revision.
async fn changes(app: &TestApp, actor: &Actor, mutation: &str, id: &str, more: Value) {
    let mut input = json!({ "id": id, "expectedRevision": 1 });
    flow::merge(&mut input, more);
    does(app, actor, mutation, input).await;
}

/// What a client is known by.
async fn papers(app: &TestApp, world: &World) {
    let (mine, house) = (&world.mine, &world.house);
    let client = mine.id("client");
    changes(app, &house.sales, "clientUpdate", client, json!({ "name": "New" })).await;
    let contact = json!({ "clientId": client, "name": "New", "role": "BILLING", "email": "new@example.com", "idempotencyKey": key(app) });
    changes(app, &house.sales, "contactUpsert", mine.id("contact"), contact).await;
    let stakeholder = json!({ "engagementId": mine.id("engagement"), "name": "New", "responsibilities": "New.", "idempotencyKey": key(app) });
    changes(app, &house.sales, "stakeholderUpsert", mine.id("stakeholder"), stakeholder).await;
    let learnt = json!({ "id": mine.id("challenge"), "engagementId": mine.id("engagement"), "learning": "Begin earlier.", "idempotencyKey": key(app) });
    does(app, &house.technician, "challengeRecord", learnt).await;
    does(app, &house.technician, "factsVerify", json!({ "facts": [{ "id": mine.id("fact"), "expectedRevision": 1 }] }))
        .await;
    changes(app, &house.technician, "recipientKeyRevoke", mine.id("recipientKey"), json!({})).await;
    let notice = json!({ "clientId": world.theirs.id("client"), "receivedOn": "2026-03-01", "channel": "LETTER", "givenBy": "Dana", "finalServiceOn": "2026-04-30" });
    let notice = world::made(app, &house.account, "terminationRecord", "notice", notice).await;
    changes(app, &house.account, "terminationWithdraw", &notice, json!({ "reason": "They stay." })).await;
    let admin = app.staff(Role::Admin);
    does(app, &admin, "apiKeyRevoke", json!({ "id": mine.id("apiKey") })).await;
    let lab = json!({ "kind": "LAB", "name": "Lab", "address": "lab://1" });
    let lab = world::made(app, &admin, "connectorCreate", "connector", lab).await;
    does(app, &admin, "connectorProbe", json!({ "id": lab })).await;
    for is_active in [true, false] {
        let person = json!({ "subject": format!("issuer#{}", mine.slug), "name": "New", "roles": ["CLIENT_CONTACT"], "clientId": client,
            "isActive": is_active, "expectedRevision": 1, "idempotencyKey": key(app) });
        does(app, &admin, "userUpsert", person).await;
    }
}

/// What the ledger holds, and what is decided about it.
async fn ledger(app: &TestApp, world: &World) {
    let (mine, house) = (&world.mine, &world.house);
    let mut planned = flow::agent("planned");
    flow::merge(&mut planned, json!({ "isPlanned": true }));
    let line = flow::register(app, &house.technician, mine.id("client"), json!([planned])).await.remove(0);
    changes(app, &house.technician, "holdingActivate", &line, json!({})).await;
    let question = flow::ask(app, &house.account, "TOOL_RETENTION", None, Some(&line)).await;
    flow::grant(app, &house.delivery, &question).await;
    changes(app, &house.account, "holdingRetain", &line, json!({ "clause": "7.2", "decisionId": question })).await;
    let (question, other) = (
        flow::ask(app, &house.account, "PLAN", Some(mine.id("engagement")), None).await,
        flow::ask(app, &house.account, "CHANGE", Some(mine.id("engagement")), None).await,
    );
    let handed = json!({ "id": question, "delegateId": house.technician.id.to_string(), "idempotencyKey": key(app) });
    does(app, &house.delivery, "decisionDelegate", handed).await;
    let no = json!({ "id": other, "verdict": "REFUSE", "comment": "No.", "idempotencyKey": key(app) });
    does(app, &house.delivery, "decisionVote", no).await;
    changes(app, &house.account, "decisionWithdraw", &question, json!({})).await;
}

/// What deviates: one exception that is worked off, one that is taken back, one that is refused, and those that stand in
/// for a step and for a line of the ledger.
async fn exceptions(app: &TestApp, world: &World) {
    let (mine, house) = (&world.mine, &world.house);
    grant_exception(app, mine.id("exception"), &[&house.delivery]).await;
    for action in ["ESCALATE", "DOCUMENT", "RESCHEDULE"] {
        changes(app, &house.manager, "exceptionActionDone", mine.id("exception"), json!({ "action": action })).await;
    }
    changes(app, &house.account, "exceptionClose", mine.id("exception"), json!({})).await;
    changes(app, &house.technician, "exceptionWithdraw", world.theirs.id("exception"), json!({})).await;
    let compliance = app.staff(Role::Compliance);
    let raise = |about: Value| {
        let mut input = json!({ "engagementId": mine.id("engagement"), "type": "SKIPPED", "situation": "It stays as it is",
            "justification": "Nobody could come before today.", "expiresAt": "2026-03-30T09:00:00.000Z",
            "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }] });
        flow::merge(&mut input, about);
        world::made(app, &house.technician, "exceptionRaise", "exception", input)
    };
    let refused = raise(json!({ "stepId": mine.id("step") })).await;
    let no = json!({ "id": question_of(app, &refused).await, "verdict": "REFUSE", "comment": "No.", "idempotencyKey": key(app) });
    does(app, &house.delivery, "decisionVote", no).await;
    let step = raise(json!({ "stepId": mine.id("step") })).await;
    grant_exception(app, &step, &[&house.delivery]).await;
    let line = raise(json!({ "holdingId": mine.id("holding") })).await;
    grant_exception(app, &line, &[&house.delivery, &compliance]).await;
}

/// The question that decides an exception.
async fn question_of(app: &TestApp, exception: &str) -> String {
    let document = "query($id: ID!) { node(id: $id) { ... on Exception { decision { id } } } }";
    text(&app.ask(&app.staff(Role::Compliance), document, json!({ "id": exception })).await["node"]["decision"]["id"])
}

async fn grant_exception(app: &TestApp, exception: &str, voters: &[&Actor]) {
    let question = question_of(app, exception).await;
    for voter in voters {
        let yes = json!({ "id": question, "verdict": "GRANT", "idempotencyKey": key(app) });
        does(app, voter, "decisionVote", yes).await;
    }
}

/// A run from its beginning to its end, and one that is given up.
async fn runs(app: &TestApp, world: &World) {
    let house = &world.house;
    let client = flow::prospect(app, house, "gamma").await;
    let run = flow::started(app, house, &client, "T-ONB-700").await;
    let (id, one, two) = (text(&run["id"]), step_of(&run, "one"), step_of(&run, "two"));
    changes(app, &house.account, "engagementPause", &id, json!({ "reason": "They are away." })).await;
    changes(app, &house.account, "engagementResume", &id, json!({})).await;
    changes(app, &house.manager, "stepAssign", &one, json!({ "assigneeId": house.technician.id.to_string() })).await;
    changes(app, &house.technician, "stepStart", &one, json!({})).await;
    let item = text(&item_of(app, &one).await);
    changes(app, &house.technician, "checklistItemSet", &item, json!({ "state": "DONE" })).await;
    changes(app, &house.technician, "stepComplete", &one, json!({})).await;
    changes(app, &house.manager, "stepReopen", &one, json!({ "reason": "It was not." })).await;
    changes(app, &house.technician, "stepStart", &one, json!({})).await;
    changes(app, &house.technician, "stepComplete", &one, json!({})).await;
    changes(app, &house.manager, "stepMarkNotApplicable", &two, json!({ "reason": "They have none." })).await;
    changes(app, &house.account, "engagementConclude", &id, json!({})).await;
    let stop = json!({ "id": world.mine.id("job"), "reason": "They go elsewhere." });
    does(app, &house.account, "jobCancel", stop).await;
    changes(
        app,
        &house.account,
        "engagementCancel",
        world.mine.id("engagement"),
        json!({ "reason": "They go elsewhere." }),
    )
    .await;
}

async fn item_of(app: &TestApp, step: &str) -> Value {
    let document = "query($id: ID!) { node(id: $id) { ... on Step { checklist { id } } } }";
    app.ask(&app.staff(Role::Technician), document, json!({ "id": step })).await["node"]["checklist"][0]["id"].take()
}

/// A process that is revised, and the draft of it sent back; another one that is not needed any more.
async fn processes(app: &TestApp, world: &World) {
    let house = &world.house;
    let steps = [template("only", json!({}))];
    let (old, unused) =
        (flow::process(app, house, "T-ONB-702", &steps).await, flow::process(app, house, "T-ONB-703", &steps).await);
    for (version, verdict) in [(&old, "KEEP"), (&old, "REVISE"), (&unused, "RETIRE")] {
        let review = json!({ "id": version, "notes": "Looked at it.", "verdict": verdict, "idempotencyKey": key(app) });
        does(app, &house.manager, "processReview", review).await;
    }
    let copy = world::made(app, &house.manager, "processDuplicate", "processVersion", json!({ "id": old })).await;
    let content = json!({ "content": flow::document("T-ONB-702", &steps) });
    changes(app, &house.manager, "processUpdateDraft", &copy, content).await;
    let question = submitted(app, world, &copy, 2).await;
    let no = json!({ "id": question, "verdict": "REFUSE", "comment": "No.", "idempotencyKey": key(app) });
    does(app, &house.director, "decisionVote", no).await;
    let question = submitted(app, world, &copy, 4).await;
    flow::grant(app, &house.director, &question).await;
}

/// Puts a draft up for approval, and gives the question.
async fn submitted(app: &TestApp, world: &World, version: &str, revision: i32) -> String {
    let document = "mutation($input: ProcessSubmitInput!) { processSubmit(input: $input) { decision { id } userErrors { message path } } }";
    let input = json!({ "id": version, "expectedRevision": revision });
    text(&flow::done(sent(app, &world.house.manager, document, input).await)["decision"]["id"])
}

/// A return that is stopped, ordered again, done, and accepted or disputed.
async fn returns(site: &Site, app: &TestApp) {
    let contact = run::of_client(app, Role::ClientContact, &site.client).await;
    for (name, verdict, comment) in
        [("first", "DISPUTED", json!("A file is missing.")), ("second", "ACCEPTED", Value::Null)]
    {
        let job = site.start(&format!("start-the-{name}")).await["id"].clone();
        cancel_running(app, &site.manager, &job).await;
        does(app, &site.manager, "jobCancel", json!({ "id": job, "reason": "Not yet." })).await;
        let again = json!({ "id": job, "reason": "Now.", "targets": "UNFINISHED", "idempotencyKey": key(app) });
        does(app, &site.manager, "jobRetry", again).await;
        let working = site.work();
        let done = site.until(&job, "SUCCEEDED").await;
        working.end().await;
        let judged = json!({ "jobId": job, "manifestDigest": done["result"]["manifestDigest"], "verdict": verdict, "comment": comment });
        does(app, &contact, "dataReturnAcknowledge", judged).await;
    }
}

/// As if a worker had the job: it is asked to stop, and goes back to the queue.
async fn cancel_running(app: &TestApp, manager: &Actor, job: &Value) {
    let db = app.app.db().write();
    let held = "UPDATE job SET state = 'RUNNING', lease_until = '2999-01-01T00:00:00Z' WHERE state = 'QUEUED'";
    let back =
        "UPDATE job SET state = 'QUEUED', lease_until = NULL, is_cancel_requested = FALSE WHERE state = 'RUNNING'";
    db.execute_unprepared(held).await.unwrap();
    does(app, manager, "jobCancel", json!({ "id": job, "reason": "Not yet." })).await;
    db.execute_unprepared(back).await.unwrap();
}

/// The table, as it was left.
fn table() -> Left {
    let mut table = Left::new();
    for (mutation, kinds) in LEAVES {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        table.entry((*mutation).to_owned()).or_default().insert(kinds);
    }
    table
}

on_both_stacks! {
    async fn every_mutation_leaves_the_events_that_tell_of_it(app) {
        app.deeds.watch();
        let world = world::build(&app).await;
        papers(&app, &world).await;
        ledger(&app, &world).await;
        exceptions(&app, &world).await;
        runs(&app, &world).await;
        processes(&app, &world).await;
        let mutations = Types::read(&app).await.roots("Mutation");
        let site = Site::of(app).await;
        returns(&site, &site.test).await;
        let left = site.test.deeds.left();
        for mutation in &mutations {
            assert!(left.contains_key(mutation), "the story does not do {mutation}: put it in, and into the table");
        }
        let shown: Vec<_> = left.iter().flat_map(|(mutation, rows)| rows.iter().map(move |row| format!("{mutation} leaves {}", row.join(", ")))).collect();
        assert_eq!(left, table(), "{shown:#?}");
    }
}
