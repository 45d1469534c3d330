//! A line of the ledger: something the provider opened at a client and has to close again.
//!
//! Invariants: one state machine for every kind; only a verified removal, a contractual retention or an
//! approved exception takes a line off the list of [`HoldingState::is_residual`] ones; a credential's
//! secret is never here ([`secret::looks_like_secret`]).
//!
//! ```text
//! PLANNED → ACTIVE → CLOSING → REMOVED → CLOSED → RESURFACED → CLOSING
//!              │       └→ ACTIVE (attempt failed) · WAITING (target offline) → CLOSING
//!              ├→ RETAINED   contract clause + granted decision; or its store keeps it until a date
//!              └→ EXCEPTED   approved exception
//! ```
//!
//! Five ways out of what would otherwise be a dead end stand beside the picture: a line that was planned
//! and never opened may be excepted; a WAITING one whose target never comes back becomes ACTIVE again
//! (the attempt failed), so that it can be excepted; a REMOVED one that the probe finds alive has
//! RESURFACED before it was ever CLOSED; one that its store keeps may be excepted, and until it is it counts as open; an EXCEPTED one is ACTIVE again when its exception lapses; and so is one whose
//! store kept it, when the date has come.
//!
//! To add a kind, add a word, a variant of the details, its check and its traits.

mod details;
mod location;
pub mod secret;

use chrono::{DateTime, Utc};

use crate::{
    domain::{Refused, step_to},
    ids::{ActorId, ClientId, ConnectorId, DecisionId, ExceptionId, HoldingId},
};

pub use details::{
    AgentHolding, AgentTool, ConfigHolding, ConfigKind, CredentialHolding, CredentialKind, DataHolding, DataKind,
    Device, Disposition, HoldingDetails, HoldingTraits, KeyEscrow, Mfa, MfaState, System, SystemRecordHolding,
    check_names,
};
pub use location::{StoreUri, VaultUri};

words! {
    /// What a holding is.
    HoldingKind {
        /// The client's record in one of the provider's systems.
        SystemRecord = "SYSTEM_RECORD",
        /// A program on a device of the client.
        Agent = "AGENT",
        /// Access to the client's systems.
        Credential = "CREDENTIAL",
        /// Something set for the client in shared infrastructure.
        Config = "CONFIG",
        /// Data of the client in the provider's hands.
        Data = "DATA",
    }
}

words! {
    /// Where a holding stands.
    HoldingState {
        /// Not opened yet.
        Planned = "PLANNED",
        /// Alive.
        Active = "ACTIVE",
        /// Its removal is under way.
        Closing = "CLOSING",
        /// Its removal waits for an absent target.
        Waiting = "WAITING",
        /// Removed, not verified.
        Removed = "REMOVED",
        /// Removed, and a probe of the outside system says so.
        Closed = "CLOSED",
        /// Stays by contract.
        Retained = "RETAINED",
        /// Stays by an approved exception.
        Excepted = "EXCEPTED",
        /// Found alive after it was removed.
        Resurfaced = "RESURFACED",
    }
}

words! {
    /// What may be done with a holding, as the participle a refusal uses.
    HoldingVerb {
        /// It came into being.
        Activate = "activated",
        /// Begin its removal, or try again.
        BeginClosing = "closed",
        /// Its target is away.
        Wait = "put off",
        /// The attempt to remove it failed.
        FailClosing = "given up on",
        /// The outside system says that it is gone.
        Remove = "removed",
        /// A probe of another kind says so too.
        Verify = "verified",
        /// A clause and a decision let it stay.
        Retain = "retained",
        /// Its store does not let go of it before a date.
        Keep = "kept",
        /// The date until which its store kept it has come.
        Release = "released",
        /// An exception lets it stay.
        Except = "excepted",
        /// The exception that let it stay is over.
        Lapse = "taken up again",
        /// A probe found it alive.
        Resurface = "found alive",
    }
}

impl HoldingState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: HoldingVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            HoldingVerb::Activate => (&[Self::Planned], Self::Active),
            HoldingVerb::BeginClosing => (&[Self::Active, Self::Waiting, Self::Resurfaced], Self::Closing),
            HoldingVerb::Wait => (&[Self::Closing], Self::Waiting),
            HoldingVerb::FailClosing => (&[Self::Closing, Self::Waiting], Self::Active),
            HoldingVerb::Remove => (&[Self::Closing], Self::Removed),
            HoldingVerb::Verify => (&[Self::Removed], Self::Closed),
            HoldingVerb::Retain => (&[Self::Active], Self::Retained),
            HoldingVerb::Keep => (&[Self::Closing], Self::Retained),
            HoldingVerb::Release => (&[Self::Retained], Self::Active),
            HoldingVerb::Except => (&[Self::Planned, Self::Active, Self::Retained], Self::Excepted),
            HoldingVerb::Lapse => (&[Self::Excepted], Self::Active),
            HoldingVerb::Resurface => (&[Self::Removed, Self::Closed], Self::Resurfaced),
        };
        step_to("holding", self, verb, rule)
    }

    /// Whether it stands between its client and a conclusion, unless its store keeps it.
    pub const fn is_residual(self) -> bool {
        match self {
            Self::Closed | Self::Retained | Self::Excepted => false,
            Self::Planned | Self::Active | Self::Closing | Self::Waiting | Self::Removed | Self::Resurfaced => true,
        }
    }
}

/// Which holdings a list holds. Empty fields allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoldingFilter {
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Only these kinds.
    pub kinds: Vec<HoldingKind>,
    /// Only these states.
    pub states: Vec<HoldingState>,
    /// Only those that stand between their client and a conclusion.
    pub is_residual: bool,
}

/// A holding as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The holding's id.
    pub id: HoldingId,
    /// Whose ledger it stands in.
    pub client_id: ClientId,
    /// Where it stands.
    pub state: HoldingState,
    /// What people call it.
    pub name: String,
    /// What the outside system calls it: unique within client and kind, and at its connector.
    pub external_ref: Option<String>,
    /// Where it is reached.
    pub connector_id: Option<ConnectorId>,
    /// What it is; its kind is the holding's kind.
    pub details: HoldingDetails,
    /// The clause that lets it stay, or what keeps it.
    pub retained_clause: Option<String>,
    /// Until when its store keeps it.
    pub retained_until: Option<DateTime<Utc>>,
    /// The decision that lets it stay.
    pub decision_id: Option<DecisionId>,
    /// The exception that lets it stay.
    pub exception_id: Option<ExceptionId>,
    /// When the outside system was last asked about it.
    pub last_probed_at: Option<DateTime<Utc>>,
    /// When the client acknowledged that this data was returned.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// When its removal was verified.
    pub closed_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub revision: i32,
    /// Who registered it.
    pub created_by: ActorId,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Whether its store keeps a line of this `state` `until` some day, and nobody agreed to that: a lock is no clause.
pub const fn is_kept(state: HoldingState, until: Option<DateTime<Utc>>, is_decided: bool) -> bool {
    matches!(state, HoldingState::Retained) && until.is_some() && !is_decided
}

impl Holding {
    /// Whether it stands between its client and a conclusion.
    pub const fn is_residual(&self) -> bool {
        self.state.is_residual() || is_kept(self.state, self.retained_until, self.decision_id.is_some())
    }

    /// What it is.
    pub fn kind(&self) -> HoldingKind {
        self.details.kind()
    }
}

/// The lines of `holdings` that stand between their client and a conclusion.
pub fn residuals<'a>(holdings: impl IntoIterator<Item = &'a Holding>) -> Vec<&'a Holding> {
    holdings.into_iter().filter(|holding| holding.is_residual()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::assert_table;

    #[test]
    fn a_holding_goes_only_these_ways() {
        use HoldingState::{Active, Closed, Closing, Excepted, Planned, Removed, Resurfaced, Retained, Waiting};
        use HoldingVerb::{
            Activate, BeginClosing, Except, FailClosing, Keep, Lapse, Release, Remove, Resurface, Retain, Verify, Wait,
        };
        assert_table(
            HoldingState::ALL,
            HoldingVerb::ALL,
            HoldingState::after,
            &[
                (Planned, Activate, Active),
                (Active, BeginClosing, Closing),
                (Waiting, BeginClosing, Closing),
                (Resurfaced, BeginClosing, Closing),
                (Closing, Wait, Waiting),
                (Closing, FailClosing, Active),
                (Waiting, FailClosing, Active),
                (Closing, Remove, Removed),
                (Removed, Verify, Closed),
                (Active, Retain, Retained),
                (Closing, Keep, Retained),
                (Retained, Release, Active),
                (Planned, Except, Excepted),
                (Active, Except, Excepted),
                (Retained, Except, Excepted),
                (Excepted, Lapse, Active),
                (Removed, Resurface, Resurfaced),
                (Closed, Resurface, Resurfaced),
            ],
        );
    }

    #[test]
    fn from_everywhere_a_way_leads_off_the_list_of_residuals() {
        for &start in HoldingState::ALL {
            let mut reached = vec![start];
            let mut next = 0;
            while let Some(&state) = reached.get(next) {
                next += 1;
                for &verb in HoldingVerb::ALL {
                    reached.extend(state.after(verb).ok().filter(|to| !reached.contains(to)));
                }
            }
            assert!(reached.iter().any(|state| !state.is_residual()), "{start} is a dead end: {reached:?}");
        }
    }
}
