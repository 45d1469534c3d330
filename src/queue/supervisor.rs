//! Keeps a worker of apalis alive as long as the process takes up jobs.
//!
//! apalis' worker ends at the first error of Redis, may hang when it is asked to stop, and is locked out for
//! minutes when a second one has its name. So each has a fresh name, a hard stop, and a successor.

use std::{sync::Arc, time::Duration};

use apalis_core::{
    backend::ext::BackendExt,
    error::{BoxDynError, WorkerError},
    worker::builder::WorkerBuilder,
};
use apalis_redis::RedisStorage;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{select, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{
    carrier::{Carrier, Hint},
    dispatch::Dispatch,
    executor::Executor,
    memory::MemoryCarrier,
    redis::RedisCarrier,
    wake::Wake,
};

/// How long apalis may take to stop. It has nothing to finish.
const HARD_STOP: Duration = Duration::from_secs(3);
/// The pause before a worker that failed gets its successor.
const AGAIN: Duration = Duration::from_millis(500);

impl Executor {
    /// Takes hints until the process drains.
    pub(super) async fn take_hints(self: Arc<Self>) {
        let mut turn = 0_u32;
        while !self.draining.is_cancelled() {
            turn += 1;
            let name = format!("{}-{turn}", self.claimant.worker);
            let ended = match &self.queue.shared().carrier {
                Carrier::Redis(redis) => self.take_from_redis(redis, name).await,
                Carrier::Memory(memory) => self.take_from_memory(memory, name).await,
                Carrier::Poll => return,
            };
            if let Err(error) = ended {
                metrics::counter!("gangway_hint_worker_restarts_total").increment(1);
                tracing::warn!(error = %error, "hints do not arrive for a moment; jobs are found without them");
                select! {
                    () = sleep(AGAIN) => {}
                    () = self.draining.cancelled() => {}
                }
            }
        }
    }

    async fn take_from_redis(self: &Arc<Self>, redis: &RedisCarrier, name: String) -> Result<(), BoxDynError> {
        let connection = select! {
            connected = redis.connect() => connected?,
            () = self.draining.cancelled() => return Ok(()),
        };
        let (wake, shared) = (Wake::default(), self.queue.shared());
        let driving = wake.clone().drive(Arc::clone(&shared.hinted), self.settings().tick);
        let _driving = AbortOnDropHandle::new(tokio::spawn(driving));
        let hints = RedisStorage::<Hint>::new(connection).with_config(redis.config()).poll_with_strategy(wake);
        let worker = WorkerBuilder::new(name).backend(hints).build(Dispatch::new(Arc::clone(self)));
        self.until_stopped(worker.run_until(self.stop()).boxed()).await
    }

    async fn take_from_memory(self: &Arc<Self>, memory: &MemoryCarrier, name: String) -> Result<(), BoxDynError> {
        let worker = WorkerBuilder::new(name).backend(memory.connect()).build(Dispatch::new(Arc::clone(self)));
        // What was sent to a predecessor is lost.
        self.look_soon();
        self.until_stopped(worker.run_until(self.stop()).boxed()).await
    }

    /// What tells apalis to stop.
    fn stop(&self) -> impl Future<Output = Result<(), std::io::Error>> + Send + 'static {
        let draining = self.draining.clone();
        async move {
            draining.cancelled().await;
            Ok(())
        }
    }

    /// Runs apalis' worker, but no longer than it may take to stop.
    async fn until_stopped(&self, run: BoxFuture<'static, Result<(), WorkerError>>) -> Result<(), BoxDynError> {
        let hard_stop = async {
            self.draining.cancelled().await;
            sleep(HARD_STOP).await;
        };
        select! {
            ended = run => Ok(ended?),
            () = hard_stop => Ok(()),
        }
    }
}
