//! Accepting that a return stays incomplete.
//!
//! A return that ended as PARTIAL told of a package. A DEVIATION about one of its holdings asks to take it as it is: the
//! question carries the digest of that very package, so whatever is packed later, with other omissions perhaps, was
//! accepted by nobody. Once such exceptions are in force for *all* of the job's holdings, the deed of the last vote puts
//! the job in the queue again. The worker reads the package back and looks at the exceptions once more, because one may
//! have lapsed meanwhile, in the deed that signs the receipt ([`accepted_by`]).
//!
//! What went on in the meantime stays as it is: a job that was ordered anew, or a later return of the same data, is not
//! touched.

use super::Summary;
use crate::{
    app::{Deed, job},
    domain::{
        Refused,
        decision::Decision,
        exception::Exception,
        holding::{HoldingState, HoldingVerb},
        job::{Job, JobKind, JobState},
    },
    error::{Error, Result, Violation},
    ids::{EngagementId, ExceptionId, HoldingId},
    store,
};

/// The digest of the package that an exception about `holding` in `run` would accept.
///
/// # Errors
/// `Violation` on `type` when the latest return of the holding is not one of this run that ended as PARTIAL; `Conflict`
/// when that is too long ago.
pub(in crate::app) async fn acceptable(deed: &Deed<'_>, run: EngagementId, holding: HoldingId) -> Result<String> {
    let job = store::job::latest_on(deed.tx(), &deed.actor().scope, JobKind::DataReturn, holding).await?;
    let is_told_of = |job: &Job| job.state == JobState::Partial && job.engagement_id == Some(run);
    let Some(job) = job.filter(is_told_of) else {
        let message = "A DEVIATION is about a holding only when its latest return in this run is PARTIAL: it accepts what is missing.";
        return Err(Violation::new("type", message)
            .remedy("Send the type SKIPPED for a holding that shall stay.")
            .into());
    };
    job::in_time(deed, &job)?;
    Ok(told_of(&job)?.manifest_digest)
}

/// Does what an approved exception about an incomplete return means, in the deed that decided it.
///
/// # Errors
/// `Conflict` when the return ended too long ago, its offboarding is not running or one of its holdings not open any more,
/// or another job does the same work; `Blocked` while gates are closed.
pub(in crate::app) async fn accept(deed: &mut Deed<'_>, exception: &Exception, decision: &Decision) -> Result<()> {
    let scope = deed.actor().scope.clone();
    let Some(holding) = exception.holding_id else { return Ok(()) };
    let Some(latest) = store::job::latest_on(deed.tx(), &scope, JobKind::DataReturn, holding).await? else {
        return Ok(());
    };
    let job = store::job::lock(deed.tx(), &scope, latest.id, "id").await?;
    if job.state != JobState::Partial || decision.subject_hash.as_ref() != Some(&told_of(&job)?.manifest_digest) {
        return Ok(());
    }
    let ids = store::job::holdings_of(deed.tx(), job.id).await?;
    if accepted_by(deed, &ids, &told_of(&job)?.manifest_digest).await?.is_empty() {
        return Ok(());
    }
    are_open(deed, &ids).await?;
    job::accepted(deed, &job, exception.id).await
}

/// The exceptions in force by which the package with this manifest `digest` is taken as it is, one for each of
/// `holdings`; none at all when one of them has none.
///
/// # Errors
/// Those of the database.
pub async fn accepted_by(deed: &Deed<'_>, holdings: &[HoldingId], digest: &str) -> Result<Vec<ExceptionId>> {
    let scope = &deed.actor().scope;
    let mut exceptions = store::exception::deviations_about(deed.tx(), scope, holdings).await?;
    exceptions.retain(|exception| exception.is_in_force(deed.now()));
    let questions: Vec<_> = exceptions.iter().filter_map(|exception| exception.decision_id).collect();
    let mut decisions = store::decision::load_many(deed.tx(), scope, &questions).await?;
    decisions.retain(|decision| decision.subject_hash.as_deref() == Some(digest));
    exceptions.retain(|exception| decisions.iter().any(|decision| exception.decision_id == Some(decision.id)));
    let accepting = |holding: &HoldingId| exceptions.iter().find(|exception| exception.holding_id == Some(*holding));
    let accepted: Option<Vec<_>> = holdings.iter().map(|holding| accepting(holding).map(|found| found.id)).collect();
    Ok(accepted.unwrap_or_default())
}

fn told_of(job: &Job) -> Result<Summary> {
    let result = job.result.clone().ok_or_else(|| Error::internal("a PARTIAL return without a result"))?;
    store::json("job", "result", job.id, result)
}

async fn are_open(deed: &Deed<'_>, ids: &[HoldingId]) -> Result<()> {
    let holdings = store::holding::load_many(deed.tx(), &deed.actor().scope, ids).await?;
    let is_open =
        |state: HoldingState| state == HoldingState::Closing || state.after(HoldingVerb::BeginClosing).is_ok();
    match holdings.iter().find(|holding| !is_open(holding.state)) {
        None => Ok(()),
        Some(other) => {
            let message = format!("{} was returned with this one and is {} by now.", other.name, other.state);
            let refused = Refused::new(message);
            Err(refused.remedy("Plan the return of what is still open again with `jobPlan`.").into())
        }
    }
}
