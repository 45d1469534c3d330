//! Jobs that nobody looks after.

use super::{FORGOTTEN_AFTER, STALLED_AFTER};
use crate::{
    app::{App, job::worker},
    error::Result,
    queue::Queue,
};

/// Puts back what died workers held.
pub(super) async fn rescue(app: &App) {
    for (job, state) in said(worker::rescue(app).await, "jobs of dead workers") {
        metrics::counter!("gangway_jobs_rescued_total", "state" => state.as_str()).increment(1);
        tracing::warn!(job.id = %job, job.state = %state, "the job's worker died");
    }
}

/// Tells workers of due rows of which nobody was told lately: hints that were lost, retries and waits that
/// came due, and what found no room.
pub(super) async fn hint(app: &App, queue: &Queue) {
    let room = u32::try_from(queue.room().await).unwrap_or(u32::MAX);
    if room == 0 {
        return;
    }
    let jobs = said(worker::unhinted(app, queue.settings().rehint, room).await, "jobs without a hint");
    if !jobs.is_empty() {
        metrics::counter!("gangway_hints_repeated_total").increment(jobs.len() as u64);
        app.parts().hints.hint(&jobs).await;
    }
}

/// Reports jobs that run and do not move, and forgets workers that left without a word.
pub(super) async fn watch(app: &App) {
    let stalled = said(worker::stalled(app, STALLED_AFTER).await, "stalled jobs");
    #[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
    metrics::gauge!("gangway_jobs_stalled").set(stalled.len() as f64);
    for job in stalled {
        tracing::debug!(job.id = %job, "the job has not moved for a quarter of an hour");
    }
    said(worker::forget_workers(app, FORGOTTEN_AFTER).await, "workers that left");
}

/// What was found, or nothing: the next round looks again.
fn said<T: Default>(found: Result<T>, what: &str) -> T {
    found.unwrap_or_else(|error| {
        tracing::warn!(error = error.describe(), "no look for {what}");
        T::default()
    })
}
