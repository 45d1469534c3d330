//! Jobs: long-running work, and what the caller may do with it.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

use crate::{
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        job::{self, JobKind, JobState, TargetState, Verb},
        page::{Key, Keyed, Page},
    },
    graphql::{
        connection::{Slice, connection, total},
        context::Caller,
        id,
        loaders::{CertificateOfJob, ClientKey, EngagementKey, StepKey, TargetCountsOf, TargetsOf, load},
        scalars::DateTime,
        types::{
            actor::Actor as Doer, certificate::Certificate, client::Client, engagement::Engagement,
            job_progress::JobProgress, job_result::JobResult, job_target::JobTargetConnection, step::Step,
        },
    },
};

/// Work that takes its time: what it does, how far it is, how it ended.
#[derive(Clone, Debug)]
pub struct Job(pub job::Job);

impl From<job::Job> for Job {
    fn from(job: job::Job) -> Self {
        Self(job)
    }
}

impl Keyed for Job {
    fn key(&self) -> Key {
        Key { at_ms: self.0.created_at.timestamp_millis(), id: self.0.id.uuid() }
    }
}

connection! {
    /// Jobs.
    JobConnection, JobEdge, Job
}

/// What went wrong.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobError {
    /// Which kind of fault, as a word that programs may rely on.
    code: String,
    /// What happened, as a full sentence.
    message: String,
    /// Whether trying again may help.
    retryable: bool,
    /// What to do.
    remedy: Option<String>,
}

impl From<job::JobError> for JobError {
    fn from(error: job::JobError) -> Self {
        let job::JobError { code, message, is_retryable, remedy } = error;
        Self { code, message, retryable: is_retryable, remedy }
    }
}

/// What the caller may do with a job now.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct JobPermissions {
    /// Whether the caller may stop it.
    cancel: bool,
    /// Whether the caller may have it tried again.
    retry: bool,
    /// Whether the caller may acknowledge or dispute what it returned.
    acknowledge: bool,
}

impl JobPermissions {
    fn of(actor: &Actor, job: &job::Job, now: Instant) -> Self {
        let may = |permission, verb| actor.may(permission) && job.state.after(verb).is_ok();
        let is_unjudged = job.result.as_ref().is_some_and(|result| result["verdict"].is_null());
        let is_returned = job.kind == JobKind::DataReturn && job.state == JobState::Succeeded && is_unjudged;
        Self {
            cancel: may(Permission::JobCancel, Verb::Cancel),
            retry: may(Permission::JobRetry, Verb::Restart) && job.is_kept_at(now),
            acknowledge: is_returned && actor.may(Permission::DataReturnAcknowledge),
        }
    }
}

/// Work that takes its time: what it does, how far it is, how it ended.
#[Object]
impl Job {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it does.
    async fn kind(&self) -> JobKind {
        self.0.kind
    }

    /// Where it stands.
    async fn state(&self) -> JobState {
        self.0.state
    }

    /// The client it concerns; null for work of the provider alone.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Client>> {
        match self.0.client_id {
            Some(client) => load(ctx, ClientKey(client)).await,
            None => Ok(None),
        }
    }

    /// The engagement it belongs to.
    async fn engagement(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Engagement>> {
        match self.0.engagement_id {
            Some(engagement) => load(ctx, EngagementKey(engagement)).await,
            None => Ok(None),
        }
    }

    /// The step it does.
    async fn step(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Step>> {
        match self.0.step_id {
            Some(step) => load(ctx, StepKey(step)).await,
            None => Ok(None),
        }
    }

    /// Why somebody ordered it.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The attempt that runs or ran last, counted from 1; 0 before the first.
    async fn attempt(&self) -> i32 {
        int(self.0.attempt)
    }

    /// How often it is tried before it fails.
    async fn max_attempts(&self) -> i32 {
        int(self.0.max_attempts)
    }

    /// How often a worker died while it ran this job; not counted as an attempt.
    async fn crash_count(&self) -> i32 {
        int(self.0.crash_count)
    }

    /// Whether somebody asked it to stop and it has not come to a safe point yet.
    async fn is_cancel_requested(&self) -> bool {
        self.0.is_cancel_requested && !self.0.state.is_terminal()
    }

    /// When it was ordered.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When a worker first took it up.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it reached its end.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }

    /// When it is due to be taken up; null while it runs and once it is over.
    async fn next_run_at(&self) -> Option<DateTime> {
        JobState::CLAIMABLE.contains(&self.0.state).then_some(DateTime(self.0.run_at))
    }

    /// How far it is.
    async fn progress(&self, ctx: &Context<'_>) -> async_graphql::Result<JobProgress> {
        let targets = if ctx.look_ahead().field("targets").exists() {
            load(ctx, TargetCountsOf(self.0.id)).await?.unwrap_or_default()
        } else {
            job::TargetCounts::default()
        };
        Ok(JobProgress::of(&self.0.progress, &targets))
    }

    /// What it acts on, in order.
    async fn targets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Only targets in this state.")] state: Option<TargetState>,
    ) -> async_graphql::Result<JobTargetConnection> {
        let window = Slice { first, after, last, before }.window()?;
        let page = load(ctx, TargetsOf(self.0.id, state, window)).await?.unwrap_or_else(|| Page::empty(&window));
        let total = total(ctx, async {
            let counts = load(ctx, TargetCountsOf(self.0.id)).await?.unwrap_or_default();
            let count = state.map_or_else(|| counts.total(), |state| counts.of(state));
            Ok::<_, async_graphql::Error>(count.into())
        });
        Ok(JobTargetConnection::new(page, total.await?))
    }

    /// What it achieved; null until it was over once, and for kinds that only act. Of a job that was ordered again, what it
    /// had achieved before, until it comes to something else.
    async fn result(&self) -> async_graphql::Result<Option<JobResult>> {
        Ok(JobResult::of(&self.0)?)
    }

    /// What went wrong last.
    async fn error(&self) -> Option<JobError> {
        self.0.error.clone().map(Into::into)
    }

    /// The certificate that proves it.
    async fn certificate(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Certificate>> {
        load(ctx, CertificateOfJob(self.0.id)).await
    }

    /// Who ordered it.
    async fn started_by(&self) -> Doer {
        self.0.started_by.into()
    }

    /// What the caller may do with it now.
    async fn viewer_can(&self, ctx: &Context<'_>) -> async_graphql::Result<JobPermissions> {
        Ok(JobPermissions::of(ctx.actor()?, &self.0, ctx.app().now()))
    }
}

/// A count as GraphQL's `Int` holds it.
pub(super) fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Which jobs a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct JobFilter {
    /// Only this client's.
    client_id: Option<ID>,
    /// Only this engagement's.
    engagement_id: Option<ID>,
    /// Only these kinds.
    kinds: Option<Vec<JobKind>>,
    /// Only these states.
    states: Option<Vec<JobState>>,
}

impl JobFilter {
    /// The filter, or `None` when it can match nothing.
    pub fn parse(self) -> Option<job::JobFilter> {
        let client_id = match &self.client_id {
            Some(client) => Some(id::find(client)?),
            None => None,
        };
        let engagement_id = match &self.engagement_id {
            Some(engagement) => Some(id::find(engagement)?),
            None => None,
        };
        let (mut kinds, mut states) = (self.kinds.unwrap_or_default(), self.states.unwrap_or_default());
        kinds.sort_unstable();
        states.sort_unstable();
        Some(job::JobFilter { client_id, engagement_id, kinds, states })
    }
}

/// In which order a list of jobs stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum JobOrder {
    /// What was ordered last comes first.
    CreatedNewest,
    /// What was ordered first comes first.
    CreatedOldest,
}

impl From<JobOrder> for job::JobOrder {
    fn from(order: JobOrder) -> Self {
        match order {
            JobOrder::CreatedNewest => Self::Newest,
            JobOrder::CreatedOldest => Self::Oldest,
        }
    }
}
