//! Sealing what was written, and signing what was sealed. Every process runs both tasks; at the head they take
//! turns.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    domain::log::SignedCheckpoint,
    error::{Error, Result},
    store,
};

/// How often a sealer looks although nobody rang: events of a process that died before it sealed, or of one
/// on another machine, wait no longer.
const TICK: Duration = Duration::from_millis(250);

/// The most events sealed in one transaction; some 2 MB of rows.
const BATCH: u64 = 1_000;

/// How often the log is signed when it grew. A forger with the whole database can rewrite what came since.
pub const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);

/// Seals every event that waits, and gives the size of the log when that made it grow.
///
/// # Errors
/// Those of the database; what was sealed before stays sealed.
pub async fn seal_waiting(app: &App) -> Result<Option<u64>> {
    // Looking costs a read; sealing costs the write lock.
    if store::log::has_unsealed(app.db().read()).await? { seal_all(app).await } else { Ok(None) }
}

async fn seal_all(app: &App) -> Result<Option<u64>> {
    let mut size = None;
    loop {
        let sealed = store::log::seal(app.db(), BATCH).await?;
        if !sealed.is_empty() {
            size = Some(sealed.end);
        }
        if sealed.end - sealed.start < BATCH {
            return Ok(size);
        }
    }
}

/// Seals as events are written, until `stop`; then once more. `ring` hears the size of the log after every
/// sealing.
pub async fn keep_sealed(app: App, ring: impl Fn(u64) + Send + Sync, stop: CancellationToken) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = Failures::default();
    loop {
        let (is_last, sealed) = tokio::select! {
            () = stop.cancelled() => (true, seal_waiting(&app).await),
            () = app.parts().written.notified() => (false, seal_all(&app).await),
            _ = tick.tick() => (false, seal_waiting(&app).await),
        };
        match sealed {
            Ok(size) => {
                failures.end();
                if let Some(size) = size {
                    ring(size);
                }
            }
            Err(error) => failures.count(&error, "The log could not be sealed."),
        }
        if is_last {
            return;
        }
    }
}

/// Seals what waits and signs the log: before each certificate, so that what it speaks of can be rewritten by nobody.
///
/// # Errors
/// `Inconsistent` when the log is not what the last checkpoint says it was.
pub async fn sign_now(app: &App) -> Result<SignedCheckpoint> {
    seal_waiting(app).await?;
    sign(app).await
}

/// Signs the log as it stands and gives the checkpoint.
///
/// # Errors
/// `Inconsistent` when the log is not what the last checkpoint says it was.
pub async fn sign(app: &App) -> Result<SignedCheckpoint> {
    store::log::checkpoint(app.db(), &app.parts().log_keys.signer, app.now()).await
}

/// Signs the log every `period` in which it grew, until `stop`.
pub async fn keep_signed(app: App, period: Duration, stop: CancellationToken) {
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = Failures::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        match sign_if_grown(&app).await {
            Ok(()) => failures.end(),
            Err(error) => failures.count(&error, "The log could not be signed."),
        }
    }
}

async fn sign_if_grown(app: &App) -> Result<()> {
    let size = store::log::size(app.db().read()).await?;
    if size > 0 && store::log::last_checkpoint(app.db().read(), size).await?.is_none() {
        sign(app).await?;
    }
    Ok(())
}

/// Tells of the first failure in a row, and then less and less often.
#[derive(Debug, Default)]
struct Failures(u32);

impl Failures {
    fn end(&mut self) {
        self.0 = 0;
    }

    fn count(&mut self, error: &Error, sentence: &'static str) {
        self.0 = self.0.saturating_add(1);
        if self.0.is_power_of_two() {
            tracing::error!(error = error.describe(), count = self.0, "{sentence}");
        }
    }
}
