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
    ids::JobId,
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
/// `comment`; `Conflict` when the return is not over or was acknowledged.
pub async fn acknowledge(app: &App, actor: &Actor, input: Acknowledge) -> Result<Job> {
    actor.require(Permission::DataReturnAcknowledge)?;
    let mut deed = app.begin(actor).await?;
    let job = store::job::get_locked(deed.tx(), &actor.scope, input.job_id, "jobId").await?;
    if job.kind != JobKind::DataReturn {
        return Err(Error::not_found("data return", "jobId"));
    }
    if job.state != JobState::Succeeded {
        return Err(Error::state(format!("The return is {}; only a succeeded one is acknowledged.", job.state)));
    }
    check_digest(&job, &input.manifest_digest)?;
    if input.verdict == Verdict::Disputed && input.comment.is_none() {
        let violation = Violation::new("comment", "A dispute needs a comment.");
        return Err(violation.remedy("Say which files are missing or wrong.").into());
    }
    let ids = store::job::holdings_of(deed.tx(), job.id).await?;
    for holding in store::holding::lock_many(deed.tx(), &actor.scope, &ids).await? {
        judge(&mut deed, holding, input.verdict).await?;
    }
    record(&mut deed, &job, &input);
    deed.commit().await?;
    Ok(job)
}

fn check_digest(job: &Job, given: &str) -> Result<()> {
    let summary = job.result.clone().map(serde_json::from_value::<Summary>).transpose().map_err(Error::internal)?;
    let summary = summary.ok_or_else(|| Error::internal("a return that succeeded without a result"))?;
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
        return Err(Error::state("This return was acknowledged already."));
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
        Verdict::Accepted | Verdict::Disputed => Err(Error::state("This return was acknowledged already.")),
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
