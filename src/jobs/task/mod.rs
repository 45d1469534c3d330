//! What every kind of job has in common.

mod context;
mod progress;
mod registry;
mod signals;

use async_trait::async_trait;

pub use self::{
    context::{Keeper, TaskContext},
    progress::Progressing,
    registry::Registry,
    signals::Signals,
};
use crate::{
    domain::job::{JobKind, Outcome},
    error::Result,
};

/// The work of one kind of job.
///
/// It may be started again at any time, even while an earlier run still believes it runs: a process can
/// stop for minutes and come back. So every step is idempotent, or is skipped by what the checkpoint or the
/// targets say; and whatever it destroys outside carries the job's fence as far as the outside can check it.
#[async_trait]
pub trait Task: Send + Sync + 'static {
    /// The kind it does.
    fn kind(&self) -> JobKind;

    /// Runs until the job is over, cannot go on, or `context.signals()` says to stop.
    ///
    /// # Errors
    /// An error ends the run as its kind says: an outage is tried again, a broken rule fails.
    async fn run(&self, context: &TaskContext) -> Result<Outcome>;
}
