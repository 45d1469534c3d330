//! Looking whether destroyed data is gone, for another person than who had it destroyed.
//!
//! Two steps, each safe to repeat: (1) every place is looked at by every witness, none of which is what destroyed; (2) one deed
//! closes what is gone, certifies it, opens again what is not, and ends every target. A run that was stopped before (2) looks
//! again; one that was stopped behind it finds nothing left to do.

use async_trait::async_trait;

use super::{Task, TaskContext};
use crate::{
    app::{
        job::{LINES_MAX, target::Report},
        log,
        sanitization::{self, Seen, Verification, Witnessed},
    },
    auth::Actor,
    domain::job::{JobError, JobKind, Outcome, Target, TargetState, TargetVerb},
    error::{Error, Result},
    ports::shelves::Shelves,
};

/// Verifies.
#[derive(Clone, Debug)]
pub struct VerificationTask {
    shelves: Shelves,
}

impl VerificationTask {
    /// A task that looks at the places that may be erased.
    pub fn new(shelves: Shelves) -> Self {
        Self { shelves }
    }

    async fn look(&self, target: &Target) -> Result<Vec<Seen>> {
        let details: Verification = serde_json::from_value(target.details.clone()).map_err(Error::internal)?;
        let (erasable, folder) = details.spot.find(&self.shelves.erasable)?;
        if erasable.eraser.root().await? != details.root {
            return Err(Error::PlanChanged("The store is not the one in which it was destroyed."));
        }
        let mut seen = Vec::new();
        for witness in &erasable.witnesses {
            let sight = witness.look(&folder).await?;
            let first = sight.first.iter().map(|path| path.to_text().into_owned()).collect();
            seen.push(Seen { tool: witness.tool().to_owned(), count: sight.count, first });
        }
        Ok(seen)
    }
}

#[async_trait]
impl Task for VerificationTask {
    fn kind(&self) -> JobKind {
        JobKind::SanitizationVerification
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        let targets = context.targets(TargetState::ALL, None, LINES_MAX.into()).await?;
        let mut witnessed = Vec::new();
        for target in targets.into_iter().filter(|target| !target.state.is_terminal()) {
            context.step(target.id, TargetVerb::Start, Report::default()).await?;
            let seen = tokio::select! {
                seen = self.look(&target) => seen?,
                outcome = context.signals().stopping() => return Ok(outcome),
            };
            context.progress().update(|progress| progress.done += 1);
            witnessed.push(Witnessed { target, seen });
        }
        if !witnessed.is_empty() {
            let log = log::sign_now(context.app()).await?.checkpoint;
            let actor = Actor::system();
            let mut deed = context.begin(&actor).await?;
            sanitization::verified(&mut deed, context.job(), &witnessed, &log).await?;
            deed.commit().await?;
        }
        Ok(Outcome::of(context.recount().await?.verdict(), None, residue()))
    }
}

fn residue() -> JobError {
    JobError {
        code: "RESIDUE_FOUND".to_owned(),
        message: "Something is there where nothing should be; its line is open again.".to_owned(),
        is_retryable: false,
        remedy: Some("See the targets that failed, then scan their lines and destroy them again.".to_owned()),
    }
}
