//! Clearing away what returns leave when they are over.
//!
//! A job has a checkpoint from before it writes anything until everything was cleared: that is how what is left
//! is found. Clearing changes nothing that a job relies on, because only jobs that cannot run any more are
//! cleared: those that succeeded, and those that ended so long ago that they are not tried again. So it is safe
//! twice, in several processes at once, and stopped anywhere.
//!
//! What was delivered stays: the package of a return that is SUCCEEDED or PARTIAL is the client's. So is one with a
//! receipt, however its job ended: the worker may have died between the receipt and the end. And so are, of a job that was
//! PARTIAL until somebody ordered another try, the package it told of last and the one that lacks least.

use chrono::TimeDelta;

use super::{Args, Left, Packages, spool};
use crate::{
    app::{App, Deed},
    auth::Actor,
    domain::{
        event::{EventKind, NewEvent},
        job::{Job, JobKind, JobState, RETRIED_FOR},
    },
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
    for (job, checkpoint) in store::job::uncleared(app.db().read(), JobKind::DataReturn, before, limit).await? {
        match clear(app, &job, checkpoint).await {
            Ok(()) => cleared += 1,
            Err(error) => {
                tracing::warn!(job.id = %job.id, error = error.describe(), "what a return left is still there");
            }
        }
    }
    Ok(cleared)
}

async fn clear(app: &App, job: &Job, checkpoint: serde_json::Value) -> Result<()> {
    let left: Left = store::json("job", "checkpoint", job.id, checkpoint)?;
    let shelves = &app.parts().shelves;
    storage::clear(shelves.own.store.as_ref(), &spool(&shelves.own, job.id), |_| true).await?;
    let is_delivered = is_delivered(app, job).await?;
    if !is_delivered {
        let args: Args = store::json("job", "args", job.id, job.args.clone())?;
        let destination = shelves.destinations.get(&args.destination);
        let destination = destination.ok_or_else(|| Error::not_found("destination", "destination"))?;
        let folder = args.folder(destination, job.id);
        let is_untold = move |fence| !left.keeps(fence);
        clear_packages(destination.store.as_ref(), &folder, &args.packages(job.id), is_untold).await?;
    }
    say(app, job, is_delivered).await
}

async fn is_delivered(app: &App, job: &Job) -> Result<bool> {
    if matches!(job.state, JobState::Succeeded | JobState::Partial) {
        return Ok(true);
    }
    Ok(!store::certificate::of_jobs(app.db().read(), &Actor::system().scope, &[job.id]).await?.is_empty())
}

/// Empties the checkpoint and writes down what went. Says nothing when another process did it first.
async fn say(app: &App, job: &Job, is_delivered: bool) -> Result<()> {
    let actor = Actor::system();
    let mut deed = app.begin(&actor).await?;
    if !store::job::cleared(deed.tx(), job.id).await? {
        return Ok(());
    }
    let summary = if is_delivered {
        "Gangway's working files of the return were removed."
    } else {
        "Gangway's working files of the return were removed, and what was unfinished at the destination."
    };
    cleared(&mut deed, job, summary);
    deed.commit().await?;
    Ok(())
}

/// The job took away what it had told of: a better package was read back.
pub fn replaced(deed: &mut Deed<'_>, job: &Job) {
    cleared(deed, job, "The package that was not complete was removed: a later one was read back.");
}

fn cleared(deed: &mut Deed<'_>, job: &Job, summary: &str) {
    deed.record(NewEvent::new(EventKind::DataReturnCleared, job.id, summary).client(job.client_id).job(job.id));
}

/// Takes away every object in `folder` of those `packages` that `go`, judged by the fence of the run that began them.
/// Whatever else somebody put there stays.
///
/// # Errors
/// Those of the store.
pub async fn clear_packages(
    store: &dyn ObjectStore,
    folder: &ObjectPath,
    packages: &Packages,
    go: impl Fn(i64) -> bool + Send + Sync + 'static,
) -> storage::Result<()> {
    let packages = packages.clone();
    storage::clear(store, folder, move |name| packages.beginner(name).is_some_and(&go)).await
}
