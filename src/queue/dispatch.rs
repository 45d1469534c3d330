//! What apalis calls with a hint.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll, ready as or_pending},
};

use apalis_core::{error::BoxDynError, task::Task};
use tokio_util::sync::PollSemaphore;
use tower::Service;

use super::{carrier::Hint, executor::Executor};
use crate::domain::job::Pick;

/// Takes hints as long as a slot is free, so that others get those this process cannot use.
///
/// It never fails and never waits: the claim is a task of its own, which goes on when apalis' worker ends in
/// the middle, because a claim that is cut off would hold a job that nobody runs.
pub(super) struct Dispatch {
    executor: Arc<Executor>,
    free: PollSemaphore,
}

impl Dispatch {
    pub(super) fn new(executor: Arc<Executor>) -> Self {
        let free = executor.slots.watch();
        Self { executor, free }
    }
}

impl Service<Task<Hint>> for Dispatch {
    type Response = ();
    type Error = BoxDynError;
    type Future = Ready<Result<(), BoxDynError>>;

    /// Ready while a slot is free. The slot is not kept: apalis asks long before it has a hint.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        drop(or_pending!(self.free.poll_acquire(cx)));
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Hint>) -> Self::Future {
        let (hint, _) = task.take();
        match self.executor.slots.try_take() {
            Some(slot) => {
                let executor = Arc::clone(&self.executor);
                tokio::spawn(async move { executor.take_up(Pick::This(hint.job), slot).await });
            }
            // The last slot went meanwhile. The row is still there for whoever has one next.
            None => self.executor.look_soon(),
        }
        ready(Ok(()))
    }
}
