//! What has run out of time and nobody ended.

use crate::{
    app::{self, App},
    error::Result,
};

/// The most of each kind that one round ends.
const BATCH: u64 = 100;

/// Ends decisions and exceptions whose time is over, each in a deed of its own with all that follows from it, opens lines
/// whose store kept them until now, and forgets announced files that never came and answers that nobody asks for again.
pub(super) async fn end_due(app: &App) {
    said(app::decision::expire_due(app, BATCH).await, "decisions");
    said(app::exception::expire_due(app, BATCH).await, "exceptions");
    said(app::holding::release_due(app, BATCH).await, "what stores kept");
    said(app::file::forget_overdue(app, BATCH).await, "files that never came");
    said(app::forget_answers(app, BATCH).await, "answers to old requests");
}

fn said(ended: Result<usize>, kind: &'static str) {
    match ended {
        Ok(0) => {}
        Ok(count) => tracing::info!(kind, count, "their time was over"),
        Err(error) => tracing::warn!(kind, error = error.describe(), "what ran out of time could not be ended"),
    }
}
