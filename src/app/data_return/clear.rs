//! Clearing away what returns leave when they are over.
//!
//! A job has a checkpoint from before it writes anything until everything was cleared: that is how what is left
//! is found. Clearing changes nothing that a job relies on, because only jobs that cannot run any more are
//! cleared: those that succeeded, and those that ended so long ago that they are not tried again. So it is safe
//! twice, in several processes at once, and stopped anywhere.
//!
//! What was delivered stays: the package of a return that is SUCCEEDED or PARTIAL is the client's. So is one with a
//! receipt, however its job ended: the worker may have died between the receipt and the end.

use chrono::TimeDelta;

use super::{Args, RESTORE, spool};
use crate::{
    app::App,
    auth::Actor,
    domain::job::{Job, JobKind, JobState, RETRIED_FOR},
    error::{Error, Result},
    ports::storage::{self, ObjectPath, ObjectStore},
    store,
};

/// So much longer than a job may be tried again it is left alone: the clocks of two machines may differ, and
/// an order to try again takes a moment.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// Clears away what returns that are over for good left, `limit` returns at most; says how many. One whose store
/// does not answer is left for the next time.
///
/// # Errors
/// Those of the database; what was cleared before the error stays so.
pub async fn clear_ended(app: &App, limit: u64) -> Result<usize> {
    let mut cleared = 0;
    let before = app.now() - RETRIED_FOR - MARGIN;
    for job in store::job::uncleared(app.db().read(), JobKind::DataReturn, before, limit).await? {
        match clear(app, &job).await {
            Ok(()) => {
                store::job::cleared(app.db(), job.id).await?;
                cleared += 1;
            }
            Err(error) => {
                tracing::warn!(job.id = %job.id, error = error.describe(), "what a return left is still there");
            }
        }
    }
    Ok(cleared)
}

async fn clear(app: &App, job: &Job) -> Result<()> {
    let shelves = &app.parts().shelves;
    storage::clear(shelves.own.store.as_ref(), &spool(&shelves.own, job.id), |_| true).await?;
    if is_delivered(app, job).await? {
        return Ok(());
    }
    let args: Args = store::json("job", "args", job.id, job.args.clone())?;
    let destination = shelves.destinations.get(&args.destination);
    let destination = destination.ok_or_else(|| Error::not_found("destination", "destination"))?;
    let folder = args.folder(destination, job.id);
    Ok(clear_package(destination.store.as_ref(), &folder, &args.package(job.id)).await?)
}

async fn is_delivered(app: &App, job: &Job) -> Result<bool> {
    if matches!(job.state, JobState::Succeeded | JobState::Partial) {
        return Ok(true);
    }
    Ok(!store::certificate::of_jobs(app.db().read(), &Actor::system().scope, &[job.id]).await?.is_empty())
}

/// Takes away every object of the package `name` in `folder`. Whatever else somebody put there stays.
///
/// # Errors
/// Those of the store.
pub async fn clear_package(store: &dyn ObjectStore, folder: &ObjectPath, name: &str) -> storage::Result<()> {
    let beginning = format!("{name}.");
    let is_of_package = |path: &ObjectPath| {
        let file = path.file_name();
        path.parent() == *folder && (file.starts_with(beginning.as_bytes()) || file == RESTORE.as_bytes())
    };
    storage::clear(store, folder, is_of_package).await
}
