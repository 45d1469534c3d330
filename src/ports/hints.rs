//! Telling workers that a job may be claimable.

use async_trait::async_trait;

use crate::ids::JobId;

/// Sends hints. A hint is an id and nothing more; losing one costs time, never work, so sending cannot fail.
#[async_trait]
pub trait Hints: Send + Sync + 'static {
    /// Tells whoever listens that `jobs` were committed. Returns within a fraction of a second, come what may.
    async fn hint(&self, jobs: &[JobId]);
}

/// Sends nothing: workers find their jobs by looking.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHints;

#[async_trait]
impl Hints for NoHints {
    async fn hint(&self, _jobs: &[JobId]) {}
}
