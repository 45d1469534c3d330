//! Destroying a client's data.
//!
//! Numbered steps for each target: (1) the ledger says that the line is being closed; (2) the scan's sheets are gone through
//! from the last item to the first, in batches: the deed that asks every gate once more writes down which batch comes, and
//! its commit clears it; (3) another reader looks at the place; (4) the line is REMOVED and the target done, in one deed.
//!
//! A run that finds a batch written down and not ended does that batch again: what it had begun it finds set aside, and goes
//! on with; what is gone it finds absent and says so, without claiming to have destroyed it. Anything else that is absent
//! is not what was planned: it may have been moved. A target that is not gone as a whole fails, and its line is as alive as before.

mod batches;
mod mark;

use async_trait::async_trait;

use self::{batches::Batches, mark::Mark};
use super::{Task, TaskContext, sheets};
use crate::{
    app::{
        job::{LINES_MAX, target::Report},
        sanitization::{self, Args, Erasure, Summary, TargetDetails},
        scan,
    },
    auth::Actor,
    clock::Instant,
    domain::{
        job::{JobError, JobKind, Outcome, Target, TargetState, TargetVerb},
        sanitization::Fate,
    },
    error::{Error, Result},
    ports::{
        eraser::{Leave, SIGHT_MAX, Sight},
        shelves::{Erasable, Shelves},
        storage::{EntryKind, ObjectPath},
    },
};

/// The program, for a certificate.
const TOOL: &str = concat!("gangway ", env!("CARGO_PKG_VERSION"));

/// Destroys.
#[derive(Clone, Debug)]
pub struct SanitizationTask {
    shelves: Shelves,
}

impl SanitizationTask {
    /// A task that destroys in the places that may be erased.
    pub fn new(shelves: Shelves) -> Self {
        Self { shelves }
    }
}

#[async_trait]
impl Task for SanitizationTask {
    fn kind(&self) -> JobKind {
        JobKind::Sanitization
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        let targets = context.targets(TargetState::ALL, None, LINES_MAX.into()).await?;
        announce(context, &targets)?;
        for target in targets.iter().filter(|target| !target.state.is_terminal()) {
            if let Some(outcome) = self.target(context, target).await? {
                return Ok(outcome);
            }
        }
        let verdict = context.recount().await?.verdict();
        let result = serde_json::to_value(summary(context).await?).map_err(Error::internal)?;
        Ok(Outcome::of(verdict, Some(result), not_gone("Some places", "TARGETS_FAILED")))
    }
}

impl SanitizationTask {
    /// Destroys one target; gives how the run ends when it has to stop before. What is wrong with one line fails it alone.
    async fn target(&self, context: &TaskContext, target: &Target) -> Result<Option<Outcome>> {
        context.step(target.id, TargetVerb::Start, Report::default()).await?;
        match self.line(context, target).await {
            Err(error @ (Error::Violation(_) | Error::PlanChanged(_) | Error::Conflict(_) | Error::NotFound(_)))
                if !context.signals().lost.is_cancelled() =>
            {
                tracing::info!(error = error.describe(), "a line is not destroyed");
                let report = Report { error: Some(not_gone(&target.name, "LINE_CHANGED")), ..Report::default() };
                context.save_checkpoint(&Mark::default()).await?;
                context.step(target.id, TargetVerb::Fail, report).await?;
                Ok(None)
            }
            other => other,
        }
    }

    async fn line(&self, context: &TaskContext, target: &Target) -> Result<Option<Outcome>> {
        let details = details(target)?;
        let actor = Actor::system();
        let mut deed = context.begin(&actor).await?;
        sanitization::begin(&mut deed, context.job(), &details).await?;
        deed.commit().await?;
        let (erasable, folder) = details.spot.find(&self.shelves.erasable)?;
        let place = Place { erasable, folder: &folder, target, details: &details };
        let mut erasure = match self.erase(context, &place).await? {
            Ok(erasure) => erasure,
            Err(outcome) => return Ok(Some(outcome)),
        };
        looked_at(erasable, &folder, &mut erasure).await?;
        // A lock whose time is over and that still holds is a refusal.
        let kept_until = erasure.kept_until().filter(|until| *until > context.app().now());
        if !erasure.is_whole() && kept_until.is_none() {
            fail(context, target, &erasure).await?;
            return Ok(None);
        }
        let mut deed = context.begin(&actor).await?;
        match kept_until {
            Some(until) => {
                // Whoever orders it again has all of it gone through again.
                context.journal(&deed, &Mark::default()).await?;
                let error = locked(&target.name, erasure.tally.locked, until);
                sanitization::kept(&mut deed, context.job(), target, &erasure, error).await?;
            }
            None => sanitization::destroyed(&mut deed, context.job(), target, &erasure).await?,
        }
        deed.commit().await?;
        context.recount().await?;
        Ok(None)
    }

    /// Goes through the sheets; gives what became of everything, or how the run ends when it has to stop.
    async fn erase(&self, context: &TaskContext, place: &Place<'_>) -> Result<std::result::Result<Erasure, Outcome>> {
        let (own, details) = (&self.shelves.own, place.details);
        let mut mark = Mark::of(context, place.target.position);
        // What was begun by a scan is ended by it, however long that takes.
        let since = if mark.is_new() { context.app().now() - scan::VALID_FOR } else { Instant::UNIX_EPOCH };
        let scanned = scan::by_digest(context.app(), details.spot.holding_id, &details.found.digest, since).await?;
        let scanned = scanned.ok_or(Error::PlanChanged("No scan of the last day found what was approved."))?;
        if place.erasable.eraser.root().await? != details.found.root {
            return Err(Error::PlanChanged("The store is not the one that was scanned."));
        }
        let folder = scan::sheets(own, scanned.job_id, scanned.position);
        let sheets = sheets::Shelf { store: own.store.as_ref(), folder: &folder };
        let method = context.args::<Args>()?.method;
        let mut batches = Batches::of(sheets, &details.found.digest, mark.done).await?;
        let mut first = Vec::new();
        while let Some(items) = batches.next().await? {
            if let Some(outcome) = context.signals().should_stop() {
                return Ok(Err(outcome));
            }
            let leave = Leave::until([context.signals().lost.clone(), context.signals().cancel.clone()]);
            let batch = mark.batch(place.folder, items.clone(), context.job().id, method, leave);
            let actor = Actor::system();
            let deed = context.begin(&actor).await?;
            let clearance = sanitization::clear(&deed, context.job(), details, batch).await?;
            let is_again = mark.begin();
            context.journal(&deed, &mark).await?;
            deed.commit().await?;
            let fates = match place.erasable.eraser.erase(clearance).await {
                Ok(fates) => fates,
                Err(fault) => match context.signals().must_stop() {
                    Some(outcome) => return Ok(Err(outcome)),
                    None => return Err(fault.into()),
                },
            };
            for (item, erased) in items.iter().zip(&fates) {
                // Only what a run that was stopped in this very batch may have destroyed is gone as it should be.
                let fate = if erased.fate == Fate::Absent && !is_again { Fate::Changed } else { erased.fate };
                mark.tally.count(fate, item.size, item.names);
                mark.locked_until = mark.locked_until.max(erased.until);
                note(&mut first, &item.path, fate);
            }
            mark.end(items.len() as u64);
            context.save_checkpoint(&mark).await?;
            let files = items.iter().filter(|item| item.kind == EntryKind::File).count() as u64;
            let bytes: u64 = items.iter().map(|item| item.size).sum();
            context.progress().update(|progress| {
                // A batch that is done again was counted before.
                progress.done = (progress.done + files).min(progress.total.unwrap_or(u64::MAX));
                progress.bytes_done = (progress.bytes_done + bytes).min(progress.bytes_total.unwrap_or(u64::MAX));
            });
        }
        Ok(Ok(Erasure {
            digest: details.found.digest.clone(),
            method,
            planned: details.found.items,
            tally: mark.tally,
            left: 0,
            locked_until: mark.locked_until,
            first,
            tool: TOOL.to_owned(),
            limits: details.found.limits.clone(),
            root: details.found.root.clone(),
            allowed_by: Vec::new(),
        }))
    }
}

/// What is destroyed, and where.
struct Place<'a> {
    erasable: &'a Erasable,
    folder: &'a ObjectPath,
    target: &'a Target,
    details: &'a TargetDetails,
}

fn details(target: &Target) -> Result<TargetDetails> {
    serde_json::from_value(target.details.clone()).map_err(Error::internal)
}

/// How much there is to do.
fn announce(context: &TaskContext, targets: &[Target]) -> Result<()> {
    let found: Vec<_> =
        targets.iter().map(|target| details(target).map(|details| details.found)).collect::<Result<_>>()?;
    context.progress().update(|progress| {
        progress.total = Some(found.iter().map(|found| found.files).sum());
        progress.bytes_total = Some(found.iter().map(|found| found.bytes).sum());
    });
    Ok(())
}

/// Keeps the first few items that are not gone, with the reason.
fn note(first: &mut Vec<String>, path: &ObjectPath, fate: Fate) {
    if first.len() < SIGHT_MAX && matches!(fate, Fate::Changed | Fate::Refused | Fate::Locked) {
        first.push(format!("{fate} {}", path.to_text()));
    }
}

/// Has the place looked at by another reader than what destroyed.
async fn looked_at(erasable: &Erasable, folder: &ObjectPath, erasure: &mut Erasure) -> Result<()> {
    let witness = erasable.witnesses.first().ok_or_else(|| Error::internal("a place that nobody can look at"))?;
    let Sight { count, first } = witness.look(folder).await?;
    erasure.left = count;
    let room = SIGHT_MAX.saturating_sub(erasure.first.len());
    erasure.first.extend(first.iter().take(room).map(|path| format!("LEFT {}", path.to_text())));
    Ok(())
}

async fn fail(context: &TaskContext, target: &Target, erasure: &Erasure) -> Result<()> {
    let tally = &erasure.tally;
    let code = if tally.refused + tally.locked > 0 {
        "STORE_REFUSED"
    } else if tally.named_elsewhere() > 0 {
        "NAMED_ELSEWHERE"
    } else {
        "TARGET_CHANGED"
    };
    let outcome = Some(serde_json::to_value(erasure).map_err(Error::internal)?);
    let error = Some(not_gone(&target.name, code));
    // Whoever orders it again has all of it gone through again.
    context.save_checkpoint(&Mark::default()).await?;
    context.step(target.id, TargetVerb::Fail, Report { outcome, error, ..Report::default() }).await?;
    Ok(())
}

fn not_gone(what: &str, code: &str) -> JobError {
    let (message, remedy) = match code {
        "STORE_REFUSED" => (
            "is not gone: the store refused to let go of some of it.",
            "Have the store's rights mended, scan it and plan its destruction again.",
        ),
        "NAMED_ELSEWHERE" => (
            "is not gone: some of its content has names in other places.",
            "Find the other names, scan them with it and plan its destruction again.",
        ),
        "TARGET_CHANGED" => (
            "is not gone: something there is not what was approved, and was not touched.",
            "Scan it and have its destruction approved again.",
        ),
        "LINE_CHANGED" => (
            "was not destroyed: it is not the line that was planned any more, or its scan is not what was approved.",
            "Look at the line, scan it and have its destruction approved again.",
        ),
        _ => ("are not gone; each says why.", "See the targets that failed."),
    };
    JobError {
        code: code.to_owned(),
        message: format!("{what} {message}"),
        is_retryable: false,
        remedy: Some(remedy.to_owned()),
    }
}

fn locked(name: &str, count: u64, until: Instant) -> JobError {
    JobError {
        code: "LOCKED_BY_STORE".to_owned(),
        message: format!(
            "{count} versions of {name} are locked by the store until {}; all else of it is gone.",
            until.date_naive()
        ),
        is_retryable: false,
        remedy: Some("The line is open again from then on: scan it and plan its destruction then.".to_owned()),
    }
}

/// The sums over the targets that are done.
async fn summary(context: &TaskContext) -> Result<Summary> {
    let mut sums = Summary::default();
    for target in context.targets(&[TargetState::Succeeded], None, LINES_MAX.into()).await? {
        let outcome = target.outcome.unwrap_or_default();
        let erasure: Erasure = serde_json::from_value(outcome).map_err(Error::internal)?;
        sums.places += 1;
        sums.files += erasure.tally.destroyed;
        sums.bytes += erasure.tally.bytes;
    }
    Ok(sums)
}
