//! How many jobs a process runs at a time, and how one of them runs alone.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// The right to run one job, or, when it holds all permits, to run it alone. Given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// The slots of a process.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    permits: Arc<Semaphore>,
    total: u32,
}

impl Slots {
    /// `total` slots, all free.
    pub(super) fn new(total: u32) -> Self {
        Self { permits: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// How many there are.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// How many are taken.
    pub(super) fn busy(&self) -> u32 {
        self.total.saturating_sub(u32::try_from(self.permits.available_permits()).unwrap_or(self.total))
    }

    /// A slot, if one is free now.
    pub(super) fn try_take(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Slot { _permit: permit })
    }

    /// All of them, if all are free now.
    pub(super) fn try_take_all(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.permits).try_acquire_many_owned(self.total).ok()?;
        Some(Slot { _permit: permit })
    }

    /// All of them, once what runs has ended. From now on nobody else gets one, because they are handed out
    /// in the order they were asked for.
    pub(super) async fn take_all(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.permits).acquire_many_owned(self.total).await.ok()?;
        Some(Slot { _permit: permit })
    }

    /// For waiting until one is free.
    pub(super) fn watch(&self) -> PollSemaphore {
        PollSemaphore::new(Arc::clone(&self.permits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_wants_all_slots_gets_them_before_later_ones_get_one() {
        let slots = Slots::new(3);
        let (first, second) = (slots.try_take(), slots.try_take());
        assert!(slots.try_take_all().is_none());
        assert_eq!(slots.busy(), 2);
        let waiting = {
            let slots = slots.clone();
            tokio::spawn(async move { slots.take_all().await })
        };
        while slots.busy() < 3 {
            tokio::task::yield_now().await;
        }
        assert!(slots.try_take().is_none(), "the free one is kept for whoever waits for all");
        drop((first, second));
        let all = waiting.await.unwrap();
        assert!(all.is_some() && slots.try_take().is_none());
        drop(all);
        assert!(slots.try_take_all().is_some());
    }
}
