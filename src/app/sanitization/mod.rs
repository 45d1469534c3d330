//! Destroying a client's data: what may be planned, what clears it, what it does to the ledger, and what proves it.
//!
//! A scan freezes what is there ([`scan`](crate::app::scan)); the plan names its digest, and so does the plan's hash. The
//! client confirms that hash, two people approve it, and the worker asks for all of it again in the deed that clears each
//! batch ([`clear`]). A line that was destroyed is REMOVED; it is CLOSED, and certified, by another job of another
//! person ([`verify`]). Whether that is enough for the data an authority says, in a statement of its own ([`validation`]).

mod act;
mod certificate;
mod plan;
mod validation;
mod verify;

use serde::{Deserialize, Serialize};

use crate::{
    app::scan::{Found, Spot},
    clock::Instant,
    domain::{
        decision::DecisionKind,
        sanitization::{SanitizationMethod, Tally},
    },
    ids::{DecisionId, EngagementId, JobId},
};

pub use act::{begin, clear, destroyed, kept};
pub(in crate::app) use plan::{blockers_of_plans, decided_by_others, draft, undecided};
pub(in crate::app) use validation::{had_no_part, may_be_asked, validated};
pub use verify::{Seen, Verification, VerificationArgs, VerificationOptions, Witnessed, verified};
pub(in crate::app) use verify::{blockers as verification_blockers, draft as draft_verification};

/// What a caller chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// How it is destroyed.
    pub method: SanitizationMethod,
}

/// What the task reads. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Args {
    /// The run it belongs to.
    pub engagement_id: EngagementId,
    /// How it is destroyed.
    pub method: SanitizationMethod,
}

/// What the task reads of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetDetails {
    /// Where it lies.
    #[serde(flatten)]
    pub spot: Spot,
    /// What the scan found there: nothing else is destroyed.
    pub found: Found,
}

/// What became of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// The scan it went by.
    pub digest: String,
    /// How it was destroyed.
    pub method: SanitizationMethod,
    /// How many items were planned.
    pub planned: u64,
    /// What became of them.
    pub tally: Tally,
    /// How many names were found there afterwards.
    pub left: u64,
    /// Until when the store keeps the last of what it does not let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Instant>,
    /// The first few items that are not gone, and the first few names found afterwards.
    pub first: Vec<String>,
    /// The program that did it, with its version.
    pub tool: String,
    /// What is not reached there by destroying it so.
    pub limits: Vec<String>,
    /// Which store it was.
    pub root: String,
    /// The decisions that allowed it, once it is done.
    #[serde(default)]
    pub allowed_by: Vec<Grant>,
}

/// A decision that allowed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The decision.
    pub id: DecisionId,
    /// What was asked.
    pub kind: DecisionKind,
    /// When it was granted.
    pub at: Option<Instant>,
}

impl Erasure {
    /// Whether everything that was planned is gone and nothing is left.
    pub const fn is_whole(&self) -> bool {
        self.tally.is_whole(self.planned) && self.left == 0
    }

    /// Until when the store keeps some of what was planned, when all else is gone.
    pub const fn kept_until(&self) -> Option<Instant> {
        let is_all_else_gone = self.tally.is_done(self.planned) && self.left == self.tally.locked;
        if is_all_else_gone { self.locked_until } else { None }
    }
}

/// What the job says of itself when it is over: the sums over its targets that are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Places that are empty now.
    pub places: u64,
    /// Files whose content was destroyed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The job that destroyed a line, and what it says of it.
#[derive(Clone, Debug)]
pub(in crate::app) struct Destroyed {
    /// The job.
    pub(in crate::app) job: JobId,
    /// What became of it.
    pub(in crate::app) erasure: Erasure,
    /// Where it lay.
    pub(in crate::app) spot: Spot,
}
