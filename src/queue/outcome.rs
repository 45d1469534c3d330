//! From an error to what becomes of the job. The one place that decides it.

use std::time::Duration;

use crate::{
    domain::{
        gate::Blocker,
        job::{JobError, Outcome},
    },
    error::{Conflict, Error, Unavailable},
};

/// An outage that asks for a shorter pause than this is left to the schedule.
const WORTH_WAITING: Duration = Duration::from_secs(5);

/// How a run that returned `error` ends. Only public messages go into the row; the rest is in the log.
pub(super) fn outcome_of(error: &Error) -> Outcome {
    match error {
        Error::Violation(violation) => {
            Outcome::Fail(failure("INVALID", violation.message.clone(), violation.remedy.clone()))
        }
        Error::NotFound(absent) => {
            Outcome::Fail(failure("NOT_FOUND", format!("A {} it needs is not there.", absent.noun), None))
        }
        Error::Blocked(blockers) => {
            let closed: Vec<_> = blockers.iter().map(Blocker::message).collect();
            let message = format!("What has to come first is not done. {}", closed.join(" "));
            let remedy = blockers.first().and_then(Blocker::remedy);
            Outcome::Fail(failure("BLOCKED", message, remedy))
        }
        Error::PlanChanged(_) => {
            let remedy = Some("Make a new plan with `jobPlan`.".to_owned());
            Outcome::Fail(failure("PLAN_CHANGED", "What the plan would touch has changed since.", remedy))
        }
        Error::Unauthenticated(_)
        | Error::Forbidden(_)
        | Error::IdempotencyKeyReused
        | Error::IdempotencyInProgress => {
            Outcome::Fail(failure("FORBIDDEN", "The job may not do what it has to do.", None))
        }
        Error::Inconsistent(_) => {
            Outcome::Fail(failure("INCONSISTENT", "A stored record contradicts itself; somebody must look.", None))
        }
        Error::Conflict(Conflict::State { message, remedy }) => {
            Outcome::Retry(passing("CONFLICT", message.clone(), remedy.clone()))
        }
        Error::Conflict(Conflict::Stale { .. } | Conflict::Taken { .. }) => {
            Outcome::Retry(passing("CONFLICT", "Somebody else changed the same thing.", None))
        }
        Error::Unavailable(Unavailable { system, retry_after, .. }) => {
            let error = passing("UNAVAILABLE", format!("`{system}` did not answer."), None);
            if *retry_after < WORTH_WAITING { Outcome::Retry(error) } else { Outcome::RetryAfter(*retry_after, error) }
        }
        Error::Internal(_) => Outcome::Retry(passing("INTERNAL", "Something went wrong inside Gangway.", None)),
    }
}

/// How a run that panicked ends.
pub(super) fn panicked() -> Outcome {
    Outcome::Retry(passing("INTERNAL", "Something went wrong inside Gangway.", None))
}

fn failure(code: &str, message: impl Into<String>, remedy: Option<String>) -> JobError {
    JobError { code: code.to_owned(), message: message.into(), is_retryable: false, remedy }
}

fn passing(code: &str, message: impl Into<String>, remedy: Option<String>) -> JobError {
    JobError { is_retryable: true, ..failure(code, message, remedy) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_cannot_pass_fails() {
        let outage = |secs| {
            let retry_after = Duration::from_secs(secs);
            Error::Unavailable(Unavailable { system: "storage", retry_after, source: "refused by 10.0.0.7".into() })
        };
        assert!(matches!(outcome_of(&outage(1)), Outcome::Retry(error) if error.is_retryable));
        assert!(matches!(outcome_of(&outage(60)), Outcome::RetryAfter(pause, _) if pause.as_secs() == 60));
        assert!(matches!(outcome_of(&Error::internal("boom")), Outcome::Retry(_)));
        assert!(matches!(outcome_of(&Error::state("busy")), Outcome::Retry(_)));
        assert!(matches!(outcome_of(&Error::violation("a", "b")), Outcome::Fail(error) if !error.is_retryable));
        assert!(matches!(outcome_of(&Error::not_found("holding", "id")), Outcome::Fail(_)));
    }

    #[test]
    fn what_only_the_log_may_say_is_not_in_the_row() {
        for error in [Error::internal("password=hunter2"), Error::Unauthenticated("secret")] {
            let (Outcome::Retry(said) | Outcome::Fail(said)) = outcome_of(&error) else { panic!("{error:?}") };
            assert!(!said.message.contains("hunter2") && !said.message.contains("secret"), "{}", said.message);
        }
    }
}
