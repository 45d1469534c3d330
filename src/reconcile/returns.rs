//! What data returns and scans leave behind.

use std::time::Duration;

use tokio::{select, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::app::{self, App};

/// The most returns that one look clears.
const BATCH: u64 = 100;
/// The pause between two looks. Nobody waits for it, and a store that refuses is not asked more often.
const EVERY: Duration = Duration::from_mins(10);

/// Clears away what returns that are over left, until `stop`. Beside the round and not in it: taking away the
/// parts of a large return takes minutes, in which died workers' jobs would not be rescued.
pub(super) async fn keep_clear(app: App, stop: CancellationToken) {
    loop {
        select! {
            () = sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        match app::data_return::clear_ended(&app, BATCH).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "what data returns left was cleared away"),
            Err(error) => tracing::warn!(error = error.describe(), "no look for what data returns left"),
        }
        if let Err(error) = app::scan::clear_ended(&app, BATCH).await {
            tracing::warn!(error = error.describe(), "no look for what scans left");
        }
    }
}
