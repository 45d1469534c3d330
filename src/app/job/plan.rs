//! Planning a job: what it would do, judged and written down before anybody starts it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    app::{App, agent, closeout, data_return, sanitization, scan},
    auth::{Actor, permission::Permission},
    domain::{
        event::{EventKind, NewEvent},
        gate::Blocker,
        job::{JobKind, PLAN_LIFETIME, Plan, PlannedTarget, TargetFilter},
    },
    error::{Error, Result},
    ids::{ClientId, EngagementId, HoldingId, JobPlanId, StepId},
    store::{self, Reader},
};

/// What a caller wants to be planned. Kept with the plan, which is made anew from it when it is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// In the course of what.
    pub engagement_id: EngagementId,
    /// On which lines of the ledger; empty for all that the kind can act on.
    pub holding_ids: Vec<HoldingId>,
    /// Which of those that the kind can act on, when none are named. A plan keeps the ids that were found by it.
    #[serde(skip)]
    pub filter: Option<TargetFilter>,
    /// What the kind lets its caller choose.
    pub options: Options,
}

/// What a caller chooses, kind by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Options {
    /// For a return of data.
    DataReturn(data_return::Options),
    /// For a scan.
    DiscoveryScan(scan::Options),
    /// For a destruction of data.
    Sanitization(sanitization::Options),
    /// For the verification of such.
    SanitizationVerification(sanitization::VerificationOptions),
    /// For a close-out pack.
    CloseoutPack(closeout::Options),
    /// For a removal of agents.
    AgentRemoval(agent::Options),
}

impl Options {
    /// The kind of job they are for.
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::DataReturn(_) => JobKind::DataReturn,
            Self::DiscoveryScan(_) => JobKind::DiscoveryScan,
            Self::Sanitization(_) => JobKind::Sanitization,
            Self::SanitizationVerification(_) => JobKind::SanitizationVerification,
            Self::CloseoutPack(_) => JobKind::CloseoutPack,
            Self::AgentRemoval(_) => JobKind::AgentRemoval,
        }
    }
}

/// What a job would do, and what stands in its way. Its kind's planner makes it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// For whom.
    pub client_id: ClientId,
    /// The step it does.
    pub step_id: Option<StepId>,
    /// What the task will read.
    pub args: Value,
    /// What it acts on.
    pub targets: Vec<PlannedTarget>,
    /// What the caller should know.
    pub warnings: Vec<String>,
    /// Gates that are closed.
    pub blockers: Vec<Blocker>,
    /// Changes when anything else does that the plan relies on.
    pub fingerprint: String,
}

impl Draft {
    /// SHA-256, in hex, of all that the plan relies on. Closed gates are no part of it: they may open
    /// before it is started, and are judged again then.
    ///
    /// # Errors
    /// `Internal` when it does not serialise, which is a bug.
    pub fn hash(&self, ask: &Ask) -> Result<String> {
        let relied_on = json!({
            "kind": ask.options.kind().as_str(),
            "ask": ask,
            "step": self.step_id,
            "args": self.args,
            "targets": self.targets,
            "fingerprint": self.fingerprint,
        });
        let text = serde_json_canonicalizer::to_vec(&relied_on).map_err(Error::internal)?;
        Ok(hex::encode(Sha256::digest(text)))
    }
}

/// A plan, and what stood in its way when it was made.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Gates that were closed.
    pub blockers: Vec<Blocker>,
}

/// Judges what a job would do and writes the plan down. Nothing outside is touched.
///
/// # Errors
/// `Forbidden`; `NotFound` on `engagementId` or `holdingIds`; `Violation` on what the kind's planner refuses, on `filter`;
/// `Conflict` when the engagement does not allow it.
pub async fn plan(app: &App, actor: &Actor, ask: &Ask) -> Result<Planned> {
    actor.require(Permission::JobPlan)?;
    let mut deed = app.begin(actor).await?;
    let draft = draft(deed.tx(), app, actor, ask).await?;
    let ask = &found(ask, &draft);
    let plan = Plan {
        id: app.new_id(),
        kind: ask.options.kind(),
        client_id: draft.client_id,
        engagement_id: Some(ask.engagement_id),
        step_id: draft.step_id,
        options: serde_json::to_value(ask).map_err(Error::internal)?,
        hash: draft.hash(ask)?,
        targets: draft.targets,
        warnings: draft.warnings,
        created_by: actor.id,
        created_at: deed.now(),
        expires_at: deed.now() + PLAN_LIFETIME,
    };
    store::job::insert_plan(deed.tx(), &plan).await?;
    deed.record(planned(&plan));
    deed.commit().await?;
    Ok(Planned { plan, blockers: draft.blockers })
}

/// What was asked for, with the lines that a filter found in its place: what comes into being later is not in the plan.
fn found(ask: &Ask, draft: &Draft) -> Ask {
    let mut ask = ask.clone();
    if ask.filter.take().is_some() {
        ask.holding_ids = draft.targets.iter().filter_map(|target| target.holding_id).collect();
    }
    ask
}

fn planned(plan: &Plan) -> NewEvent {
    let summary = format!("The {} was planned.", plan.kind.title());
    NewEvent::new(EventKind::JobPlanned, plan.id, summary)
        .client(plan.client_id)
        .with("jobKind", plan.kind.as_str())
        .with("planHash", plan.hash.as_str())
        .with("targets", plan.targets.len())
}

/// What the job that `ask` wants would do as things stand in `db`.
///
/// # Errors
/// Those of the kind's planner.
pub(super) async fn draft(db: &impl Reader, app: &App, actor: &Actor, ask: &Ask) -> Result<Draft> {
    let mut draft = match &ask.options {
        Options::DataReturn(options) => data_return::draft(db, app, actor, ask, options).await?,
        Options::DiscoveryScan(_) => scan::draft(db, app, actor, ask).await?,
        Options::Sanitization(options) => sanitization::draft(db, app, actor, ask, options).await?,
        Options::SanitizationVerification(options) => {
            sanitization::draft_verification(db, app, actor, ask, options).await?
        }
        Options::CloseoutPack(_) => closeout::draft(db, actor, ask).await?,
        Options::AgentRemoval(options) => agent::draft(db, app, actor, ask, options).await?,
    };
    if ask.options.kind() == JobKind::Sanitization {
        // What is decided on is the very hash, so it is known only now.
        let hash = draft.hash(&found(ask, &draft))?;
        let undecided = sanitization::undecided(db, &actor.scope, app.now(), draft.client_id, &hash).await?;
        draft.blockers.extend(undecided);
    }
    Ok(draft)
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_plans(app: &App, actor: &Actor, ids: &[JobPlanId]) -> Result<Vec<Plan>> {
    actor.require(Permission::Plan)?;
    store::job::load_plans(app.db().read(), &actor.scope, ids).await
}

/// What a plan's gates depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanGates {
    /// For whom.
    pub client_id: ClientId,
    /// In the course of what.
    pub engagement_id: Option<EngagementId>,
    /// Its hash.
    pub hash: String,
}

/// What stands in the way now of these plans for jobs of one kind, for each that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn blockers(
    app: &App,
    actor: &Actor,
    kind: JobKind,
    plans: &[PlanGates],
) -> Result<HashMap<PlanGates, Vec<Blocker>>> {
    actor.require(Permission::Plan)?;
    let (db, scope) = (app.db().read(), &actor.scope);
    let clients: Vec<_> = plans.iter().map(|plan| plan.client_id).collect();
    let closed = match kind {
        JobKind::Sanitization => return sanitization::blockers_of_plans(db, scope, app, plans).await,
        JobKind::DataReturn => data_return::blockers(db, scope, app, &clients).await?,
        JobKind::SanitizationVerification => sanitization::verification_blockers(db, scope, app, &clients).await?,
        JobKind::AgentRemoval => agent::blockers(db, scope, app, &clients).await?,
        JobKind::DiscoveryScan | JobKind::CloseoutPack => clients.iter().map(|client| (*client, Vec::new())).collect(),
        _ => return Err(Error::internal(format!("{kind} has a plan and no planner"))),
    };
    let of_plan = |plan: &PlanGates| Some((plan.clone(), closed.get(&plan.client_id)?.clone()));
    Ok(plans.iter().filter_map(of_plan).collect())
}
