//! The task: the engine's run on a job row.
//!
//! Numbered steps, each safe to repeat and safe to be stopped after: (1) the ledger says that the holdings are
//! being closed; (2) the inventory is frozen, once, and kept in the checkpoint; (3) parts are packed and sent,
//! each durable before the checkpoint that counts it; (4) everything is read back; (5) the receipt is signed
//! and the ledger moved, once for a job; (6) every target says so. A run that finds a checkpoint goes on
//! behind it, unless the run before found that it is not true any more and emptied it. Whatever ends the job
//! without success gives the holdings back to the ledger (`app::job`); what the return left behind is cleared
//! away later (`app::data_return`).

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    Checkpoint, CheckpointSink, Format, Frozen, Order, Package, PartRecord, Phase, Place, Progress, RecipientKey,
    ReturnError, Slug, SoFar, Source, Watch, freeze,
    order::{About, PART_BYTES},
    pack, verify,
};
use crate::{
    app::{
        data_return::{self, Args, Delivered, Summary, TargetDetails},
        job::target::Report,
        log,
    },
    auth::Actor,
    domain::{
        agreement::DataFormat,
        job::{JobError, JobKind, Outcome, Target, TargetState, TargetVerb},
    },
    error::{Error, Result, at},
    ids::HoldingId,
    jobs::{Progressing, Task, TaskContext},
    ports::{shelves::Shelves, storage::ObjectPath},
};

/// The most targets of one return; a plan allows fewer.
const TARGETS_MAX: u64 = 500;
/// Blocks packed side by side: more than two cores do not pay while one hashes and one encrypts.
const LANES: usize = 2;

/// Returns data.
#[derive(Clone, Debug)]
pub struct ReturnTask {
    shelves: Shelves,
}

impl ReturnTask {
    /// A task that reads and writes the places that are configured.
    pub fn new(shelves: Shelves) -> Self {
        Self { shelves }
    }
}

/// What a run leaves for the next one. An empty one has it begin anew, and says that something of this return
/// may lie in the spool and at the destination: `app::data_return` looks for that once the job is over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mark {
    frozen: Option<Frozen>,
    engine: Option<Checkpoint>,
}

#[async_trait]
impl Task for ReturnTask {
    fn kind(&self) -> JobKind {
        JobKind::DataReturn
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        let targets = context.targets(TargetState::ALL, None, TARGETS_MAX).await?;
        let details: Vec<TargetDetails> = targets.iter().map(details).collect::<Result<_>>()?;
        let ids: Vec<HoldingId> = details.iter().map(|details| details.holding_id).collect();
        let order = Arc::new(self.order(context, &details)?);
        let actor = Actor::system();
        let mut deed = context.begin(&actor).await?;
        let recipients = context.args::<Args>()?.recipients;
        data_return::closing(&mut deed, context.job(), &ids, &recipients).await?;
        deed.commit().await?;
        step_all(context, &targets, TargetVerb::Start, &Report::default()).await?;
        match self.deliver(context, &order, &targets).await {
            Ok(package) => finish(context, &order, &targets, &ids, &package).await,
            Err(error) => stop(context, error).await,
        }
    }
}

impl ReturnTask {
    fn order(&self, context: &TaskContext, details: &[TargetDetails]) -> Result<Order> {
        let (job, args) = (context.job(), context.args::<Args>()?);
        let gone = |what: &str| Error::violation("location", format!("The place `{what}` is not configured any more."));
        let sources = details.iter().map(|target| {
            let shelf = self.shelves.sources.get(&target.store).ok_or_else(|| gone(&target.store))?;
            let folder = below(&shelf.folder, &target.path)?;
            Ok(Source { label: target.label.parse()?, store: Arc::clone(&shelf.store), folder })
        });
        let destination = self.shelves.destinations.get(&args.destination).ok_or_else(|| gone(&args.destination))?;
        let own = &self.shelves.own;
        let recipients = args.recipients.iter().map(|key| key.parse::<RecipientKey>());
        Ok(Order {
            name: args.package(job.id).parse::<Slug>()?,
            sources: sources.collect::<Result<_>>()?,
            format: format(args.format)?,
            recipients: recipients.collect::<Result<_, _>>().map_err(|invalid| at("recipients", invalid))?,
            destination: Place { store: Arc::clone(&destination.store), folder: args.folder(destination, job.id) },
            spool: Place { store: Arc::clone(&own.store), folder: data_return::spool(own, job.id) },
            part_bytes: PART_BYTES,
            workers: LANES,
            about: About {
                source_organization: "Gangway".to_owned(),
                external_identifier: job.id.to_string(),
                external_description: format!("Data returned to {}", args.client_name),
                bagged_on: job.created_at.date_naive(),
            },
        })
    }

    async fn deliver(
        &self,
        context: &TaskContext,
        order: &Arc<Order>,
        targets: &[Target],
    ) -> Result<Package, ReturnError> {
        let cancel = context.signals().cancel.child_token();
        let _stopping = stop_with(context, &cancel);
        let mark: Mark = context.checkpoint().unwrap_or_default();
        let frozen = match mark.frozen {
            Some(frozen) => frozen,
            None => frozen(context, order, &cancel).await?,
        };
        context.progress().update(|progress| {
            progress.total = Some(frozen.tally.files);
            progress.bytes_total = Some(frozen.tally.bytes);
        });
        let watch = watch(context, Some(frozen.clone()), &cancel);
        let package = pack(order, &frozen, mark.engine, &watch).await?;
        step_all(context, targets, TargetVerb::Verify, &Report::default()).await.map_err(ReturnError::Checkpoint)?;
        verify(order, &package, &watch).await?;
        Ok(package)
    }
}

/// Step 2. The mark stands before anything of the return does.
async fn frozen(context: &TaskContext, order: &Order, cancel: &CancellationToken) -> Result<Frozen, ReturnError> {
    context.save_checkpoint(&Mark::default()).await.map_err(ReturnError::Checkpoint)?;
    let frozen = freeze(order, &watch(context, None, cancel)).await?;
    let begun = Mark { frozen: Some(frozen.clone()), engine: None };
    context.save_checkpoint(&begun).await.map_err(ReturnError::Checkpoint)?;
    Ok(frozen)
}

fn details(target: &Target) -> Result<TargetDetails> {
    serde_json::from_value(target.details.clone()).map_err(Error::internal)
}

fn below(folder: &ObjectPath, path: &str) -> Result<ObjectPath> {
    let path = ObjectPath::from_text(path).map_err(|_bad| Error::violation("location", "This is not a path."))?;
    Ok(folder.join(path.as_bytes()))
}

fn format(format: DataFormat) -> Result<Format> {
    match format {
        DataFormat::BagitTar => Ok(Format::BagitTar),
        DataFormat::BagitTarZstd => Ok(Format::BagitTarZstd),
        DataFormat::PlainMirror => Err(Error::violation("format", "This format cannot be made yet.")),
    }
}

/// Step 5 and 6: the receipt, the ledger, the targets, the summary.
async fn finish(
    context: &TaskContext,
    order: &Order,
    targets: &[Target],
    ids: &[HoldingId],
    package: &Package,
) -> Result<Outcome> {
    let summary = summary(context, order, package)?;
    let result = serde_json::to_value(&summary).map_err(Error::internal)?;
    if !package.manifest.is_complete() {
        return give_in(context, targets, result, incomplete(summary.incomplete_count)).await;
    }
    let log = log::sign_now(context.app()).await?.checkpoint;
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    data_return::delivered(&mut deed, context.job(), ids, &Delivered { summary, log }).await?;
    deed.commit().await?;
    step_all(context, targets, TargetVerb::Succeed, &Report { outcome: Some(result.clone()), ..Report::default() })
        .await?;
    Ok(Outcome::Done(Some(result)))
}

/// Something could not be returned whole. A retry has to look at the sources again, so it begins anew.
async fn give_in(
    context: &TaskContext,
    targets: &[Target],
    result: serde_json::Value,
    error: JobError,
) -> Result<Outcome> {
    step_all(context, targets, TargetVerb::Fail, &Report { error: Some(error.clone()), ..Report::default() }).await?;
    context.save_checkpoint(&Mark::default()).await?;
    Ok(Outcome::Partial(Some(result), error))
}

async fn step_all(context: &TaskContext, targets: &[Target], verb: TargetVerb, report: &Report) -> Result<()> {
    for target in targets {
        if !target.state.is_terminal() {
            context.step(target.id, verb, report.clone()).await?;
        }
    }
    Ok(())
}

fn incomplete(count: u64) -> JobError {
    JobError {
        code: "SOURCE_UNREADABLE".to_owned(),
        message: format!("{count} entries could not be returned whole; the package says which."),
        is_retryable: false,
        remedy: Some("Make them readable and plan the return again.".to_owned()),
    }
}

fn summary(context: &TaskContext, order: &Order, package: &Package) -> Result<Summary> {
    let (contents, parts) = (&package.manifest.contents, &package.manifest.parts);
    let args = context.args::<Args>()?;
    Ok(Summary {
        manifest_digest: package.digest.clone(),
        package: order.name.to_string(),
        location: format!("{}://{}", args.destination, order.destination.folder.to_text()),
        file_count: contents.files,
        payload_bytes: contents.bytes,
        part_count: parts.len() as u64,
        package_bytes: parts.iter().map(|part| part.bytes).sum(),
        incomplete_count: contents.unreadable + contents.vanished + contents.torn,
        verdict: None,
    })
}

/// What a run that did not reach its end means. What can be tried again keeps its checkpoint.
async fn stop(context: &TaskContext, error: ReturnError) -> Result<Outcome> {
    if error.spoils_the_checkpoint() {
        context.save_checkpoint(&Mark::default()).await?;
    }
    if let Some(refusal) = error.refusal() {
        tracing::warn!(error = Error::from(error).describe(), "the return was refused");
        return Ok(Outcome::Fail(refusal));
    }
    match error {
        ReturnError::Cancelled => Ok(context.signals().should_stop().unwrap_or(Outcome::HandBack)),
        other => Err(other.into()),
    }
}

/// Cancels the engine when the worker drains or loses the job, too.
fn stop_with(context: &TaskContext, cancel: &CancellationToken) -> tokio_util::task::AbortOnDropHandle<()> {
    let (signals, cancel) = (context.signals().clone(), cancel.clone());
    tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::select! {
            () = signals.drain.cancelled() => {}
            () = signals.lost.cancelled() => {}
        }
        cancel.cancel();
    }))
}

fn watch(context: &TaskContext, frozen: Option<Frozen>, cancel: &CancellationToken) -> Watch {
    Watch {
        sink: Arc::new(Row { keeper: context.keeper(), frozen }),
        progress: Arc::new(Count(context.progress().clone())),
        cancel: cancel.clone(),
    }
}

/// Keeps checkpoints in the job's row.
struct Row {
    keeper: crate::jobs::Keeper,
    frozen: Option<Frozen>,
}

#[async_trait]
impl CheckpointSink for Row {
    async fn still_ours(&self) -> Result<()> {
        self.keeper.still_ours()
    }

    async fn save(&self, checkpoint: &Checkpoint, _part: &PartRecord) -> Result<()> {
        let Some(frozen) = self.frozen.clone() else { return Ok(()) };
        self.keeper.save(&Mark { frozen: Some(frozen), engine: Some(checkpoint.clone()) }).await
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
