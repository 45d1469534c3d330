//! What a destruction does to the ledger and what clears it, in deeds that carry the job's fence.

use super::{Erasure, Grant, TargetDetails, plan};
use crate::{
    app::{
        Deed, gate, holding,
        job::{target, under_way},
        scan::{Spot, data},
    },
    domain::{
        clearance::Clearance,
        event::{EventKind, NewEvent},
        holding::{Holding, HoldingState},
        job::{Job, JobError, Target, TargetVerb},
    },
    error::{Error, Result, Violation},
    ports::eraser::Batch,
    store,
};

/// The first step for a target: its line is being closed from now on. Safe to repeat.
///
/// # Errors
/// `Conflict` when the line is not open any more.
pub async fn begin(deed: &mut Deed<'_>, job: &Job, details: &TargetDetails) -> Result<()> {
    plan::stays_nowhere(deed.tx(), &spots(deed, job).await?).await?;
    let mut holding =
        store::holding::lock(deed.tx(), &deed.actor().scope, details.spot.holding_id, "holdingId").await?;
    if holding.state != HoldingState::Closing {
        holding::begin_closing(deed, &mut holding).await?;
        let summary = format!("The destruction of {} began: {} items.", holding.name, details.found.items);
        deed.record(
            about(EventKind::DataDestructionBegun, job, &holding, summary)
                .with("scanDigest", details.found.digest.as_str()),
        );
    }
    Ok(())
}

/// Where all that this job destroys lies.
async fn spots(deed: &Deed<'_>, job: &Job) -> Result<Vec<Spot>> {
    let planned = plan::plan_of(deed, job).await?.targets.into_iter();
    planned.map(|target| store::json("job_plan", "targets", job.id, target.details)).collect()
}

fn about(kind: EventKind, job: &Job, holding: &Holding, summary: String) -> NewEvent {
    NewEvent::new(kind, holding.id, summary).client(holding.client_id).job(job.id)
}

/// Asks every gate once more and clears the batch. The caller writes down in the same deed what is about to be destroyed,
/// and destroys only after its commit.
///
/// # Errors
/// `Blocked` by every gate that is closed; `Violation` when the run was given up, the plan is gone, or the line is not the
/// one that was planned any more.
///
/// # Source
/// Sanitization: every gate is asked inside the worker at the moment of destruction, not only when it is ordered.
pub async fn clear(deed: &Deed<'_>, job: &Job, details: &TargetDetails, batch: Batch) -> Result<Clearance<Batch>> {
    under_way(deed, job).await?;
    let scope = &deed.actor().scope;
    let holding = store::holding::lock(deed.tx(), scope, details.spot.holding_id, "holdingId").await?;
    if holding.state != HoldingState::Closing || !is_planned(&holding, details) {
        let message = format!("{} is not what was to be destroyed any more.", holding.name);
        return Err(Violation::new("holdingIds", message).remedy("Scan it and plan its destruction again.").into());
    }
    let planned = plan::plan_of(deed, job).await?;
    let run = job.engagement_id.ok_or_else(|| Error::internal("a sanitization in the course of nothing"))?;
    let engagement = store::engagement::find(deed.tx(), scope, run).await?;
    let engagement = engagement.ok_or_else(|| Error::internal("a sanitization in the course of nothing"))?;
    let mut closed = plan::blockers(deed.tx(), scope, deed.app(), &engagement).await?;
    closed.extend(plan::undecided(deed.tx(), scope, deed.now(), holding.client_id, &planned.hash).await?);
    gate::require(closed)?;
    Ok(Clearance::grant(batch))
}

fn is_planned(holding: &Holding, details: &TargetDetails) -> bool {
    data(holding).is_some_and(|data| {
        data.disposition.is_destroyed()
            && data.location.store() == details.spot.store
            && data.location.path() == details.spot.path
    })
}

/// The place was looked at, and nothing is left but what its store keeps: the line is RETAINED until then and its target
/// has failed, in one deed.
///
/// # Errors
/// `Internal` when something else is left, which no caller may claim; `Conflict` when the line is not being closed.
pub async fn kept(deed: &mut Deed<'_>, job: &Job, target: &Target, erasure: &Erasure, error: JobError) -> Result<()> {
    let until = erasure.kept_until().ok_or_else(|| Error::internal("a destruction that leaves what nobody keeps"))?;
    let id = target.holding_id.ok_or_else(|| Error::internal("a destruction of no holding"))?;
    let mut holding = store::holding::lock(deed.tx(), &deed.actor().scope, id, "holdingId").await?;
    let why = format!("Locked by its store: {} {}.", erasure.tally.locked, erasure.method.things());
    holding::kept(deed, &mut holding, why, until).await?;
    let outcome = Some(serde_json::to_value(erasure).map_err(Error::internal)?);
    let report = target::Report { outcome, error: Some(error), ..target::Report::default() };
    target::change(deed, job.id, job.kind, target.id, TargetVerb::Fail, report).await?;
    Ok(())
}

/// The place was looked at and is empty: the line is REMOVED and its target done, in one deed.
///
/// # Errors
/// `Internal` when something is left, which no caller may claim; `Conflict` when the line is not being closed.
pub async fn destroyed(deed: &mut Deed<'_>, job: &Job, target: &Target, erasure: &Erasure) -> Result<()> {
    if !erasure.is_whole() {
        return Err(Error::internal("a destruction that is not whole"));
    }
    let id = target.holding_id.ok_or_else(|| Error::internal("a destruction of no holding"))?;
    let mut holding = store::holding::lock(deed.tx(), &deed.actor().scope, id, "holdingId").await?;
    holding::remove(deed, &mut holding).await?;
    let grants = plan::grants_of(deed, job).await?;
    let allowed_by = grants.into_iter().map(|grant| Grant { id: grant.id, kind: grant.kind, at: grant.decided_at });
    let erasure = &Erasure { allowed_by: allowed_by.collect(), ..erasure.clone() };
    let tally = &erasure.tally;
    let (files, things) = (tally.destroyed, erasure.method.things());
    let summary = format!("{}: {files} {things} with {} bytes were destroyed.", holding.name, tally.bytes);
    deed.record(
        about(EventKind::DataDestroyed, job, &holding, summary)
            .with("scanDigest", erasure.digest.as_str())
            .with("method", erasure.method.as_str())
            .with("planned", erasure.planned)
            .with("tally", serde_json::to_value(tally).map_err(Error::internal)?),
    );
    let outcome = Some(serde_json::to_value(erasure).map_err(Error::internal)?);
    let done = target::Report { outcome, ..target::Report::default() };
    target::change(deed, job.id, job.kind, target.id, TargetVerb::Verify, target::Report::default()).await?;
    target::change(deed, job.id, job.kind, target.id, TargetVerb::Succeed, done).await?;
    Ok(())
}
