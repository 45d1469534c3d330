//! What a removal of agents does to the ledger, in deeds that carry the job's fence.

use super::{Removal, TargetDetails, plan};
use crate::{
    app::{
        Deed, gate, holding,
        job::{target, under_way},
    },
    domain::{
        agent::Move,
        clearance::Clearance,
        event::{EventKind, NewEvent},
        holding::{Holding, HoldingState},
        job::{Job, JobError, Target, TargetState, TargetVerb},
    },
    error::{Error, Result, Violation},
    ports::endpoints::Order,
    store,
};

/// Asks every gate once more, writes down what is about to be done, and clears it. The caller does it only after the deed's
/// commit, and once.
///
/// # Errors
/// `Blocked` by every gate that is closed; `Violation` when the run was given up or the line is not the one that was planned
/// any more; `Internal` for a move that is no act.
pub async fn under_order(
    deed: &mut Deed<'_>,
    job: &Job,
    of: &Target,
    details: &TargetDetails,
    next: Move,
) -> Result<Clearance<Order>> {
    under_way(deed, job).await?;
    let mut line = closing(deed, of, details).await?;
    let mut closed = plan::blockers(deed.tx(), &deed.actor().scope, deed.app(), &[line.client_id]).await?;
    gate::require(closed.remove(&line.client_id).unwrap_or_default())?;
    let (verb, kind, what) = match next {
        Move::Tell => (TargetVerb::Start, EventKind::AgentDismissed, "was told to take itself off its device"),
        Move::Forget => {
            (TargetVerb::Verify, EventKind::AgentForgotten, "fell silent, and its tool was told to forget it")
        }
        Move::Look | Move::Await | Move::Gone | Move::Fail(_) => return Err(Error::internal("a move that is no act")),
    };
    if line.state != HoldingState::Closing {
        holding::begin_closing(deed, &mut line).await?;
    }
    let summary = format!("{} {what}.", line.name);
    let event = about(kind, job, &line, summary).with("endpoint", details.endpoint.as_str());
    deed.record(event.with("tells", details.course.tells));
    let report = target::Report { details: Some(json(details)?), ..target::Report::default() };
    target::change(deed, job.id, job.kind, of.id, verb, report).await?;
    Ok(Clearance::grant(Order { group: details.group.clone(), endpoint: details.endpoint.clone() }))
}

/// The line that `of` acts on, as it was planned.
async fn closing(deed: &Deed<'_>, of: &Target, details: &TargetDetails) -> Result<Holding> {
    let line = line(deed, of).await?;
    let is_planned = line.connector_id == Some(details.connector_id)
        && line.external_ref.as_ref() == Some(&details.endpoint)
        && plan::OPEN.contains(&line.state);
    let groups = plan::groups(deed.tx(), &deed.actor().scope, line.client_id).await?;
    if is_planned && groups.get(&details.connector_id) == Some(&details.group) {
        return Ok(line);
    }
    let violation = Violation::new("holdingIds", format!("{} is not what was to be removed any more.", line.name));
    Err(violation.remedy("Plan its removal again.").into())
}

/// Its tool took the order to tell it.
///
/// # Errors
/// Those of the database.
pub async fn told(deed: &mut Deed<'_>, job: &Job, of: &Target, details: &TargetDetails) -> Result<()> {
    let report = target::Report { details: Some(json(details)?), ..target::Report::default() };
    target::change(deed, job.id, job.kind, of.id, TargetVerb::Verify, report).await?;
    Ok(())
}

async fn line(deed: &Deed<'_>, of: &Target) -> Result<Holding> {
    let id = of.holding_id.ok_or_else(|| Error::internal("a removal of no holding"))?;
    store::holding::lock(deed.tx(), &deed.actor().scope, id, "holdingId").await
}

fn about(kind: EventKind, job: &Job, holding: &Holding, summary: String) -> NewEvent {
    NewEvent::new(kind, holding.id, summary).client(holding.client_id).job(job.id)
}

fn json(details: &TargetDetails) -> Result<serde_json::Value> {
    serde_json::to_value(details).map_err(Error::internal)
}

/// Its device is away: the line waits, and is looked for again.
///
/// # Errors
/// As [`under_order`], gates apart: nothing is done.
pub async fn put_off(
    deed: &mut Deed<'_>,
    job: &Job,
    of: &Target,
    details: &TargetDetails,
    error: JobError,
) -> Result<()> {
    under_way(deed, job).await?;
    let mut line = closing(deed, of, details).await?;
    if line.state != HoldingState::Waiting {
        if line.state != HoldingState::Closing {
            holding::begin_closing(deed, &mut line).await?;
        }
        holding::wait(deed, &mut line).await?;
    }
    begun(deed, job, of).await?;
    let report = target::Report { error: Some(error), details: Some(json(details)?), ..target::Report::default() };
    target::change(deed, job.id, job.kind, of.id, TargetVerb::Wait, report).await?;
    Ok(())
}

/// Takes up a target that nothing was done about yet.
async fn begun(deed: &mut Deed<'_>, job: &Job, of: &Target) -> Result<()> {
    if of.state == TargetState::Pending {
        target::change(deed, job.id, job.kind, of.id, TargetVerb::Start, target::Report::default()).await?;
    }
    Ok(())
}

/// It was seen to be gone: the line is REMOVED and, by that sight, CLOSED, and its target done, in one deed.
///
/// # Errors
/// `Conflict` when the line is not being closed.
pub async fn gone(deed: &mut Deed<'_>, job: &Job, of: &Target, removal: &Removal) -> Result<()> {
    let mut line = line(deed, of).await?;
    line.last_probed_at = Some(deed.now());
    holding::remove(deed, &mut line).await?;
    holding::close(deed, &mut line).await?;
    let summary = format!("{} is gone, and stayed away.", line.name);
    let outcome = serde_json::to_value(removal).map_err(Error::internal)?;
    deed.record(about(EventKind::AgentGone, job, &line, summary).with("removal", outcome.clone()));
    let done = target::Report { outcome: Some(outcome), ..target::Report::default() };
    target::change(deed, job.id, job.kind, of.id, TargetVerb::Verify, target::Report::default()).await?;
    target::change(deed, job.id, job.kind, of.id, TargetVerb::Succeed, done).await?;
    Ok(())
}

/// It is not gone, and this job gives it up: the line is as alive as before.
///
/// # Errors
/// Those of the database.
pub async fn failed(deed: &mut Deed<'_>, job: &Job, of: &Target, removal: &Removal, error: JobError) -> Result<()> {
    let mut line = line(deed, of).await?;
    line.last_probed_at = Some(deed.now());
    if matches!(line.state, HoldingState::Closing | HoldingState::Waiting) {
        holding::fail_closing(deed, &mut line).await?;
    } else {
        holding::touch(deed, &mut line).await?;
    }
    begun(deed, job, of).await?;
    let outcome = Some(serde_json::to_value(removal).map_err(Error::internal)?);
    let report = target::Report { outcome, error: Some(error), ..target::Report::default() };
    target::change(deed, job.id, job.kind, of.id, TargetVerb::Fail, report).await?;
    Ok(())
}
