//! The two processes that ship with the program, entered as approved when they are not there.

use chrono::Months;

use super::draft::{new_version, record};
use crate::{
    app::{App, Deed},
    auth::Actor,
    domain::{
        event::EventKind,
        process::{Content, Process, ProcessVersionState, builtin},
    },
    error::{Conflict, Error, Result},
    ids::ActorId,
    store,
};

/// Enters each built-in process that the database does not know. What a provider made of one is never touched.
///
/// # Errors
/// Those of the database.
pub async fn install(app: &App) -> Result<()> {
    let actor = Actor::system();
    for content in builtin::all().map_err(Error::internal)? {
        let mut deed = app.begin(&actor).await?;
        if store::process::find(deed.tx(), &content.document_number).await?.is_none() {
            match enter(&mut deed, content).await {
                // A process that started at the same moment was faster.
                Err(Error::Conflict(Conflict::Taken { .. })) => {}
                entered => {
                    entered?;
                    deed.commit().await?;
                }
            }
        }
    }
    Ok(())
}

async fn enter(deed: &mut Deed<'_>, content: Content) -> Result<()> {
    let process = Process {
        id: deed.app().new_id(),
        document_number: content.document_number.clone(),
        title: content.title.clone(),
        kind: content.kind,
        created_at: deed.now(),
    };
    store::process::insert(deed.tx(), &process).await?;
    let months = Months::new(content.review.interval_months);
    let mut version = new_version(deed, process.id, 1, content, None)?;
    version.state = ProcessVersionState::Approved;
    version.approved_by = Some(ActorId::System);
    version.approved_at = Some(deed.now());
    version.next_review_on = deed.now().date_naive().checked_add_months(months);
    store::process::insert_version(deed.tx(), &version).await?;
    let summary = format!("{} came with the program.", version.content.document_number);
    record(deed, EventKind::ProcessApproved, &version, summary);
    Ok(())
}
