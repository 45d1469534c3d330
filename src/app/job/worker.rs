//! What a worker says: it takes a job up, lives, gets on, ends; and what others say for one that died.
//!
//! Everything here that writes carries a [`Lease`]. "Not yours any more" is an answer, not an error: the
//! worker stops, because whatever it did since then counts for nothing.

use std::time::Duration;

use serde_json::Value;

use super::{
    ending::{ended, proven},
    events,
    read::WORKER_SILENCE,
};
use crate::{
    app::{App, Deed},
    auth::{Actor, ClientScope},
    clock::Instant,
    domain::job::{
        Claimant, Claimed, Held, JobState, Lease, Outcome, Pick, Presence, Progress, Settlement, Verb, crashed, settle,
    },
    error::Result,
    ids::{JobId, WorkerId},
    store::{self, job::Running},
};

/// Jobs that one round of rescue looks at: enough for a machine that died with all its workers.
const RESCUES: u32 = 200;
/// 2^53: whole numbers below it are exact as a float.
const EXACT: u64 = 1 << 53;

/// Takes a job up; `None` when there is none of this pick, or another worker was faster.
///
/// # Errors
/// Those of the database.
pub async fn claim(app: &App, by: &Claimant, pick: Pick) -> Result<Option<Claimed>> {
    if !matches!(pick, Pick::This(_)) && !is_due(app, by, pick).await? {
        return Ok(None);
    }
    let actor = Actor::system();
    let mut deed = app.begin(&actor).await?;
    let Some(claimed) = store::job::claim(deed.tx(), by, pick, deed.now()).await? else { return Ok(None) };
    deed.record(events::started(&claimed, by.worker));
    deed.commit().await?;
    Ok(Some(claimed))
}

/// Whether a job of this pick is due.
///
/// # Errors
/// Those of the database.
pub async fn is_due(app: &App, by: &Claimant, pick: Pick) -> Result<bool> {
    store::job::has_due(app.db(), by, pick).await
}

/// Reserves the first job that has to run alone and has waited longer than `patience`. Gives whether there
/// is one; asking again renews.
///
/// # Errors
/// Those of the database.
pub async fn reserve(app: &App, by: &Claimant, patience: Duration) -> Result<bool> {
    store::job::reserve(app.db(), by, patience).await
}

/// Renews what the worker believes to hold, and gives what it does hold. What is missing was taken away; what it does
/// not run is not renewed, whatever the row says.
///
/// # Errors
/// Those of the database.
pub async fn beat(app: &App, by: &Claimant, believed: &[Lease]) -> Result<Vec<Held>> {
    store::job::renew(app.db(), by.worker, by.lease, believed).await
}

/// Says that the worker is there, for people to see.
///
/// # Errors
/// Those of the database.
pub async fn present(app: &App, presence: &Presence) -> Result<()> {
    store::worker::seen(app.db(), presence).await
}

/// Says that the worker has left.
///
/// # Errors
/// Those of the database.
pub async fn left(app: &App, worker: WorkerId) -> Result<()> {
    store::worker::left(app.db(), worker).await
}

/// Saves how far the job is. Gives whether the lease still holds.
///
/// # Errors
/// Those of the database.
pub async fn save_progress(app: &App, lease: Lease, progress: &Progress) -> Result<bool> {
    store::job::save_progress(app.db(), lease, progress).await
}

/// Saves what a later run needs in order not to start over. Gives whether the lease still holds.
///
/// # Errors
/// Those of the database.
pub async fn save_checkpoint(app: &App, lease: Lease, checkpoint: Value) -> Result<bool> {
    store::job::save_checkpoint(app.db(), lease, checkpoint).await
}

/// Saves the same as part of `deed`, which holds the job: what follows the deed's commit is written down before it is
/// done.
///
/// # Errors
/// Those of the database.
pub async fn journal(deed: &Deed<'_>, lease: Lease, checkpoint: Value) -> Result<()> {
    store::job::journal(deed.tx(), lease, checkpoint).await
}

/// Whether the lease still holds. It may be void the moment after: what is written elsewhere on this answer has to
/// be harmless then.
///
/// # Errors
/// Those of the database.
pub async fn is_held(app: &App, lease: Lease) -> Result<bool> {
    store::job::is_held(app.db(), lease).await
}

/// Opens a deed that stands only while `lease` holds: its row stays locked until the deed ends. `None` when
/// the lease is void.
///
/// # Errors
/// Those of the database.
pub async fn begin<'a>(app: &'a App, actor: &'a Actor, lease: Lease) -> Result<Option<Deed<'a>>> {
    let deed = app.begin(actor).await?;
    Ok(store::job::hold(deed.tx(), lease).await?.map(|_| deed))
}

/// Ends the run of `lease` with `outcome`, and with its last `progress` if that is not saved yet. Gives the
/// job's new state; `None` when the lease is void.
///
/// # Errors
/// Those of the database; nothing has changed then, and the call may be repeated.
pub async fn finish(
    app: &App,
    lease: Lease,
    outcome: Outcome,
    progress: Option<&Progress>,
) -> Result<Option<JobState>> {
    let actor = Actor::system();
    let deed = app.begin(&actor).await?;
    let Some(running) = store::job::hold(deed.tx(), lease).await? else { return Ok(None) };
    let settlement = settle(running.standing, outcome, random(app));
    end(deed, lease, &running, settlement, progress).await
}

async fn end(
    mut deed: Deed<'_>,
    lease: Lease,
    running: &Running,
    settlement: Settlement,
    progress: Option<&Progress>,
) -> Result<Option<JobState>> {
    let settlement = proven(&deed, lease.job, running.kind, settlement).await?;
    let settled = store::job::settle(deed.tx(), lease, &settlement, progress, deed.now()).await?;
    let Some(state) = settled else { return Ok(None) };
    match settlement.verb {
        Verb::Stop => drop(store::job::cancel_targets(deed.tx(), lease.job, deed.now()).await?),
        Verb::Fail => drop(store::job::fail_targets(deed.tx(), lease.job, deed.now()).await?),
        _ => {}
    }
    let settled = deed.record(events::settled(lease, running, &settlement));
    deed.follow(Some(settled));
    ended(&mut deed, lease.job, running.kind, state).await?;
    if state == JobState::Queued {
        deed.hint(lease.job);
    }
    deed.commit().await?;
    Ok(Some(state))
}

/// A random number from 0 to 1, from the random part of a new id.
fn random(app: &App) -> f64 {
    let bits = u64::try_from(app.parts().ids.next().as_u128() & u128::from(EXACT - 1)).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "both are at most 2^53")]
    let share = bits as f64 / EXACT as f64;
    share
}

/// Puts back what died workers held, or ends it when it has killed too many. Gives what became of each.
///
/// # Errors
/// Those of the database.
pub async fn rescue(app: &App) -> Result<Vec<(JobId, JobState)>> {
    let actor = Actor::system();
    let mut rescued = Vec::new();
    for lease in store::job::expired(app.db(), RESCUES).await? {
        let deed = app.begin(&actor).await?;
        let Some(running) = store::job::hold_expired(deed.tx(), lease).await? else { continue };
        let settlement = crashed(running.standing.crash_count, running.standing.is_cancel_requested);
        if let Some(state) = end(deed, lease, &running, settlement, None).await? {
            rescued.push((lease.job, state));
        }
    }
    Ok(rescued)
}

/// Due jobs of which no worker was told within `silence`, the best first, at most `limit`. They count as
/// told from now on, so whoever asks has to tell.
///
/// # Errors
/// Those of the database.
pub async fn unhinted(app: &App, silence: Duration, limit: u32) -> Result<Vec<JobId>> {
    store::job::unhinted(app.db(), silence, limit).await
}

/// Says of `jobs` that no worker was told of them after all.
///
/// # Errors
/// Those of the database.
pub async fn forget_hints(app: &App, jobs: &[JobId]) -> Result<()> {
    store::job::forget_hints(app.db(), jobs).await
}

/// How many jobs are due and wait for a worker, and since when the first of them.
///
/// # Errors
/// Those of the database.
pub async fn due(app: &App) -> Result<(u64, Option<Instant>)> {
    store::job::due(app.db(), &ClientScope::system()).await
}

/// Running jobs whose progress has not moved for `silence`.
///
/// # Errors
/// Those of the database.
pub async fn stalled(app: &App, silence: Duration) -> Result<Vec<JobId>> {
    store::job::stalled(app.db(), silence, RESCUES).await
}

/// How many workers live.
///
/// # Errors
/// Those of the database.
pub async fn alive(app: &App) -> Result<u64> {
    store::worker::count(app.db(), WORKER_SILENCE).await
}

/// Forgets workers that left without a word `silence` ago.
///
/// # Errors
/// Those of the database.
pub async fn forget_workers(app: &App, silence: Duration) -> Result<u64> {
    store::worker::forget(app.db(), silence).await
}

/// Whether the database answers.
///
/// # Errors
/// `Unavailable` when it does not.
pub async fn ping(app: &App) -> Result<()> {
    app.db().ping().await
}
