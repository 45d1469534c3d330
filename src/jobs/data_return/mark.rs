//! What a return keeps in its job's row, and how the engine's words get there.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Checkpoint, CheckpointSink, Frozen, PartRecord, Phase, Progress, SoFar, Watch};
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
}

/// A package that is being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Making {
    /// The fence of the run that began it.
    pub(super) fence: i64,
    /// What goes into it.
    pub(super) frozen: Frozen,
    /// How far it is.
    pub(super) packed: Option<Checkpoint>,
}

impl From<Making> for Mark {
    fn from(begun: Making) -> Self {
        Self { left: Left::default(), begun: Some(begun) }
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

/// What accompanies the making of `begun`.
pub(super) fn watch(context: &TaskContext, begun: Option<&Making>, cancel: &CancellationToken) -> Watch {
    Watch {
        sink: Arc::new(Row { keeper: context.keeper(), begun: begun.cloned() }),
        progress: Arc::new(Count(context.progress().clone())),
        cancel: cancel.clone(),
    }
}

/// Keeps checkpoints in the job's row.
struct Row {
    keeper: Keeper,
    begun: Option<Making>,
}

#[async_trait]
impl CheckpointSink for Row {
    async fn still_ours(&self) -> Result<()> {
        self.keeper.still_ours().await
    }

    async fn save(&self, checkpoint: &Checkpoint, _part: &PartRecord) -> Result<()> {
        let Some(begun) = self.begun.clone() else { return Ok(()) };
        self.keeper.save(&Mark::from(Making { packed: Some(checkpoint.clone()), ..begun })).await
    }
}

/// Tells the job's progress.
struct Count(Progressing);

impl Progress for Count {
    fn at(&self, so_far: SoFar) {
        self.0.update(|progress| {
            if so_far.phase == Phase::Packing {
                progress.done = so_far.files;
                progress.bytes_done = so_far.bytes;
            }
        });
    }
}
