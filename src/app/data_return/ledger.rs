//! What a return does to the ledger, in deeds that carry the job's fence.

use serde_json::json;

use super::Summary;
use crate::{
    app::{
        Deed,
        certificate::{self, Issue},
        holding,
        job::under_way,
    },
    auth::ClientScope,
    domain::{
        certificate::{Certificate, CertificateKind},
        event::{EventKind, NewEvent},
        holding::{Holding, HoldingDetails, HoldingState},
        job::Job,
        log::Checkpoint,
    },
    error::{Error, Result, Violation},
    ids::{HoldingId, JobId},
    store,
};

/// A package that was sent and read back.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// What the job says of itself: names the package manifest by its digest.
    pub summary: Summary,
    /// The log as it was signed before the receipt: what led to it cannot be rewritten any more.
    pub log: Checkpoint,
}

/// The first step: the holdings are being closed from now on. Safe to repeat. The keys are looked at once more,
/// because one that was revoked while the job waited may be in the wrong hands.
///
/// Gives what an earlier run delivered that died before it could say so: a job has one receipt, and nothing is to be
/// closed, encrypted or sent any more.
///
/// # Errors
/// `Violation` when one of `recipients` is no confirmed key of the client any more, or the offboarding is not running;
/// `Conflict` when a holding is not open any more.
pub async fn closing(
    deed: &mut Deed<'_>,
    job: &Job,
    ids: &[HoldingId],
    recipients: &[String],
) -> Result<Option<Summary>> {
    if let Some(earlier) = received(deed, job.id).await? {
        return Ok(Some(earlier));
    }
    under_way(deed, job).await?;
    let client_id = job.client_id.ok_or_else(|| Error::internal("a data return without a client"))?;
    let keys = store::recipient_key::confirmed(deed.tx(), &deed.actor().scope, client_id).await?;
    if !recipients.iter().all(|recipient| keys.iter().any(|key| key.recipient == *recipient)) {
        let violation = Violation::new("recipients", "A key that the data was to be encrypted to was revoked.");
        return Err(violation.remedy("Plan the return again with keys that are confirmed.").into());
    }
    for mut holding in lock(deed, ids).await? {
        if holding.state != HoldingState::Closing {
            holding::begin_closing(deed, &mut holding).await?;
        }
    }
    Ok(None)
}

/// The package that the job's receipt is about, once there is one.
///
/// # Errors
/// `Inconsistent` for a receipt that says something else.
pub async fn received(deed: &Deed<'_>, job: JobId) -> Result<Option<Summary>> {
    let receipt = store::certificate::of_jobs(deed.tx(), &ClientScope::system(), &[job]).await?.pop();
    receipt.as_ref().map(package_of).transpose()
}

fn package_of(receipt: &Certificate) -> Result<Summary> {
    let mut statement: serde_json::Value = serde_json::from_str(&receipt.statement).map_err(Error::internal)?;
    store::json("certificate", "statement", receipt.id, statement["package"].take())
}

/// The package lies at the destination and was read back: signs the receipt, and takes what is only
/// returned off the provider's hands. Once for a job: a run that finds a receipt does not come here ([`closing`]).
///
/// # Errors
/// Those of the database.
pub async fn delivered(deed: &mut Deed<'_>, job: &Job, ids: &[HoldingId], package: &Delivered) -> Result<Certificate> {
    let holdings = lock(deed, ids).await?;
    let receipt = receipt(deed, job, &holdings, package).await?;
    for mut holding in holdings {
        if holding.state == HoldingState::Closing && !is_destroyed_later(&holding) {
            holding::remove(deed, &mut holding).await?;
        }
    }
    let files = package.summary.file_count;
    let summary = match (package.summary.is_accepted(), package.summary.incomplete_count) {
        (true, missing) => format!("{files} files were returned and read back; {missing} omissions were accepted."),
        (false, _) => format!("{files} files were returned and read back."),
    };
    let omissions = package.summary.omissions.as_ref();
    let accepted_by = omissions.iter().flat_map(|omissions| &omissions.accepted_by).map(ToString::to_string);
    deed.record(
        NewEvent::new(EventKind::DataReturnDelivered, job.id, summary)
            .client(job.client_id)
            .job(job.id)
            .with("manifestDigest", package.summary.manifest_digest.as_str())
            .with("location", package.summary.location.as_str())
            .with("certificate", receipt.number.as_str())
            .with("omissionsDigest", omissions.map(|omissions| omissions.digest.as_str()))
            .with("exceptionIds", accepted_by.collect::<Vec<_>>()),
    );
    Ok(receipt)
}

fn is_destroyed_later(holding: &Holding) -> bool {
    matches!(&holding.details, HoldingDetails::Data(data) if data.disposition.is_destroyed())
}

async fn receipt(deed: &mut Deed<'_>, job: &Job, holdings: &[Holding], package: &Delivered) -> Result<Certificate> {
    let client_id = job.client_id.ok_or_else(|| Error::internal("a data return without a client"))?;
    let id = job.id.to_string();
    let number = format!("DR-{}", id[id.len() - 12..].to_uppercase());
    let returned: Vec<_> = holdings.iter().map(|holding| json!({ "id": holding.id, "name": holding.name })).collect();
    let statement = json!({
        "type": "https://gangway.example/statements/data-return-receipt/1",
        "number": number,
        "issuedAt": deed.now(),
        "clientId": client_id,
        "engagementId": job.engagement_id,
        "jobId": job.id,
        "holdings": returned,
        "package": package.summary,
        "log": { "origin": package.log.origin, "size": package.log.size, "root": package.log.root.to_string() },
        "verification": "Every part was read back from the destination and its SHA-256 compared.",
    });
    let kind = CertificateKind::DataReturnReceipt;
    let (engagement_id, job_id) = (job.engagement_id, Some(job.id));
    certificate::issue(deed, Issue { kind, client_id, engagement_id, job_id, number, statement }).await
}

async fn lock(deed: &Deed<'_>, ids: &[HoldingId]) -> Result<Vec<Holding>> {
    store::holding::lock_many(deed.tx(), &deed.actor().scope, ids).await
}
