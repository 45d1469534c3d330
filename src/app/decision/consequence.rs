//! What follows when a question ends, in the deed that ended it.

use crate::{
    app::{Deed, exception, process},
    domain::decision::{Decision, DecisionKind, DecisionState},
    error::Result,
};

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
