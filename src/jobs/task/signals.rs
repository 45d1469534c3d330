//! What a running task is told.

use tokio_util::sync::CancellationToken;

use crate::domain::job::Outcome;

/// Three reasons to stop, which arrive at any time.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Somebody asked the job to stop.
    pub cancel: CancellationToken,
    /// The worker shuts down. A task that goes on from a checkpoint stops at the next safe place; any other
    /// goes on, and is given back when the grace period is over.
    pub drain: CancellationToken,
    /// The job was taken away. Nothing that is written from here on counts; the run is ended by force
    /// seconds later.
    pub lost: CancellationToken,
}

impl Signals {
    /// What to return now, if the task has to stop for another reason than a shutdown.
    pub fn must_stop(&self) -> Option<Outcome> {
        if self.lost.is_cancelled() {
            return Some(Outcome::HandBack);
        }
        self.cancel.is_cancelled().then_some(Outcome::Cancelled)
    }

    /// What to return now, if the task stands at a safe place and should stop.
    pub fn should_stop(&self) -> Option<Outcome> {
        self.must_stop().or_else(|| self.drain.is_cancelled().then_some(Outcome::HandBack))
    }

    /// Waits until the task should stop, for a shutdown as well.
    pub async fn stopping(&self) -> Outcome {
        tokio::select! {
            outcome = self.stopped() => outcome,
            () = self.drain.cancelled() => Outcome::HandBack,
        }
    }

    /// Waits until the task has to stop for another reason than a shutdown.
    pub async fn stopped(&self) -> Outcome {
        tokio::select! {
            () = self.lost.cancelled() => Outcome::HandBack,
            () = self.cancel.cancelled() => Outcome::Cancelled,
        }
    }
}
