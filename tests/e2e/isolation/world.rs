//! Two clients with everything a client can have, and callers who are for the first one only.

use std::collections::{BTreeMap, BTreeSet};

use age::x25519::Identity;
use gangway::{
    auth::{Actor, ClientScope},
    clock::{Clock, IdSource},
    domain::{
        job::{Progress, ProgressUnit},
        role::Role,
    },
    ids::{
        ActorId, AgreementId, ApiKeyId, ChallengeId, ChecklistItemId, ClientId, ContactId, DecisionId, EngagementId,
        EventId, EvidenceId, ExceptionId, FactId, HoldingId, JobId, JobPlanId, RecipientKeyId, StakeholderId, StepId,
        UserId,
    },
};
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    TestApp,
    flow::{self, House, done, key, template, text},
    make::{self, sent},
    run,
};

/// A client and one of each of its things, by the name of the noun.
pub(crate) struct Place {
    /// What stands in every text about it.
    pub(crate) slug: &'static str,
    ids: BTreeMap<&'static str, String>,
}

impl Place {
    /// The id of one of its things.
    pub(crate) fn id(&self, noun: &str) -> &str {
        self.ids.get(noun).unwrap_or_else(|| panic!("a place has no {noun}"))
    }
}

/// Two clients, and the people of the house.
pub(crate) struct World {
    /// Who made it.
    pub(crate) house: House,
    /// The callers' own client.
    pub(crate) mine: Place,
    /// Another one.
    pub(crate) theirs: Place,
}

pub(crate) async fn build(app: &TestApp) -> World {
    let house = flow::house(app).await;
    let steps = [
        template("one", json!({ "checklist": [{ "key": "a", "text": "To do." }] })),
        template("two", json!({ "depends_on": ["one"] })),
    ];
    flow::process(app, &house, "T-ONB-700", &steps).await;
    let (mine, theirs) = (place(app, &house, "alpha").await, place(app, &house, "bravo").await);
    gangway::app::log::seal_waiting(&app.app).await.unwrap();
    World { house, mine, theirs }
}

/// Sends a mutation that makes something, and gives back the id of `noun` in its payload.
pub(crate) async fn made(app: &TestApp, actor: &Actor, mutation: &str, noun: &str, mut input: Value) -> String {
    input["idempotencyKey"] = json!(key(app));
    let (first, rest) = mutation.split_at(1);
    let document = format!(
        "mutation($input: {}{rest}Input!) {{ {mutation}(input: $input) {{ {noun} {{ id }} userErrors {{ message path }} }} }}",
        first.to_uppercase()
    );
    text(&done(sent(app, actor, &document, input).await)[noun]["id"])
}

async fn place(app: &TestApp, house: &House, slug: &'static str) -> Place {
    let client = make::client(app, slug).await;
    let mut ids = BTreeMap::from([("client", client.clone())]);
    let contact = json!({ "clientId": client, "name": format!("{slug} contact"), "role": "PRIMARY", "email": format!("c@{slug}.example") });
    ids.insert("contact", made(app, &house.sales, "contactUpsert", "contact", contact).await);
    ids.insert("agreement", flow::agree(app, house, &client, flow::contract()).await);
    let draft = json!({ "clientId": client, "title": format!("{slug} draft"), "details": flow::contract() });
    ids.insert("draft", made(app, &house.sales, "agreementRecord", "agreement", draft).await);
    let facts =
        json!([{ "name": format!("{slug} note"), "source": "INTAKE", "details": { "note": { "text": slug } } }]);
    ids.insert("fact", flow::facts(app, &house.sales, &client, facts).await.remove(0));
    let engagement = flow::started(app, house, &client, "T-ONB-700").await;
    let run = text(&engagement["id"]);
    ids.insert("step", flow::step_of(&engagement, "one"));
    ids.insert("engagement", run.clone());
    let stakeholder = json!({ "engagementId": run, "name": format!("{slug} lead"), "responsibilities": "Decides." });
    ids.insert("stakeholder", made(app, &house.sales, "stakeholderUpsert", "stakeholder", stakeholder).await);
    let challenge = json!({ "engagementId": run, "expected": format!("{slug} is slow.") });
    ids.insert("challenge", made(app, &house.technician, "challengeRecord", "challenge", challenge).await);
    let exception = json!({ "engagementId": run, "stepId": ids["step"], "type": "DEVIATION", "situation": format!("{slug} is late"),
        "justification": "Nobody could come before today.", "expiresAt": "2026-03-30T09:00:00.000Z",
        "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }] });
    ids.insert("exception", made(app, &house.technician, "exceptionRaise", "exception", exception).await);
    let question =
        json!({ "kind": "ACCESS_APPROVAL", "question": format!("May we enter {slug}?"), "engagementId": run });
    ids.insert("decision", made(app, &house.technician, "decisionRequest", "decision", question).await);
    ids.insert("holding", flow::register(app, &house.technician, &client, json!([flow::agent(slug)])).await.remove(0));
    let recipient = json!({ "clientId": client, "recipient": Identity::generate().to_public().to_string() });
    ids.insert("recipientKey", made(app, &house.technician, "recipientKeyRegister", "recipientKey", recipient).await);
    ids.insert("file", make::upload(app, &client, &format!("{slug}.txt"), b"Text of its own.").await);
    for (field, noun) in [("stepId", "step"), ("holdingId", "holding")] {
        let proof =
            json!({ field: ids[noun], "details": { "attestation": { "statement": format!("{slug} is done.") } } });
        ids.insert(
            if noun == "step" { "evidence" } else { "proof" },
            made(app, &house.technician, "evidenceAdd", "evidence", proof).await,
        );
    }
    let admin = app.staff(Role::Admin);
    let person = json!({ "subject": format!("issuer#{slug}"), "name": format!("{slug} person"), "roles": ["CLIENT_CONTACT"], "clientId": client, "idempotencyKey": flow::key(app) });
    let upsert =
        "mutation($input: UserUpsertInput!) { userUpsert(input: $input) { user { id } userErrors { message path } } }";
    ids.insert("user", text(&done(sent(app, &admin, upsert, person).await)["user"]["id"]));
    let api_key = json!({ "name": format!("{slug} sync"), "roles": ["INTEGRATION"], "clientIds": [client] });
    ids.insert("apiKey", made(app, &admin, "apiKeyCreate", "apiKey", api_key).await);
    ids.insert("item", checklist(app, &ids["step"]).await);
    ids.insert("event", event(app, &client).await);
    let (plan, job) = job(app, &client, &run, slug).await;
    ids.insert("plan", plan);
    ids.insert("job", job);
    Place { slug, ids }
}

/// A plan and a job, written straight into the tables: what leads to them is tested with jobs.
async fn job(app: &TestApp, client: &str, run: &str, slug: &str) -> (String, String) {
    let (client, run) = (client.parse::<ClientId>().unwrap().uuid(), run.parse::<EngagementId>().unwrap().uuid());
    let (db, now, plan, job) = (app.app.db().write(), app.clock.now(), app.clock.next(), app.clock.next());
    let row = entity::job_plan::Model {
        id: plan,
        client_id: client,
        engagement_id: Some(run),
        step_id: None,
        kind: "DATA_RETURN".to_owned(),
        options: json!({}),
        targets: json!([]),
        warnings: json!([]),
        plan_hash: "0".repeat(64),
        created_by: "system".to_owned(),
        created_at: now,
        expires_at: now + chrono::TimeDelta::days(1),
    };
    entity::job_plan::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    let row = entity::job::Model {
        id: job,
        client_id: Some(client),
        engagement_id: Some(run),
        step_id: None,
        plan_id: None,
        parent_id: None,
        kind: "DATA_RETURN".to_owned(),
        state: "QUEUED".to_owned(),
        args: json!({}),
        reason: Some(format!("{slug} wants it.")),
        priority: 0,
        attempt: 0,
        max_attempts: 10,
        crash_count: 0,
        run_at: now,
        hinted_at: None,
        worker: None,
        fence: 0,
        lease_until: None,
        is_cancel_requested: false,
        progress: serde_json::to_value(Progress::none(ProgressUnit::Files)).unwrap(),
        progressed_at: None,
        checkpoint: None,
        result: None,
        error: None,
        unique_key: None,
        started_by: "system".to_owned(),
        created_at: now,
        started_at: None,
        finished_at: None,
    };
    entity::job::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    (JobPlanId::from(plan).to_string(), JobId::from(job).to_string())
}

async fn checklist(app: &TestApp, step: &str) -> String {
    let step = step.parse::<StepId>().unwrap().uuid();
    let rows = entity::checklist_item::Entity::find().all(app.app.db().read()).await.unwrap();
    ChecklistItemId::from(rows.iter().find(|row| row.step_id == step).unwrap().id).to_string()
}

async fn event(app: &TestApp, client: &str) -> String {
    let client = client.parse::<ClientId>().unwrap().uuid();
    let rows = entity::event::Entity::find().all(app.app.db().read()).await.unwrap();
    EventId::from(rows.iter().find(|row| row.client_id == Some(client)).unwrap().id).to_string()
}

macro_rules! ids_of {
    ($db:expr, $client:expr, $($table:ident => $id:ident,)+) => {{
        let mut ids = BTreeSet::new();
        $(
            let rows = entity::$table::Entity::find().all($db).await.unwrap();
            let theirs: Vec<_> = rows.into_iter().filter(|row| Option::<Uuid>::from(row.client_id) == Some($client)).collect();
            assert!(!theirs.is_empty(), "the other client has no {}", stringify!($table));
            ids.extend(theirs.into_iter().map(|row| $id::from(row.id).to_string()));
        )+
        ids
    }};
}

/// Everything that must not show: the other client's ids, all of them, and its name.
pub(crate) async fn marks(app: &TestApp, theirs: &Place) -> BTreeSet<String> {
    let client = theirs.id("client").parse::<ClientId>().unwrap().uuid();
    let mut marks = ids_of!(app.app.db().read(), client,
        contact => ContactId, agreement => AgreementId, fact => FactId, engagement => EngagementId,
        step => StepId, checklist_item => ChecklistItemId,
        exception => ExceptionId, decision => DecisionId, holding => HoldingId, recipient_key => RecipientKeyId,
        evidence => EvidenceId, job => JobId, job_plan => JobPlanId, user => UserId, event => EventId,
    );
    for (noun, prefix) in
        [("stakeholder", StakeholderId::PREFIX), ("challenge", ChallengeId::PREFIX), ("apiKey", ApiKeyId::PREFIX)]
    {
        assert!(theirs.id(noun).starts_with(prefix));
        marks.insert(theirs.id(noun).to_owned());
    }
    marks.extend([theirs.id("client").to_owned(), theirs.slug.to_owned()]);
    marks
}

/// Callers who are for the first client only: its contact, a key, and somebody who holds every role there is.
pub(crate) async fn callers(app: &TestApp, world: &World) -> Vec<(&'static str, Actor)> {
    let contact = run::of_client(app, Role::ClientContact, world.mine.id("client")).await;
    let scope: ClientScope = contact.scope.clone();
    let everything = Role::ALL.iter().copied().collect();
    let key = ActorId::ApiKey(world.mine.id("apiKey").parse().unwrap());
    let key = Actor { id: key, roles: BTreeSet::from([Role::Integration]), ..contact.clone() };
    let all = Actor { id: ActorId::User(app.clock.next().into()), roles: everything, scope, ..contact.clone() };
    vec![("contact", contact), ("key", key), ("everything", all)]
}
