//! What a destruction writes down before each batch.

use serde::{Deserialize, Serialize};

use crate::{
    domain::sanitization::{SanitizationMethod, Tally},
    ids::JobId,
    jobs::TaskContext,
    ports::{
        eraser::{Batch, Item},
        storage::ObjectPath,
    },
};

/// Where a run stands: behind so many items of the target at this place, the next batch cleared and perhaps begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mark {
    /// The target's place in its job.
    target: u32,
    /// How many items are behind it, counted from the last one.
    pub(super) done: u64,
    /// What became of those.
    pub(super) tally: Tally,
}

impl Mark {
    /// Where the run before stopped in the target at `position`; its beginning when it did not.
    pub(super) fn of(context: &TaskContext, position: u32) -> Self {
        let begun = Self { target: position, ..Self::default() };
        context.checkpoint::<Self>().filter(|mark| mark.target == position).unwrap_or(begun)
    }

    /// The next batch, of these items.
    pub(super) fn batch(&self, folder: &ObjectPath, items: Vec<Item>, job: JobId, method: SanitizationMethod) -> Batch {
        let id = job.to_string();
        // Two targets of a job may share a folder: each has names of its own.
        let tag = format!("{}-{}", &id[id.len() - 12..], self.target);
        Batch { folder: folder.clone(), items, first: self.done, tag, method }
    }
}
