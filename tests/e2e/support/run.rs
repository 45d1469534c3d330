//! A running engagement with three steps, and people around it, made row by row: what a test of decisions needs
//! before anything is decided.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gangway::{
    auth::{
        Actor, Authenticate, Authenticator, TokenVerifier,
        development::{DevelopmentIssuer, Secret, TokenOrder},
    },
    clock::{Clock, IdSource},
    domain::role::Role,
    ids::{ClientId, EngagementId, StepId},
};
use sea_orm::{ActiveModelTrait, ActiveValue, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{TestApp, make};

/// An engagement that runs.
pub(crate) struct Run {
    /// Its client's id.
    pub(crate) client: String,
    /// Its id.
    pub(crate) id: String,
    /// The id of the step `kickoff`.
    pub(crate) kickoff: String,
    /// The id of the step `access`, which touches security.
    pub(crate) access: String,
    /// The id of the step `handover`, which waits for `kickoff`.
    pub(crate) handover: String,
}

fn content() -> Value {
    let step = |key: &str, more: Value| {
        let mut step = json!({ "key": key, "title": format!("The step {key}"), "description": "What it is about.",
            "role": "TECHNICIAN", "category": "TECHNICAL" });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    json!({
        "document_number": "T-ONB-900", "title": "A short process", "kind": "ONBOARDING", "process": "Onboarding.",
        "objective": "A client under service.", "reason": "Tests need one.", "goals": [], "focus_areas": [],
        "stakeholders": [], "boundaries": { "start": "It starts.", "end": "It ends." }, "activities": [], "inputs": [],
        "outputs": [], "exceptions": {}, "prepared": { "by": "Somebody" },
        "review": { "interval_months": 6, "reviewer": "Somebody", "auto_revise": false, "steps_before_revision": [] },
        "steps": [step("kickoff", json!({})), step("access", json!({ "is_security": true })),
            step("handover", json!({ "depends_on": ["kickoff"] }))],
    })
}

/// The version every run of a test follows.
async fn version(app: &TestApp) -> Uuid {
    let db = app.app.db().write();
    if let Some(row) = entity::process_version::Entity::find().one(db).await.unwrap() {
        return row.id;
    }
    let (process, id, now) = (app.clock.next(), app.clock.next(), app.clock.now());
    let row = entity::process::Model {
        id: process,
        document_number: "T-ONB-900".to_owned(),
        title: "A short process".to_owned(),
        kind: "ONBOARDING".to_owned(),
        created_at: now,
    };
    entity::process::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    let row = entity::process_version::Model {
        id,
        process_id: process,
        number: 1,
        state: "APPROVED".to_owned(),
        content: content(),
        content_hash: "0".repeat(64),
        supersedes_id: None,
        prepared_by: "system".to_owned(),
        prepared_at: now,
        approved_by: Some("system".to_owned()),
        approved_at: Some(now),
        next_review_on: None,
        revision: 1,
        updated_at: now,
    };
    entity::process_version::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    id
}

/// A running engagement of a new client called `slug`.
pub(crate) async fn run(app: &TestApp, slug: &str) -> Run {
    let client = make::client(app, slug).await;
    let client_id = client.parse::<ClientId>().unwrap().uuid();
    let (id, now, db) = (app.clock.next(), app.clock.now(), app.app.db().write());
    let row = entity::engagement::Model {
        id,
        client_id,
        kind: "ONBOARDING".to_owned(),
        state: "RUNNING".to_owned(),
        process_version_id: version(app).await,
        target_on: None,
        state_reason: None,
        started_at: Some(now),
        concluded_at: None,
        revision: 1,
        created_by: "system".to_owned(),
        created_at: now,
        updated_at: now,
    };
    entity::engagement::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    let mut steps = Vec::new();
    for (key, position) in [("kickoff", 1), ("access", 2), ("handover", 3)] {
        let step = app.clock.next();
        let row = entity::step::Model {
            id: step,
            engagement_id: id,
            client_id,
            key: key.to_owned(),
            position,
            title: format!("The step {key}"),
            state: "PENDING".to_owned(),
            role: "TECHNICIAN".to_owned(),
            assignee_id: None,
            due_at: None,
            queue_at: "9999-12-31T00:00:00Z".parse().unwrap(),
            state_reason: None,
            started_at: None,
            finished_at: None,
            finished_by: None,
            revision: 1,
        };
        entity::step::Entity::insert(make::step_row(row)).exec_without_returning(db).await.unwrap();
        steps.push(StepId::from(step).to_string());
    }
    let [kickoff, access, handover] = <[String; 3]>::try_from(steps).unwrap();
    Run { client, id: EngagementId::from(id).to_string(), kickoff, access, handover }
}

/// Puts an engagement into `state`, whatever its gates say.
pub(crate) async fn put(app: &TestApp, run: &Run, state: &str) {
    let row = entity::engagement::ActiveModel {
        id: ActiveValue::Unchanged(run.id.parse::<EngagementId>().unwrap().uuid()),
        state: ActiveValue::Set(state.to_owned()),
        ..<entity::engagement::ActiveModel as Default>::default()
    };
    row.update(app.app.db().write()).await.unwrap();
}

/// One of the provider's people with these roles, who stands in the directory and so can be named.
pub(crate) async fn colleague(app: &TestApp, roles: &[Role]) -> Actor {
    let actor = Actor { roles: roles.iter().copied().collect(), ..app.staff(roles[0]) };
    let now = app.clock.now();
    let row = entity::user::Model {
        id: actor.id.user().unwrap().uuid(),
        subject: format!("test#{}", actor.id),
        name: format!("Colleague {}", roles[0]),
        email: None,
        roles: json!(roles),
        client_id: None,
        is_active: true,
        revision: 1,
        created_at: now,
        updated_at: now,
    };
    entity::user::Entity::insert(row.into_active_model()).exec_without_returning(app.app.db().write()).await.unwrap();
    actor
}

/// Somebody whose token is for one client only.
pub(crate) async fn of_client(app: &TestApp, role: Role, client: &str) -> Actor {
    let clock: Arc<dyn Clock> = Arc::new(app.clock.clone());
    let issuer = DevelopmentIssuer::new(Secret::new("s".repeat(32).into()).unwrap(), Arc::clone(&clock));
    let tokens = TokenVerifier::new(vec![issuer.issuer().unwrap()], Arc::clone(&clock)).unwrap();
    let directory = Arc::new(app.app.clone());
    let order = TokenOrder {
        roles: BTreeSet::from([role]),
        client: Some(client.parse().unwrap()),
        ttl: Duration::from_hours(1),
        subject: None,
        name: None,
    };
    let token = issuer.issue(&order).unwrap();
    Authenticator::new(tokens, directory.clone(), directory, clock).authenticate(&token).await.unwrap()
}

/// The kinds of all events about `subject`, in the order they were written.
pub(crate) async fn events(app: &TestApp, subject: &str) -> Vec<String> {
    let mut rows = entity::event::Entity::find().all(app.app.db().read()).await.unwrap();
    rows.retain(|row| row.subject_id == subject);
    rows.sort_by_key(|row| row.sequence);
    rows.into_iter().map(|row| row.kind).collect()
}

/// How many statements `document` needs, asked by `actor`. Loaders gather keys for a millisecond; on a busy machine a
/// batch may fall apart, so the best of a few tries counts.
pub(crate) async fn statements(app: &TestApp, actor: &Actor, document: &str) -> u64 {
    let mut best = u64::MAX;
    for _ in 0..8 {
        let before = app.app.db().statements();
        app.ask(actor, document, json!({})).await;
        best = best.min(app.app.db().statements() - before);
    }
    best
}
