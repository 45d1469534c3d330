//! Processes and their versions. What a version says is shown by [`document`], part by part.

pub mod document;
pub mod gate;
mod part;
pub mod selector;

use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};

use crate::{
    auth::permission::Permission,
    domain::{
        engagement::EngagementKind,
        evidence::EvidenceKind,
        page::{Key, Keyed},
        process::{self, ProcessVersionState, ReviewVerdict, StepCategory},
        role::Role,
    },
    graphql::{
        connection::connection,
        context::Caller,
        loaders::{ProcessKey, ReviewsOf, VersionsOf, listed, required},
        scalars::{Date, DateTime, JsonObject},
    },
};

pub use self::document::{ProcessDocument, ProcessDocumentInput};
pub(in crate::graphql) use self::part::{Shown, Taken};

/// A process document, whatever its version.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Process {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// What it is cited by, in every version: `T-ONB-010`.
    document_number: String,
    /// What people call it.
    title: String,
    /// Onboarding or offboarding.
    kind: EngagementKind,
    #[graphql(skip)]
    pub(in crate::graphql) inner: process::Process,
}

impl From<process::Process> for Process {
    fn from(inner: process::Process) -> Self {
        Self {
            id: inner.id.to_string().into(),
            document_number: inner.document_number.to_string(),
            title: inner.title.clone(),
            kind: inner.kind,
            inner,
        }
    }
}

impl Keyed for Process {
    fn key(&self) -> Key {
        Key { at_ms: self.inner.created_at.timestamp_millis(), id: self.inner.id.uuid() }
    }
}

connection! {
    /// Processes, oldest first.
    ProcessConnection, ProcessEdge, Process
}

#[ComplexObject]
impl Process {
    /// Its versions, the newest first.
    async fn versions(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<ProcessVersion>> {
        listed(ctx, VersionsOf(self.inner.id)).await
    }

    /// The version that new engagements follow.
    async fn approved_version(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<ProcessVersion>> {
        let versions = listed(ctx, VersionsOf(self.inner.id)).await?;
        Ok(versions.into_iter().find(|version| version.state == ProcessVersionState::Approved))
    }
}

/// One version of a process document. An approved one never changes.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ProcessVersion {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// Counts up from 1.
    number: i32,
    /// Where it stands.
    pub(in crate::graphql) state: ProcessVersionState,
    /// SHA-256 of what it says as canonical JSON, in hex: what an approval approves.
    content_hash: String,
    /// What people call it.
    title: String,
    /// What it shall achieve.
    objective: String,
    /// When it was written.
    prepared_at: DateTime,
    /// When it was approved.
    approved_at: Option<DateTime>,
    /// When a person must look at it again.
    next_review_on: Option<Date>,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
    /// The steps every engagement that follows it gets.
    steps: Vec<StepTemplate>,
    #[graphql(skip)]
    inner: process::ProcessVersion,
}

/// A step as every engagement gets it.
#[derive(Clone, Debug, SimpleObject)]
pub struct StepTemplate {
    /// The step's name, the same in every engagement.
    key: String,
    /// What it is called.
    title: String,
    /// What it is about.
    description: String,
    /// Who does it.
    role: Role,
    /// What sort of procedure it is.
    category: StepCategory,
    /// The keys of the steps that come first.
    depends_on: Vec<String>,
    /// Kinds of evidence without which it is not finished.
    required_evidence: Vec<EvidenceKind>,
    /// Whether there may be nothing to do in it.
    may_be_not_applicable: bool,
}

impl From<&process::StepTemplate> for StepTemplate {
    fn from(step: &process::StepTemplate) -> Self {
        Self {
            key: step.key.clone(),
            title: step.title.clone(),
            description: step.description.clone(),
            role: step.role,
            category: step.category,
            depends_on: step.depends_on.clone(),
            required_evidence: step.required_evidence.clone(),
            may_be_not_applicable: step.may_be_not_applicable,
        }
    }
}

impl From<process::ProcessVersion> for ProcessVersion {
    fn from(inner: process::ProcessVersion) -> Self {
        Self {
            id: inner.id.to_string().into(),
            number: inner.number,
            state: inner.state,
            content_hash: inner.content_hash.clone(),
            title: inner.content.title.clone(),
            objective: inner.content.objective.clone(),
            prepared_at: inner.prepared_at.into(),
            approved_at: inner.approved_at.map(DateTime),
            next_review_on: inner.next_review_on.map(Date),
            revision: inner.revision,
            steps: inner.content.steps.iter().map(StepTemplate::from).collect(),
            inner,
        }
    }
}

#[ComplexObject]
impl ProcessVersion {
    /// The process it is a version of.
    async fn process(&self, ctx: &Context<'_>) -> async_graphql::Result<Process> {
        required(ctx, ProcessKey(self.inner.process_id)).await
    }

    /// The whole document, in the form that `processDraft` takes; null for callers who may not read processes.
    async fn document(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<ProcessDocument>> {
        Ok(ctx.actor()?.may(Permission::Process).then(|| ProcessDocument::show(&self.inner.content)))
    }

    /// The whole document as JSON; null for callers who may not read processes.
    #[graphql(deprecation = "Use `document`. Removal after 2027-03-31")]
    async fn content(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<JsonObject>> {
        if !ctx.actor()?.may(Permission::Process) {
            return Ok(None);
        }
        match serde_json::to_value(&self.inner.content) {
            Ok(serde_json::Value::Object(map)) => Ok(Some(JsonObject(map))),
            Ok(_) => Ok(None),
            Err(error) => Err(crate::error::Error::internal(error).into()),
        }
    }

    /// What keeps a draft from being submitted; empty when nothing does.
    async fn findings(&self) -> Vec<ProcessFinding> {
        let found = self.inner.content.check();
        found.into_iter().map(|finding| ProcessFinding { path: finding.path, message: finding.message }).collect()
    }

    /// Its reviews, the oldest first.
    async fn reviews(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<ProcessReview>> {
        listed(ctx, ReviewsOf(self.inner.id)).await
    }
}

/// Something in a draft that keeps it from being submitted.
#[derive(Clone, Debug, SimpleObject)]
pub struct ProcessFinding {
    /// Where, as `steps.3.gates.0`.
    path: String,
    /// What is wrong, as a full sentence.
    message: String,
}

/// A person looked at an approved version.
#[derive(Clone, Debug, SimpleObject)]
pub struct ProcessReview {
    /// What was found.
    verdict: ReviewVerdict,
    /// Why.
    notes: String,
    /// When.
    reviewed_at: DateTime,
}

impl From<process::ProcessReview> for ProcessReview {
    fn from(review: process::ProcessReview) -> Self {
        Self { verdict: review.verdict, notes: review.notes, reviewed_at: review.reviewed_at.into() }
    }
}

/// Which processes a list holds. Fields left out allow everything.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub struct ProcessFilter {
    /// Only this kind.
    kind: Option<EngagementKind>,
}

impl From<ProcessFilter> for process::ProcessFilter {
    fn from(filter: ProcessFilter) -> Self {
        Self { kind: filter.kind }
    }
}
