//! What the client says of a package it received.

use super::Summary;
use crate::{
    app::{App, Deed, holding},
    auth::{Actor, permission::Permission},
    domain::{
        event::{EventKind, NewEvent},
        holding::{Holding, HoldingDetails, HoldingState},
        job::{Job, JobKind, JobState, ReturnVerdict},
        text::Prose,
    },
    error::{Error, Result, Violation},
    ids::{HoldingId, JobId},
    store,
};

/// Whether the client accepts.
pub type Verdict = ReturnVerdict;

/// What a client says of a package.
#[derive(Clone, Debug)]
pub struct Acknowledge {
    /// The job that returned the data.
    pub job_id: JobId,
    /// SHA-256 of the package manifest, as the client computed it.
    pub manifest_digest: String,
    /// Whether the client accepts.
    pub verdict: Verdict,
    /// What is wrong, or a remark; needed for a dispute.
    pub comment: Option<Prose>,
}

/// Writes down that the client accepts or disputes a package. Accepting closes what is only returned and gives
/// the receipt that destruction waits for; a dispute opens it again.
///
/// # Errors
/// `Forbidden`; `NotFound` on `jobId`; `Violation` on `manifestDigest` when it is another package's, or on
/// `comment`; `Conflict` when the return is not over, was acknowledged, or the data was returned again since.
pub async fn acknowledge(app: &App, actor: &Actor, input: Acknowledge) -> Result<Job> {
    actor.require(Permission::DataReturnAcknowledge)?;
    let mut deed = app.begin(actor).await?;
    let mut job = store::job::lock(deed.tx(), &actor.scope, input.job_id, "jobId").await?;
    if job.kind != JobKind::DataReturn {
        return Err(Error::not_found("data return", "jobId"));
    }
    if job.state != JobState::Succeeded {
        return Err(Error::state(format!("The return is {}; only a succeeded one is acknowledged.", job.state)));
    }
    let mut summary = summary(&job)?;
    check_digest(&summary, &input.manifest_digest)?;
    if input.verdict == Verdict::Disputed && input.comment.is_none() {
        let violation = Violation::new("comment", "A dispute needs a comment.");
        return Err(violation.remedy("Say which files are missing or wrong.").into());
    }
    if summary.verdict.is_some() {
        return Err(already());
    }
    let ids = latest_here(&deed, &job).await?;
    for holding in store::holding::lock_many(deed.tx(), &actor.scope, &ids).await? {
        judge(&mut deed, holding, input.verdict).await?;
    }
    summary.verdict = Some(input.verdict);
    let result = serde_json::to_value(&summary).map_err(Error::internal)?;
    store::job::set_result(deed.tx(), job.id, &result).await?;
    job.result = Some(result);
    record(&mut deed, &job, &input);
    deed.commit().await?;
    Ok(job)
}

/// The lines that no later return delivers anew: of those, the client judges the later package.
async fn latest_here(deed: &Deed<'_>, job: &Job) -> Result<Vec<HoldingId>> {
    let mut ids = store::job::holdings_of(deed.tx(), job.id).await?;
    let later = store::job::superseded(deed.tx(), job, &ids).await?;
    ids.retain(|id| !later.contains(id));
    if ids.is_empty() {
        let message = "All of this data was returned again since; what counts is what is said of the latest package.";
        return Err(Error::state(message));
    }
    Ok(ids)
}

fn already() -> Error {
    Error::state("This return was acknowledged already.")
}

fn summary(job: &Job) -> Result<Summary> {
    let summary = job.result.clone().map(serde_json::from_value::<Summary>).transpose().map_err(Error::internal)?;
    summary.ok_or_else(|| Error::internal("a return that succeeded without a result"))
}

fn check_digest(summary: &Summary, given: &str) -> Result<()> {
    if summary.manifest_digest.eq_ignore_ascii_case(given.trim()) {
        return Ok(());
    }
    let violation = Violation::new("manifestDigest", "This is not the digest of the returned package.");
    Err(violation.remedy("Compute it: `sha256sum NAME.package.json`.").into())
}

async fn judge(deed: &mut Deed<'_>, mut line: Holding, verdict: Verdict) -> Result<()> {
    let is_removed = line.state == HoldingState::Removed;
    let is_kept = matches!(&line.details, HoldingDetails::Data(data) if data.disposition.is_destroyed());
    if line.acknowledged_at.is_some() {
        return Err(already());
    }
    match verdict {
        Verdict::Accepted if is_removed => {
            line.acknowledged_at = Some(deed.now());
            holding::close(deed, &mut line).await
        }
        Verdict::Accepted if is_kept => {
            line.acknowledged_at = Some(deed.now());
            holding::touch(deed, &mut line).await
        }
        Verdict::Disputed if is_removed => holding::resurface(deed, &mut line).await,
        Verdict::Disputed if is_kept && line.state == HoldingState::Closing => {
            holding::fail_closing(deed, &mut line).await
        }
        Verdict::Accepted | Verdict::Disputed => Err(already()),
    }
}

fn record(deed: &mut Deed<'_>, job: &Job, input: &Acknowledge) {
    let (kind, summary) = match input.verdict {
        Verdict::Accepted => (EventKind::DataReturnAccepted, "The client accepted its returned data."),
        Verdict::Disputed => (EventKind::DataReturnDisputed, "The client disputed its returned data."),
    };
    let comment = input.comment.as_ref().map_or(serde_json::Value::Null, |text| text.as_str().into());
    deed.record(
        NewEvent::new(kind, job.id, summary)
            .client(job.client_id)
            .job(job.id)
            .with("manifestDigest", input.manifest_digest.trim())
            .with("comment", comment),
    );
}
