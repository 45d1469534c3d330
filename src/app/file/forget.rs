//! Announced files that never came.

use chrono::TimeDelta;

use super::{clear, event};
use crate::{
    app::App,
    auth::Actor,
    domain::{event::EventKind, file::File},
    error::{Error, Result},
    store,
};

/// A file is forgotten so much later than it is waited for. The deed that stores one judges the time at its
/// beginning, so one that began just before the end may still commit a little after it, on a machine whose clock
/// is behind ours at that; its object must be there then. An hour is longer than any deed and any such difference.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// Forgets announced files that have not been waited for any longer since an hour, `limit` at most, together with what attempts to send
/// them left in the store; says how many. One whose traces cannot be removed now is left for the next time.
///
/// # Errors
/// Those of the database; what was forgotten before the error stays so.
pub async fn forget_overdue(app: &App, limit: u64) -> Result<usize> {
    let mut forgotten = 0;
    for file in store::file::overdue(app.db().read(), app.now() - MARGIN, limit).await? {
        // The store first: once the row is gone, nobody knows where to look. A file whose time is over by the
        // margin is not stored any more, whoever is still sending it.
        match clear(app, &file, None).await {
            Ok(()) => forgotten += usize::from(forget(app, &file).await?),
            Err(error) => {
                tracing::warn!(file.id = %file.id, error = error.describe(), "a file that never came left traces");
            }
        }
    }
    Ok(forgotten)
}

/// Forgets one file, unless somebody was faster.
async fn forget(app: &App, file: &File) -> Result<bool> {
    let system = Actor::system();
    let mut deed = app.begin(&system).await?;
    let file = match store::file::lock(deed.tx(), &system.scope, file.id, "id").await {
        Err(Error::NotFound(_)) => return Ok(false),
        found => found?,
    };
    if file.arrival.is_some() || file.is_awaited(deed.now()) {
        return Ok(false);
    }
    store::file::delete(deed.tx(), file.id).await?;
    deed.record(event(EventKind::FileForgotten, &file, "never came and was forgotten"));
    deed.commit().await?;
    Ok(true)
}
