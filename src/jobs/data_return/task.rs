//! The task: the engine's run on a job row.
//!
//! Numbered steps, each safe to repeat and safe to be stopped after: (1) the ledger says that the holdings are
//! being closed; (2) the inventory is frozen, once, and kept in the checkpoint; (3) parts are packed and sent,
//! each durable before the checkpoint that counts it; (4) everything is read back, and what came back damaged is
//! made and sent again, twice at most; (5) the receipt is signed and the ledger moved, once for a job; (6) every target
//! says so. A package that is not complete is told of as PARTIAL instead of (5), unless exceptions accept it: then the
//! job is run once more, and all that is left of (2) and (3) is to read the package back. A run that finds a checkpoint goes on
//! behind it, unless the run before found that it is not true any more and emptied it. Whatever ends the job
//! without success gives the holdings back to the ledger (`app::job`); what the return left behind is cleared
//! away later (`app::data_return`).

use std::sync::Arc;

use super::{
    Format, Order, Package, Phase, Place, RecipientKey, ReturnError, Slug, Source,
    bag::AGENT,
    begin::{begin, replace, roomy},
    condemn,
    mark::{Making, Mark, Row, enter, stop_with, watch},
    order::{About, PART_BYTES},
    pack, read_back,
    room::Full,
};
use crate::{
    app::{
        data_return::{self, Args, Best, Delivered, Left, Summary, TargetDetails},
        job::{LINES_MAX, target::Report},
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
use async_trait::async_trait;

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
        let targets = context.targets(TargetState::ALL, None, LINES_MAX.into()).await?;
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
        let mut mark = Mark::of(context);
        if mark.is_told_of() && targets.iter().any(|target| !target.state.is_terminal()) {
            // Somebody ordered another try of what was PARTIAL: the sources are looked at again.
            mark = mark.anew();
        }
        let order = Arc::new(self.order(context, &details, &mark)?);
        let row = Arc::new(Row::of(context, mark));
        match deliver(context, &order, &row, &targets).await {
            Ok(package) => finish(context, &order, &row, &targets, &ids, &package).await,
            Err(error) => stop(context, &row, &targets, error).await,
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
        let begun = mark.begun.as_ref();
        let begun_by = begun.map_or(fence, |begun| begun.fence);
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
                made_by: begun.map_or(AGENT, |begun| &begun.made_by).to_owned(),
            },
        })
    }
}

async fn deliver(
    context: &TaskContext,
    order: &Arc<Order>,
    row: &Arc<Row>,
    targets: &[Target],
) -> Result<Package, ReturnError> {
    let cancel = context.signals().cancel.child_token();
    let _stopping = stop_with(context, &cancel);
    let watch = watch(context, row, &cancel);
    let begun = match row.mark().begun {
        Some(begun) => begun,
        None => begin(context, order, row, &watch).await?,
    };
    let (files, bytes) = (Some(begun.frozen.tally.files), begun.frozen.tally.bytes);
    if begun.packed.is_none() {
        roomy(order, bytes).await?;
    }
    let (mut from, mut before) = (begun.packed, None);
    let package = loop {
        enter(context, Some(Phase::Packing), files, Some(bytes));
        let package = pack(order, &begun.frozen, from, &watch).await?;
        step_all(context, targets, TargetVerb::Verify, &Report::default()).await.map_err(ReturnError::Checkpoint)?;
        enter(context, Some(Phase::Verifying), files, Some(package.bytes()));
        let Some(damage) = read_back(order, &package, before.as_ref(), &watch).await? else { break package };
        from = Some(condemn(&package, damage, &watch).await?);
        before = Some(package);
    };
    enter(context, None, files, Some(bytes));
    replace(context, order, row, Best { fence: begun.fence, lacks: lacks(&package) }).await?;
    Ok(package)
}

fn lacks(package: &Package) -> u64 {
    package.manifest.omissions.as_ref().map_or(0, |list| list.count)
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
    row: &Row,
    targets: &[Target],
    ids: &[HoldingId],
    package: &Package,
) -> Result<Outcome> {
    let mut summary = summary(context, order, package)?;
    let log = log::sign_now(context.app()).await?.checkpoint;
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    if let Some(omissions) = &mut summary.omissions {
        omissions.accepted_by = data_return::accepted_by(&deed, ids, &summary.manifest_digest).await?;
        if omissions.accepted_by.is_empty() {
            drop(deed);
            return give_in(context, row, targets, &summary).await;
        }
    }
    let delivered = Delivered { summary, log };
    data_return::delivered(&mut deed, context.job(), ids, &delivered).await?;
    deed.commit().await?;
    done(context, targets, &delivered.summary).await
}

/// Step 6. The receipt is there. Targets that had failed lacked something: it was accepted, or it came into the package
/// when a part of it was made again.
async fn done(context: &TaskContext, targets: &[Target], summary: &Summary) -> Result<Outcome> {
    let result = serde_json::to_value(summary).map_err(Error::internal)?;
    let report = Report { outcome: Some(result.clone()), ..Report::default() };
    let verbs: &[TargetVerb] = if summary.is_accepted() {
        &[TargetVerb::Except]
    } else {
        &[TargetVerb::Retry, TargetVerb::Start, TargetVerb::Verify, TargetVerb::Succeed]
    };
    for target in targets.iter().filter(|target| target.state == TargetState::Failed) {
        for verb in verbs {
            context.step(target.id, *verb, report.clone()).await?;
        }
    }
    step_all(context, targets, TargetVerb::Succeed, &report).await?;
    Ok(Outcome::Done(Some(result)))
}

/// Something could not be returned whole. Whoever orders another try has the sources looked at again; a run that only
/// takes over where this one died tells the same.
async fn give_in(context: &TaskContext, row: &Row, targets: &[Target], summary: &Summary) -> Result<Outcome> {
    let error = incomplete(summary.incomplete_count);
    step_all(context, targets, TargetVerb::Fail, &Report { error: Some(error.clone()), ..Report::default() }).await?;
    row.change(|mark| {
        if let Some(Making { fence, .. }) = mark.begun {
            mark.left =
                Left { told_of: Some(fence), ..mark.left.with(Best { fence, lacks: summary.incomplete_count }) };
        }
    })
    .await?;
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
        message: format!(
            "{count} entries could not be returned whole; the return is incomplete until they are mended or accepted."
        ),
        is_retryable: false,
        remedy: Some(
            "Make them readable and order the job again, or have each of its holdings accepted as it is: \
             `exceptionRaise` with DEVIATION and `holdingId`. The list beside the package says which they are."
                .to_owned(),
        ),
    }
}

fn summary(context: &TaskContext, order: &Order, package: &Package) -> Result<Summary> {
    let (contents, parts) = (&package.manifest.contents, &package.manifest.parts);
    let (args, omissions) = (context.args::<Args>()?, package.manifest.omissions.as_ref());
    Ok(Summary {
        manifest_digest: package.digest.clone(),
        package: order.stem(package.packed.edition),
        location: format!("{}://{}", args.destination, order.destination.folder.to_text()),
        file_count: contents.files,
        payload_bytes: contents.bytes,
        part_count: parts.len() as u64,
        package_bytes: package.bytes(),
        incomplete_count: lacks(package),
        omissions: omissions.map(|list| data_return::Omissions {
            object: list.object.name.clone(),
            digest: list.sha256.clone(),
            accepted_by: Vec::new(),
        }),
        verdict: None,
    })
}

/// What a run that did not reach its end means. What can be tried again keeps its checkpoint.
async fn stop(context: &TaskContext, row: &Row, targets: &[Target], error: ReturnError) -> Result<Outcome> {
    if error.spoils_the_checkpoint() {
        row.change(|mark| mark.begun = None).await?;
    }
    if let Some(refusal) = error.refusal() {
        let lacks_room = error.lacks_room();
        tracing::warn!(error = Error::from(error).describe(), "the return was refused");
        return if lacks_room { wait(context, row, targets, refusal).await } else { Ok(Outcome::Fail(refusal)) };
    }
    match error {
        ReturnError::Cancelled => Ok(context.signals().should_stop().unwrap_or(Outcome::HandBack)),
        other => Err(other.into()),
    }
}

/// There is no room. The job waits for it, for a while.
async fn wait(context: &TaskContext, row: &Row, targets: &[Target], refusal: JobError) -> Result<Outcome> {
    let now = context.app().now();
    let full = Full::again(row.mark().full, now);
    let Some(pause) = full.pause(now) else {
        // Whoever has it tried again gives it two weeks anew.
        row.change(|mark| mark.full = None).await?;
        return Ok(Outcome::Fail(refusal));
    };
    row.change(|mark| mark.full = Some(full)).await?;
    let remedy = "Make room: the job looks again by itself, and at once with `jobRetry`. It goes on where it stopped.";
    let waiting = JobError { is_retryable: true, remedy: Some(remedy.to_owned()), ..refusal };
    let report = Report { error: Some(waiting.clone()), ..Report::default() };
    step_all(context, targets, TargetVerb::Wait, &report).await?;
    Ok(Outcome::Wait(pause, waiting))
}
