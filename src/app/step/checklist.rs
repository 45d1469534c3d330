//! Ticking off the lines of a step's checklist.

use super::lock;
use crate::{
    app::{App, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        event::{EventKind, NewEvent},
        step::{ChecklistItem, ChecklistItemState, Step},
        text::Prose,
    },
    error::{Error, Result, Violation},
    ids::ChecklistItemId,
    store,
};

/// What is said of a line.
#[derive(Clone, Debug)]
pub struct SetItem {
    /// The line.
    pub id: ChecklistItemId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// Where it stands now.
    pub state: ChecklistItemState,
    /// A remark; needed where it does not apply.
    pub note: Option<Prose>,
}

/// Ticks a line off, clears it, or says that it does not apply. Gives back the line and its step.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Violation` on `note`; `Conflict` when it is stale or its step is over.
pub async fn set_item(app: &App, actor: &Actor, input: SetItem) -> Result<(ChecklistItem, Step)> {
    actor.require(Permission::ChecklistItemSet)?;
    let mut deed = app.begin(actor).await?;
    let mut item = store::step::checklist::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    expect_revision(item.id, input.expected_revision, item.revision)?;
    let step = lock(&deed, item.step_id, None).await?.step;
    if step.state.is_terminal() {
        return Err(Error::state(format!("The step is {}; its checklist is closed.", step.state)));
    }
    if input.state == ChecklistItemState::NotApplicable && input.note.is_none() {
        let violation = Violation::new("note", "A line that does not apply needs a note.");
        return Err(violation.remedy("Say in a sentence why it does not apply.").into());
    }
    item.state = input.state;
    item.note = input.note.map(Prose::into_string);
    item.set_by = Some(actor.id);
    item.set_at = Some(deed.now());
    item.revision += 1;
    store::step::checklist::update(deed.tx(), &item).await?;
    let summary = format!("{}: {} is {}.", step.title, item.key, item.state);
    deed.record(
        NewEvent::new(EventKind::ChecklistItemSet, item.id, summary)
            .client(item.client_id)
            .with("stepId", step.id.to_string())
            .with("key", item.key.as_str())
            .with("state", item.state.as_str()),
    );
    deed.commit().await?;
    Ok((item, step))
}
