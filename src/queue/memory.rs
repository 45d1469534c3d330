//! Hints within one process.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use apalis_core::{
    backend::memory::{MemorySink, MemoryStorage, MemoryStorageError},
    task::{Task, builder::TaskBuilder},
};
use futures_util::{Sink, SinkExt, lock::Mutex as AsyncMutex, stream::poll_fn};
use tokio::sync::mpsc;

use super::{carrier::Hint, settings::BACKLOG};
use crate::ids::JobId;

/// The way from whoever commits a job to the worker in the same process. Without a worker it leads nowhere.
#[derive(Debug, Default)]
pub(super) struct MemoryCarrier {
    sender: Mutex<Option<mpsc::UnboundedSender<Hint>>>,
    waiting: Arc<AtomicUsize>,
}

impl MemoryCarrier {
    /// How many more hints may wait.
    pub(super) fn room(&self) -> usize {
        BACKLOG.saturating_sub(self.waiting.load(Ordering::Relaxed))
    }

    /// Sends a hint. Gives whether there was room for it; without a worker there always is.
    pub(super) fn send(&self, job: JobId) -> bool {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else { return true };
        if self.room() == 0 {
            return false;
        }
        if sender.send(Hint { job }).is_ok() {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// The receiving end, for apalis. An earlier one gets nothing more.
    pub(super) fn connect(&self) -> MemoryStorage<Hint> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        self.waiting.store(0, Ordering::Relaxed);
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let waiting = Arc::clone(&self.waiting);
        let hints = poll_fn(move |cx| {
            receiver.poll_recv(cx).map(|hint: Option<Hint>| {
                hint.map(|hint| {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    TaskBuilder::new(hint).build()
                })
            })
        });
        MemoryStorage::new_with(nowhere(), Box::pin(hints))
    }
}

/// apalis wants a sink beside the stream; hints do not come through it.
fn nowhere() -> MemorySink<Hint> {
    type Boxed = Box<dyn Sink<Task<Hint>, Error = MemoryStorageError> + Send + Sync + Unpin>;
    let sink: Boxed = Box::new(futures_util::sink::drain().sink_map_err(|never| match never {}));
    MemorySink::new(Arc::new(AsyncMutex::new(sink)))
}
