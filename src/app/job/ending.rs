//! What the end of a job means for what it acted on, in the deed that ends it.
//!
//! A task cleans up after itself only where it runs; a job can also end where no task does: cancelled while
//! it waits, or given up after its worker died too often. So this lies with the state, not with the task.

use crate::{
    app::{Deed, data_return},
    domain::job::{JobKind, JobState},
    error::Result,
    ids::JobId,
    store,
};

/// The job came to stand in `state`. Safe to repeat.
///
/// # Errors
/// Those of the database.
pub(super) async fn ended(deed: &mut Deed<'_>, job: JobId, kind: JobKind, state: JobState) -> Result<()> {
    let is_in_vain = state.is_terminal() && state != JobState::Succeeded;
    if is_in_vain && kind == JobKind::DataReturn {
        let holdings = store::job::holdings_of(deed.tx(), job).await?;
        data_return::given_up(deed, &holdings).await?;
    }
    Ok(())
}
