//! What a task returns, and what becomes of its job.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JobState, Verb, Verdict, backoff};
use crate::domain::Refused;

/// What went wrong, in words a person can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobError {
    /// For programs: `UPPER_CASE`, of the kind's own closed set.
    pub code: String,
    /// A full sentence.
    pub message: String,
    /// Whether the same job may succeed later without anybody changing anything.
    pub is_retryable: bool,
    /// What to do, when there is one thing to do.
    pub remedy: Option<String>,
}

/// How a run of a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Everything was done and verified.
    Done(Option<Value>),
    /// What could be done was done and verified; the rest failed.
    Partial(Option<Value>, JobError),
    /// It failed and may succeed later; the schedule of [`backoff`] says when.
    Retry(JobError),
    /// It failed and may succeed after this pause, or after the schedule's when that is longer.
    RetryAfter(Duration, JobError),
    /// All that is left is absent: look again after this pause, at no cost of an attempt.
    Wait(Duration, JobError),
    /// It failed and will fail again.
    Fail(JobError),
    /// It was asked to stop and did.
    Cancelled,
    /// The worker shuts down and the task stopped at a safe place: run it elsewhere, at no cost.
    HandBack,
}

/// What a row says about a run that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The attempt that ends, counted from 1.
    pub attempt: u32,
    /// How many there may be.
    pub max_attempts: u32,
    /// Crashes so far.
    pub crash_count: u32,
    /// Whether somebody asked the job to stop.
    pub is_cancel_requested: bool,
}

/// When a job that is not over is due again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAt {
    /// At once.
    Now,
    /// After this pause.
    After(Duration),
}

/// What becomes of a job whose run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// What happens to it.
    pub verb: Verb,
    /// When it is due again, if it is not over.
    pub run_at: RunAt,
    /// What it achieved.
    pub result: Option<Value>,
    /// What went wrong.
    pub error: Option<JobError>,
    /// Whether the run that ends is not counted as an attempt.
    pub gives_attempt_back: bool,
    /// Crashes from now on.
    pub crash_count: u32,
}

impl Settlement {
    /// The state the job ends in.
    ///
    /// # Errors
    /// [`Refused`] when a running job does not know the verb, which [`settle`] rules out.
    pub fn state(&self) -> Result<JobState, Refused> {
        JobState::Running.after(self.verb)
    }
}

impl Outcome {
    /// How a run ended that has nothing left to work on, by what its targets came to. `error` says why those failed that
    /// did.
    pub fn of(verdict: Verdict, result: Option<Value>, error: JobError) -> Self {
        match verdict {
            Verdict::Succeeded => Self::Done(result),
            Verdict::Partial => Self::Partial(result, error),
            Verdict::Failed => Self::Fail(error),
            // Somebody put targets under the job meanwhile: another run sees them.
            Verdict::Unfinished | Verdict::Waiting => Self::HandBack,
        }
    }
}

/// What becomes of a running job in this `standing` whose task returned `outcome`. `random`, from 0 to 1,
/// spreads retries.
///
/// A request to stop that came too late for the task to see wins over another run, never over a result.
pub fn settle(standing: Standing, outcome: Outcome, random: f64) -> Settlement {
    let Standing { attempt, max_attempts, crash_count, is_cancel_requested } = standing;
    // A run that ended in order shows that the job is not what kills its worker.
    let over = |verb, result, error| Settlement {
        verb,
        run_at: RunAt::Now,
        result,
        error,
        gives_attempt_back: false,
        crash_count: 0,
    };
    let again = |verb, run_at, error, gives_attempt_back| {
        if is_cancel_requested {
            return over(Verb::Stop, None, error);
        }
        Settlement { run_at, gives_attempt_back, ..over(verb, None, error) }
    };
    let retry = |pause, error: JobError| {
        if attempt >= max_attempts && !is_cancel_requested {
            return over(Verb::Fail, None, Some(error));
        }
        again(Verb::Retry, RunAt::After(pause), Some(error), false)
    };
    match outcome {
        Outcome::Done(result) => over(Verb::Succeed, result, None),
        Outcome::Partial(result, error) => over(Verb::SucceedPartly, result, Some(error)),
        Outcome::Fail(error) => over(Verb::Fail, None, Some(error)),
        Outcome::Cancelled => over(Verb::Stop, None, None),
        Outcome::Retry(error) => retry(backoff(attempt, random), error),
        Outcome::RetryAfter(pause, error) => retry(pause.max(backoff(attempt, random)), error),
        Outcome::Wait(pause, error) => again(Verb::Wait, RunAt::After(pause), Some(error), true),
        Outcome::HandBack => Settlement { crash_count, ..again(Verb::HandBack, RunAt::Now, None, true) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Standing = Standing { attempt: 1, max_attempts: 3, crash_count: 1, is_cancel_requested: false };
    const LAST: Standing = Standing { attempt: 3, ..FIRST };
    const ASKED: Standing = Standing { is_cancel_requested: true, ..FIRST };

    fn error() -> JobError {
        JobError { code: "BOOM".to_owned(), message: "It broke.".to_owned(), is_retryable: true, remedy: None }
    }

    fn every_outcome() -> [Outcome; 8] {
        let hour = Duration::from_hours(1);
        [
            Outcome::Done(None),
            Outcome::Partial(None, error()),
            Outcome::Retry(error()),
            Outcome::RetryAfter(hour, error()),
            Outcome::Wait(hour, error()),
            Outcome::Fail(error()),
            Outcome::Cancelled,
            Outcome::HandBack,
        ]
    }

    fn verbs(standing: Standing) -> Vec<Verb> {
        every_outcome().into_iter().map(|outcome| settle(standing, outcome, 0.5).verb).collect()
    }

    #[test]
    fn each_outcome_has_its_verb() {
        use Verb::{Fail, HandBack, Retry, Stop, Succeed, SucceedPartly, Wait};
        assert_eq!(verbs(FIRST), [Succeed, SucceedPartly, Retry, Retry, Wait, Fail, Stop, HandBack]);
        assert_eq!(verbs(LAST), [Succeed, SucceedPartly, Fail, Fail, Wait, Fail, Stop, HandBack]);
        assert_eq!(verbs(ASKED), [Succeed, SucceedPartly, Stop, Stop, Stop, Fail, Stop, Stop]);
    }

    #[test]
    fn every_settlement_is_a_way_out_of_running() {
        for standing in [FIRST, LAST, ASKED] {
            for outcome in every_outcome() {
                assert!(settle(standing, outcome, 0.0).state().is_ok_and(|state| state != JobState::Running));
            }
        }
    }

    #[test]
    fn only_waiting_and_handing_back_cost_no_attempt() {
        let free: Vec<_> =
            every_outcome().into_iter().map(|outcome| settle(FIRST, outcome, 0.0).gives_attempt_back).collect();
        assert_eq!(free, [false, false, false, false, true, false, false, true]);
    }

    #[test]
    fn the_pause_is_the_longer_of_the_tasks_own_and_the_schedules() {
        assert_eq!(settle(FIRST, Outcome::Retry(error()), 0.5).run_at, RunAt::After(Duration::from_secs(1)));
        let hour = Duration::from_hours(1);
        assert_eq!(settle(FIRST, Outcome::RetryAfter(hour, error()), 0.5).run_at, RunAt::After(hour));
        let short = Outcome::RetryAfter(Duration::from_millis(1), error());
        assert_eq!(settle(FIRST, short, 1.0).run_at, RunAt::After(Duration::from_secs(2)));
    }

    #[test]
    fn a_run_that_ends_in_order_clears_the_crashes_and_handing_back_keeps_them() {
        assert_eq!(settle(FIRST, Outcome::Retry(error()), 0.0).crash_count, 0);
        assert_eq!(settle(FIRST, Outcome::HandBack, 0.0).crash_count, 1);
    }
}
