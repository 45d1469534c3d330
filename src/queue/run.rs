//! One run of one job, from its claim to its end.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinHandle},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    executor::Executor,
    outcome::{outcome_of, panicked},
    progress::report,
};
use crate::{
    app::job::worker,
    domain::job::{Claimed, JobKind, Lease, Outcome, Progress},
    error::Result,
    jobs::{Signals, TaskContext},
};

/// The pause between two tries to say that a run has ended.
const AGAIN: Duration = Duration::from_millis(500);

impl Executor {
    /// Runs a claimed job to its end and says so.
    pub(super) async fn run(&self, claimed: Claimed, signals: Signals) {
        let (lease, kind, began) = (claimed.lease, claimed.job.kind, Instant::now());
        tracing::info!(job.attempt = claimed.job.attempt, "job started");
        let context = Arc::new(TaskContext::new(self.app.clone(), claimed, signals));
        let outcome = self.perform(context).await;
        metrics::histogram!("gangway_job_run_seconds", "kind" => kind.as_str()).record(began.elapsed().as_secs_f64());
        match outcome {
            Some((outcome, progress)) => self.finish(lease, kind, outcome, progress).await,
            None => fenced(kind),
        }
    }

    /// The outcome of the task and the progress that is not saved yet; `None` when the job was taken away.
    async fn perform(&self, context: Arc<TaskContext>) -> Option<(Outcome, Option<Progress>)> {
        let Some(task) = self.registry.find(context.job().kind) else { return Some((Outcome::HandBack, None)) };
        let over = CancellationToken::new();
        let reporting = tokio::spawn(report(self.queue.clone(), Arc::clone(&context), over.clone()));
        let signals = context.signals().clone();
        let mut work = tokio::spawn(async move { task.run(&context).await });
        let outcome = tokio::select! {
            ended = &mut work => Some(judged(ended)),
            () = self.lost(&signals) => { stop(work).await; None }
            // What has ended in the very moment counts; what has not is given back.
            () = self.grace_over.cancelled() => Some(stop(work).await.unwrap_or(Outcome::HandBack)),
        };
        over.cancel();
        let unsaved = reporting.await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the last progress is lost");
            None
        });
        Some((outcome?, unsaved))
    }

    /// Waits until the job was taken away and the task has had its time to stop.
    async fn lost(&self, signals: &Signals) {
        signals.lost.cancelled().await;
        sleep(self.settings().lost_grace).await;
    }

    /// Says that the run ended. While the database is away it tries on: the fence makes that safe, and a
    /// result that is not said is work done twice.
    async fn finish(&self, lease: Lease, kind: JobKind, outcome: Outcome, progress: Option<Progress>) {
        let deadline = Instant::now() + self.settings().finish_within;
        loop {
            match worker::finish(&self.app, lease, outcome.clone(), progress.as_ref()).await {
                Ok(Some(state)) => {
                    tracing::info!(job.state = %state, "job ended");
                    if let Outcome::Retry(error) | Outcome::RetryAfter(_, error) = &outcome {
                        let labels = [("kind", kind.as_str().to_owned()), ("code", error.code.clone())];
                        metrics::counter!("gangway_job_errors_total", &labels).increment(1);
                    }
                    let labels = [("kind", kind.as_str()), ("state", state.as_str())];
                    return metrics::counter!("gangway_jobs_ended_total", &labels).increment(1);
                }
                Ok(None) => return fenced(kind),
                Err(error) if Instant::now() < deadline => {
                    tracing::warn!(error = error.describe(), "the job's end could not be saved; trying again");
                    sleep(AGAIN).await;
                }
                Err(error) => {
                    return tracing::error!(error = error.describe(), "the job's end was not saved; it will run again");
                }
            }
        }
    }
}

fn fenced(kind: JobKind) {
    metrics::counter!("gangway_jobs_fenced_total", "kind" => kind.as_str()).increment(1);
    tracing::warn!("the job was taken away; what this run did since then counts for nothing");
}

fn judged(ended: Result<Result<Outcome>, JoinError>) -> Outcome {
    match ended {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => {
            tracing::warn!(error = error.describe(), "the job's task failed");
            outcome_of(&error)
        }
        Err(error) => {
            tracing::error!(error = %error, "the job's task panicked");
            panicked()
        }
    }
}

/// Ends a task by force at its next pause, and gives what it returned if it had ended already.
async fn stop(work: JoinHandle<Result<Outcome>>) -> Option<Outcome> {
    work.abort();
    // A task that never pauses cannot be ended; its fence keeps its writes out.
    match timeout(Duration::from_secs(2), work).await {
        Ok(Err(error)) if error.is_cancelled() => None,
        Ok(ended) => Some(judged(ended)),
        Err(_) => None,
    }
}
