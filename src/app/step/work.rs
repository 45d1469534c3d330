//! Working on steps: assigning, beginning, finishing, skipping, opening again.

use super::{LEADS, Locked, lock, save};
use crate::{
    app::{App, Deed, gate},
    auth::{Actor, permission::Permission},
    domain::{
        client::Client,
        engagement::EngagementKind,
        event::{EventKind, NewEvent},
        gate as gates,
        process::StepTemplate,
        step::{Step, StepVerb},
        text::Prose,
    },
    error::{Error, Result, Violation},
    ids::{StepId, UserId},
    store,
};

/// The key of the step with which service begins, in every onboarding process.
const ACTIVATION: &str = "activation";

/// Which step, as the caller read it, and why.
#[derive(Clone, Debug)]
pub struct Work {
    /// The step.
    pub id: StepId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// Why; needed to skip and to open again.
    pub reason: Option<Prose>,
}

/// Who works on a step.
#[derive(Clone, Copy, Debug)]
pub struct Assign {
    /// The step.
    pub id: StepId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// The person; none takes the step back into the queue of its role.
    pub assignee_id: Option<UserId>,
}

/// Gives a step to a person, or back to everybody of its role.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id` or `assigneeId`; `Conflict` when it is stale or over.
pub async fn assign(app: &App, actor: &Actor, input: Assign) -> Result<Step> {
    actor.require(Permission::StepAssign)?;
    let mut deed = app.begin(actor).await?;
    let Locked { mut step, .. } = lock(&deed, input.id, Some(input.expected_revision)).await?;
    if step.state.is_terminal() {
        return Err(Error::state(format!("The step is {}; only open steps are assigned.", step.state)));
    }
    let summary = match input.assignee_id {
        None => format!("{} went back to the queue of {}.", step.title, step.role),
        Some(assignee) => {
            let name = store::step::assignee_name(deed.tx(), assignee).await?;
            let name = name.ok_or_else(|| Error::not_found("active user", "assigneeId"))?;
            format!("{} was given to {name}.", step.title)
        }
    };
    step.assignee_id = input.assignee_id;
    save(&mut deed, &mut step, EventKind::StepAssigned, summary).await?;
    deed.commit().await?;
    Ok(step)
}

/// Begins a step. Whoever begins an unassigned one takes it.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or not pending; `Blocked` by its gates.
pub async fn start(app: &App, actor: &Actor, input: Work) -> Result<Step> {
    actor.require(Permission::StepStart)?;
    let mut deed = app.begin(actor).await?;
    let Locked { engagement, mut step } = lock(&deed, input.id, Some(input.expected_revision)).await?;
    step.state = step.state.after(StepVerb::Start)?;
    let picture = gate::picture(&deed, &engagement).await?;
    gate::require(picture.blockers(gates::Deed::StartStep(&step.key)))?;
    step.started_at = Some(deed.now());
    step.state_reason = None;
    step.assignee_id = step.assignee_id.or(actor.id.user());
    let summary = format!("{} began.", step.title);
    save(&mut deed, &mut step, EventKind::StepStarted, summary).await?;
    deed.commit().await?;
    Ok(step)
}

/// Finishes a step. Finishing the activation begins the client's service.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or not in progress; `Blocked` by its gates.
pub async fn complete(app: &App, actor: &Actor, input: Work) -> Result<Step> {
    actor.require(Permission::StepComplete)?;
    let mut deed = app.begin(actor).await?;
    let Locked { engagement, mut step } = lock(&deed, input.id, Some(input.expected_revision)).await?;
    step.state = step.state.after(StepVerb::Complete)?;
    let picture = gate::picture(&deed, &engagement).await?;
    gate::require(picture.blockers(gates::Deed::CompleteStep(&step.key)))?;
    end(&deed, &mut step, input.reason);
    let summary = format!("{} is done.", step.title);
    save(&mut deed, &mut step, EventKind::StepCompleted, summary).await?;
    if engagement.kind == EngagementKind::Onboarding && step.key == ACTIVATION {
        activate(&mut deed, &step).await?;
    }
    deed.commit().await?;
    Ok(step)
}

/// Says that there is nothing to do in a step for this client.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Violation` on `reason`; `Conflict` when it is stale or over, or must
/// be done for every client; `Blocked` while the ledger has lines it is about.
pub async fn mark_not_applicable(app: &App, actor: &Actor, input: Work) -> Result<Step> {
    actor.require(Permission::StepMarkNotApplicable)?;
    let mut deed = app.begin(actor).await?;
    let Locked { engagement, mut step } = lock(&deed, input.id, Some(input.expected_revision)).await?;
    step.state = step.state.after(StepVerb::MarkNotApplicable)?;
    let picture = gate::picture(&deed, &engagement).await?;
    if !picture.content.step(&step.key).is_some_and(|template: &StepTemplate| template.may_be_not_applicable) {
        return Err(Error::state("This step applies to every client; only an approved exception stands in for it."));
    }
    gate::require(picture.blockers(gates::Deed::MarkNotApplicable(&step.key)))?;
    end(&deed, &mut step, Some(needed(input.reason)?));
    let summary = format!("{} does not apply.", step.title);
    save(&mut deed, &mut step, EventKind::StepMarkedNotApplicable, summary).await?;
    deed.commit().await?;
    Ok(step)
}

/// Opens a finished step again; its gates are asked anew. Only those who answer for the engagement may.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Violation` on `reason`; `Conflict` when it is stale or open.
pub async fn reopen(app: &App, actor: &Actor, input: Work) -> Result<Step> {
    actor.require(Permission::StepReopen)?;
    let mut deed = app.begin(actor).await?;
    let Locked { mut step, .. } = lock(&deed, input.id, Some(input.expected_revision)).await?;
    if !LEADS.into_iter().any(|lead| actor.has(lead)) {
        return Err(Error::Forbidden("Only those who answer for the engagement open a step again."));
    }
    step.state = step.state.after(StepVerb::Reopen)?;
    step.state_reason = Some(needed(input.reason)?.into_string());
    (step.started_at, step.finished_at, step.finished_by) = (None, None, None);
    let summary = format!("{} was opened again.", step.title);
    save(&mut deed, &mut step, EventKind::StepReopened, summary).await?;
    deed.commit().await?;
    Ok(step)
}

/// Lets an approved exception stand in for a step, in the deed that approves it.
///
/// # Errors
/// `NotFound` when the step is gone; `Conflict` when it is over.
pub(in crate::app) async fn except(deed: &mut Deed<'_>, id: StepId, why: &str) -> Result<()> {
    let mut step = store::step::lock(deed.tx(), &deed.actor().scope, id, "stepId").await?;
    step.state = step.state.after(StepVerb::Except)?;
    step.state_reason = Some(why.to_owned());
    step.finished_at = Some(deed.now());
    step.finished_by = Some(deed.actor().id);
    let summary = format!("An approved exception stands in for {}.", step.title);
    save(deed, &mut step, EventKind::StepExcepted, summary).await
}

fn end(deed: &Deed<'_>, step: &mut Step, reason: Option<Prose>) {
    step.state_reason = reason.map(Prose::into_string);
    step.finished_at = Some(deed.now());
    step.finished_by = Some(deed.actor().id);
}

fn needed(reason: Option<Prose>) -> Result<Prose> {
    let missing = || Violation::new("reason", "This needs a reason.").remedy("Say in a sentence why.");
    reason.ok_or_else(|| missing().into())
}

async fn activate(deed: &mut Deed<'_>, step: &Step) -> Result<()> {
    let mut client: Client = store::client::lock(deed.tx(), &deed.actor().scope, step.client_id, "id").await?;
    if client.service_started_at.is_none() {
        client.service_started_at = Some(deed.now());
        crate::app::client::save(deed, &mut client).await?;
        crate::app::engagement::restage(deed, &mut client).await?;
        let summary = format!("Service for {} began.", client.name);
        deed.record(NewEvent::new(EventKind::ClientUpdated, client.id, summary).client(client.id));
    }
    Ok(())
}
