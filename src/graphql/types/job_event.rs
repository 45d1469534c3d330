//! What is told of a job while it runs.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};

use crate::{
    auth::permission::Permission,
    clock::Instant,
    domain::{
        event::{self, EventCursor, EventKind},
        job::{self, Target},
    },
    graphql::{
        context::Caller,
        scalars::DateTime,
        types::{event::Event, job::Job, job_target::JobTarget},
    },
};

/// The kinds of events of the log that a watcher of jobs is told.
pub const TOLD: [EventKind; 13] = [
    EventKind::JobQueued,
    EventKind::JobStarted,
    EventKind::JobRetrying,
    EventKind::JobWaiting,
    EventKind::JobRescued,
    EventKind::JobHandedBack,
    EventKind::JobSucceeded,
    EventKind::JobPartial,
    EventKind::JobFailed,
    EventKind::JobCancelRequested,
    EventKind::JobCancelled,
    EventKind::JobRequeued,
    EventKind::JobTargetFinished,
];

/// What a job event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum JobEventKind {
    /// How the job stands as the stream begins.
    Snapshot,
    /// The job came to stand in another state, or was asked to.
    State,
    /// The job went on; told of running jobs only, and not kept.
    Progress,
    /// One of its targets came to its end.
    Target,
}

/// Something that is told of a job.
#[derive(Clone, Debug)]
pub struct JobEvent {
    pub(in crate::graphql) cursor: EventCursor,
    pub(in crate::graphql) at: Instant,
    pub(in crate::graphql) kind: JobEventKind,
    pub(in crate::graphql) job: job::Job,
    pub(in crate::graphql) target: Option<Target>,
    pub(in crate::graphql) event: Option<Arc<event::Event>>,
}

/// Something that is told of a job.
#[Object]
impl JobEvent {
    /// The place in the log that the stream has reached, to pass as `after`.
    async fn cursor(&self) -> String {
        self.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.at.into()
    }

    /// What is told.
    async fn kind(&self) -> JobEventKind {
        self.kind
    }

    /// The job as it stands; with PROGRESS, as it is just now.
    async fn job(&self) -> Job {
        Job(self.job.clone())
    }

    /// The target that came to its end.
    async fn target(&self) -> Option<JobTarget> {
        self.target.clone().map(JobTarget)
    }

    /// The line of the log that tells it; null for SNAPSHOT and PROGRESS, and for those who may not read the log.
    async fn event(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Event>> {
        let may_read = ctx.actor()?.may(Permission::Event);
        Ok(self.event.clone().filter(|_| may_read).map(Event))
    }
}
