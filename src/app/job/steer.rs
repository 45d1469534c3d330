//! What people order about jobs: starting a planned one, stopping one, and trying one again.

use super::{Ask, Draft, ending::ended, enqueue, events, plan::draft};
use crate::{
    app::{App, Deed, Done, Once, agent, data_return, sanitization},
    auth::{Actor, permission::Permission},
    domain::{
        Refused,
        event::EventKind,
        job::{Enqueued, Job, JobKind, JobState, NewJob, NewTarget, Plan, ProgressUnit, RetryScope, TargetState, Verb},
        text::Prose,
    },
    error::{Error, Result, Violation},
    ids::{ExceptionId, JobId, JobPlanId},
    store,
};

/// Starts what was planned.
#[derive(Clone, Debug)]
pub struct Start {
    /// The plan.
    pub plan_id: JobPlanId,
    /// Its hash, as the caller read it.
    pub plan_hash: String,
    /// Why.
    pub reason: Prose,
}

/// Stops a job.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The job.
    pub id: JobId,
    /// Why.
    pub reason: Prose,
}

/// Tries a job again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The job.
    pub id: JobId,
    /// Which of its targets.
    pub scope: RetryScope,
    /// Why.
    pub reason: Prose,
}

/// Puts a planned job in the queue, if the world is still as the plan says and every gate is open.
///
/// # Errors
/// `Forbidden`; `NotFound` on `planId`; `PlanChanged` when the hash is another plan's, the plan is too old, or
/// what it relies on changed; `Blocked` while gates are closed; `Conflict` when it was started before or another
/// job does the same work.
pub async fn start(app: &App, actor: &Actor, input: Start, once: Once) -> Result<Done<Job>> {
    actor.require(Permission::JobStart)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::job::lock(deed.tx(), &actor.scope, id, "planId").await?));
    }
    let plan = store::job::find_plan(deed.tx(), &actor.scope, input.plan_id).await?;
    let plan = plan.ok_or_else(|| Error::not_found("job plan", "planId"))?;
    // Whatever changes the client's ledger or starts another job for it waits until this deed is over.
    store::client::lock(deed.tx(), &actor.scope, plan.client_id, "planId").await?;
    let draft = current(&deed, &plan, &input.plan_hash).await?;
    if store::job::of_plan(deed.tx(), plan.id).await?.is_some() {
        let refused = Refused::new("This plan was started already.");
        return Err(refused.remedy("Plan it again with `jobPlan`, or retry its job.").into());
    }
    let new = new_job(&deed, &plan, draft.args, input.reason);
    let targets = plan.targets.into_iter().map(|target| NewTarget {
        id: app.new_id(),
        holding_id: target.holding_id,
        name: target.name,
        details: target.details,
    });
    if let Enqueued::Live(other) = enqueue(&mut deed, &new, targets.collect()).await? {
        let refused = Refused::new(format!("Job {other} does the same work and is not over."));
        return Err(refused.remedy("Wait for it, or stop it with `jobCancel`.").into());
    }
    deed.answer(new.id);
    let job = store::job::lock(deed.tx(), &actor.scope, new.id, "planId").await?;
    deed.commit().await?;
    Ok(Done::now(job))
}

/// The plan made anew, if it came out the same and nothing stands in its way.
async fn current(deed: &Deed<'_>, plan: &Plan, hash: &str) -> Result<Draft> {
    if !plan.hash.eq_ignore_ascii_case(hash.trim()) {
        return Err(Error::PlanChanged("This is not the hash of that plan."));
    }
    if plan.expires_at <= deed.now() {
        return Err(Error::PlanChanged("The plan is too old to be started."));
    }
    let (ask, draft) = again(deed, plan).await?;
    if draft.hash(&ask)? != plan.hash {
        return Err(Error::PlanChanged("What the plan relies on has changed since."));
    }
    if !draft.blockers.is_empty() {
        return Err(Error::Blocked(draft.blockers));
    }
    if plan.kind == JobKind::Sanitization {
        sanitization::decided_by_others(deed, plan).await?;
    }
    Ok(draft)
}

async fn again(deed: &Deed<'_>, plan: &Plan) -> Result<(Ask, Draft)> {
    let ask: Ask = store::json("job_plan", "options", plan.id, plan.options.clone())?;
    match draft(deed.tx(), deed.app(), deed.actor(), &ask).await {
        Ok(draft) => Ok((ask, draft)),
        Err(Error::Violation(_) | Error::NotFound(_)) => {
            Err(Error::PlanChanged("What the plan relies on is no longer there."))
        }
        Err(error) => Err(error),
    }
}

fn new_job(deed: &Deed<'_>, plan: &Plan, args: serde_json::Value, reason: Prose) -> NewJob {
    let subject = match plan.kind {
        // One may wait for weeks for a device; others are not to wait for it.
        JobKind::AgentRemoval => plan.id.to_string(),
        _ => plan.engagement_id.map_or_else(|| plan.client_id.to_string(), |id| id.to_string()),
    };
    NewJob {
        client_id: Some(plan.client_id),
        engagement_id: plan.engagement_id,
        step_id: plan.step_id,
        plan_id: Some(plan.id),
        reason: Some(reason.into_string()),
        unique_key: Some(format!("{} {subject}", plan.kind)),
        unit: unit(plan.kind),
        ..NewJob::new(deed.app().new_id(), plan.kind, args, deed.actor().id)
    }
}

fn unit(kind: JobKind) -> ProgressUnit {
    match kind {
        JobKind::DataReturn | JobKind::DiscoveryScan | JobKind::Sanitization => ProgressUnit::Files,
        JobKind::AgentRemoval => ProgressUnit::Devices,
        _ => ProgressUnit::Targets,
    }
}

/// Stops a job: at once when no worker holds it, otherwise as soon as its task comes to a safe point. Asking
/// again changes nothing.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when the job is over, or is a return that has its receipt.
pub async fn cancel(app: &App, actor: &Actor, input: Cancel) -> Result<Job> {
    actor.require(Permission::JobCancel)?;
    let mut deed = app.begin(actor).await?;
    let job = store::job::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    let after = job.state.after(Verb::Cancel)?;
    if job.kind == JobKind::DataReturn && data_return::received(&deed, job.id).await?.is_some() {
        let refused = Refused::new("The data was delivered and the receipt is signed.");
        return Err(refused.remedy("Wait: it ends as soon as a worker takes it up.").into());
    }
    if after == JobState::Cancelled {
        store::job::cancel(deed.tx(), job.id, deed.now()).await?;
        store::job::cancel_targets(deed.tx(), job.id, deed.now()).await?;
        let cancelled = deed.record(ordered(EventKind::JobCancelled, &job, "was cancelled", &input.reason));
        deed.follow(Some(cancelled));
        ended(&mut deed, job.id, job.kind, after).await?;
    } else if !job.is_cancel_requested {
        store::job::request_cancel(deed.tx(), job.id).await?;
        deed.record(ordered(EventKind::JobCancelRequested, &job, "was asked to stop", &input.reason));
    }
    let job = store::job::lock(deed.tx(), &actor.scope, job.id, "id").await?;
    deed.commit().await?;
    if job.is_cancel_requested {
        // Whoever holds it hears of it with its next beat at the latest.
        app.parts().hints.nudge().await;
    }
    Ok(job)
}

/// Puts a job that is over, or waits, in the queue again with all its attempts. Targets that are done stay done.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when the job runs, is queued, succeeded or ended too long ago, or
/// another does the same work; `Blocked` while gates are closed; `Violation` on `targets` when none is left to be tried.
pub async fn retry(app: &App, actor: &Actor, input: Retry, once: Once) -> Result<Done<Job>> {
    actor.require(Permission::JobRetry)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::job::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    // As when it was started: whoever starts or tries again a job for the same client waits, so that no two are at one line.
    let found = store::job::load_many(deed.tx(), &actor.scope, &[input.id]).await?;
    if let Some(client) = found.first().and_then(|job| job.client_id) {
        store::client::lock(deed.tx(), &actor.scope, client, "id").await?;
    }
    let job = store::job::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    job.state.after(Verb::Restart)?;
    in_time(&deed, &job)?;
    still_open(&deed, &job).await?;
    reset_targets(&deed, &job, input.scope).await?;
    store::job::restart(deed.tx(), job.id, job.state).await?;
    deed.record(ordered(EventKind::JobRequeued, &job, "was ordered again", &input.reason));
    deed.hint(job.id);
    deed.answer(job.id);
    let job = store::job::lock(deed.tx(), &actor.scope, job.id, "id").await?;
    deed.commit().await?;
    Ok(Done::now(job))
}

/// Puts a job that is PARTIAL in the queue again with its targets as they are: what it lacks was accepted, the last of it
/// by this `exception`. The caller has locked it.
///
/// # Errors
/// As [`retry`].
pub(in crate::app) async fn accepted(deed: &mut Deed<'_>, job: &Job, exception: ExceptionId) -> Result<()> {
    job.state.after(Verb::Restart)?;
    in_time(deed, job)?;
    still_open(deed, job).await?;
    store::job::restart(deed.tx(), job.id, job.state).await?;
    let summary = format!("What the {} lacks was accepted; it is to be concluded.", job.kind.title());
    let requeued = events::about(EventKind::JobRequeued, job.id, job.client_id, job.kind, summary);
    deed.record(requeued.with("exceptionId", exception.to_string()));
    deed.hint(job.id);
    Ok(())
}

/// What the job left for another run may have been cleared away since.
///
/// # Errors
/// `Conflict` a week after the job's end.
pub(in crate::app) fn in_time(deed: &Deed<'_>, job: &Job) -> Result<()> {
    if !job.is_kept_at(deed.now()) {
        let refused = Refused::new("This job ended more than a week ago.");
        return Err(refused.remedy("Plan it again with `jobPlan`.").into());
    }
    Ok(())
}

/// What stood open when the job was started may have closed since.
async fn still_open(deed: &Deed<'_>, job: &Job) -> Result<()> {
    let Some(plan) = job.plan_id else { return Ok(()) };
    if job.kind == JobKind::AgentRemoval {
        return agent::still_fit(deed, job).await;
    }
    let plan = store::job::find_plan(deed.tx(), &deed.actor().scope, plan).await?;
    let plan = plan.ok_or_else(|| Error::internal("a job whose plan is gone"))?;
    let (_, draft) = again(deed, &plan).await?;
    if draft.blockers.is_empty() { Ok(()) } else { Err(Error::Blocked(draft.blockers)) }
}

async fn reset_targets(deed: &Deed<'_>, job: &Job, scope: RetryScope) -> Result<()> {
    let states: &[TargetState] = match scope {
        RetryScope::Failed => &[TargetState::Failed],
        RetryScope::Unfinished => &[TargetState::Failed, TargetState::Cancelled],
    };
    store::job::retry_targets(deed.tx(), job.id, states, deed.now()).await?;
    let counts = store::job::count_targets(deed.tx(), job.id).await?;
    if counts.total() == 0 || counts.finished() < counts.total() {
        return Ok(());
    }
    let violation = Violation::new("targets", "No target of this job is left to be tried again.");
    Err(violation.remedy("UNFINISHED takes in those that were cancelled.").into())
}

fn ordered(kind: EventKind, job: &Job, happened: &str, reason: &Prose) -> crate::domain::event::NewEvent {
    let summary = format!("The {} {happened}.", job.kind.title());
    events::about(kind, job.id, job.client_id, job.kind, summary).with("reason", reason.as_str())
}
