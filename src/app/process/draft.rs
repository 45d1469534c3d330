//! Writing versions: a first draft, changes to it, and the duplicate that revises an approved one.

use super::hash;
use crate::{
    app::{App, Deed, Done, Once, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        event::{EventKind, NewEvent},
        process::{Content, Process, ProcessVersion, ProcessVersionState, ProcessVersionVerb},
    },
    error::{Error, Result, Violation},
    ids::{ProcessId, ProcessVersionId},
    store,
};

/// The first version of a new process.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it says.
    pub content: Content,
}

/// A change to a draft.
#[derive(Clone, Debug)]
pub struct UpdateDraft {
    /// The version.
    pub id: ProcessVersionId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// What it says from now on.
    pub content: Content,
}

/// A revision of an approved version.
#[derive(Clone, Copy, Debug)]
pub struct Duplicate {
    /// The approved version.
    pub id: ProcessVersionId,
}

/// Enters a process with its first draft. What keeps it from being submitted is said when it is submitted.
///
/// # Errors
/// `Forbidden`; `Conflict` when the document number is taken.
pub async fn draft(app: &App, actor: &Actor, input: Draft, once: Once) -> Result<Done<ProcessVersion>> {
    actor.require(Permission::ProcessDraft)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::process::lock_version(deed.tx(), id, "id").await?));
    }
    let process = Process {
        id: app.new_id(),
        document_number: input.content.document_number.clone(),
        title: input.content.title.clone(),
        kind: input.content.kind,
        created_at: deed.now(),
    };
    store::process::insert(deed.tx(), &process).await?;
    let version = new_version(&deed, process.id, 1, input.content, None)?;
    store::process::insert_version(deed.tx(), &version).await?;
    let summary = format!("{} was drafted.", process.document_number);
    record(&mut deed, EventKind::ProcessDrafted, &version, summary);
    deed.answer(version.id);
    deed.commit().await?;
    Ok(Done::now(version))
}

/// Changes what a draft says.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or no draft; `Violation` when the document
/// number or kind would change.
pub async fn update_draft(app: &App, actor: &Actor, input: UpdateDraft) -> Result<ProcessVersion> {
    actor.require(Permission::ProcessUpdateDraft)?;
    let mut deed = app.begin(actor).await?;
    let mut version = store::process::lock_version(deed.tx(), input.id, "id").await?;
    expect_revision(version.id, input.expected_revision, version.revision)?;
    version.state = version.state.after(ProcessVersionVerb::Edit)?;
    keep_identity(&version.content, &input.content)?;
    version.content_hash = hash(&input.content)?;
    version.content = input.content;
    version.prepared_by = actor.id;
    version.prepared_at = deed.now();
    save(&mut deed, &mut version).await?;
    let summary = format!("Draft {} of {} was changed.", version.number, version.content.document_number);
    record(&mut deed, EventKind::ProcessDraftUpdated, &version, summary);
    deed.commit().await?;
    Ok(version)
}

/// Copies an approved version into a new draft, after a review asked for it. The original stays as it is.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is not approved, no review asked for a revision, or
/// a draft exists already.
pub async fn duplicate(app: &App, actor: &Actor, input: Duplicate, once: Once) -> Result<Done<ProcessVersion>> {
    actor.require(Permission::ProcessDuplicate)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::process::lock_version(deed.tx(), id, "id").await?));
    }
    let original = store::process::lock_version(deed.tx(), input.id, "id").await?;
    let mut reviews = store::process::review::of_versions(deed.tx(), &[original.id]).await?;
    original.may_be_duplicated(&reviews.remove(&original.id).unwrap_or_default())?;
    let versions = store::process::versions_of(deed.tx(), &[original.process_id]).await?;
    if versions.iter().any(|version| is_unfinished(version.state)) {
        return Err(Error::state("A revision of this process is being written; finish that one first."));
    }
    let number = versions.first().map_or(1, |newest| newest.number + 1);
    let copy = new_version(&deed, original.process_id, number, original.content, Some(original.id))?;
    store::process::insert_version(deed.tx(), &copy).await?;
    let summary = format!("{} was duplicated for revision.", copy.content.document_number);
    record(&mut deed, EventKind::ProcessDuplicated, &copy, summary);
    deed.answer(copy.id);
    deed.commit().await?;
    Ok(Done::now(copy))
}

fn is_unfinished(state: ProcessVersionState) -> bool {
    matches!(state, ProcessVersionState::Draft | ProcessVersionState::InReview)
}

fn keep_identity(before: &Content, after: &Content) -> Result<()> {
    let keep = |field: &str, is_kept: bool| {
        let violation = || Violation::new(field, "This is the same in every version of a process.");
        if is_kept { Ok(()) } else { Err(violation().remedy("Draft another process with `processDraft`.")) }
    };
    keep("documentNumber", before.document_number == after.document_number)?;
    Ok(keep("kind", before.kind == after.kind)?)
}

pub(super) fn new_version(
    deed: &Deed<'_>,
    process_id: ProcessId,
    number: i32,
    content: Content,
    supersedes_id: Option<ProcessVersionId>,
) -> Result<ProcessVersion> {
    Ok(ProcessVersion {
        id: deed.app().new_id(),
        process_id,
        number,
        state: ProcessVersionState::Draft,
        content_hash: hash(&content)?,
        content,
        supersedes_id,
        prepared_by: deed.actor().id,
        prepared_at: deed.now(),
        approved_by: None,
        approved_at: None,
        next_review_on: None,
        revision: 1,
        updated_at: deed.now(),
    })
}

pub(super) async fn save(deed: &mut Deed<'_>, version: &mut ProcessVersion) -> Result<()> {
    version.revision += 1;
    version.updated_at = deed.now();
    store::process::update_version(deed.tx(), version).await
}

pub(super) fn record(deed: &mut Deed<'_>, kind: EventKind, version: &ProcessVersion, summary: String) {
    deed.record(
        NewEvent::new(kind, version.id, summary)
            .with("documentNumber", version.content.document_number.as_str())
            .with("version", version.number)
            .with("contentHash", version.content_hash.as_str()),
    );
}
