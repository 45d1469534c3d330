//! What came of one target, one type for each kind of job that tells.

use async_graphql::{SimpleObject, Union};
use serde::Deserialize;

use crate::{
    app::{
        agent::Removal,
        sanitization::{Erasure, Seen},
        scan::Found,
    },
    domain::{agent::Presence, job::Target, sanitization::SanitizationMethod},
    graphql::scalars::{DateTime, Long},
};

/// What came of one target of a job.
#[derive(Clone, Debug, Union)]
pub enum JobTargetOutcome {
    /// It was scanned.
    Scanned(ScannedData),
    /// It was to be destroyed.
    Destroyed(DestroyedData),
    /// It was looked for.
    Looked(SeenData),
    /// It was to be taken off its device.
    Removed(RemovedAgent),
}

/// What was done about an agent, and what was seen of it. It is gone when it stayed away after its tool had forgotten it.
#[derive(Clone, Debug, SimpleObject)]
pub struct RemovedAgent {
    /// What its tool calls the device.
    endpoint: String,
    /// The group of devices it was in.
    group: String,
    /// How it was seen last.
    presence: Presence,
    /// When it was last told to go.
    told_at: Option<DateTime>,
    /// How often.
    tell_count: i32,
    /// Since when it was silent.
    silent_since: Option<DateTime>,
    /// When its tool was last told to forget it.
    forgotten_at: Option<DateTime>,
    /// Since when it was missing from its tool's list.
    absent_since: Option<DateTime>,
}

impl From<Removal> for RemovedAgent {
    fn from(removal: Removal) -> Self {
        let Removal { endpoint, group, course, presence, fault: _ } = removal;
        Self {
            endpoint,
            group,
            presence,
            told_at: course.told_at.map(DateTime),
            tell_count: i32::try_from(course.tells).unwrap_or(i32::MAX),
            silent_since: course.silent_since.map(DateTime),
            forgotten_at: course.forgotten_at.map(DateTime),
            absent_since: course.absent_since.map(DateTime),
        }
    }
}

/// What lies at a place, item by item, frozen.
#[derive(Clone, Debug, SimpleObject)]
pub struct ScannedData {
    /// SHA-256, in hex, of the place and everything that was found there. The same as long as nothing changes.
    digest: String,
    /// Everything that can be destroyed, folders included.
    item_count: Long,
    /// Files among them.
    file_count: Long,
    /// Their bytes.
    byte_count: Long,
    /// Files among them that have other names, here or elsewhere.
    several_names_count: Long,
    /// What could not be looked at: as long as there is any, nothing is destroyed by this scan.
    hidden_count: Long,
    /// Files whose content has, or may have, names that were not found: nor is it as long as there is any of these.
    named_elsewhere_count: Long,
    /// What destroying it there does not reach.
    limits: Vec<String>,
}

/// What became of everything that was planned at a place.
#[derive(Clone, Debug, SimpleObject)]
pub struct DestroyedData {
    /// The scan it went by.
    digest: String,
    /// How it was destroyed.
    method: SanitizationMethod,
    /// How many items were planned.
    planned_count: Long,
    /// Files whose content was overwritten, read back, and whose last name is gone.
    destroyed_count: Long,
    /// Their bytes.
    byte_count: Long,
    /// Folders, links and other names without content that are gone.
    removed_count: Long,
    /// Names that are gone of files with several names, whose content is destroyed with the last of them.
    unnamed_count: Long,
    /// What a run that was interrupted had destroyed before it could say so.
    absent_count: Long,
    /// What is not what was planned. It was not touched.
    changed_count: Long,
    /// What the store did not let go of.
    refused_count: Long,
    /// What the store keeps until `lockedUntil`.
    locked_count: Long,
    /// When the store lets go of the last of these.
    locked_until: Option<DateTime>,
    /// Names outside of the plan under which content of it lives on.
    named_elsewhere_count: Long,
    /// How many names were found at the place afterwards.
    left_count: Long,
    /// The first few items that are not gone, each behind a word that says why.
    first: Vec<String>,
}

/// What each tool saw at a place where nothing should be.
#[derive(Clone, Debug, SimpleObject)]
pub struct SeenData {
    /// One for each tool.
    witnesses: Vec<SeenByTool>,
}

/// What one tool saw.
#[derive(Clone, Debug, SimpleObject)]
pub struct SeenByTool {
    /// The tool, with its version.
    tool: String,
    /// How many names it found.
    count: Long,
    /// The first few of them.
    first: Vec<String>,
}

/// As it is stored. What a return stores is told of by its job.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Erasure(Erasure),
    Found(Found),
    Seen(Vec<Seen>),
    Removal(Removal),
}

impl JobTargetOutcome {
    /// What `target` came to; none while it has not ended, and for kinds whose job tells.
    pub fn of(target: &Target) -> Option<Self> {
        // What an earlier order of the job came to is not what this one does.
        if !target.state.is_terminal() {
            return None;
        }
        Some(match serde_json::from_value(target.outcome.clone()?).ok()? {
            Stored::Erasure(erasure) => Self::Destroyed(erasure.into()),
            Stored::Found(found) => Self::Scanned(found.into()),
            Stored::Removal(removal) => Self::Removed(removal.into()),
            Stored::Seen(seen) => Self::Looked(SeenData { witnesses: seen.into_iter().map(Into::into).collect() }),
        })
    }
}

impl From<Found> for ScannedData {
    fn from(found: Found) -> Self {
        Self {
            digest: found.digest,
            item_count: found.items.into(),
            file_count: found.files.into(),
            byte_count: found.bytes.into(),
            several_names_count: found.several_names.into(),
            hidden_count: found.hidden.into(),
            named_elsewhere_count: found.named_elsewhere.into(),
            limits: found.limits,
        }
    }
}

impl From<Erasure> for DestroyedData {
    fn from(erasure: Erasure) -> Self {
        let tally = &erasure.tally;
        Self {
            method: erasure.method,
            planned_count: erasure.planned.into(),
            destroyed_count: tally.destroyed.into(),
            byte_count: tally.bytes.into(),
            removed_count: tally.removed.into(),
            unnamed_count: tally.unnamed.into(),
            absent_count: tally.absent.into(),
            changed_count: tally.changed.into(),
            refused_count: tally.refused.into(),
            locked_count: tally.locked.into(),
            locked_until: erasure.locked_until.map(DateTime),
            named_elsewhere_count: tally.named_elsewhere().into(),
            left_count: erasure.left.into(),
            digest: erasure.digest,
            first: erasure.first,
        }
    }
}

impl From<Seen> for SeenByTool {
    fn from(seen: Seen) -> Self {
        Self { tool: seen.tool, count: seen.count.into(), first: seen.first }
    }
}
