//! What a job acts on, one by one: a device, an account, a rule, a data set.
//!
//! Each target has its own state, attempts and error, so that one poisonous target never fails the
//! others, and a finished one is never done twice.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::JobError;
use crate::domain::Refused;
use crate::ids::{ClientId, HoldingId, JobId, JobTargetId};

words! {
    /// Where a target stands.
    TargetState {
        /// Not begun.
        Pending = "PENDING",
        /// Being acted on.
        Running = "RUNNING",
        /// Acted on; the effect is being observed.
        Verifying = "VERIFYING",
        /// Absent: kept, and tried again later.
        Waiting = "WAITING",
        /// Done, and the effect was observed.
        Succeeded = "SUCCEEDED",
        /// Not done.
        Failed = "FAILED",
        /// Not done, and an approved exception says that it may stay so.
        Excepted = "EXCEPTED",
        /// Not done because the job was asked to stop.
        Cancelled = "CANCELLED",
    }
}

/// What can happen to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetVerb {
    /// Work on it begins, or begins again after a worker died.
    Start,
    /// The work is done and its effect is looked for.
    Verify,
    /// The effect was observed.
    Succeed,
    /// It could not be done.
    Fail,
    /// It is absent.
    Wait,
    /// An approved exception stands in for it.
    Except,
    /// The job stops.
    Cancel,
    /// It is ordered again.
    Retry,
}

impl TargetVerb {
    /// Every verb.
    pub const ALL: &'static [Self] =
        &[Self::Start, Self::Verify, Self::Succeed, Self::Fail, Self::Wait, Self::Except, Self::Cancel, Self::Retry];
}

impl TargetState {
    /// Whether the target is over for this order of its job.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Excepted | Self::Cancelled)
    }

    /// The state that follows `verb`.
    ///
    /// # Errors
    /// [`Refused`] when this state does not know the verb.
    pub fn after(self, verb: TargetVerb) -> Result<Self, Refused> {
        Ok(match (self, verb) {
            (Self::Pending | Self::Waiting | Self::Running | Self::Verifying, TargetVerb::Start) => Self::Running,
            (Self::Running | Self::Verifying, TargetVerb::Verify) => Self::Verifying,
            (Self::Verifying, TargetVerb::Succeed) => Self::Succeeded,
            (Self::Running | Self::Verifying | Self::Waiting, TargetVerb::Fail) => Self::Failed,
            (Self::Running | Self::Verifying, TargetVerb::Wait) => Self::Waiting,
            (Self::Failed | Self::Waiting, TargetVerb::Except) => Self::Excepted,
            (Self::Pending | Self::Running | Self::Verifying | Self::Waiting, TargetVerb::Cancel) => Self::Cancelled,
            (Self::Failed | Self::Cancelled, TargetVerb::Retry) => Self::Pending,
            (state, verb) => {
                return Err(Refused::new(format!("A target that is {state} cannot take `{verb:?}`.")));
            }
        })
    }
}

/// A target to be put under a job.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTarget {
    /// Its id.
    pub id: JobTargetId,
    /// The line of the ledger it is.
    pub holding_id: Option<HoldingId>,
    /// How people call it.
    pub name: String,
    /// What the task needs to know, in its kind's own shape.
    pub details: Value,
}

/// A target as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its id.
    pub id: JobTargetId,
    /// The job that acts on it.
    pub job_id: JobId,
    /// The client it belongs to.
    pub client_id: Option<ClientId>,
    /// The line of the ledger it is.
    pub holding_id: Option<HoldingId>,
    /// Its place within the job, from 0.
    pub position: u32,
    /// How people call it.
    pub name: String,
    /// Where it stands.
    pub state: TargetState,
    /// How often work on it began.
    pub attempt: u32,
    /// What the task needs to know.
    pub details: Value,
    /// What was observed at the end.
    pub outcome: Option<Value>,
    /// Why it failed or waits.
    pub error: Option<JobError>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// How many targets stand where. States without a target are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetCounts(BTreeMap<TargetState, u32>);

/// What the states of all targets say about their job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some can still be worked on now.
    Unfinished,
    /// All that is left is absent.
    Waiting,
    /// All succeeded or are excepted; also when there is none.
    Succeeded,
    /// Some succeeded or are excepted, the others did not.
    Partial,
    /// None succeeded.
    Failed,
}

impl TargetCounts {
    /// How many stand in `state`.
    pub fn of(&self, state: TargetState) -> u32 {
        self.0.get(&state).copied().unwrap_or_default()
    }

    /// Every state with its number, the numbers all greater than 0.
    pub fn iter(&self) -> impl Iterator<Item = (TargetState, u32)> {
        self.0.iter().map(|(state, count)| (*state, *count))
    }

    /// One that stood in `before` stands in `after` now.
    pub fn shift(&mut self, before: TargetState, after: TargetState) {
        if let Some(count) = self.0.get_mut(&before) {
            *count = count.saturating_sub(1);
        }
        *self.0.entry(after).or_default() += 1;
        self.0.retain(|_, count| *count > 0);
    }

    /// How many there are.
    pub fn total(&self) -> u32 {
        self.0.values().sum()
    }

    /// How many are over.
    pub fn finished(&self) -> u32 {
        self.iter().filter(|(state, _)| state.is_terminal()).map(|(_, count)| count).sum()
    }

    /// What they say about their job.
    pub fn verdict(&self) -> Verdict {
        use TargetState::{Cancelled, Excepted, Failed, Pending, Running, Succeeded, Verifying, Waiting};
        let any = |states: &[TargetState]| states.iter().any(|state| self.of(*state) > 0);
        if any(&[Pending, Running, Verifying]) {
            Verdict::Unfinished
        } else if any(&[Waiting]) {
            Verdict::Waiting
        } else if !any(&[Failed, Cancelled]) {
            Verdict::Succeeded
        } else if any(&[Succeeded, Excepted]) {
            Verdict::Partial
        } else {
            Verdict::Failed
        }
    }
}

impl FromIterator<(TargetState, u32)> for TargetCounts {
    fn from_iter<I: IntoIterator<Item = (TargetState, u32)>>(counts: I) -> Self {
        Self(counts.into_iter().filter(|(_, count)| *count > 0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{TargetState::*, *};

    /// One row per state, one column per verb in the order of `TargetVerb::ALL`; a dot refuses.
    const TABLE: &str = "
        state      Start   Verify    Succeed   Fail   Wait    Except   Cancel    Retry
        PENDING    RUNNING .         .         .      .       .        CANCELLED .
        RUNNING    RUNNING VERIFYING .         FAILED WAITING .        CANCELLED .
        VERIFYING  RUNNING VERIFYING SUCCEEDED FAILED WAITING .        CANCELLED .
        WAITING    RUNNING .         .         FAILED .       EXCEPTED CANCELLED .
        SUCCEEDED  .       .         .         .      .       .        .         .
        FAILED     .       .         .         .      .       EXCEPTED .         PENDING
        EXCEPTED   .       .         .         .      .       .        .         .
        CANCELLED  .       .         .         .      .       .        .         PENDING
    ";

    #[test]
    fn every_state_answers_every_verb_as_the_table_says() {
        let rows: Vec<Vec<_>> = TABLE.lines().map(|line| line.split_whitespace().collect()).collect();
        let rows: Vec<_> = rows.into_iter().filter(|row: &Vec<&str>| !row.is_empty()).collect();
        assert_eq!(rows[0][1..], TargetVerb::ALL.iter().map(|verb| format!("{verb:?}")).collect::<Vec<_>>());
        assert_eq!(rows.len(), TargetState::ALL.len() + 1);
        for (row, state) in rows[1..].iter().zip(TargetState::ALL) {
            assert_eq!((row[0], row.len()), (state.as_str(), TargetVerb::ALL.len() + 1));
            for (expected, verb) in row[1..].iter().zip(TargetVerb::ALL) {
                assert_eq!(state.after(*verb).map_or(".", TargetState::as_str), *expected, "{state} {verb:?}");
            }
        }
    }

    #[test]
    fn the_verdict_follows_from_what_is_left() {
        let verdict =
            |states: &[TargetState]| states.iter().map(|state| (*state, 2)).collect::<TargetCounts>().verdict();
        assert_eq!(verdict(&[]), Verdict::Succeeded);
        assert_eq!(verdict(&[Succeeded, Excepted]), Verdict::Succeeded);
        assert_eq!(verdict(&[Succeeded, Failed]), Verdict::Partial);
        assert_eq!(verdict(&[Failed, Cancelled]), Verdict::Failed);
        assert_eq!(verdict(&[Succeeded, Failed, Waiting]), Verdict::Waiting);
        assert_eq!(verdict(&[Waiting, Pending]), Verdict::Unfinished);
    }

    #[test]
    fn counts_are_stored_by_word_and_without_zeroes() {
        let counts: TargetCounts = [(Failed, 2), (Pending, 0), (Succeeded, 5)].into_iter().collect();
        let json = serde_json::to_string(&counts).unwrap();
        assert_eq!(json, r#"{"SUCCEEDED":5,"FAILED":2}"#);
        assert_eq!(serde_json::from_str::<TargetCounts>(&json).unwrap(), counts);
        assert_eq!((counts.total(), counts.finished()), (7, 7));
    }

    #[test]
    fn a_target_that_moves_is_counted_once() {
        let mut counts: TargetCounts = [(Pending, 1), (Running, 1)].into_iter().collect();
        counts.shift(Pending, Running);
        counts.shift(Running, Running);
        assert_eq!(counts, [(Running, 2)].into_iter().collect());
    }
}
