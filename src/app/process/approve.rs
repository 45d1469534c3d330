//! Deciding on versions: submission opens the decision, its outcome approves or sends back, a person reviews.

use chrono::Months;

use super::draft::{record, save};
use crate::{
    app::{App, Deed, Done, Once, decision, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        decision::{Decision, DecisionKind},
        event::EventKind,
        process::{ProcessReview, ProcessVersion, ProcessVersionState, ProcessVersionVerb, ReviewVerdict},
        text::Prose,
    },
    error::{Error, Result, Violation},
    ids::{ActorId, ProcessVersionId},
    store,
};

/// A review of an approved version by a person.
#[derive(Clone, Debug)]
pub struct Review {
    /// The version.
    pub id: ProcessVersionId,
    /// What was found.
    pub verdict: ReviewVerdict,
    /// Why.
    pub notes: Prose,
}

/// Puts a draft up for approval by somebody who did not prepare it, and opens that decision.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or no draft; `Violation` naming the first
/// place of the content that keeps it from being run.
pub async fn submit(
    app: &App,
    actor: &Actor,
    id: ProcessVersionId,
    expected_revision: i32,
) -> Result<(ProcessVersion, Decision)> {
    actor.require(Permission::ProcessSubmit)?;
    let mut deed = app.begin(actor).await?;
    let mut version = store::process::lock_version(deed.tx(), id, "id").await?;
    expect_revision(version.id, expected_revision, version.revision)?;
    version.state = version.state.after(ProcessVersionVerb::Submit)?;
    let findings = version.content.check();
    if let Some(first) = findings.first() {
        let remedy = format!("Change the draft with `processUpdateDraft`; {} places need it.", findings.len());
        return Err(Violation::new(format!("document.{}", first.path), &first.message).remedy(remedy).into());
    }
    save(&mut deed, &mut version).await?;
    let question = format!("Shall version {} of {} stand?", version.number, version.content.document_number);
    let request = decision::Open {
        client_id: None,
        engagement_id: None,
        kind: DecisionKind::ProcessVersion,
        question,
        subject_id: version.id.to_string(),
        subject_hash: Some(version.content_hash.clone()),
        expires_at: None,
    };
    let decision = decision::open(&mut deed, request).await?;
    let summary = format!("{} was put up for approval.", version.content.document_number);
    record(&mut deed, EventKind::ProcessSubmitted, &version, summary);
    deed.commit().await?;
    Ok((version, decision))
}

/// Lets a version stand, in the deed of the vote that decided it; the one that stood before is superseded.
///
/// # Errors
/// `Conflict` when it changed since it was submitted or the approver prepared it.
pub(in crate::app) async fn approved(deed: &mut Deed<'_>, decision: &Decision, approver: ActorId) -> Result<()> {
    let mut version = subject(deed, decision).await?;
    if decision.subject_hash.as_deref() != Some(version.content_hash.as_str()) {
        return Err(Error::state("The version is not what was submitted."));
    }
    let state = version.approved_by(approver)?;
    if store::process::editors(deed.tx(), version.id).await?.contains(&approver) {
        return Err(Error::state("Whoever wrote on a version does not approve it."));
    }
    for earlier in store::process::versions_of(deed.tx(), &[version.process_id]).await? {
        if earlier.state == ProcessVersionState::Approved {
            supersede(deed, earlier).await?;
        }
    }
    version.state = state;
    version.approved_by = Some(approver);
    version.approved_at = Some(deed.now());
    let months = Months::new(version.content.review.interval_months);
    version.next_review_on = deed.now().date_naive().checked_add_months(months);
    save(deed, &mut version).await?;
    let summary = format!("Version {} of {} stands.", version.number, version.content.document_number);
    record(deed, EventKind::ProcessApproved, &version, summary);
    Ok(())
}

/// Sends a version back to its author, in the deed of the vote that refused it.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn rejected(deed: &mut Deed<'_>, decision: &Decision) -> Result<()> {
    let mut version = subject(deed, decision).await?;
    version.state = version.state.after(ProcessVersionVerb::Reject)?;
    save(deed, &mut version).await?;
    let summary = format!("Version {} of {} was sent back.", version.number, version.content.document_number);
    record(deed, EventKind::ProcessRejected, &version, summary);
    Ok(())
}

async fn subject(deed: &Deed<'_>, decision: &Decision) -> Result<ProcessVersion> {
    let id = store::word("decision", "subject_id", decision.id, &decision.subject_id)?;
    store::process::lock_version(deed.tx(), id, "decisionId").await
}

async fn supersede(deed: &mut Deed<'_>, mut version: ProcessVersion) -> Result<()> {
    version.state = version.state.after(ProcessVersionVerb::Supersede)?;
    save(deed, &mut version).await?;
    let summary = format!("A newer version of {} took its place.", version.content.document_number);
    record(deed, EventKind::ProcessSuperseded, &version, summary);
    Ok(())
}

/// Records that a person looked at an approved version, and when it is looked at next.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is not approved.
pub async fn review(app: &App, actor: &Actor, input: Review, once: Once) -> Result<Done<ProcessVersion>> {
    actor.require(Permission::ProcessReview)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::process::lock_version(deed.tx(), id, "id").await?));
    }
    let mut version = store::process::lock_version(deed.tx(), input.id, "id").await?;
    if version.state != ProcessVersionState::Approved {
        return Err(Error::state(format!("The version is {}; only the APPROVED one is reviewed.", version.state)));
    }
    let review = ProcessReview {
        process_version_id: version.id,
        verdict: input.verdict,
        notes: input.notes.into_string(),
        reviewed_by: actor.id,
        reviewed_at: deed.now(),
    };
    store::process::review::insert(deed.tx(), app.parts().ids.next(), &review).await?;
    if input.verdict == ReviewVerdict::Retire {
        version.state = version.state.after(ProcessVersionVerb::Retire)?;
    }
    let months = Months::new(version.content.review.interval_months);
    version.next_review_on = deed.now().date_naive().checked_add_months(months);
    save(&mut deed, &mut version).await?;
    let summary = format!("{} was reviewed: {}.", version.content.document_number, input.verdict);
    record(&mut deed, EventKind::ProcessReviewed, &version, summary);
    if version.state == ProcessVersionState::Retired {
        let summary = format!("{} is not started any more.", version.content.document_number);
        record(&mut deed, EventKind::ProcessRetired, &version, summary);
    }
    deed.answer(version.id);
    deed.commit().await?;
    Ok(Done::now(version))
}
