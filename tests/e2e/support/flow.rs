//! Runs as people make them, through the API: the processes that ship with the program, short ones of a test's own,
//! and everything a client needs before one of them begins.

use gangway::{app::process::builtin, auth::Actor, clock::IdSource, domain::role::Role, ids::StepId};
use sea_orm::{ActiveModelTrait, ActiveValue, EntityTrait};
use serde_json::{Map, Value, json};

use super::{
    TestApp,
    make::{self, sent},
    run,
};

/// The number of the onboarding process that ships with the program.
pub(crate) const ONBOARDING: &str = "T-ONB-010";
/// The number of the offboarding process that ships with the program.
pub(crate) const OFFBOARDING: &str = "T-OFF-010";

pub(crate) const START: &str = "mutation($input: EngagementStartInput!) { engagementStart(input: $input) {
    engagement { id kind state revision startedAt targetOn client { id stage }
        steps { id key position state role revision dueAt checklist { key state } } }
    userErrors { code path message remedy ... on BlockedError { blockers { code isHard message remedy } } } replayed } }";

/// The provider's people, one for each role that runs need. All of them stand in the directory.
pub(crate) struct House {
    pub(crate) sales: Actor,
    pub(crate) manager: Actor,
    pub(crate) account: Actor,
    pub(crate) technician: Actor,
    pub(crate) delivery: Actor,
    pub(crate) director: Actor,
}

/// Brings the provider's people in, and the processes that ship with the program.
pub(crate) async fn house(app: &TestApp) -> House {
    builtin::install(&app.app).await.unwrap();
    run::colleague(app, &[Role::Compliance]).await;
    House {
        sales: run::colleague(app, &[Role::Sales]).await,
        manager: run::colleague(app, &[Role::OnboardingManager]).await,
        account: run::colleague(app, &[Role::AccountManager]).await,
        technician: run::colleague(app, &[Role::Technician]).await,
        delivery: run::colleague(app, &[Role::ServiceDeliveryManager]).await,
        director: run::colleague(app, &[Role::Director]).await,
    }
}

/// An idempotency key that nobody used before.
pub(crate) fn key(app: &TestApp) -> String {
    format!("key-{}", app.clock.next())
}

/// The payload of a mutation that was done.
#[track_caller]
pub(crate) fn done(payload: Value) -> Value {
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    payload
}

/// The text that stands there.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Records and signs an agreement.
pub(crate) async fn agree(app: &TestApp, house: &House, client: &str, details: Value) -> String {
    let record = "mutation($input: AgreementRecordInput!) { agreementRecord(input: $input) { agreement { id } userErrors { message } } }";
    let input = json!({ "clientId": client, "title": "Paper", "details": details, "idempotencyKey": key(app) });
    let id = done(sent(app, &house.sales, record, input).await)["agreement"]["id"].take();
    let sign = "mutation($input: AgreementSignInput!) { agreementSign(input: $input) { agreement { id } userErrors { message } } }";
    let input =
        json!({ "id": id, "expectedRevision": 1, "name": "Dana Reyes", "signedOn": "2026-02-27", "method": "INK" });
    text(&done(sent(app, &house.account, sign, input).await)["agreement"]["id"])
}

/// A service agreement with a clause `7.2` and terms of return.
pub(crate) fn contract() -> Value {
    json!({ "serviceAgreement": { "clauses": [{ "reference": "7.2", "text": "Tools with a licence of the client's own stay." }],
        "noticeDays": 0, "dataReturn": { "formats": ["BAGIT_TAR"], "destination": "The client's own disk." } } })
}

/// Records facts, each named by its kind, and gives back their ids.
pub(crate) async fn facts(app: &TestApp, actor: &Actor, client: &str, rows: Value) -> Vec<String> {
    let document = "mutation($input: FactsRecordInput!) { factsRecord(input: $input) { results { fact { id } userErrors { message } } userErrors { message } } }";
    let input = json!({ "clientId": client, "facts": rows, "idempotencyKey": key(app) });
    let recorded = done(sent(app, actor, document, input).await);
    recorded["results"].as_array().unwrap().iter().map(|row| text(&row["fact"]["id"])).collect()
}

/// The client's own form, as a fact.
pub(crate) fn intake() -> Value {
    json!([{ "name": "Information form", "source": "INTAKE", "details": { "note": { "text": "What the client wrote." } } }])
}

/// A client with a contract and its form on record: an onboarding may begin.
pub(crate) async fn prospect(app: &TestApp, house: &House, slug: &str) -> String {
    let client = make::client(app, slug).await;
    agree(app, house, &client, contract()).await;
    facts(app, &house.sales, &client, intake()).await;
    client
}

/// Records the client's notice: an offboarding may begin.
pub(crate) async fn notice(app: &TestApp, house: &House, client: &str, final_service_on: &str) {
    let document = "mutation($input: TerminationRecordInput!) { terminationRecord(input: $input) { client { id } userErrors { message } } }";
    let input = json!({ "clientId": client, "receivedOn": "2026-03-01", "channel": "LETTER", "givenBy": "Dana Reyes",
        "finalServiceOn": final_service_on, "idempotencyKey": key(app) });
    done(sent(app, &house.account, document, input).await);
}

/// What an engagement begins with.
pub(crate) fn begin(app: &TestApp, client: &str, number: &str) -> Value {
    let kind = if number.contains("-OFF-") { "OFFBOARDING" } else { "ONBOARDING" };
    json!({ "clientId": client, "kind": kind, "documentNumber": number, "idempotencyKey": key(app) })
}

/// Begins an engagement, and gives it back as it stands.
pub(crate) async fn started(app: &TestApp, house: &House, client: &str, number: &str) -> Value {
    done(sent(app, &house.account, START, begin(app, client, number)).await)["engagement"].take()
}

/// The step of an engagement that [`started`] gave back.
pub(crate) fn step_of(engagement: &Value, key: &str) -> String {
    let steps = engagement["steps"].as_array().unwrap();
    text(&steps.iter().find(|step| step["key"] == key).unwrap_or_else(|| panic!("no step {key}"))["id"])
}

/// A step of a process: what every step has, and `more`.
pub(crate) fn template(key: &str, more: Value) -> Value {
    let mut step = json!({ "key": key, "title": format!("The step {key}"), "description": "What it is about.",
        "role": "TECHNICIAN", "category": "TECHNICAL", "may_be_not_applicable": true });
    merge(&mut step, more);
    step
}

/// Puts the fields of `more` into `into`.
pub(crate) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("fields come as an object") };
    into.as_object_mut().unwrap().extend(more);
}

/// A process document that can be submitted.
pub(crate) fn document(number: &str, steps: &[Value]) -> Value {
    let kind = if number.contains("-OFF-") { "OFFBOARDING" } else { "ONBOARDING" };
    let keys: Vec<&Value> = steps.iter().map(|step| &step["key"]).collect();
    let raci: Map<String, Value> = keys.iter().map(|key| (text(key), json!("ACCOUNTABLE"))).collect();
    json!({
        "document_number": number, "title": "A short process", "kind": kind, "process": "Short.",
        "objective": "Something to run.", "reason": "Tests need one.", "goals": ["It ends."],
        "focus_areas": [{ "rank": 1, "text": "Being short." }],
        "stakeholders": [{ "name": "Engineering", "role": "TECHNICIAN", "responsibilities": ["Does it."], "raci": raci }],
        "boundaries": { "start": "It starts.", "end": "It ends." }, "activities": [{ "text": "All of it", "steps": keys }],
        "inputs": [{ "text": "An authority", "gate": { "gate": "DESIGNATED_AUTHORITY_SET" } }],
        "outputs": [{ "text": "Done work", "gate": { "gate": "STEPS_DONE", "keys": keys } }],
        "conclusion_gates": [{ "gate": "OPEN_EXCEPTIONS_CLOSED" }, { "gate": "OPEN_DECISIONS_DECIDED" }],
        "exceptions": {}, "prepared": { "by": "Somebody" },
        "review": { "interval_months": 6, "reviewer": "Somebody", "auto_revise": false, "steps_before_revision": [] },
        "steps": steps,
    })
}

/// Drafts a process of these steps, submits it, and lets the director approve it.
pub(crate) async fn process(app: &TestApp, house: &House, number: &str, steps: &[Value]) -> String {
    let draft = "mutation($input: ProcessDraftInput!) { processDraft(input: $input) { processVersion { id } userErrors { message path } } }";
    let input = json!({ "content": document(number, steps), "idempotencyKey": key(app) });
    let id = done(sent(app, &house.manager, draft, input).await)["processVersion"]["id"].take();
    let submit = "mutation($input: ProcessSubmitInput!) { processSubmit(input: $input) { decision { id } userErrors { message path } } }";
    let submitted = done(sent(app, &house.manager, submit, json!({ "id": id, "expectedRevision": 1 })).await);
    grant(app, &house.director, &text(&submitted["decision"]["id"])).await;
    text(&id)
}

/// Votes for it, and is the last one who was asked.
pub(crate) async fn grant(app: &TestApp, voter: &Actor, decision: &str) {
    let document = "mutation($input: DecisionVoteInput!) { decisionVote(input: $input) { decision { state } userErrors { message } } }";
    let input = json!({ "id": decision, "verdict": "GRANT", "idempotencyKey": key(app) });
    assert_eq!(done(sent(app, voter, document, input).await)["decision"]["state"], "GRANTED");
}

/// Asks a question about `subject` in a run, if in any, and gives back the decision's id.
pub(crate) async fn ask(
    app: &TestApp,
    actor: &Actor,
    kind: &str,
    engagement: Option<&str>,
    subject: Option<&str>,
) -> String {
    let document = "mutation($input: DecisionRequestInput!) { decisionRequest(input: $input) { decision { id } userErrors { message path } } }";
    let input = json!({ "kind": kind, "question": "May this be?", "engagementId": engagement, "subjectId": subject,
        "idempotencyKey": key(app) });
    text(&done(sent(app, actor, document, input).await)["decision"]["id"])
}

/// Moves a step on: `verb` is the end of the mutation's name. The revision is read first.
pub(crate) async fn work(app: &TestApp, actor: &Actor, verb: &str, step: &str, reason: Value) -> Value {
    let document = format!(
        "mutation($input: Step{verb}Input!) {{ step{verb}(input: $input) {{ step {{ id state revision stateReason assignee {{ id }} }}
            userErrors {{ code path message remedy ... on ConflictError {{ currentRevision }}
                ... on BlockedError {{ blockers {{ code isHard message remedy }} }} }} }} }}"
    );
    let mut input = json!({ "id": step, "expectedRevision": revision(app, step).await });
    if verb == "Assign" {
        input["assigneeId"] = reason;
    } else {
        input["reason"] = reason;
    }
    sent(app, actor, &document, input).await
}

/// Begins and finishes a step.
pub(crate) async fn finish(app: &TestApp, actor: &Actor, step: &str) {
    done(work(app, actor, "Start", step, Value::Null).await);
    done(work(app, actor, "Complete", step, Value::Null).await);
}

async fn revision(app: &TestApp, step: &str) -> i32 {
    row(app, step).await.revision
}

/// A step as it lies in the table.
pub(crate) async fn row(app: &TestApp, step: &str) -> entity::step::Model {
    let id = step.parse::<StepId>().unwrap().uuid();
    entity::step::Entity::find_by_id(id).one(app.app.db().read()).await.unwrap().unwrap()
}

/// Puts a step into a state and a person's hands, whatever its gates say.
pub(crate) async fn put(app: &TestApp, step: &str, state: &str, assignee: Option<&Actor>) {
    let changed = entity::step::ActiveModel {
        id: ActiveValue::Unchanged(step.parse::<StepId>().unwrap().uuid()),
        state: ActiveValue::Set(state.to_owned()),
        assignee_id: ActiveValue::Set(assignee.and_then(|actor| actor.id.user()).map(Into::into)),
        ..<entity::step::ActiveModel as Default>::default()
    };
    changed.update(app.app.db().write()).await.unwrap();
}

/// The codes of blockers, in their order.
pub(crate) fn codes(blockers: &Value) -> Vec<String> {
    blockers.as_array().unwrap_or_else(|| panic!("no list: {blockers}")).iter().map(|one| text(&one["code"])).collect()
}

/// The codes of the gates that a refused mutation names.
#[track_caller]
pub(crate) fn blocked(payload: &Value) -> Vec<String> {
    assert_eq!(payload["userErrors"][0]["code"], "BLOCKED", "{payload}");
    codes(&payload["userErrors"][0]["blockers"])
}

/// Enters lines in the ledger and gives back their ids.
pub(crate) async fn register(app: &TestApp, actor: &Actor, client: &str, holdings: Value) -> Vec<String> {
    let document = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) { results { holding { id } userErrors { message path } } userErrors { message } } }";
    let input = json!({ "clientId": client, "holdings": holdings, "idempotencyKey": key(app) });
    let registered = done(sent(app, actor, document, input).await);
    let id = |row: &Value| {
        assert_eq!(row["userErrors"], json!([]), "{row}");
        text(&row["holding"]["id"])
    };
    registered["results"].as_array().unwrap().iter().map(id).collect()
}

/// An agent on a device.
pub(crate) fn agent(name: &str) -> Value {
    json!({ "name": name, "details": { "agent": { "tool": "RMM", "hostname": name } } })
}
