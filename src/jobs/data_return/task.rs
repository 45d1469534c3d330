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
use tokio_util::sync::CancellationToken;

use super::{
    Format, Order, Package, Place, RecipientKey, ReturnError, Slug, Source, freeze,
    mark::{Making, Mark, stop_with, watch},
    order::{About, PART_BYTES},
    pack, verify,
};
use crate::{
    app::{
        data_return::{self, Args, Delivered, Left, Summary, TargetDetails, clear_packages},
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
    jobs::{Task, TaskContext},
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

#[async_trait]
impl Task for ReturnTask {
    fn kind(&self) -> JobKind {
        JobKind::DataReturn
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        let targets = context.targets(TargetState::ALL, None, TARGETS_MAX).await?;
        let details: Vec<TargetDetails> = targets.iter().map(details).collect::<Result<_>>()?;
        let ids: Vec<HoldingId> = details.iter().map(|details| details.holding_id).collect();
        let actor = Actor::system();
        let mut deed = context.begin(&actor).await?;
        let recipients = context.args::<Args>()?.recipients;
        let earlier = data_return::closing(&mut deed, context.job(), &ids, &recipients).await?;
        deed.commit().await?;
        step_all(context, &targets, TargetVerb::Start, &Report::default()).await?;
        if let Some(summary) = earlier {
            step_all(context, &targets, TargetVerb::Verify, &Report::default()).await?;
            return done(context, &targets, &summary).await;
        }
        let mark: Mark = context.checkpoint().unwrap_or_default();
        let order = Arc::new(self.order(context, &details, &mark)?);
        match deliver(context, &order, mark, &targets).await {
            Ok(package) => finish(context, &order, &targets, &ids, &package).await,
            Err(error) => stop(context, error).await,
        }
    }
}

impl ReturnTask {
    fn order(&self, context: &TaskContext, details: &[TargetDetails], mark: &Mark) -> Result<Order> {
        let (job, args, fence) = (context.job(), context.args::<Args>()?, context.lease().fence);
        let gone = |what: &str| Error::violation("location", format!("The place `{what}` is not configured any more."));
        let sources = details.iter().map(|target| {
            let shelf = self.shelves.sources.get(&target.store).ok_or_else(|| gone(&target.store))?;
            let folder = below(&shelf.folder, &target.path)?;
            Ok(Source { label: target.label.parse()?, store: Arc::clone(&shelf.store), folder })
        });
        let destination = self.shelves.destinations.get(&args.destination).ok_or_else(|| gone(&args.destination))?;
        let own = &self.shelves.own;
        let recipients = args.recipients.iter().map(|key| key.parse::<RecipientKey>());
        let begun_by = mark.begun.as_ref().map_or(fence, |begun| begun.fence);
        Ok(Order {
            name: args.packages(job.id).begun_by(begun_by).parse::<Slug>()?,
            fence,
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
}

async fn deliver(
    context: &TaskContext,
    order: &Arc<Order>,
    mark: Mark,
    targets: &[Target],
) -> Result<Package, ReturnError> {
    let cancel = context.signals().cancel.child_token();
    let _stopping = stop_with(context, &cancel);
    let begun = match mark.begun {
        Some(begun) => begun,
        None => begin(context, order, &cancel).await?,
    };
    context.progress().update(|progress| {
        progress.total = Some(begun.frozen.tally.files);
        progress.bytes_total = Some(begun.frozen.tally.bytes);
    });
    let watch = watch(context, Some(&begun), &cancel);
    let package = pack(order, &begun.frozen, begun.packed, &watch).await?;
    step_all(context, targets, TargetVerb::Verify, &Report::default()).await.map_err(ReturnError::Checkpoint)?;
    verify(order, &package, &watch).await?;
    Ok(package)
}

/// Step 2. The mark stands before anything of the return does, and whatever earlier runs began goes.
async fn begin(context: &TaskContext, order: &Order, cancel: &CancellationToken) -> Result<Making, ReturnError> {
    context.save_checkpoint(&Mark::default()).await.map_err(ReturnError::Checkpoint)?;
    let packages = context.args::<Args>().map_err(ReturnError::Checkpoint)?.packages(context.job().id);
    let is_older = |fence| fence < order.fence;
    let Place { store, folder } = &order.destination;
    clear_packages(store.as_ref(), folder, &packages, is_older).await.map_err(ReturnError::Destination)?;
    let Place { store, folder } = &order.spool;
    clear_packages(store.as_ref(), folder, &packages, is_older).await.map_err(ReturnError::Spool)?;
    let frozen = freeze(order, &watch(context, None, cancel)).await?;
    let begun = Making { fence: order.fence, frozen, packed: None };
    context.save_checkpoint(&Mark::from(begun.clone())).await.map_err(ReturnError::Checkpoint)?;
    Ok(begun)
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

/// Step 5: the receipt and the ledger.
async fn finish(
    context: &TaskContext,
    order: &Order,
    targets: &[Target],
    ids: &[HoldingId],
    package: &Package,
) -> Result<Outcome> {
    let summary = summary(context, order, package)?;
    if !package.manifest.is_complete() {
        return give_in(context, targets, &summary).await;
    }
    let log = log::sign_now(context.app()).await?.checkpoint;
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    let delivered = Delivered { summary, log };
    data_return::delivered(&mut deed, context.job(), ids, &delivered).await?;
    deed.commit().await?;
    done(context, targets, &delivered.summary).await
}

/// Step 6. The receipt is there.
async fn done(context: &TaskContext, targets: &[Target], summary: &Summary) -> Result<Outcome> {
    let result = serde_json::to_value(summary).map_err(Error::internal)?;
    let report = Report { outcome: Some(result.clone()), ..Report::default() };
    step_all(context, targets, TargetVerb::Succeed, &report).await?;
    Ok(Outcome::Done(Some(result)))
}

/// Something could not be returned whole. A retry has to look at the sources again, so it begins anew.
async fn give_in(context: &TaskContext, targets: &[Target], summary: &Summary) -> Result<Outcome> {
    let error = incomplete(summary.incomplete_count);
    step_all(context, targets, TargetVerb::Fail, &Report { error: Some(error.clone()), ..Report::default() }).await?;
    context.save_checkpoint(&Mark { left: Left { is_told_of: true }, begun: None }).await?;
    Ok(Outcome::Partial(Some(serde_json::to_value(summary).map_err(Error::internal)?), error))
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
