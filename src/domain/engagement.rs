//! One run of an approved process version for one client.
//!
//! Invariants: it pins its version; a client has at most one live engagement of a kind (an index of the
//! database holds that); cancelling keeps everything.
//!
//! An engagement has no state "blocked": what stands between it and its end is computed by
//! [`crate::domain::gate`], each time somebody asks.

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    domain::{Refused, page::Key, step_to},
    ids::{ActorId, ClientId, EngagementId, ProcessVersionId},
};

words! {
    /// Which of the two processes a run follows.
    EngagementKind {
        /// Brings a client under service.
        Onboarding = "ONBOARDING",
        /// Ends the service and closes the ledger.
        Offboarding = "OFFBOARDING",
    }
}

words! {
    /// Where a run stands.
    EngagementState {
        /// Entered, not begun.
        Planned = "PLANNED",
        /// Under way.
        Running = "RUNNING",
        /// Under way, and nothing may be worked on for now.
        Paused = "PAUSED",
        /// Ended with nothing left open.
        Concluded = "CONCLUDED",
        /// Given up; what it made is kept.
        Cancelled = "CANCELLED",
    }
}

words! {
    /// What may be done with a run, as the participle a refusal uses.
    EngagementVerb {
        /// Begin.
        Start = "started",
        /// Stop for a while.
        Pause = "paused",
        /// Go on.
        Resume = "resumed",
        /// End it well.
        Conclude = "concluded",
        /// Give it up.
        Cancel = "cancelled",
    }
}

impl EngagementState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: EngagementVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            EngagementVerb::Start => (&[Self::Planned], Self::Running),
            EngagementVerb::Pause => (&[Self::Running], Self::Paused),
            EngagementVerb::Resume => (&[Self::Paused], Self::Running),
            EngagementVerb::Conclude => (&[Self::Running], Self::Concluded),
            EngagementVerb::Cancel => (&[Self::Planned, Self::Running, Self::Paused], Self::Cancelled),
        };
        step_to("engagement", self, verb, rule)
    }

    /// Whether it takes the one place for its kind at its client.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Planned | Self::Running | Self::Paused => true,
            Self::Concluded | Self::Cancelled => false,
        }
    }

    /// Whether it has begun and not ended.
    pub const fn is_under_way(self) -> bool {
        match self {
            Self::Running | Self::Paused => true,
            Self::Planned | Self::Concluded | Self::Cancelled => false,
        }
    }

    /// Whether it ended well.
    pub const fn is_concluded(self) -> bool {
        match self {
            Self::Concluded => true,
            Self::Planned | Self::Running | Self::Paused | Self::Cancelled => false,
        }
    }
}

/// Which runs a list holds. Empty fields allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngagementFilter {
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Only this kind.
    pub kind: Option<EngagementKind>,
    /// Only these states.
    pub states: Vec<EngagementState>,
}

/// A run as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engagement {
    /// The run's id.
    pub id: EngagementId,
    /// For whom.
    pub client_id: ClientId,
    /// Onboarding or offboarding.
    pub kind: EngagementKind,
    /// Where it stands.
    pub state: EngagementState,
    /// The approved version it follows to its end, whatever is approved later.
    pub process_version_id: ProcessVersionId,
    /// The day it shall be done.
    pub target_on: Option<NaiveDate>,
    /// Why it was paused or cancelled.
    pub state_reason: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended well.
    pub concluded_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub revision: i32,
    /// Who entered it.
    pub created_by: ActorId,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Engagement {
    /// Its place in lists.
    pub fn key(&self) -> Key {
        Key { at_ms: self.created_at.timestamp_millis(), id: self.id.uuid() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::assert_table;

    #[test]
    fn a_run_goes_only_these_ways() {
        use EngagementState::{Cancelled, Concluded, Paused, Planned, Running};
        use EngagementVerb::{Cancel, Conclude, Pause, Resume, Start};
        assert_table(
            EngagementState::ALL,
            EngagementVerb::ALL,
            EngagementState::after,
            &[
                (Planned, Start, Running),
                (Running, Pause, Paused),
                (Paused, Resume, Running),
                (Running, Conclude, Concluded),
                (Planned, Cancel, Cancelled),
                (Running, Cancel, Cancelled),
                (Paused, Cancel, Cancelled),
            ],
        );
    }

    #[test]
    fn what_is_under_way_is_live() {
        for state in EngagementState::ALL {
            assert!(!state.is_under_way() || state.is_live(), "{state}");
            assert!(!state.is_concluded() || !state.is_live(), "{state}");
        }
    }
}
