//! The sign of life of a process, and what comes back with it.

use std::{sync::Arc, time::Duration};

use tokio::{select, time::Instant};
use tokio_util::sync::CancellationToken;

use super::executor::Executor;
use crate::{app::job::worker, clock, domain::job::Presence};

/// How often a process says for people that it is there.
const PRESENCE: Duration = Duration::from_secs(5);

impl Executor {
    /// Renews the leases of what runs until `over`, which is after the drain.
    pub(super) async fn beat(self: Arc<Self>, over: CancellationToken) {
        let started_at = self.app.now();
        let mut said = None;
        loop {
            if said.is_none_or(|said: Instant| said.elapsed() >= PRESENCE) {
                self.say(started_at).await;
                said = Some(Instant::now());
            }
            self.renew().await;
            select! {
                () = tokio::time::sleep(self.settings().beat) => {}
                // Somebody asked a job to stop: it may be one of ours.
                () = self.queue.shared().nudged.notified() => {}
                () = over.cancelled() => return,
            }
        }
    }

    async fn renew(&self) {
        // What is claimed while the statement runs is not in question.
        let believed = self.held();
        if believed.is_empty() {
            return;
        }
        match worker::beat(&self.app, &self.claimant, &believed).await {
            Ok(answer) => self.compare(&believed, &answer),
            // Nobody can rescue anything either while the database is away, nor for a lease after it is back.
            Err(error) => tracing::warn!(error = error.describe(), "leases could not be renewed"),
        }
    }

    async fn say(&self, started_at: clock::Instant) {
        let presence = Presence {
            worker: self.claimant.worker,
            host: self.settings().host.clone(),
            process_id: std::process::id(),
            slots: self.slots.total(),
            busy: self.slots.busy(),
            is_draining: self.draining.is_cancelled(),
            started_at,
        };
        if let Err(error) = worker::present(&self.app, &presence).await {
            tracing::debug!(error = error.describe(), "this worker could not say that it is there");
        }
    }
}
