//! What follows when a question ends, in the deed that ended it.

use crate::{
    app::{Deed, exception},
    domain::decision::{Decision, DecisionKind},
    error::Result,
};

/// Does what the end of `decision` means for the noun it is about.
///
/// # Errors
/// Those of that noun: then the question has not ended.
pub(super) async fn follow(deed: &mut Deed<'_>, decision: &Decision) -> Result<()> {
    match decision.kind {
        DecisionKind::Exception => exception::decided(deed, decision).await,
        // These stand as facts that gates and jobs ask about; nothing else changes.
        DecisionKind::ProcessVersion
        | DecisionKind::DestructionConfirmation
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
