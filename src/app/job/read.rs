//! What can be read about jobs.

use std::{collections::HashMap, time::Duration};

use chrono::TimeDelta;

use crate::{
    app::App,
    auth::{Actor, permission::Permission},
    domain::{
        job::{Job, JobFilter, JobOrder, QueueHealth, Target, TargetCounts, TargetState},
        page::{Page, Window},
    },
    error::Result,
    ids::{ClientId, JobId, JobTargetId, StepId},
    store,
};

/// How far back "lately ended" goes.
const THROUGHPUT_SPAN: TimeDelta = TimeDelta::hours(1);
/// A worker says that it is there every few seconds; one that was silent for this long is not counted.
pub(super) const WORKER_SILENCE: Duration = Duration::from_secs(30);
/// The most jobs a step shows.
const PER_STEP: u32 = 20;

/// The job, if the caller may see it.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn find(app: &App, actor: &Actor, id: JobId) -> Result<Option<Job>> {
    Ok(load_many(app, actor, &[id]).await?.pop())
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[JobId]) -> Result<Vec<Job>> {
    actor.require(Permission::Job)?;
    store::job::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the jobs the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: &JobFilter, order: JobOrder, window: &Window) -> Result<Page<Job>> {
    actor.require(Permission::Jobs)?;
    store::job::list(app.db().read(), &actor.scope, filter, order, window).await
}

/// How many jobs [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &JobFilter) -> Result<u64> {
    actor.require(Permission::Jobs)?;
    store::job::count(app.db().read(), &actor.scope, filter).await
}

/// The same page of each client's jobs.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_clients(
    app: &App,
    actor: &Actor,
    clients: &[ClientId],
    filter: &JobFilter,
    window: &Window,
) -> Result<HashMap<ClientId, Page<Job>>> {
    actor.require(Permission::Job)?;
    store::job::of_clients(app.db().read(), &actor.scope, clients, filter, window).await
}

/// How many jobs each of `clients` has.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count_each(
    app: &App,
    actor: &Actor,
    clients: &[ClientId],
    filter: &JobFilter,
) -> Result<HashMap<ClientId, u64>> {
    actor.require(Permission::Job)?;
    store::job::count_each(app.db().read(), &actor.scope, clients, filter).await
}

/// The newest jobs of each step.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_steps(app: &App, actor: &Actor, steps: &[StepId]) -> Result<HashMap<StepId, Vec<Job>>> {
    actor.require(Permission::Job)?;
    store::job::of_steps(app.db().read(), &actor.scope, steps, PER_STEP).await
}

/// A page of each job's targets, in order; a job without targets there is absent.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn targets_of(
    app: &App,
    actor: &Actor,
    jobs: &[JobId],
    state: Option<TargetState>,
    window: &Window,
) -> Result<HashMap<JobId, Page<Target>>> {
    actor.require(Permission::JobTarget)?;
    store::job::page_targets(app.db().read(), &actor.scope, jobs, state, window).await
}

/// Those of the targets `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_targets(app: &App, actor: &Actor, ids: &[JobTargetId]) -> Result<Vec<Target>> {
    actor.require(Permission::JobTarget)?;
    store::job::load_targets(app.db().read(), &actor.scope, ids).await
}

/// How many targets of each job stand where.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn target_counts(app: &App, actor: &Actor, jobs: &[JobId]) -> Result<HashMap<JobId, TargetCounts>> {
    actor.require(Permission::Job)?;
    store::job::target_counts(app.db().read(), &actor.scope, jobs).await
}

/// How the queue does as a whole.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn health(app: &App, actor: &Actor) -> Result<QueueHealth> {
    actor.require(Permission::QueueHealth)?;
    store::job::health(app.db(), &actor.scope, app.now() - THROUGHPUT_SPAN, WORKER_SILENCE).await
}
