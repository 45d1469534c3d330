//! How everything stands, for those who run the service. Every process measures, whether it runs jobs or not: when the
//! last worker is gone, somebody has to say so.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, App, job::worker},
    error::Result,
};

/// Measures every `period`, until `stop`.
pub async fn keep_measured(app: App, period: Duration, stop: CancellationToken) {
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        pools(&app);
        if let Err(error) = asked(&app).await {
            // What stood there last goes on standing there; `/readyz` says that the database is away.
            tracing::debug!(error = error.describe(), "nothing could be measured");
        }
    }
}

fn pools(app: &App) {
    for used in app.db().pools() {
        for (state, count) in [("busy", used.busy), ("idle", used.idle)] {
            metrics::gauge!("gangway_database_connections", "pool" => used.pool, "state" => state).set(count);
        }
    }
}

/// What the database is asked for.
async fn asked(app: &App) -> Result<()> {
    let (due, oldest) = worker::due(app).await?;
    metrics::gauge!("gangway_jobs_due").set(float(due));
    let waited = oldest.map_or(0.0, |since| (app.now() - since).as_seconds_f64().max(0.0));
    metrics::gauge!("gangway_jobs_oldest_due_seconds").set(waited);
    metrics::gauge!("gangway_workers").set(float(worker::alive(app).await?));
    let log = app::log::sizes(app).await?;
    metrics::gauge!("gangway_log_size").set(float(log.sealed));
    metrics::gauge!("gangway_log_signed_size").set(float(log.signed));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and a measurement beyond")]
fn float(count: u64) -> f64 {
    count as f64
}
