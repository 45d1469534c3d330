//! A process document: its versions, and how one is approved, reviewed and revised.
//!
//! Invariants: an approved version never changes (a trigger of the database repeats it); whoever prepared
//! a version does not approve it; a version is revised by duplicating it, only after a recorded review,
//! and never by a schedule. What a version says is its [`Content`]; the hash of it is what is approved.
//!
//! Deliberately absent: computing the hash (the log's canonical JSON does), and running a process: that
//! is an engagement.

pub mod builtin;
mod check;
mod content;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Invalid, Refused, engagement::EngagementKind, step_to},
    ids::{ActorId, ProcessId, ProcessVersionId},
};

pub use check::Finding;
pub use content::{
    Activity, Boundaries, ChecklistTemplate, Content, Due, DueFrom, FocusArea, Place, Preparation, ReviewSchedule,
    StakeholderTemplate, StepCategory, StepTemplate, Term,
};

/// A process as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process's id.
    pub id: ProcessId,
    /// What it is cited by, in every version.
    pub document_number: DocumentNumber,
    /// What people call it.
    pub title: String,
    /// Onboarding or offboarding.
    pub kind: EngagementKind,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
}

/// Which processes a list holds. Empty fields allow everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFilter {
    /// Only this kind.
    pub kind: Option<EngagementKind>,
}

words! {
    /// Where a version stands.
    ProcessVersionState {
        /// Being written.
        Draft = "DRAFT",
        /// Waits for approval; frozen meanwhile.
        InReview = "IN_REVIEW",
        /// The one that new runs follow.
        Approved = "APPROVED",
        /// A newer one took its place; runs that follow it go on.
        Superseded = "SUPERSEDED",
        /// Not started any more.
        Retired = "RETIRED",
    }
}

words! {
    /// What may be done with a version, as the participle a refusal uses.
    ProcessVersionVerb {
        /// Change its content.
        Edit = "edited",
        /// Put it up for approval.
        Submit = "submitted",
        /// Let it stand.
        Approve = "approved",
        /// Send it back.
        Reject = "sent back",
        /// A newer one takes its place.
        Supersede = "superseded",
        /// Start it no more.
        Retire = "retired",
    }
}

impl ProcessVersionState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: ProcessVersionVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            ProcessVersionVerb::Edit => (&[Self::Draft], Self::Draft),
            ProcessVersionVerb::Submit => (&[Self::Draft], Self::InReview),
            ProcessVersionVerb::Approve => (&[Self::InReview], Self::Approved),
            ProcessVersionVerb::Reject => (&[Self::InReview], Self::Draft),
            ProcessVersionVerb::Supersede => (&[Self::Approved], Self::Superseded),
            ProcessVersionVerb::Retire => (&[Self::Draft, Self::Approved], Self::Retired),
        };
        step_to("process version", self, verb, rule)
    }
}

/// A version as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessVersion {
    /// The version's id.
    pub id: ProcessVersionId,
    /// The process it is a version of.
    pub process_id: ProcessId,
    /// Counts up from 1 within a process.
    pub number: i32,
    /// Where it stands.
    pub state: ProcessVersionState,
    /// What it says.
    pub content: Content,
    /// SHA-256 of the canonical content, in hex: what an approval approves.
    pub content_hash: String,
    /// The version it was duplicated from.
    pub supersedes_id: Option<ProcessVersionId>,
    /// Who wrote it.
    pub prepared_by: ActorId,
    /// When.
    pub prepared_at: DateTime<Utc>,
    /// Who approved it.
    pub approved_by: Option<ActorId>,
    /// When.
    pub approved_at: Option<DateTime<Utc>>,
    /// When a person must look at it again.
    pub next_review_on: Option<NaiveDate>,
    /// Grows with every change.
    pub revision: i32,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

words! {
    /// What a review found.
    ReviewVerdict {
        /// It may stay as it is.
        Keep = "KEEP",
        /// It needs a new version.
        Revise = "REVISE",
        /// It is not needed any more.
        Retire = "RETIRE",
    }
}

/// A review as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessReview {
    /// The version that was looked at.
    pub process_version_id: ProcessVersionId,
    /// What was found.
    pub verdict: ReviewVerdict,
    /// Why.
    pub notes: String,
    /// Who looked.
    pub reviewed_by: ActorId,
    /// When.
    pub reviewed_at: DateTime<Utc>,
}

impl ProcessVersion {
    /// The state once `approver` lets it stand.
    ///
    /// # Errors
    /// [`Refused`] when it is not in review, or `approver` prepared it.
    pub fn approved_by(&self, approver: ActorId) -> Result<ProcessVersionState, Refused> {
        if approver == self.prepared_by {
            return Err(Refused::new("Whoever prepared a version does not approve it."));
        }
        self.state.after(ProcessVersionVerb::Approve)
    }

    /// Whether it may be copied into a new draft, given its reviews.
    ///
    /// # Errors
    /// [`Refused`] when it never was approved, or no review after its approval asked for a revision.
    ///
    /// # Source
    /// T-ONB-010, "Revision Schedule": reviewed manually first; edit the duplicate, not the original.
    pub fn may_be_duplicated(&self, reviews: &[ProcessReview]) -> Result<(), Refused> {
        match self.state {
            ProcessVersionState::Approved => {}
            ProcessVersionState::Draft
            | ProcessVersionState::InReview
            | ProcessVersionState::Superseded
            | ProcessVersionState::Retired => {
                let message = format!("This version is {}; only the APPROVED one is duplicated.", self.state);
                return Err(Refused::new(message));
            }
        }
        let asks = |review: &ProcessReview| {
            review.process_version_id == self.id
                && review.verdict == ReviewVerdict::Revise
                && self.approved_at.is_none_or(|approved_at| approved_at <= review.reviewed_at)
        };
        if reviews.iter().any(asks) {
            return Ok(());
        }
        Err(Refused::new("No review asked for a revision of this version.")
            .remedy("Review it first with `processReview`, verdict REVISE."))
    }
}

/// What a process document is cited by: a letter, a hyphen, two to four letters, a hyphen, three digits.
///
/// # Source
/// The numbering of T-ONB-010.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct DocumentNumber(String);

impl DocumentNumber {
    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DocumentNumber {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_upper = |part: &str| part.bytes().all(|byte| byte.is_ascii_uppercase());
        let parts: Vec<_> = text.split('-').collect();
        let is_number = match parts.as_slice() {
            [kind, subject, number] => {
                kind.len() == 1
                    && is_upper(kind)
                    && (2..=4).contains(&subject.len())
                    && is_upper(subject)
                    && number.len() == 3
                    && number.bytes().all(|byte| byte.is_ascii_digit())
            }
            _ => false,
        };
        if is_number {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("This is not a document number.").remedy("Give one like `T-ONB-010`."))
        }
    }
}

impl fmt::Display for DocumentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DocumentNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
