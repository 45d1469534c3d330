//! What becomes of a job whose worker died while it ran.
//!
//! A crash is counted apart from attempts, because every job of a crashed process shares it, the innocent
//! ones too. After the second crash a job runs alone in its process; if that process dies as well, nobody
//! else can have done it.

use super::{JobError, RunAt, Settlement, Verb};

/// From this many crashes on a job runs alone.
pub const ALONE_AFTER_CRASHES: u32 = 2;
/// With this many crashes it fails.
pub const FAILED_AFTER_CRASHES: u32 = 3;

/// Whether a job with this many crashes may share a process.
pub const fn runs_alone(crash_count: u32) -> bool {
    crash_count >= ALONE_AFTER_CRASHES
}

/// What becomes of a job that had `crash_count` crashes before this one.
pub fn crashed(crash_count: u32, is_cancel_requested: bool) -> Settlement {
    let crash_count = crash_count + 1;
    let (verb, error) = if is_cancel_requested {
        (Verb::Stop, None)
    } else if crash_count >= FAILED_AFTER_CRASHES {
        (Verb::Fail, Some(poisonous(crash_count)))
    } else {
        (Verb::Rescue, Some(worker_lost()))
    };
    Settlement { verb, run_at: RunAt::Now, result: None, error, gives_attempt_back: true, crash_count }
}

fn worker_lost() -> JobError {
    JobError {
        code: "WORKER_LOST".to_owned(),
        message: "The worker that ran this job died or lost its database; the job runs again.".to_owned(),
        is_retryable: true,
        remedy: None,
    }
}

fn poisonous(crash_count: u32) -> JobError {
    JobError {
        code: "WORKER_CRASHED".to_owned(),
        message: format!(
            "The worker process ended without a word {crash_count} times while it ran this job, the last time with \
             no other job beside it."
        ),
        is_retryable: false,
        remedy: Some("Look at the worker's log and memory limit, then order the job again with `jobRetry`.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_crashes_are_forgiven_the_second_isolates_and_the_third_fails() {
        let verbs: Vec<_> = (0..3).map(|before| crashed(before, false)).map(|it| (it.verb, it.crash_count)).collect();
        assert_eq!(verbs, [(Verb::Rescue, 1), (Verb::Rescue, 2), (Verb::Fail, 3)]);
        assert_eq!((0..4).map(runs_alone).collect::<Vec<_>>(), [false, false, true, true]);
    }

    #[test]
    fn a_crash_costs_no_attempt_and_the_failure_says_what_to_do() {
        assert!(crashed(0, false).gives_attempt_back);
        let error = crashed(2, false).error;
        assert!(error.as_ref().is_some_and(|error| error.remedy.is_some() && error.code == "WORKER_CRASHED"));
    }

    #[test]
    fn a_job_that_was_asked_to_stop_is_not_run_again() {
        assert_eq!(crashed(0, true).verb, Verb::Stop);
    }
}
