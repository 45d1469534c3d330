//! What people are told of agents that are not gone.

use super::AWAY_FOR;
use crate::{
    clock::Instant,
    domain::{
        agent::AgentFault,
        connector::ConnectorFault,
        job::{JobError, Outcome, Target, TargetState},
    },
    error::Violation,
    ports::endpoints::Fault,
};

/// How a run ends that cannot see. While every target is only waited for, an outage costs no attempt: in weeks there may be many.
pub(super) fn unreached(fault: &Fault, targets: &[Target]) -> Outcome {
    let (what, remedy, is_worth_a_retry) = match fault.kind {
        ConnectorFault::Transient => ("does not answer", "Nothing: it is asked again by itself.", true),
        ConnectorFault::RateLimited => ("asks for a slower pace", "Nothing: it is asked again by itself.", true),
        ConnectorFault::Auth => ("does not know us", "Have the connector's name and secret mended.", true),
        ConnectorFault::Forbidden => ("does not let us look", "Have the account's rights in the tool mended.", true),
        ConnectorFault::NotFound => (
            "knows no such group of devices",
            "Mend the `externalRef` of the client's RMM record, and plan again.",
            false,
        ),
        ConnectorFault::Unsupported | ConnectorFault::Lied | ConnectorFault::Permanent => {
            ("does not do what is needed", "See what `connectorProbe` says, and the log of the service.", false)
        }
    };
    let error = JobError {
        code: format!("CONNECTOR_{}", fault.kind),
        message: format!("The tool that manages the devices {what}."),
        is_retryable: is_worth_a_retry,
        remedy: Some(remedy.to_owned()),
    };
    tracing::warn!(error = %fault, "a tool did not give its list");
    match is_worth_a_retry {
        true if targets.iter().all(|target| target.state == TargetState::Waiting) => Outcome::Wait(AWAY_FOR, error),
        true => Outcome::Retry(error),
        false => Outcome::Fail(error),
    }
}

/// Why a target waits.
pub(super) fn away(name: &str, last_seen: Option<Instant>) -> JobError {
    let since = last_seen.map(|at| format!(" It was last there on {}.", at.format("%Y-%m-%d at %H:%M UTC")));
    JobError {
        code: "AGENT_OFFLINE".to_owned(),
        message: format!("The device of {name} is away.{}", since.unwrap_or_default()),
        is_retryable: true,
        remedy: Some("Have it switched on and connected; it is told to go as soon as it is seen.".to_owned()),
    }
}

/// Why a job waits.
pub(super) fn waits(count: u32) -> JobError {
    JobError {
        code: "AGENTS_OFFLINE".to_owned(),
        message: format!("{count} devices are away; everything else is done."),
        is_retryable: true,
        remedy: Some(
            "Have them switched on; or cancel the job, and have an exception approved for what will never come back."
                .to_owned(),
        ),
    }
}

/// Why a job is over that could not do all.
pub(super) fn some_stay() -> JobError {
    JobError {
        code: "AGENTS_LEFT".to_owned(),
        message: "Some agents are not gone; each says why.".to_owned(),
        is_retryable: false,
        remedy: Some("See the targets that failed.".to_owned()),
    }
}

/// Why a target failed whose line is not what was planned any more.
pub(super) fn changed(wrong: Violation) -> JobError {
    JobError { code: "LINE_CHANGED".to_owned(), message: wrong.message, is_retryable: false, remedy: wrong.remedy }
}

/// Why a target failed.
pub(super) fn not_gone(name: &str, fault: AgentFault) -> JobError {
    let (message, remedy) = match fault {
        AgentFault::Unknown => (
            "is not in its tool's list, and nobody saw it go.",
            "Look for it on its device; if it is gone, have an exception approved that says who saw that.",
        ),
        AgentFault::StillThere => (
            "was told to go, and its tool said yes, and it is still there.",
            "Take it off by hand on its device, then order the job again.",
        ),
        AgentFault::StillListed => (
            "is silent, and its tool lists it although it was told to forget it.",
            "Delete the record in the tool, then order the job again.",
        ),
        AgentFault::Moved => (
            "is listed in a group of devices that is not the client's, and was not touched there.",
            "Move it back to the client's group, or say in an exception whose it is now.",
        ),
        AgentFault::CameBack => (
            "came back after its tool had forgotten it: it is still on its device.",
            "Take it off by hand on its device, then order the job again.",
        ),
    };
    JobError {
        code: fault.as_str().to_owned(),
        message: format!("{name} {message}"),
        is_retryable: false,
        remedy: Some(remedy.to_owned()),
    }
}
