//! One step of an engagement, and its checklist.
//!
//! Invariants: a step's key, title, role, checklist and gates come from the process version that the
//! engagement pins; *blocked* is computed by [`crate::domain::gate`] and never stored.
//!
//! A step that is opened again goes back to PENDING, not to where it was: its gates are asked anew.

use chrono::{DateTime, Utc};

use crate::{
    domain::{Refused, page::Key, role::Role, step_to},
    ids::{ActorId, ChecklistItemId, ClientId, EngagementId, StepId, UserId},
};

words! {
    /// Where a step stands.
    StepState {
        /// Not begun.
        Pending = "PENDING",
        /// Somebody works on it.
        InProgress = "IN_PROGRESS",
        /// Finished, its gates open.
        Done = "DONE",
        /// There is nothing to do here for this client.
        NotApplicable = "NOT_APPLICABLE",
        /// An approved exception stands in for it.
        Excepted = "EXCEPTED",
    }
}

words! {
    /// What may be done with a step, as the participle a refusal uses.
    StepVerb {
        /// Begin.
        Start = "started",
        /// Finish.
        Complete = "completed",
        /// Say that there is nothing to do.
        MarkNotApplicable = "marked not applicable",
        /// Let an approved exception stand in.
        Except = "excepted",
        /// Take the finish back.
        Reopen = "reopened",
    }
}

impl StepState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: StepVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            StepVerb::Start => (&[Self::Pending], Self::InProgress),
            StepVerb::Complete => (&[Self::InProgress], Self::Done),
            StepVerb::MarkNotApplicable => (&[Self::Pending, Self::InProgress], Self::NotApplicable),
            StepVerb::Except => (&[Self::Pending, Self::InProgress], Self::Excepted),
            StepVerb::Reopen => (&[Self::Done, Self::NotApplicable, Self::Excepted], Self::Pending),
        };
        step_to("step", self, verb, rule)
    }

    /// Whether nothing more is expected of it.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Done | Self::NotApplicable | Self::Excepted => true,
            Self::Pending | Self::InProgress => false,
        }
    }
}

words! {
    /// Where a line of a checklist stands.
    ChecklistItemState {
        /// To do.
        Open = "OPEN",
        /// Done.
        Done = "DONE",
        /// Nothing to do for this client; a note says why.
        NotApplicable = "NOT_APPLICABLE",
    }
}

impl ChecklistItemState {
    /// Whether nothing more is expected of it.
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Done | Self::NotApplicable => true,
            Self::Open => false,
        }
    }
}

/// Which steps a list holds. Empty fields allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepFilter {
    /// Only this engagement's.
    pub engagement_id: Option<EngagementId>,
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Only what is given to this person.
    pub assignee_id: Option<UserId>,
    /// Only work of these roles.
    pub roles: Vec<Role>,
    /// Only these states.
    pub states: Vec<StepState>,
    /// Only open steps that were due before this instant.
    pub overdue_at: Option<DateTime<Utc>>,
    /// Only open steps that something stands in the way of, or only those that nothing does.
    pub is_blocked: Option<bool>,
}

/// Where steps without a due date stand in the work queue, behind every other: 9999-12-31T00:00:00Z, in seconds
/// since 1970.
const END_OF_TIME_SECS: i64 = 253_402_214_400;

/// A step as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The step's id.
    pub id: StepId,
    /// The run it belongs to.
    pub engagement_id: EngagementId,
    /// The client of that run.
    pub client_id: ClientId,
    /// What the process calls it: unique within a run.
    pub key: String,
    /// Its place in the process, from 1.
    pub position: i32,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub state: StepState,
    /// Who may work on it.
    pub role: Role,
    /// Who works on it.
    pub assignee_id: Option<UserId>,
    /// When it is due.
    pub due_at: Option<DateTime<Utc>>,
    /// Why it does not apply, or was reopened.
    pub state_reason: Option<String>,
    /// When it was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When it became terminal.
    pub finished_at: Option<DateTime<Utc>>,
    /// Who made it terminal.
    pub finished_by: Option<ActorId>,
    /// Grows with every change.
    pub revision: i32,
}

impl Step {
    /// Where it stands in the work queue.
    pub fn queue_at(&self) -> DateTime<Utc> {
        self.due_at.or_else(|| DateTime::from_timestamp(END_OF_TIME_SECS, 0)).unwrap_or_default()
    }

    /// Its place in that queue.
    pub fn queue_key(&self) -> Key {
        Key { at_ms: self.queue_at().timestamp_millis(), id: self.id.uuid() }
    }

    /// Whether it should have been finished before `now`.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        !self.state.is_terminal() && self.due_at.is_some_and(|due| due < now)
    }
}

/// A line of a step's checklist as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChecklistItem {
    /// The line's id.
    pub id: ChecklistItemId,
    /// The step it belongs to.
    pub step_id: StepId,
    /// The client of that step.
    pub client_id: ClientId,
    /// What the process calls it: unique within a step.
    pub key: String,
    /// Its place in the list, from 1.
    pub position: i32,
    /// What is to be done.
    pub text: String,
    /// Whether the step waits for it.
    pub is_required: bool,
    /// Where it stands.
    pub state: ChecklistItemState,
    /// What whoever set it remarked.
    pub note: Option<String>,
    /// Who set it last.
    pub set_by: Option<ActorId>,
    /// When it was set last.
    pub set_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub revision: i32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::assert_table;

    #[test]
    fn a_step_goes_only_these_ways() {
        use StepState::{Done, Excepted, InProgress, NotApplicable, Pending};
        use StepVerb::{Complete, Except, MarkNotApplicable, Reopen, Start};
        assert_table(
            StepState::ALL,
            StepVerb::ALL,
            StepState::after,
            &[
                (Pending, Start, InProgress),
                (InProgress, Complete, Done),
                (Pending, MarkNotApplicable, NotApplicable),
                (InProgress, MarkNotApplicable, NotApplicable),
                (Pending, Except, Excepted),
                (InProgress, Except, Excepted),
                (Done, Reopen, Pending),
                (NotApplicable, Reopen, Pending),
                (Excepted, Reopen, Pending),
            ],
        );
    }

    #[test]
    fn a_refusal_says_what_would_have_been_needed() {
        let refused = StepState::Done.after(StepVerb::Start).unwrap_err();
        assert_eq!(refused.message, "This step is DONE; only one that is PENDING can be started.");
    }

    #[test]
    fn exactly_what_can_be_reopened_is_terminal() {
        for state in StepState::ALL {
            assert_eq!(state.after(StepVerb::Reopen).is_ok(), state.is_terminal(), "{state}");
        }
    }
}
