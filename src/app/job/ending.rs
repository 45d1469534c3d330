//! What the end of a job means for what it acted on, in the deed that ends it.
//!
//! A task cleans up after itself only where it runs; a job can also end where no task does: cancelled while
//! it waits, or given up after its worker died too often. So this lies with the state, not with the task.

use crate::{
    app::{Deed, data_return, holding},
    domain::job::{JobKind, JobState, Settlement, TargetState, Verb},
    error::{Error, Result},
    ids::JobId,
    store,
};

/// What the end of a run comes to. A return whose receipt is signed has succeeded, whatever became of the worker that
/// was to say so: its data is delivered and its lines have moved.
///
/// # Errors
/// Those of the database.
pub(super) async fn proven(deed: &Deed<'_>, job: JobId, kind: JobKind, settlement: Settlement) -> Result<Settlement> {
    let is_in_vain = matches!(settlement.verb, Verb::Stop | Verb::Fail);
    if !is_in_vain || kind != JobKind::DataReturn {
        return Ok(settlement);
    }
    let Some(summary) = data_return::received(deed, job).await? else { return Ok(settlement) };
    let end = if summary.is_accepted() { TargetState::Excepted } else { TargetState::Succeeded };
    store::job::conclude_targets(deed.tx(), job, end, deed.now()).await?;
    let result = serde_json::to_value(summary).map_err(Error::internal)?;
    Ok(Settlement { verb: Verb::Succeed, result: Some(result), error: None, ..settlement })
}

/// The job came to stand in `state`. Safe to repeat.
///
/// # Errors
/// Those of the database.
pub(super) async fn ended(deed: &mut Deed<'_>, job: JobId, kind: JobKind, state: JobState) -> Result<()> {
    let is_in_vain = state.is_terminal() && state != JobState::Succeeded;
    if is_in_vain && matches!(kind, JobKind::DataReturn | JobKind::Sanitization | JobKind::AgentRemoval) {
        let holdings = store::job::holdings_of(deed.tx(), job).await?;
        holding::give_up(deed, &holdings).await?;
    }
    Ok(())
}
