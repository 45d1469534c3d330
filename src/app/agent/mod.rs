//! Taking agents off a client's devices: what may be planned, what clears each act, and what each sight does to the ledger.
//!
//! A line is an agent of a device in the group that is the client's: the group is what the client's own RMM record, a line
//! too, is called at the same connector. So nobody can name another client's device, however the plan is asked for. What comes
//! next for an agent is [`Course::next`](crate::domain::agent::Course::next)'s to say; here it is written down before it is
//! done, in a deed that asks every gate once more.

mod act;
mod plan;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        agent::{AgentFault, Course, Presence},
        holding::AgentTool,
    },
    ids::{ConnectorId, EngagementId},
};

pub use act::{failed, gone, put_off, told, under_order};
pub(in crate::app) use plan::{blockers, draft, still_fit};

/// What a caller chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Only agents for this purpose.
    pub tool: Option<AgentTool>,
}

/// What the task reads. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Args {
    /// The run it belongs to.
    pub engagement_id: EngagementId,
}

/// What the task reads of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetDetails {
    /// Where the agent's tool is reached.
    pub connector_id: ConnectorId,
    /// The group of devices that are the client's.
    pub group: String,
    /// What the tool calls the device.
    pub endpoint: String,
    /// What was done about it.
    #[serde(default)]
    pub course: Course,
}

/// What became of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// What the tool calls the device.
    pub endpoint: String,
    /// The group it was in.
    pub group: String,
    /// What was done about it, and what was seen.
    pub course: Course,
    /// How it was seen last.
    pub presence: Presence,
    /// Why it is not gone; none when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<AgentFault>,
}

impl TargetDetails {
    /// What became of it, as it was seen last.
    pub fn removal(self, presence: Presence, fault: Option<AgentFault>) -> Removal {
        Removal { endpoint: self.endpoint, group: self.group, course: self.course, presence, fault }
    }
}
