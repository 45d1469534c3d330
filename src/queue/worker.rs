//! A process that runs jobs, from its start to its drain.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{carrier::Queue, executor::Executor};
use crate::{
    app::{App, job::worker},
    domain::job::Claimant,
    ids::WorkerId,
    jobs::Registry,
};

/// How long giving back what did not end in time, and saying goodbye, may take.
const GOODBYE: Duration = Duration::from_secs(10);

/// A process' running worker. Dropped without [`Worker::drain`] it goes on until the runtime ends.
pub struct Worker {
    executor: Arc<Executor>,
    takes: [JoinHandle<()>; 2],
    beats: JoinHandle<()>,
    beats_over: CancellationToken,
}

impl Worker {
    /// Begins to take up the kinds of job that `registry` knows.
    pub fn start(queue: &Queue, app: &App, registry: Registry) -> Self {
        let claimant = Claimant { worker: app.new_id(), kinds: registry.kinds(), lease: queue.settings().lease };
        let executor = Arc::new(Executor::new(app.clone(), queue.clone(), claimant, registry));
        let beats_over = CancellationToken::new();
        let beats = tokio::spawn(Arc::clone(&executor).beat(beats_over.clone()));
        let takes = [tokio::spawn(Arc::clone(&executor).take_hints()), tokio::spawn(Arc::clone(&executor).look())];
        tracing::info!(worker.id = %executor.claimant.worker, worker.slots = executor.slots.total(), "worker started");
        Self { executor, takes, beats, beats_over }
    }

    /// Names this run of the process.
    pub fn id(&self) -> WorkerId {
        self.executor.claimant.worker
    }

    /// Takes nothing more up and waits `grace` for what runs, whose leases go on being renewed. Tasks that go
    /// on from a checkpoint hand their jobs back at once; what has not ended by then is ended and given back,
    /// due at once and at no cost of an attempt.
    pub async fn drain(self, grace: Duration) {
        let executor = self.executor;
        tracing::info!(worker.id = %executor.claimant.worker, worker.busy = executor.slots.busy(), "worker drains");
        executor.draining.cancel();
        if timeout(grace, executor.slots.take_all()).await.is_err() {
            executor.grace_over.cancel();
            if timeout(GOODBYE, executor.slots.take_all()).await.is_err() {
                tracing::error!("jobs that could not be given back are rescued when their leases run out");
            }
        }
        for take in self.takes {
            timeout(GOODBYE, take).await.ok();
        }
        self.beats_over.cancel();
        self.beats.await.ok();
        let left = timeout(GOODBYE, worker::left(&executor.app, executor.claimant.worker)).await;
        if !matches!(left, Ok(Ok(()))) {
            tracing::debug!("this worker could not say that it has left");
        }
        tracing::info!(worker.id = %executor.claimant.worker, "worker ended");
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.executor.claimant.worker)
    }
}
