//! Repair: compares what should be with what is, on a timer, without being told anything.
//!
//! Every process that runs jobs does it (and every process at all measures); any number may at a time, because each repair is a compare-and-set
//! that the second one finds done. Whatever else may be lost (a hint, a process, Redis) comes to light here
//! within seconds.
//!
//! Deliberately absent: a leader, input, and state between two rounds other than how long the database has
//! been well.
//! To add a repair, add a module with a function that looks and mends, and call it from the round.

mod expiry;
mod health;
mod jobs;
mod measure;
mod returns;

use std::time::Duration;

use tokio::{
    select,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

pub use self::measure::keep_measured;

use self::health::Health;
use crate::{app::App, queue::Queue};

/// Repairs as often as the queue's settings say, until `stop`.
pub fn start(app: App, queue: Queue, stop: CancellationToken) -> JoinHandle<()> {
    let settings = queue.settings();
    // An outage that no look falls into is shorter than a quarter of a lease, and ends none.
    let pause = settings.reconcile_every.min(settings.lease / 4);
    let every = settings.reconcile_every;
    let mut health = Health::new(settings.lease);
    tokio::spawn(returns::keep_clear(app.clone(), stop.clone()));
    tokio::spawn(async move {
        let mut due = Instant::now();
        while !stop.is_cancelled() {
            let is_well = health.look(&app).await;
            if Instant::now() >= due {
                due = Instant::now() + every;
                round(&app, &queue, is_well).await;
            }
            select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    })
}

async fn round(app: &App, queue: &Queue, is_well: bool) {
    if is_well {
        jobs::rescue(app).await;
    }
    jobs::hint(app, queue).await;
    jobs::watch(app).await;
    expiry::end_due(app).await;
    queue.tidy().await;
}

/// A running job whose progress has not moved for this long is reported. Nothing is done to it: its worker
/// lives and may have a reason.
const STALLED_AFTER: Duration = Duration::from_mins(15);
/// A worker that left without a word is forgotten after this long.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);
