//! A task's view of its job.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{Progressing, Signals};
use crate::{
    app::{
        App, Deed,
        job::{
            target::{self, Report},
            worker,
        },
    },
    auth::Actor,
    domain::job::{Claimed, Job, Lease, NewTarget, Target, TargetCounts, TargetState, TargetVerb},
    error::{Error, Inconsistent, Result},
    ids::JobTargetId,
};

/// The job that a task runs: what it reads, where it reports and what tells it to stop.
///
/// Whatever it writes carries the job's fence. Once the job was taken away, every write answers `Conflict`
/// and `signals().lost` is set.
#[derive(Debug)]
pub struct TaskContext {
    app: App,
    job: Job,
    lease: Lease,
    checkpoint: Option<Value>,
    signals: Signals,
    progress: Progressing,
    /// Set once the targets were counted, which a job without targets never pays for.
    counted: OnceCell<()>,
}

impl TaskContext {
    /// The context of a job that was just claimed.
    pub fn new(app: App, claimed: Claimed, signals: Signals) -> Self {
        let Claimed { job, lease, checkpoint } = claimed;
        let progress = Progressing::new(job.progress.clone());
        Self { app, job, lease, checkpoint, signals, progress, counted: OnceCell::new() }
    }

    /// The application.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The job as it was claimed.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The right to write it.
    pub fn lease(&self) -> Lease {
        self.lease
    }

    /// What tells the task to stop.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Where to say how far it is.
    pub fn progress(&self) -> &Progressing {
        &self.progress
    }

    /// What the job was ordered with.
    ///
    /// # Errors
    /// `Inconsistent` when it does not fit the kind.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.job.args.clone()).map_err(|error| {
            tracing::error!(job.id = %self.job.id, error = %error, "the job's arguments do not fit its kind");
            Error::Inconsistent(Inconsistent { table: "job", column: "args", id: self.job.id.to_string() })
        })
    }

    /// What an earlier run saved. One that this program cannot read counts as none: the task starts over,
    /// which it has to be able to do anyway.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Option<T> {
        let read = serde_json::from_value(self.checkpoint.clone()?);
        read.inspect_err(|error| tracing::warn!(job.id = %self.job.id, error = %error, "checkpoint not readable")).ok()
    }

    /// Saves what a later run needs in order not to start over.
    ///
    /// # Errors
    /// `Conflict` when the job was taken away; those of the database.
    pub async fn save_checkpoint(&self, checkpoint: &(impl Serialize + Sync)) -> Result<()> {
        let checkpoint = serde_json::to_value(checkpoint).map_err(Error::internal)?;
        let held = worker::save_checkpoint(&self.app, self.lease, checkpoint).await?;
        self.held(held.then_some(()))
    }

    /// Saves the same as part of `deed`: it stands when what the deed says does.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn journal(&self, deed: &Deed<'_>, checkpoint: &(impl Serialize + Sync)) -> Result<()> {
        let checkpoint = serde_json::to_value(checkpoint).map_err(Error::internal)?;
        worker::journal(deed, self.lease, checkpoint).await
    }

    /// Opens a deed that stands only while this run holds the job.
    ///
    /// # Errors
    /// `Conflict` when the job was taken away; those of the database.
    pub async fn begin<'a>(&'a self, actor: &'a Actor) -> Result<Deed<'a>> {
        self.held(worker::begin(&self.app, actor, self.lease).await?)
    }

    /// Puts targets under the job, for a kind that finds them itself.
    ///
    /// # Errors
    /// `Conflict` when the job was taken away; those of the database.
    pub async fn add_targets(&self, targets: Vec<NewTarget>) -> Result<()> {
        let held = target::add(&self.app, self.lease, self.job.client_id, targets).await?;
        self.held(held.then_some(()))?;
        self.count().await
    }

    /// Targets in one of `states` behind `position`, in order, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn targets(&self, states: &[TargetState], behind: Option<u32>, limit: u64) -> Result<Vec<Target>> {
        target::list(&self.app, self.job.id, states, behind, limit).await
    }

    /// How many targets stand where.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn target_counts(&self) -> Result<TargetCounts> {
        self.counted.get_or_try_init(|| self.count()).await?;
        Ok(self.progress.get().targets)
    }

    /// Counts them again, after a deed that changed some beside [`step`](Self::step).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recount(&self) -> Result<TargetCounts> {
        self.count().await?;
        Ok(self.progress.get().targets)
    }

    async fn count(&self) -> Result<()> {
        let counts = target::count(&self.app, self.job.id).await?;
        self.progress.update(|progress| progress.targets = counts);
        Ok(())
    }

    /// Takes one target a step on and gives it as it stands then.
    ///
    /// # Errors
    /// `Conflict` when the job was taken away or the target's state does not allow the step.
    pub async fn step(&self, target: JobTargetId, verb: TargetVerb, report: Report) -> Result<Target> {
        self.counted.get_or_try_init(|| self.count()).await?;
        let stepped = target::step(&self.app, self.lease, self.job.kind, target, verb, report).await?;
        let (before, target) = self.held(stepped)?;
        self.progress.update(|progress| progress.targets.shift(before, target.state));
        Ok(target)
    }

    /// Saves checkpoints from wherever the task's work is done.
    pub fn keeper(&self) -> Keeper {
        Keeper { app: self.app.clone(), lease: self.lease, signals: self.signals.clone() }
    }

    fn held<T>(&self, held: Option<T>) -> Result<T> {
        held.ok_or_else(|| {
            self.signals.lost.cancel();
            taken_away()
        })
    }
}

/// Saves a job's checkpoints under its fence; what a task hands to those who work for it.
#[derive(Clone, Debug)]
pub struct Keeper {
    app: App,
    lease: Lease,
    signals: Signals,
}

impl Keeper {
    /// Whether the job is still held: asks its row.
    ///
    /// # Errors
    /// `Conflict` when it was taken away, and those of the database.
    pub async fn still_ours(&self) -> Result<()> {
        let held = worker::is_held(&self.app, self.lease).await?;
        self.held(held)
    }

    /// Keeps what a later run needs to go on.
    ///
    /// # Errors
    /// `Conflict` when the job was taken away, and those of the database.
    pub async fn save(&self, checkpoint: &(impl Serialize + Sync)) -> Result<()> {
        let checkpoint = serde_json::to_value(checkpoint).map_err(Error::internal)?;
        let held = worker::save_checkpoint(&self.app, self.lease, checkpoint).await?;
        self.held(held)
    }

    fn held(&self, held: bool) -> Result<()> {
        if held {
            return Ok(());
        }
        self.signals.lost.cancel();
        Err(taken_away())
    }
}

fn taken_away() -> Error {
    Error::state("This worker does not hold the job any more.")
}
