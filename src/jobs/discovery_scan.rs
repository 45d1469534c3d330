//! Looking at what a client has, before anybody plans to destroy it.
//!
//! Numbered steps for each target, each safe to repeat: (1) the place is listed and written down in sheets, replacing what an
//! earlier run wrote; (2) the target says what was found. Nothing is touched, so a run that was stopped begins its target
//! anew. A place with something that cannot be looked at fails: nobody could say what would be destroyed.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Task, TaskContext, sheets};
use crate::{
    app::{
        job::{LINES_MAX, target::Report},
        scan::{self, Found, Spot},
    },
    domain::job::{JobError, JobKind, Outcome, Target, TargetState, TargetVerb},
    error::{Error, Result},
    ports::{shelves::Shelves, storage::Fault},
};

/// Scans.
#[derive(Clone, Debug)]
pub struct ScanTask {
    shelves: Shelves,
}

impl ScanTask {
    /// A task that looks at the places that are configured.
    pub fn new(shelves: Shelves) -> Self {
        Self { shelves }
    }

    /// What lies at the target's place, or why nobody can tell.
    async fn look(
        &self,
        context: &TaskContext,
        target: &Target,
        before: &Found,
    ) -> Result<std::result::Result<Found, JobError>> {
        let spot: Spot = serde_json::from_value(target.details.clone()).map_err(Error::internal)?;
        let (erasable, folder) = spot.find(&self.shelves.erasable)?;
        let ground = match erasable.eraser.ground(&folder).await {
            Ok(ground) => ground,
            Err(fault) if fault.concerns_the_store() => return Err(fault.into()),
            Err(fault) => return Ok(Err(unfound(&fault))),
        };
        let own = &self.shelves.own;
        let sheets =
            sheets::Shelf { store: own.store.as_ref(), folder: &scan::sheets(own, context.job().id, target.position) };
        let place = format!("{}://{}", spot.store, spot.path);
        let tell = |found: &Found| {
            context.progress().update(|progress| {
                progress.done = before.files + found.files;
                progress.bytes_done = before.bytes + found.bytes;
            });
        };
        sheets.write(erasable.eraser.as_ref(), &folder, place, ground, tell).await.map(Ok)
    }
}

#[async_trait]
impl Task for ScanTask {
    fn kind(&self) -> JobKind {
        JobKind::DiscoveryScan
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        // That there is a checkpoint says that there may be sheets.
        context.save_checkpoint(&Value::Object(Map::new())).await?;
        let mut before = Found::default();
        for target in context.targets(TargetState::ALL, None, LINES_MAX.into()).await? {
            if target.state.is_terminal() {
                continue;
            }
            context.step(target.id, TargetVerb::Start, Report::default()).await?;
            let found = tokio::select! {
                found = self.look(context, &target, &before) => found?,
                outcome = context.signals().stopping() => return Ok(outcome),
            };
            if let Ok(found) = &found {
                before.files += found.files;
                before.bytes += found.bytes;
            }
            end(context, &target, found).await?;
        }
        let verdict = context.recount().await?.verdict();
        Ok(Outcome::of(verdict, None, incomplete("Some places")))
    }
}

async fn end(context: &TaskContext, target: &Target, found: std::result::Result<Found, JobError>) -> Result<()> {
    let outcome = found.as_ref().ok().map(serde_json::to_value).transpose().map_err(Error::internal)?;
    let error = match &found {
        Ok(found) if found.hidden > 0 => Some(incomplete(&target.name)),
        Ok(found) => (found.named_elsewhere > 0).then(|| elsewhere(&target.name, found.named_elsewhere)),
        Err(error) => Some(error.clone()),
    };
    let verb = if error.is_none() { TargetVerb::Succeed } else { TargetVerb::Fail };
    context.step(target.id, TargetVerb::Verify, Report::default()).await?;
    context.step(target.id, verb, Report { outcome, error, ..Report::default() }).await?;
    Ok(())
}

fn elsewhere(name: &str, count: u64) -> JobError {
    JobError {
        code: "NAMED_ELSEWHERE".to_owned(),
        message: format!(
            "{count} files of {name} have names in other places, under which their content would live on."
        ),
        is_retryable: false,
        remedy: Some("Take the other names away, or make copies of these files, and order the job again.".to_owned()),
    }
}

fn unfound(fault: &Fault) -> JobError {
    JobError {
        code: "SOURCE_NOT_FOUND".to_owned(),
        message: format!("There is no folder to look at: {}.", fault.kind),
        is_retryable: false,
        remedy: Some("Mend the line's `location`, or what lies there, and plan the scan again.".to_owned()),
    }
}

fn incomplete(what: &str) -> JobError {
    JobError {
        code: "SCAN_INCOMPLETE".to_owned(),
        message: format!("{what} could not be looked at as a whole, so nothing is destroyed by this scan."),
        is_retryable: false,
        remedy: Some(
            "Make everything there readable, unmount what is mounted below, and order the job again.".to_owned(),
        ),
    }
}
