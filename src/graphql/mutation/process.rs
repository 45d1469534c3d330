//! Writing, submitting, reviewing and revising processes.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{
        self,
        process::{Draft, Duplicate, Review, UpdateDraft},
    },
    domain::process::{Content, ReviewVerdict},
    error::{Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::JsonObject,
        types::{decision::Decision, process::ProcessVersion},
    },
    ids::ProcessVersionId,
};

/// Writes, submits, reviews and revises processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessMutation;

/// The document as its type, or the place where it does not fit.
fn content(input: &JsonObject) -> Result<Content> {
    let value = serde_json::Value::Object(input.0.clone());
    serde_json::from_value(value).map_err(|error| {
        let violation = Violation::new("content", format!("This is not a process document: {error}."));
        violation.remedy("Start from `content` of a version that exists.").into()
    })
}

fn version_id(id: &ID) -> Result<ProcessVersionId> {
    id::get(id, "process version", "id")
}

/// The first version of a new process.
#[derive(Clone, Debug, InputObject)]
pub struct ProcessDraftInput {
    /// The document, in the form of `ProcessVersion.content`.
    content: JsonObject,
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
    /// The whole document, in the form of `ProcessVersion.content`.
    content: JsonObject,
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
    /// Example: `mutation($content: JSONObject!) { processDraft(input: { content: $content, idempotencyKey:
    /// "draft-0001" }) { processVersion { id findings { path message } } userErrors { message } } }`.
    async fn process_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it says.")] input: ProcessDraftInput,
    ) -> Nullable<ProcessDraftPayload> {
        let drafted = async {
            let once = once("processDraft", &input.idempotency_key, &input)?;
            let draft = Draft { content: content(&input.content)? };
            let done = app::process::draft(ctx.app(), ctx.actor()?, draft, once).await?;
            Ok(ProcessDraftPayload::done(done.is_replayed, done.made.into()))
        };
        settle(drafted.await)
    }

    /// Changes what a draft says.
    /// Example: `mutation($content: JSONObject!) { processUpdateDraft(input: { id: "prv_…", expectedRevision: 1,
    /// content: $content }) { processVersion { findings { path message } } userErrors { message } } }`.
    async fn process_update_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what it says.")] input: ProcessUpdateDraftInput,
    ) -> Nullable<ProcessUpdateDraftPayload> {
        let updated = async {
            let (id, expected_revision) = (version_id(&input.id)?, input.expected_revision);
            let update = UpdateDraft { id, expected_revision, content: content(&input.content)? };
            let version = app::process::update_draft(ctx.app(), ctx.actor()?, update).await?;
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
