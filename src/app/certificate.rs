//! Signed statements: issuing one in the deed it speaks of, and reading them.

use serde_json::Value;

use crate::{
    app::{App, Deed},
    auth::{Actor, permission::Permission},
    domain::{
        certificate::{Certificate, CertificateKind},
        event::{EventKind, NewEvent},
    },
    error::{Error, Result},
    ids::{CertificateId, ClientId, EngagementId, JobId},
    store,
};

/// What is to be certified.
#[derive(Clone, Debug)]
pub struct Issue {
    /// What it certifies.
    pub kind: CertificateKind,
    /// For whom.
    pub client_id: ClientId,
    /// In the course of what.
    pub engagement_id: Option<EngagementId>,
    /// About which job.
    pub job_id: Option<JobId>,
    /// What people cite it by; unique.
    pub number: String,
    /// What is stated.
    pub statement: Value,
}

/// Signs a statement and writes it down.
///
/// # Errors
/// `Internal` when the statement cannot be signed, which is a bug.
pub(in crate::app) async fn issue(deed: &mut Deed<'_>, issue: Issue) -> Result<Certificate> {
    let statement = serde_json_canonicalizer::to_string(&issue.statement).map_err(Error::internal)?;
    let signer = &deed.app().parts().log_keys.signer;
    let note = signer.sign(&format!("{statement}\n")).map_err(Error::internal)?;
    let certificate = Certificate {
        id: deed.app().new_id(),
        client_id: issue.client_id,
        engagement_id: issue.engagement_id,
        job_id: issue.job_id,
        number: issue.number,
        kind: issue.kind,
        signature: note[statement.len() + 1..].trim().to_owned(),
        statement,
        key_id: signer.verifier().id(),
        issued_at: deed.now(),
    };
    store::certificate::insert(deed.tx(), &certificate).await?;
    let summary = format!("Certificate {} was issued.", certificate.number);
    deed.record(
        NewEvent::new(EventKind::CertificateIssued, certificate.id, summary)
            .client(certificate.client_id)
            .job(certificate.job_id)
            .with("number", certificate.number.as_str())
            .with("kind", certificate.kind.as_str())
            .with("sha256", certificate.digest()),
    );
    Ok(certificate)
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[CertificateId]) -> Result<Vec<Certificate>> {
    actor.require(Permission::Certificate)?;
    store::certificate::load_many(app.db().read(), &actor.scope, ids).await
}

/// The certificates of these engagements, the oldest first.
///
/// # Errors
/// Those of the database.
pub async fn of_engagements(app: &App, actor: &Actor, engagements: &[EngagementId]) -> Result<Vec<Certificate>> {
    actor.require(Permission::Engagement)?;
    store::certificate::of_engagements(app.db().read(), &actor.scope, engagements).await
}

/// The certificates of these jobs.
///
/// # Errors
/// Those of the database.
pub async fn of_jobs(app: &App, actor: &Actor, jobs: &[JobId]) -> Result<Vec<Certificate>> {
    actor.require(Permission::Job)?;
    store::certificate::of_jobs(app.db().read(), &actor.scope, jobs).await
}
