//! What a job would do, written down before anybody starts it.
//!
//! The hash covers everything the plan relies on. Whoever starts it sends the hash back, the plan is made
//! anew in the starting transaction, and a hash that differs stops it: the world changed in between.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::JobKind;
use crate::domain::holding::{DataKind, Disposition, Holding, HoldingDetails, HoldingKind, HoldingState};
use crate::ids::{ActorId, ClientId, EngagementId, HoldingId, JobPlanId, StepId};

/// How long a plan may be started: a working day and the night before it, so that whoever has to agree can
/// sleep on it.
pub const PLAN_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// How long a job that is over may be tried again. After that it is planned anew, so what it left for another
/// run can be cleared away.
///
/// # Source
/// House decision: whoever comes back from a week's leave still finds the job as it was.
pub const RETRIED_FOR: TimeDelta = TimeDelta::days(7);

words! {
    /// Which targets of a job are tried again.
    RetryScope {
        /// Those that failed.
        Failed = "FAILED",
        /// All that did not succeed: those that failed, were cancelled, or wait.
        Unfinished = "UNFINISHED",
    }
}

/// Which lines of a client's ledger a job is planned for, out of those that its kind can act on. Empty fields allow
/// everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFilter {
    /// Only these kinds.
    pub kinds: Vec<HoldingKind>,
    /// Only these states.
    pub states: Vec<HoldingState>,
    /// Only data of these sorts.
    pub data_kinds: Vec<DataKind>,
    /// Only data that is to end so.
    pub dispositions: Vec<Disposition>,
}

impl TargetFilter {
    /// Whether `holding` is one of them.
    pub fn admits(&self, holding: &Holding) -> bool {
        let data = if let HoldingDetails::Data(data) = &holding.details { Some(data) } else { None };
        admits(&self.kinds, Some(holding.details.kind()))
            && admits(&self.states, Some(holding.state))
            && admits(&self.data_kinds, data.map(|data| data.data_kind))
            && admits(&self.dispositions, data.map(|data| data.disposition))
    }
}

fn admits<T: PartialEq>(allowed: &[T], found: Option<T>) -> bool {
    allowed.is_empty() || found.is_some_and(|found| allowed.contains(&found))
}

/// What a job would act on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTarget {
    /// The line of the ledger it is.
    pub holding_id: Option<HoldingId>,
    /// How people call it.
    pub name: String,
    /// What the task needs to know, in its kind's own shape.
    pub details: Value,
}

/// A plan as it was written down. It never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its id.
    pub id: JobPlanId,
    /// What the job would do.
    pub kind: JobKind,
    /// For whom.
    pub client_id: ClientId,
    /// In the course of what.
    pub engagement_id: Option<EngagementId>,
    /// The step it would do.
    pub step_id: Option<StepId>,
    /// What was asked for, in the kind's own shape; the plan is made anew from it.
    pub options: Value,
    /// What it would act on.
    pub targets: Vec<PlannedTarget>,
    /// What the caller should know.
    pub warnings: Vec<String>,
    /// SHA-256 of all that the plan relies on, in hex.
    pub hash: String,
    /// Who asked.
    pub created_by: ActorId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it may be started.
    pub expires_at: DateTime<Utc>,
}
