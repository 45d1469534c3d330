//! The targets of a running job, as its task sees and changes them.

use serde_json::Value;

use super::{events, worker};
use crate::{
    app::{App, Deed},
    auth::{Actor, permission::Permission},
    domain::job::{JobError, JobKind, Lease, NewTarget, Target, TargetCounts, TargetState, TargetVerb},
    error::Result,
    ids::{ClientId, JobId, JobTargetId},
    store,
};

/// What one step of work did to a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was observed, for its end.
    pub outcome: Option<Value>,
    /// Why it failed or waits.
    pub error: Option<JobError>,
    /// What a later step needs; `None` leaves it as it is.
    pub details: Option<Value>,
}

/// Puts targets under a running job. Gives whether the lease still holds.
///
/// # Errors
/// Those of the database.
pub async fn add(app: &App, lease: Lease, client: Option<ClientId>, targets: Vec<NewTarget>) -> Result<bool> {
    let actor = Actor::system();
    let Some(deed) = worker::begin(app, &actor, lease).await? else { return Ok(false) };
    store::job::add_targets(deed.tx(), lease.job, client, targets, deed.now()).await?;
    deed.commit().await?;
    Ok(true)
}

/// Takes one target a step on and gives where it stood and how it stands now; `None` when the lease is
/// void. An end is written in the log.
///
/// # Errors
/// `NotFound` when the job has no such target, `Conflict` when its state does not allow the step.
pub async fn step(
    app: &App,
    lease: Lease,
    kind: JobKind,
    id: JobTargetId,
    verb: TargetVerb,
    report: Report,
) -> Result<Option<(TargetState, Target)>> {
    let actor = Actor::system();
    let Some(mut deed) = worker::begin(app, &actor, lease).await? else { return Ok(None) };
    let stepped = change(&mut deed, lease.job, kind, id, verb, report).await?;
    deed.commit().await?;
    Ok(Some(stepped))
}

/// The same as part of `deed`, which holds the job.
///
/// # Errors
/// As [`step`].
pub(in crate::app) async fn change(
    deed: &mut Deed<'_>,
    job: JobId,
    kind: JobKind,
    id: JobTargetId,
    verb: TargetVerb,
    report: Report,
) -> Result<(TargetState, Target)> {
    let mut target = store::job::get_target(deed.tx(), job, id).await?;
    let before = target.state;
    target.state = before.after(verb)?;
    target.attempt += u32::from(verb == TargetVerb::Start);
    // Waiting costs no attempt, as with the job itself.
    target.attempt = target.attempt.saturating_sub(u32::from(verb == TargetVerb::Wait));
    target.outcome = report.outcome.or(target.outcome);
    target.error = report.error;
    target.details = report.details.unwrap_or(target.details);
    target.updated_at = deed.now();
    store::job::change_target(deed.tx(), &target).await?;
    if target.state.is_terminal() {
        deed.record(events::target_finished(&target, kind));
    }
    Ok((before, target))
}

/// Targets of `job` in one of `states` behind `position`, in order, at most `limit`.
///
/// # Errors
/// Those of the database.
pub async fn list(
    app: &App,
    job: JobId,
    states: &[TargetState],
    behind: Option<u32>,
    limit: u64,
) -> Result<Vec<Target>> {
    store::job::list_targets(app.db().read(), job, states, behind, limit).await
}

/// The target of `job`, if the caller may see it.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn find(app: &App, actor: &Actor, job: JobId, id: JobTargetId) -> Result<Option<Target>> {
    actor.require(Permission::JobTarget)?;
    store::job::find_target(app.db().read(), &actor.scope, job, id).await
}

/// How many targets of `job` stand where.
///
/// # Errors
/// Those of the database.
pub async fn count(app: &App, job: JobId) -> Result<TargetCounts> {
    store::job::count_targets(app.db().read(), job).await
}
