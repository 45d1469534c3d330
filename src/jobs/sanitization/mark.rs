//! What a destruction writes down before each batch.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Instant,
    domain::sanitization::{SanitizationMethod, Tally},
    ids::JobId,
    jobs::TaskContext,
    ports::{
        eraser::{Batch, Item, Leave},
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
    /// Until when the store keeps the last of what it does not let go.
    #[serde(default)]
    pub(super) locked_until: Option<Instant>,
    /// Whether the next batch was cleared, so that some of it may be gone.
    is_begun: bool,
}

impl Mark {
    /// Where the run before stopped in the target at `position`; its beginning when it did not.
    pub(super) fn of(context: &TaskContext, position: u32) -> Self {
        let begun = Self { target: position, ..Self::default() };
        context.checkpoint::<Self>().filter(|mark| mark.target == position).unwrap_or(begun)
    }

    /// Whether nothing of the target was cleared yet.
    pub(super) const fn is_new(&self) -> bool {
        self.done == 0 && !self.is_begun
    }

    /// The next batch is cleared; gives whether a run before had come that far.
    pub(super) const fn begin(&mut self) -> bool {
        std::mem::replace(&mut self.is_begun, true)
    }

    /// The batch, of so many items, is over.
    pub(super) const fn end(&mut self, items: u64) {
        self.done += items;
        self.is_begun = false;
    }

    /// The next batch, of these items.
    pub(super) fn batch(
        &self,
        folder: &ObjectPath,
        items: Vec<Item>,
        job: JobId,
        method: SanitizationMethod,
        leave: Leave,
    ) -> Batch {
        let id = job.to_string();
        // Two targets of a job may share a folder: each has names of its own.
        let tag = format!("{}-{}", &id[id.len() - 12..], self.target);
        Batch { folder: folder.clone(), items, first: self.done, tag, method, leave }
    }
}
