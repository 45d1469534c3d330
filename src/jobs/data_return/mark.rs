//! What a return keeps in its job's row, and how the engine's words get there.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Checkpoint, CheckpointSink, Frozen, Phase, Progress, SoFar, Watch, room::Full};
use crate::{
    app::data_return::Left,
    error::Result,
    jobs::{Keeper, Progressing, TaskContext},
};

/// What a run leaves for the next one. That there is one says that something of this return may lie in the spool and
/// at the destination: `app::data_return` looks for that once the job is over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mark {
    #[serde(flatten)]
    pub(super) left: Left,
    /// The package that is being made; none when the next run has to begin one.
    pub(super) begun: Option<Making>,
    /// The place that is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) full: Option<Full>,
}

/// A package that is being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Making {
    /// The fence of the run that began it.
    pub(super) fence: i64,
    /// The program that began it, with its version.
    pub(super) made_by: String,
    /// What goes into it.
    pub(super) frozen: Frozen,
    /// How far it is.
    pub(super) packed: Option<Checkpoint>,
}

impl Mark {
    /// What the row says to this program. Of one that another version wrote and this one cannot read, what was promised
    /// counts at least.
    pub(super) fn of(context: &TaskContext) -> Self {
        let promised = || context.checkpoint().map(|left| Self { left, ..Self::default() });
        context.checkpoint().or_else(promised).unwrap_or_default()
    }

    /// The same, with nothing begun.
    pub(super) fn anew(&self) -> Self {
        Self { left: self.left, begun: None, full: None }
    }

    /// Whether the package that was begun is one the job told of as PARTIAL.
    pub(super) fn is_told_of(&self) -> bool {
        self.begun.as_ref().is_some_and(|making| self.left.told_of == Some(making.fence))
    }
}

/// Cancels the engine when the worker drains or loses the job, too.
pub(super) fn stop_with(context: &TaskContext, cancel: &CancellationToken) -> AbortOnDropHandle<()> {
    let (signals, cancel) = (context.signals().clone(), cancel.clone());
    AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::select! {
            () = signals.drain.cancelled() => {}
            () = signals.lost.cancelled() => {}
        }
        cancel.cancel();
    }))
}

/// What accompanies the work on what `row` keeps.
pub(super) fn watch(context: &TaskContext, row: &Arc<Row>, cancel: &CancellationToken) -> Watch {
    Watch { sink: row.clone(), progress: Arc::new(Count(context.progress().clone())), cancel: cancel.clone() }
}

/// Keeps the mark in the job's row.
pub(super) struct Row {
    keeper: Keeper,
    mark: Mutex<Mark>,
}

impl Row {
    /// A row that holds `mark` already.
    pub(super) fn of(context: &TaskContext, mark: Mark) -> Self {
        Self { keeper: context.keeper(), mark: Mutex::new(mark) }
    }

    /// What the row holds.
    pub(super) fn mark(&self) -> Mark {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Mark)) -> Result<()> {
        let mut mark = self.mark();
        change(&mut mark);
        self.keeper.save(&mark).await?;
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
        Ok(())
    }
}

#[async_trait]
impl CheckpointSink for Row {
    async fn still_ours(&self) -> Result<()> {
        self.keeper.still_ours().await
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        self.change(|mark| {
            // It goes on, so whatever has no room next has two weeks anew.
            mark.full = None;
            if let Some(making) = &mut mark.begun {
                making.packed = Some(checkpoint.clone());
            }
        })
        .await
    }
}

/// Tells the job's progress.
struct Count(Progressing);

impl Progress for Count {
    fn at(&self, so_far: SoFar) {
        self.0.update(|progress| {
            progress.bytes_done = so_far.bytes;
            // Verifying counts bytes of the package alone: the files stay done.
            if so_far.phase != Phase::Verifying {
                progress.done = so_far.files;
            }
        });
    }
}

/// Says that `phase` begins, with so many files and bytes before it as are known.
pub(super) fn enter(context: &TaskContext, phase: Option<Phase>, files: Option<u64>, bytes: Option<u64>) {
    context.progress().update(|progress| {
        progress.phase = phase.map(|phase| phase.to_string());
        progress.total = files;
        progress.bytes_total = bytes;
        // What is over counts as done; what begins says itself how far it is.
        progress.bytes_done = if phase.is_none() { bytes.unwrap_or_default() } else { 0 };
    });
}
