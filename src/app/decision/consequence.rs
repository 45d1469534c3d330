//! What follows when a question ends, in the deed that ended it.

use crate::{
    app::{Deed, exception, process, sanitization},
    domain::decision::{Decision, DecisionKind, DecisionState},
    error::Result,
};

/// Refuses whoever may not answer although its role would.
///
/// # Errors
/// `Conflict`.
pub(super) async fn may_answer(deed: &Deed<'_>, decision: &Decision) -> Result<()> {
    match decision.kind {
        DecisionKind::Validation => sanitization::had_no_part(deed, decision).await,
        _ => Ok(()),
    }
}

/// Does what the end of `decision` means for the noun it is about.
///
/// # Errors
/// Those of that noun: then the question has not ended.
pub(super) async fn follow(deed: &mut Deed<'_>, decision: &Decision) -> Result<()> {
    match decision.kind {
        DecisionKind::Exception => exception::decided(deed, decision).await,
        DecisionKind::ProcessVersion => match decision.state {
            DecisionState::Granted => process::approved(deed, decision, deed.actor().id).await,
            DecisionState::Refused | DecisionState::Withdrawn | DecisionState::Expired => {
                process::rejected(deed, decision).await
            }
            DecisionState::Open => Ok(()),
        },
        DecisionKind::Validation => sanitization::validated(deed, decision).await,
        // These stand as facts that gates and jobs ask about; nothing else changes.
        DecisionKind::DestructionConfirmation
        | DecisionKind::AccessApproval
        | DecisionKind::CoordinationWindow
        | DecisionKind::ToolRetention
        | DecisionKind::Change
        | DecisionKind::Plan
        | DecisionKind::ReportAcceptance
        | DecisionKind::ReceiptWaiver
        | DecisionKind::JobPlan => Ok(()),
    }
}
