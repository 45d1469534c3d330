//! Looking for work without being told.
//!
//! Once a tick a process with a free slot claims the best due row itself. That makes a lost hint cost one tick
//! at most, and lets an urgent job overtake hints that wait in line. While rows are found (the process is
//! *hot*) it looks again whenever a slot becomes free, so that the queue is emptied as fast without Redis.

use std::sync::{Arc, atomic::Ordering};

use tokio::{select, time::Instant};

use super::executor::Executor;
use crate::{app::job::worker, domain::job::Pick};

impl Executor {
    /// Looks until the process drains.
    pub(super) async fn look(self: Arc<Self>) {
        let mut next = Instant::now();
        while !self.draining.is_cancelled() {
            self.fill().await;
            if Instant::now() >= next {
                self.look_for_one_that_runs_alone().await;
                next = Instant::now() + self.settings().tick;
            }
            select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.slot_while_hot() => {}
                () = self.draining.cancelled() => {}
            }
        }
    }

    /// Claims the best due rows until there is none or no slot is free.
    async fn fill(self: &Arc<Self>) {
        // Without a free slot nothing is known, and as much as before is to be expected.
        while let Some(slot) = self.slots.try_take() {
            self.is_hot.store(false, Ordering::Relaxed);
            if !self.take_up(Pick::Best, slot).await {
                return;
            }
            self.is_hot.store(true, Ordering::Relaxed);
        }
    }

    async fn slot_while_hot(&self) {
        loop {
            self.freed.notified().await;
            if self.is_hot.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Jobs whose worker crashed twice get a process to themselves: this one, if it happens to be idle;
    /// otherwise it reserves one that has waited long and takes nothing more until it is empty.
    async fn look_for_one_that_runs_alone(self: &Arc<Self>) {
        let patience = self.settings().patience;
        match worker::is_due(&self.app, &self.claimant, Pick::Alone).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::debug!(error = error.describe(), "no look for jobs that run alone"),
        }
        if let Some(all) = self.slots.try_take_all() {
            self.take_up(Pick::Alone, all).await;
        } else if worker::reserve(&self.app, &self.claimant, patience).await.unwrap_or_default() {
            self.make_way();
        }
    }

    /// Waits for all slots in a task of its own, while every tick renews the reservation.
    fn make_way(self: &Arc<Self>) {
        if self.is_making_way.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::info!("taking nothing more until a job that has to run alone has run");
        let executor = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(all) = executor.slots.take_all().await {
                executor.take_up(Pick::Alone, all).await;
            }
            executor.is_making_way.store(false, Ordering::Relaxed);
        });
    }
}
