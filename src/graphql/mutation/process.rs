//! Writing, submitting, reviewing and revising processes.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{
        self,
        process::{Draft, Duplicate, Review, UpdateDraft},
    },
    clock::to_millis,
    domain::process::{Content, ReviewVerdict},
    error::{Error, Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::JsonObject,
        types::{
            decision::Decision,
            process::{ProcessDocumentInput, ProcessVersion, Taken},
        },
    },
    ids::ProcessVersionId,
};

/// Writes, submits, reviews and revises processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessMutation;

/// The document, whichever way it came, and the name of the field it came in.
fn content(document: Option<ProcessDocumentInput>, content: Option<JsonObject>) -> Result<(Content, &'static str)> {
    let (mut taken, form) = match (document, content) {
        (Some(document), None) => (document.take("document")?, "document"),
        (None, Some(content)) => (untyped(content)?, "content"),
        (None, None) => return Err(once_only("A version needs its document.")),
        (Some(_), Some(_)) => return Err(once_only("The document stands here twice.")),
    };
    // Instants are shown in milliseconds: a finer one would come back as another document.
    taken.prepared.at = taken.prepared.at.map(to_millis);
    Ok((taken, form))
}

fn once_only(message: &str) -> Error {
    Violation::new("document", message).remedy("Send it as `document`, and leave `content` out.").into()
}

/// The document from JSON, or the place where it does not fit.
fn untyped(content: JsonObject) -> Result<Content> {
    serde_json::from_value(serde_json::Value::Object(content.0)).map_err(|error| {
        let violation = Violation::new("content", format!("This is not a process document: {error}."));
        violation.remedy("Send it as `document`.").into()
    })
}

/// A rule about what the document says names its place in the field the document came in.
fn inside(form: &str, error: Error) -> Error {
    match error {
        Error::Violation(violation) => {
            Error::Violation(Violation { field: format!("{form}.{}", violation.field), ..violation })
        }
        other => other,
    }
}

fn version_id(id: &ID) -> Result<ProcessVersionId> {
    id::get(id, "process version", "id")
}

/// The first version of a new process.
#[derive(Clone, Debug, InputObject)]
pub struct ProcessDraftInput {
    /// The document. Left out only where `content` stands.
    document: Option<ProcessDocumentInput>,
    /// The document as JSON.
    #[graphql(deprecation = "Use `document`. Removal after 2027-03-31")]
    content: Option<JsonObject>,
    /// The caller's name for this request, 8 to 128 characters.
    idempotency_key: String,
}

/// A change to a draft.
#[derive(Clone, Debug, InputObject)]
pub struct ProcessUpdateDraftInput {
    /// The version.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// The whole document. Left out only where `content` stands.
    document: Option<ProcessDocumentInput>,
    /// The whole document as JSON.
    #[graphql(deprecation = "Use `document`. Removal after 2027-03-31")]
    content: Option<JsonObject>,
}

/// Which draft is put up for approval.
#[derive(Clone, Debug, InputObject)]
pub struct ProcessSubmitInput {
    /// The version.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

/// What a person found in an approved version.
#[derive(Clone, Debug, InputObject)]
pub struct ProcessReviewInput {
    /// The version.
    id: ID,
    /// Whether it stays, needs a new version, or is not needed any more.
    verdict: ReviewVerdict,
    /// Why, 1 to 4,000 characters.
    notes: String,
    /// The caller's name for this request, 8 to 128 characters.
    idempotency_key: String,
}

/// Which approved version is copied into a new draft.
#[derive(Clone, Debug, InputObject)]
pub struct ProcessDuplicateInput {
    /// The version.
    id: ID,
    /// The caller's name for this request, 8 to 128 characters.
    idempotency_key: String,
}

payload! {
    /// The entered draft.
    once ProcessDraftPayload {
        /// The version.
        process_version: ProcessVersion,
    }
}
payload! {
    /// The changed draft.
    ProcessUpdateDraftPayload {
        /// The version.
        process_version: ProcessVersion,
    }
}
payload! {
    /// The version in review, and the question of its approval.
    ProcessSubmitPayload {
        /// The version.
        process_version: ProcessVersion,
        /// The question.
        decision: Decision,
    }
}
payload! {
    /// The reviewed version.
    once ProcessReviewPayload {
        /// The version.
        process_version: ProcessVersion,
    }
}
payload! {
    /// The draft that revises an approved version.
    once ProcessDuplicatePayload {
        /// The version.
        process_version: ProcessVersion,
    }
}

#[Object]
impl ProcessMutation {
    /// Enters a process with its first draft.
    /// Example: `mutation($document: ProcessDocumentInput!) { processDraft(input: { document: $document, idempotencyKey:
    /// "draft-0001" }) { processVersion { id findings { path message } } userErrors { message } } }`.
    async fn process_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it says.")] input: ProcessDraftInput,
    ) -> Nullable<ProcessDraftPayload> {
        let drafted = async {
            let once = once("processDraft", &input.idempotency_key, &input)?;
            let (content, _) = content(input.document, input.content)?;
            let done = app::process::draft(ctx.app(), ctx.actor()?, Draft { content }, once).await?;
            Ok(ProcessDraftPayload::done(done.is_replayed, done.made.into()))
        };
        settle(drafted.await)
    }

    /// Changes what a draft says.
    /// Example: `mutation($document: ProcessDocumentInput!) { processUpdateDraft(input: { id: "prv_…", expectedRevision: 1,
    /// document: $document }) { processVersion { findings { path message } } userErrors { message } } }`.
    async fn process_update_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what it says.")] input: ProcessUpdateDraftInput,
    ) -> Nullable<ProcessUpdateDraftPayload> {
        let updated = async {
            let (id, expected_revision) = (version_id(&input.id)?, input.expected_revision);
            let (content, form) = content(input.document, input.content)?;
            let update = UpdateDraft { id, expected_revision, content };
            let updated = app::process::update_draft(ctx.app(), ctx.actor()?, update).await;
            let version = updated.map_err(|error| inside(form, error))?;
            Ok(ProcessUpdateDraftPayload::done(version.into()))
        };
        settle(updated.await)
    }

    /// Puts a draft up for approval by somebody who did not prepare it.
    /// Example: `mutation { processSubmit(input: { id: "prv_…", expectedRevision: 2 }) { processVersion { state }
    /// decision { id } userErrors { message } } }`.
    async fn process_submit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ProcessSubmitInput,
    ) -> Nullable<ProcessSubmitPayload> {
        let submitted = async {
            let id = version_id(&input.id)?;
            let (version, decision) =
                app::process::submit(ctx.app(), ctx.actor()?, id, input.expected_revision).await?;
            Ok(ProcessSubmitPayload::done(version.into(), decision.into()))
        };
        settle(submitted.await)
    }

    /// Records that a person looked at an approved version. Nothing is revised by it.
    /// Example: `mutation { processReview(input: { id: "prv_…", verdict: REVISE, notes: "Two steps became one.",
    /// idempotencyKey: "review-2027" }) { processVersion { reviews { verdict } } userErrors { message } } }`.
    async fn process_review(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what was found.")] input: ProcessReviewInput,
    ) -> Nullable<ProcessReviewPayload> {
        let reviewed = async {
            let once = once("processReview", &input.idempotency_key, &input)?;
            let review =
                Review { id: version_id(&input.id)?, verdict: input.verdict, notes: parse("notes", &input.notes)? };
            let done = app::process::review(ctx.app(), ctx.actor()?, review, once).await?;
            Ok(ProcessReviewPayload::done(done.is_replayed, done.made.into()))
        };
        settle(reviewed.await)
    }

    /// Copies an approved version into a new draft, after a review asked for it: the only way to revise.
    /// Example: `mutation { processDuplicate(input: { id: "prv_…", idempotencyKey: "revise-2027" }) { processVersion {
    /// id number } userErrors { message } } }`.
    async fn process_duplicate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ProcessDuplicateInput,
    ) -> Nullable<ProcessDuplicatePayload> {
        let duplicated = async {
            let once = once("processDuplicate", &input.idempotency_key, &input)?;
            let duplicate = Duplicate { id: version_id(&input.id)? };
            let done = app::process::duplicate(ctx.app(), ctx.actor()?, duplicate, once).await?;
            Ok(ProcessDuplicatePayload::done(done.is_replayed, done.made.into()))
        };
        settle(duplicated.await)
    }
}
