//! The items of a scan from the last to the first, in batches.

use crate::{
    error::Result,
    jobs::sheets::{Page, Shelf},
    ports::eraser::Item,
};

/// Items that are destroyed on one clearance, and on which every gate is asked once.
const ITEMS: usize = 1_000;
/// Bytes of these after which no other item joins them.
const BYTES: u64 = 1 << 30;

/// What is left to be destroyed of a scan. Holds one sheet at a time.
pub(super) struct Batches<'a> {
    shelf: Shelf<'a>,
    page: Page,
    /// Sheets that were not looked at yet.
    left: usize,
    /// Items of the sheet at hand that are left, in the order in which they were found.
    items: Vec<Item>,
}

impl<'a> Batches<'a> {
    /// What is left behind the first `done` items, counted from the last one.
    ///
    /// # Errors
    /// `PlanChanged` when the sheets are not those that `digest` stands for; those of the store.
    pub(super) async fn of(shelf: Shelf<'a>, digest: &str, done: u64) -> Result<Self> {
        let page = shelf.page(digest).await?;
        let (mut left, mut done) = (page.sheets.len(), done);
        while left > 0 && page.sheets[left - 1].items <= done {
            left -= 1;
            done -= page.sheets[left].items;
        }
        let mut batches = Self { shelf, page, left, items: Vec::new() };
        if done > 0 && batches.turn().await? {
            let kept = batches.items.len().saturating_sub(usize::try_from(done).unwrap_or(usize::MAX));
            batches.items.truncate(kept);
        }
        Ok(batches)
    }

    /// Takes up the sheet before the one at hand; gives whether there is one.
    async fn turn(&mut self) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        self.items = self.shelf.items(&self.page, self.left).await?;
        Ok(true)
    }

    /// The next items, the last one first.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Item>>> {
        while self.items.is_empty() {
            if !self.turn().await? {
                return Ok(None);
            }
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(item) = self.items.pop() {
            bytes += item.size;
            batch.push(item);
            if batch.len() == ITEMS || bytes >= BYTES {
                break;
            }
        }
        Ok(Some(batch))
    }
}
