//! The events of a job.

use serde_json::Value;

use crate::{
    domain::{
        event::{EventKind, NewEvent},
        job::{Claimed, JobKind, Lease, Settlement, Target, Verb},
    },
    ids::{ClientId, JobId, WorkerId},
    store::job::Running,
};

/// Something happened to a job.
pub(super) fn about(kind: EventKind, job: JobId, client: Option<ClientId>, does: JobKind, summary: String) -> NewEvent {
    NewEvent::new(kind, job, summary).client(client).job(job).with("jobKind", does.as_str())
}

/// A worker took it up.
pub(super) fn started(claimed: &Claimed, worker: WorkerId) -> NewEvent {
    let job = &claimed.job;
    let summary = format!("The {} began, attempt {} of {}.", job.kind.title(), job.attempt, job.max_attempts);
    about(EventKind::JobStarted, job.id, job.client_id, job.kind, summary)
        .with("attempt", job.attempt)
        .with("crashCount", job.crash_count)
        .with("worker", worker.to_string())
}

/// A run ended.
pub(super) fn settled(lease: Lease, running: &Running, settlement: &Settlement) -> NewEvent {
    let (kind, happened) = ending(settlement.verb);
    let summary = match &settlement.error {
        Some(error) => format!("The {} {happened}: {}", running.kind.title(), error.message),
        None => format!("The {} {happened}.", running.kind.title()),
    };
    let error = settlement.error.as_ref().map(|error| Value::from(error.code.as_str()));
    about(kind, lease.job, running.client_id, running.kind, summary)
        .with("attempt", running.standing.attempt)
        .with("crashCount", settlement.crash_count)
        .with("error", error)
}

fn ending(verb: Verb) -> (EventKind, &'static str) {
    match verb {
        Verb::Succeed => (EventKind::JobSucceeded, "was done and verified"),
        Verb::SucceedPartly => (EventKind::JobPartial, "was done in part"),
        Verb::Retry => (EventKind::JobRetrying, "failed and is tried again"),
        Verb::Wait => (EventKind::JobWaiting, "waits"),
        Verb::HandBack => (EventKind::JobHandedBack, "was handed back by a worker that shuts down"),
        Verb::Rescue => (EventKind::JobRescued, "lost its worker and is run again"),
        Verb::Stop | Verb::Cancel => (EventKind::JobCancelled, "stopped because it was asked to"),
        Verb::Fail | Verb::Claim | Verb::Restart => (EventKind::JobFailed, "failed"),
    }
}

/// A target reached an end.
pub(super) fn target_finished(target: &Target, does: JobKind) -> NewEvent {
    let summary = match &target.error {
        Some(error) => format!("{} is {}: {}", target.name, target.state, error.message),
        None => format!("{} is {}.", target.name, target.state),
    };
    NewEvent::new(EventKind::JobTargetFinished, target.id, summary)
        .client(target.client_id)
        .job(target.job_id)
        .with("jobKind", does.as_str())
        .with("state", target.state.as_str())
        .with("holdingId", target.holding_id.map(|id| id.to_string()))
        .with("error", target.error.as_ref().map(|error| Value::from(error.code.as_str())))
}
