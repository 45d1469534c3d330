//! The states of a job, and every way from one to the next.

use std::fmt;

use crate::domain::Refused;

words! {
    /// Where a job stands.
    JobState {
        /// Due as soon as a worker is free.
        Queued = "QUEUED",
        /// A worker holds it.
        Running = "RUNNING",
        /// An attempt failed; due again after a pause.
        Retrying = "RETRYING",
        /// Every target left is absent, or something is away that all need; due again later, at no cost of an attempt.
        Waiting = "WAITING",
        /// Done and verified.
        Succeeded = "SUCCEEDED",
        /// Over: some targets were done and others failed.
        Partial = "PARTIAL",
        /// Over without success.
        Failed = "FAILED",
        /// Over because somebody asked for it.
        Cancelled = "CANCELLED",
    }
}

/// What can happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// A worker takes it up.
    Claim,
    /// Its task is done and verified.
    Succeed,
    /// Its task is done with what can be done.
    SucceedPartly,
    /// Its task, or the last attempt, failed for good.
    Fail,
    /// An attempt failed and another may succeed.
    Retry,
    /// Nothing can be done until a target comes back.
    Wait,
    /// A worker that shuts down gives it back.
    HandBack,
    /// Its worker died.
    Rescue,
    /// Somebody asks it to end. A running job is asked; any other ends at once.
    Cancel,
    /// A running job heeds the request to end.
    Stop,
    /// Somebody orders it again, or orders a waiting one at once.
    Restart,
}

impl Verb {
    /// Every verb.
    pub const ALL: &'static [Self] = &[
        Self::Claim,
        Self::Succeed,
        Self::SucceedPartly,
        Self::Fail,
        Self::Retry,
        Self::Wait,
        Self::HandBack,
        Self::Rescue,
        Self::Cancel,
        Self::Stop,
        Self::Restart,
    ];
}

impl fmt::Display for Verb {
    /// The participle, as in "cannot be cancelled".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claim => "claimed",
            Self::Succeed => "done",
            Self::SucceedPartly => "done in part",
            Self::Fail => "given up",
            Self::Retry => "put off after a failure",
            Self::Wait => "put off",
            Self::HandBack => "handed back",
            Self::Rescue => "rescued",
            Self::Cancel => "cancelled",
            Self::Stop => "stopped",
            Self::Restart => "ordered again",
        })
    }
}

impl JobState {
    /// The states a worker may claim, once the job is due.
    pub const CLAIMABLE: &'static [Self] = &[Self::Queued, Self::Retrying, Self::Waiting];
    /// The states in which a job is not over.
    pub const LIVE: &'static [Self] = &[Self::Queued, Self::Running, Self::Retrying, Self::Waiting];

    /// Whether the job is over. Only [`Verb::Restart`] leads out of such a state.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled)
    }

    /// The state that follows `verb`.
    ///
    /// # Errors
    /// [`Refused`] when this state does not know the verb.
    #[expect(clippy::match_same_arms, reason = "one line per way reads as the table it is")]
    pub fn after(self, verb: Verb) -> Result<Self, Refused> {
        Ok(match (self, verb) {
            (Self::Queued | Self::Retrying | Self::Waiting, Verb::Claim) => Self::Running,
            (Self::Queued | Self::Retrying | Self::Waiting, Verb::Cancel) => Self::Cancelled,
            (Self::Running, Verb::Succeed) => Self::Succeeded,
            (Self::Running, Verb::SucceedPartly) => Self::Partial,
            (Self::Running, Verb::Fail) => Self::Failed,
            (Self::Running, Verb::Retry) => Self::Retrying,
            (Self::Running, Verb::Wait) => Self::Waiting,
            (Self::Running, Verb::HandBack | Verb::Rescue) => Self::Queued,
            // A request to end: it stands in the row, and the task heeds it with `Stop`.
            (Self::Running, Verb::Cancel) => Self::Running,
            (Self::Running, Verb::Stop) => Self::Cancelled,
            (Self::Retrying | Self::Waiting | Self::Partial | Self::Failed | Self::Cancelled, Verb::Restart) => {
                Self::Queued
            }
            (state, verb) => return Err(Refused::new(format!("A job that is {state} cannot be {verb}."))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row per state, one column per verb in the order of `Verb::ALL`; a dot refuses.
    const TABLE: &str = "
        state      Claim   Succeed   SucceedPartly Fail   Retry    Wait    HandBack Rescue Cancel    Stop      Restart
        QUEUED     RUNNING .         .             .      .        .       .        .      CANCELLED .         .
        RUNNING    .       SUCCEEDED PARTIAL       FAILED RETRYING WAITING QUEUED   QUEUED RUNNING   CANCELLED .
        RETRYING   RUNNING .         .             .      .        .       .        .      CANCELLED .         QUEUED
        WAITING    RUNNING .         .             .      .        .       .        .      CANCELLED .         QUEUED
        SUCCEEDED  .       .         .             .      .        .       .        .      .         .         .
        PARTIAL    .       .         .             .      .        .       .        .      .         .         QUEUED
        FAILED     .       .         .             .      .        .       .        .      .         .         QUEUED
        CANCELLED  .       .         .             .      .        .       .        .      .         .         QUEUED
    ";

    #[test]
    fn every_state_answers_every_verb_as_the_table_says() {
        let mut rows =
            TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|row| !row.is_empty());
        let verbs: Vec<_> = rows.next().into_iter().flatten().skip(1).collect();
        let known: Vec<_> = Verb::ALL.iter().map(|verb| format!("{verb:?}")).collect();
        assert_eq!(verbs, known);
        let mut states = Vec::new();
        for row in rows {
            for (verb, expected) in Verb::ALL.iter().zip(&row[1..]) {
                let state = JobState::ALL.iter().copied().find(|state| state.as_str() == row[0]);
                let after = state.map(|state| state.after(*verb).map_or(".", JobState::as_str));
                assert_eq!(after, Some(*expected), "{} {verb:?}", row[0]);
            }
            assert_eq!(row.len(), Verb::ALL.len() + 1);
            states.push(row[0]);
        }
        assert_eq!(states, JobState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>());
    }

    #[test]
    fn the_lists_that_queries_use_follow_from_the_table() {
        let claimable: Vec<_> =
            JobState::ALL.iter().copied().filter(|state| state.after(Verb::Claim).is_ok()).collect();
        assert_eq!(claimable, JobState::CLAIMABLE);
        let live: Vec<_> = JobState::ALL.iter().copied().filter(|state| !state.is_terminal()).collect();
        assert_eq!(live, JobState::LIVE);
    }
}
