//! What one process runs: the jobs it holds, and the way a job gets in.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    carrier::Queue,
    settings::Settings,
    slots::{Slot, Slots},
};
use crate::{
    app::{App, job::worker},
    domain::job::{Claimant, Claimed, Held, Lease, Pick},
    ids::JobId,
    jobs::{Registry, Signals},
};

/// One process' running jobs.
pub(super) struct Executor {
    pub(super) app: App,
    pub(super) queue: Queue,
    pub(super) claimant: Claimant,
    pub(super) registry: Registry,
    pub(super) slots: Slots,
    /// Set when the process takes up nothing more.
    pub(super) draining: CancellationToken,
    /// Set when what still runs has to be given back.
    pub(super) grace_over: CancellationToken,
    /// Rung when a slot became free, or a hint found none.
    pub(super) freed: Notify,
    /// Whether there is reason to believe that a due row waits.
    pub(super) is_hot: AtomicBool,
    /// Whether it waits to be empty for a job that has to run alone.
    pub(super) is_making_way: AtomicBool,
    running: Mutex<HashMap<JobId, Running>>,
}

struct Running {
    fence: i64,
    signals: Signals,
}

impl Executor {
    pub(super) fn new(app: App, queue: Queue, claimant: Claimant, registry: Registry) -> Self {
        let slots = Slots::new(queue.settings().slots);
        Self {
            app,
            queue,
            claimant,
            registry,
            slots,
            draining: CancellationToken::new(),
            grace_over: CancellationToken::new(),
            freed: Notify::new(),
            is_hot: AtomicBool::new(true),
            is_making_way: AtomicBool::new(false),
            running: Mutex::default(),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        self.queue.settings()
    }

    /// Claims a job and starts it. Gives whether there was one.
    pub(super) async fn take_up(self: &Arc<Self>, pick: Pick, slot: Slot) -> bool {
        if self.draining.is_cancelled() {
            return false;
        }
        match worker::claim(&self.app, &self.claimant, pick).await {
            Ok(Some(claimed)) => {
                self.count(&claimed);
                self.start(claimed, slot);
                true
            }
            Ok(None) => {
                metrics::counter!("gangway_job_claims_in_vain_total").increment(1);
                false
            }
            Err(error) => {
                tracing::warn!(error = error.describe(), "no job could be claimed");
                false
            }
        }
    }

    fn count(&self, claimed: &Claimed) {
        let kind = claimed.job.kind.as_str();
        metrics::counter!("gangway_jobs_claimed_total", "kind" => kind).increment(1);
        // The row is due by the database's clock: what two clocks differ by is no wait.
        let waited = (self.app.now() - claimed.job.run_at).as_seconds_f64().max(0.0);
        metrics::histogram!("gangway_job_wait_seconds", "kind" => kind).record(waited);
    }

    fn start(self: &Arc<Self>, claimed: Claimed, slot: Slot) {
        let signals = Signals { drain: self.draining.clone(), ..Signals::default() };
        let lease = claimed.lease;
        let now = Running { fence: lease.fence, signals: signals.clone() };
        if let Some(before) = self.running().insert(lease.job, now) {
            // An earlier run of this very process was rescued, claimed by it again, and does not know yet.
            before.signals.lost.cancel();
        }
        let span =
            tracing::info_span!("job", job.id = %lease.job, job.kind = %claimed.job.kind, job.fence = lease.fence);
        let executor = Arc::clone(self);
        let run = async move {
            executor.run(claimed, signals).await;
            executor.release(lease);
            drop(slot);
            executor.freed.notify_one();
        };
        tokio::spawn(run.instrument(span));
    }

    /// A hint found no free slot: look as soon as there is one.
    pub(super) fn look_soon(&self) {
        self.is_hot.store(true, Ordering::Relaxed);
        self.freed.notify_one();
    }

    /// What this process believes to hold.
    pub(super) fn held(&self) -> Vec<Lease> {
        self.running().iter().map(|(job, running)| Lease { job: *job, fence: running.fence }).collect()
    }

    /// Compares what it `believed` to hold before it asked with the `answer`: what is missing was taken away,
    /// and what should stop is told so.
    pub(super) fn compare(&self, believed: &[Lease], answer: &[Held]) {
        let answer: HashMap<_, _> = answer.iter().map(|held| (held.lease, held.is_cancel_requested)).collect();
        let running = self.running();
        for lease in believed {
            // One that has ended meanwhile, or was claimed anew, is not meant.
            let Some(now) = running.get(&lease.job).filter(|now| now.fence == lease.fence) else { continue };
            match answer.get(lease) {
                None => now.signals.lost.cancel(),
                Some(true) => now.signals.cancel.cancel(),
                Some(false) => {}
            }
        }
    }

    fn release(&self, lease: Lease) {
        let mut running = self.running();
        if running.get(&lease.job).is_some_and(|now| now.fence == lease.fence) {
            running.remove(&lease.job);
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
