//! Telling workers that a job may be claimable.

use async_trait::async_trait;

use crate::ids::JobId;

/// Sends hints. A hint is an id and nothing more; losing one costs time, never work, so sending cannot fail.
#[async_trait]
pub trait Hints: Send + Sync + 'static {
    /// Tells whoever listens that `jobs` were committed. Returns within a fraction of a second, come what may.
    async fn hint(&self, jobs: &[JobId]);

    /// Asks every worker to look at the rows of what it runs now and not at its next heart-beat, because
    /// somebody asked a job to stop. As cheap and as loseable as a hint.
    async fn nudge(&self);
}

/// Sends nothing: workers find their jobs by looking.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHints;

#[async_trait]
impl Hints for NoHints {
    async fn hint(&self, _jobs: &[JobId]) {}

    async fn nudge(&self) {}
}
