//! The tap: new events are read once per process, and every reader takes its part.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{Stream, stream};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{Bell, Source, TICK};
use crate::{
    domain::event::{Event, EventCursor},
    error::Result,
};

/// Events kept for readers that are a little late; whoever is later reads the log. They are shared, so this
/// is some 2 MB per process.
const KEPT: usize = 1_024;

/// Events read at once.
const PAGE: u32 = 200;

/// Hands new events to every reader of this process. Every clone is the same tap.
#[derive(Clone, Debug)]
pub struct Tap(broadcast::Sender<Arc<Event>>);

impl Tap {
    /// A tap through which nothing runs yet: [`Tap::run`] opens it.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }

    /// Hands on what `source`, which shows every event, has new each time `bell` rings, and every [`TICK`]; until
    /// `stop`.
    pub async fn run(self, source: impl Source, bell: Bell, stop: CancellationToken) {
        let mut heard = bell.listen();
        let mut next = None;
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            match self.pump(&source, &mut next).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        let error = error.describe();
                        tracing::warn!(error, count = failures, "The log could not be read for its followers.");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _woken = timeout(TICK, changed(&mut heard)) => {}
            }
        }
    }

    /// Hands on everything that is new.
    async fn pump(&self, source: &impl Source, next: &mut Option<EventCursor>) -> Result<()> {
        loop {
            if next.is_none() || self.0.receiver_count() == 0 {
                let end = source.end().await?;
                // Whoever subscribes after this line reads the log at least up to `end` itself.
                if next.is_none() || self.0.receiver_count() == 0 {
                    *next = Some(end);
                    return Ok(());
                }
            }
            let Some(after) = *next else { return Ok(()) };
            let batch = source.read(after, PAGE).await?;
            for event in batch.events {
                // Nobody listening any more is no failure.
                drop(self.0.send(Arc::new(event)));
            }
            *next = Some(batch.next);
            if batch.is_end {
                return Ok(());
            }
        }
    }

    /// The events after `after` that `source` shows, first from the log and then live, without end. `fits` says
    /// the same as `source` about one event.
    ///
    /// The stream ends after an error; a reader goes on with the cursor of the last event it got.
    pub fn follow<S, F>(
        &self,
        source: S,
        after: EventCursor,
        fits: F,
    ) -> impl Stream<Item = Result<Arc<Event>>> + Send + use<S, F>
    where
        S: Source,
        F: Fn(&Event) -> bool + Send + 'static,
    {
        // Listening begins before reading, so that nothing falls in between.
        let live = self.0.subscribe();
        let follower =
            Follower { source, fits, live, next: after, read: VecDeque::new(), is_behind: true, has_failed: false };
        stream::unfold(follower, |mut follower| async move {
            let item = follower.item().await?;
            Some((item, follower))
        })
    }
}

impl Default for Tap {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for the bell; for ever when it is gone, because the tick goes on.
async fn changed(heard: &mut watch::Receiver<u64>) {
    if heard.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

struct Follower<S, F> {
    source: S,
    fits: F,
    live: broadcast::Receiver<Arc<Event>>,
    /// The position up to which everything was given or passed over.
    next: EventCursor,
    /// Read from the log and not given yet; at most a page.
    read: VecDeque<Arc<Event>>,
    /// Whether the log has to be read before anything live counts.
    is_behind: bool,
    has_failed: bool,
}

impl<S: Source, F: Fn(&Event) -> bool> Follower<S, F> {
    /// The next event; none after an error and when the process stops.
    async fn item(&mut self) -> Option<Result<Arc<Event>>> {
        if self.has_failed {
            return None;
        }
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(Ok(event));
            }
            if self.is_behind {
                if let Err(error) = self.catch_up().await {
                    self.has_failed = true;
                    return Some(Err(error));
                }
                continue;
            }
            match self.live.recv().await {
                Ok(event) => {
                    if let Some(event) = self.admit(event) {
                        return Some(Ok(event));
                    }
                }
                Err(RecvError::Lagged(_)) => self.is_behind = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Reads one page of the log.
    async fn catch_up(&mut self) -> Result<()> {
        let batch = self.source.read(self.next, PAGE).await?;
        self.read.extend(batch.events.into_iter().map(Arc::new));
        self.next = batch.next;
        self.is_behind = !batch.is_end;
        Ok(())
    }

    /// The live event, if it is the next one and fits.
    fn admit(&mut self, event: Arc<Event>) -> Option<Arc<Event>> {
        if event.position > self.next.next_position() {
            self.is_behind = true;
        }
        if event.position != self.next.next_position() {
            return None;
        }
        self.next = event.cursor();
        (self.fits)(&event).then_some(event)
    }
}
