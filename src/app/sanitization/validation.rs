//! The validation of a destruction: an authority that neither ordered nor verified it says whether what its certificate says
//! is enough for the data. That it approved the plan is no hindrance: who answers for the data does both.
//!
//! # Source
//! NIST SP 800-88 Revision 2: verification asks whether the technique completed, validation whether the outcome is accepted.

use serde_json::{Value, json};

use crate::{
    app::{
        Deed,
        certificate::{self, Issue},
    },
    domain::{
        Refused,
        certificate::{Certificate, CertificateKind},
        decision::{Answers, Decision, DecisionKind, DecisionState, Vote},
        event::EventKind,
        sanitization::ValidationVerdict,
    },
    error::{Error, Result, Violation},
    ids::{CertificateId, JobId},
    store,
};

/// The certificate that `printed` names, which has to be one of a sanitization.
///
/// # Errors
/// `Violation` on `subjectId` when it is another thing.
async fn certified(deed: &Deed<'_>, printed: &str) -> Result<Certificate> {
    let other = || {
        let violation = Violation::new("subjectId", "Only a certificate of a sanitization is validated.");
        Error::from(violation.remedy("Give the id of one, and the SHA-256 of its statement as `subjectHash`."))
    };
    let id: CertificateId = printed.parse().map_err(|_other_noun| other())?;
    let found = store::certificate::load_many(deed.tx(), &deed.actor().scope, &[id]).await?;
    found.into_iter().find(|found| found.kind == CertificateKind::Sanitization).ok_or_else(other)
}

/// Refuses a question about anything but a certificate of a sanitization that nobody answered for yet: an authority is not
/// asked until it says yes.
///
/// # Errors
/// `Violation` on `subjectId`; `Conflict` when it was answered.
pub(in crate::app) async fn may_be_asked(deed: &Deed<'_>, printed: &str) -> Result<()> {
    let certificate = certified(deed, printed).await?;
    let earlier = store::decision::about(deed.tx(), &deed.actor().scope, &[printed]).await?;
    let is_answer = |decision: &&Decision| {
        decision.kind == DecisionKind::Validation
            && matches!(decision.state, DecisionState::Granted | DecisionState::Refused)
    };
    let Some(answer) = earlier.iter().find(is_answer) else { return Ok(()) };
    let refused = Refused::new(format!("{} was judged before, and {}.", certificate.number, answer.state));
    Err(refused
        .remedy("What was not enough is destroyed by another method, which has a certificate of its own.")
        .into())
}

/// Refuses whoever ordered the destruction or its verification, or ordered it again.
///
/// # Errors
/// `Conflict`.
pub(in crate::app) async fn had_no_part(deed: &Deed<'_>, decision: &Decision) -> Result<()> {
    let certificate = certified(deed, &decision.subject_id).await?;
    let statement: Value = serde_json::from_str(&certificate.statement).map_err(Error::internal)?;
    let items = statement["items"].as_array().into_iter().flatten();
    let jobs = items.map(|item| &item["sanitized"]["jobId"]).chain([&statement["jobId"]]);
    let jobs: Vec<JobId> = jobs.filter_map(|id| id.as_str()?.parse().ok()).collect();
    let ordered = store::log::actors_of_jobs(deed.tx(), &jobs, &[EventKind::JobQueued, EventKind::JobRequeued]).await?;
    if !ordered.contains(&deed.actor().id.to_string()) {
        return Ok(());
    }
    let refused = Refused::new("Whoever had data destroyed, or that verified, does not validate it.");
    Err(refused.remedy("Have somebody else of the authority vote.").into())
}

/// States what the authority said. A question that nobody answered says nothing.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn validated(deed: &mut Deed<'_>, decision: &Decision) -> Result<()> {
    let verdict = match decision.state {
        DecisionState::Granted => ValidationVerdict::Accepted,
        DecisionState::Refused => ValidationVerdict::Rejected,
        DecisionState::Open | DecisionState::Withdrawn | DecisionState::Expired => return Ok(()),
    };
    let about = certified(deed, &decision.subject_id).await?;
    let scope = deed.actor().scope.clone();
    let mut answers = store::decision::answers(deed.tx(), &scope, &[decision.id]).await?;
    let Answers { votes, delegations } = answers.remove(&decision.id).unwrap_or_default();
    let voters: Vec<_> = votes.iter().map(|vote| vote.voter).collect();
    let names = store::actor::names(deed.tx(), &scope, &voters).await?;
    let by = |vote: &Vote| {
        let for_whom = delegations.iter().find(|handed| handed.delegate == vote.voter && handed.role == vote.role);
        json!({ "id": vote.voter.to_string(), "name": names.get(&vote.voter), "role": vote.role,
            "delegatedBy": for_whom.map(|handed| handed.delegator.to_string()),
            "verdict": vote.verdict, "reason": vote.comment, "at": vote.voted_at })
    };
    let id = decision.id.to_string();
    let number = format!("SV-{}", id[id.len() - 12..].to_uppercase());
    let statement = json!({
        "type": "https://gangway.example/statements/sanitization-validation/1",
        "number": number,
        "issuedAt": deed.now(),
        "clientId": about.client_id,
        "engagementId": about.engagement_id,
        "certificate": { "id": about.id, "number": about.number, "sha256": about.digest() },
        "verdict": verdict,
        "decisionId": decision.id,
        "by": votes.iter().map(by).collect::<Vec<_>>(),
    });
    let issue = Issue {
        kind: CertificateKind::SanitizationValidation,
        client_id: about.client_id,
        engagement_id: about.engagement_id,
        // The job's certificate is the one that this is about.
        job_id: None,
        number,
        statement,
    };
    certificate::issue(deed, issue).await?;
    Ok(())
}
