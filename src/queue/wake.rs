//! Waking apalis when a hint has arrived.
//!
//! apalis' Redis backend looks for work when it is polled, and polls itself only with its own heart-beat; the
//! strategies it ships either ask ten times a second or lose wake-ups. This one keeps the waker and nothing
//! else. A wake that comes while a fetch is on its way is swallowed with that fetch, so every wake is
//! repeated twice within 20 ms, which is longer than a fetch takes.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy};
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

/// When a wake is repeated, counted from the one before.
const ECHOES: [Duration; 2] = [Duration::from_millis(3), Duration::from_millis(17)];

/// Polls when it is told to.
#[derive(Clone, Debug, Default)]
pub(super) struct Wake(Arc<AtomicWaker>);

impl PollStrategy for Wake {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _snapshot: &PollSnapshot) -> Poll<Option<()>> {
        self.0.register(cx.waker());
        Poll::Pending
    }
}

impl Wake {
    /// Wakes on every `hinted` and every `tick`, for ever.
    pub(super) async fn drive(self, hinted: Arc<Notify>, tick: Duration) {
        loop {
            // Late is as good as early: a tick without a hint is one look too many.
            tokio::time::timeout(tick, hinted.notified()).await.ok();
            self.0.wake();
            for echo in ECHOES {
                tokio::time::sleep(echo).await;
                self.0.wake();
            }
        }
    }
}
