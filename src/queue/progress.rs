//! Progress on its way to who watches and into the row.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::carrier::Queue;
use crate::{
    app::job::{Tick, worker},
    domain::job::{Meter, Progress},
    jobs::TaskContext,
};

/// Who watches sees at most four changes a second, which is as fast as an eye follows a bar.
const TICK: Duration = Duration::from_millis(250);
/// The row is written at most this often: a job that reports all the time would otherwise bloat its table.
const SAVE: Duration = Duration::from_secs(2);

/// Passes on what the task of `context` says until `over`, then gives the last of it, which goes into the row
/// together with the job's end.
pub(super) async fn report(queue: Queue, context: Arc<TaskContext>, over: CancellationToken) -> Option<Progress> {
    let mut changes = context.progress().watch();
    let mut reporter = Reporter::new(queue, &context);
    loop {
        select! {
            changed = changes.changed() => if changed.is_err() { break },
            () = reporter.save_is_due() => {}
            () = over.cancelled() => break,
        }
        select! {
            () = sleep_until(reporter.ticked + TICK) => {}
            () = over.cancelled() => break,
        }
        let latest = changes.borrow_and_update().clone();
        reporter.look(latest);
        if reporter.saved.elapsed() >= SAVE {
            reporter.save().await;
        }
    }
    reporter.look(context.progress().get());
    reporter.unsaved
}

struct Reporter<'a> {
    queue: Queue,
    context: &'a TaskContext,
    meter: Meter,
    /// What was last said, without rate and end.
    said: Progress,
    /// What is said and not saved.
    unsaved: Option<Progress>,
    ticked: Instant,
    saved: Instant,
}

impl<'a> Reporter<'a> {
    fn new(queue: Queue, context: &'a TaskContext) -> Self {
        let (said, now) = (context.progress().get(), Instant::now());
        let mut meter = Meter::default();
        meter.read(&mut said.clone(), context.app().now());
        Self { queue, context, meter, said, unsaved: None, ticked: now, saved: now }
    }

    /// Tells who watches, if there is anything new.
    fn look(&mut self, latest: Progress) {
        self.ticked = Instant::now();
        if latest == self.said {
            return;
        }
        self.said = latest.clone();
        let mut progress = latest;
        self.meter.read(&mut progress, self.context.app().now());
        self.unsaved = Some(progress.clone());
        let job = self.context.job();
        let tick = Tick { job: job.id, client_id: job.client_id, progress };
        self.queue.tick(&self.context.app().parts().ticks, tick);
    }

    /// Ends when what was said should be saved; never when all is.
    async fn save_is_due(&self) {
        if self.unsaved.is_some() {
            sleep_until(self.saved + SAVE).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    async fn save(&mut self) {
        let Some(progress) = self.unsaved.take() else { return };
        self.saved = Instant::now();
        match worker::save_progress(self.context.app(), self.context.lease(), &progress).await {
            Ok(true) => {}
            Ok(false) => self.context.signals().lost.cancel(),
            Err(error) => {
                tracing::debug!(error = error.describe(), "progress was not saved");
                self.unsaved = Some(progress);
            }
        }
    }
}
