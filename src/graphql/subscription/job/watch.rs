//! One watcher: the log's events and the ticks of progress, brought into one order.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Told, live};
use crate::{
    app::{self, App, job::Tick},
    auth::Actor,
    domain::{
        event::{Event, EventBatch, EventCursor, EventFilter, EventKind},
        job::{Job, JobFilter, JobOrder, JobState},
        page::{LIMIT_MAX, Window},
    },
    error::{Error, Result},
    graphql::types::job_event::{JobEvent, JobEventKind},
    ids::{JobId, JobTargetId},
    stream::Source,
};

/// Jobs that a watcher remembers in order to tell progress without asking the database. More than run at a time
/// in any one place; when it is full it is emptied.
const REMEMBERED: usize = 512;
/// Events read at once.
const PAGE: u32 = 200;

/// The log as one caller sees it through a filter.
pub(super) struct Log {
    pub(super) app: App,
    pub(super) actor: Actor,
    pub(super) filter: EventFilter,
}

#[async_trait]
impl Source for Log {
    async fn end(&self) -> Result<EventCursor> {
        app::log::end(&self.app).await
    }

    async fn read(&self, after: EventCursor, limit: u32) -> Result<EventBatch> {
        app::log::read_of_jobs(&self.app, &self.actor, &self.filter, after, limit).await
    }
}

/// The jobs that are meant, as the caller sees them.
pub(super) struct Jobs {
    app: App,
    actor: Actor,
    only: Option<JobId>,
    filter: JobFilter,
}

impl Log {
    /// What the log holds after `after`, to its present end and not beyond.
    pub(super) fn until_now(self, after: EventCursor) -> impl Stream<Item = Result<Arc<Event>>> + Send {
        let pages = stream::try_unfold((self, Some(after)), |(log, after)| async move {
            let Some(after) = after else { return Ok(None) };
            let batch = log.read(after, PAGE).await?;
            let rest = (!batch.is_end).then_some(batch.next);
            let events = stream::iter(batch.events.into_iter().map(|event| Ok(Arc::new(event))));
            Ok::<_, Error>(Some((events, (log, rest))))
        });
        pages.try_flatten()
    }
}

impl Jobs {
    pub(super) fn new(app: App, actor: Actor, only: Option<JobId>, filter: JobFilter) -> Self {
        Self { app, actor, only, filter }
    }

    /// The job as it stands, if it is one that is meant.
    pub(super) async fn get(&self, id: JobId) -> Result<Option<Job>> {
        let found = app::job::find(&self.app, &self.actor, id).await?;
        Ok(found.filter(|job| self.means(job)))
    }

    fn means(&self, job: &Job) -> bool {
        self.only.is_none_or(|only| only == job.id)
            && self.filter.client_id.is_none_or(|client| job.client_id == Some(client))
            && (self.filter.kinds.is_empty() || self.filter.kinds.contains(&job.kind))
    }

    /// What a snapshot shows: the one job, or the newest of those that are not over.
    async fn snapshot(&self) -> Result<Vec<Job>> {
        if let Some(only) = self.only {
            return Ok(self.get(only).await?.into_iter().collect());
        }
        let filter = JobFilter { states: live(), ..self.filter.clone() };
        let window = Window { limit: LIMIT_MAX, ..Window::default() };
        Ok(app::job::list(&self.app, &self.actor, &filter, JobOrder::Newest, &window).await?.items)
    }
}

/// A watcher.
pub(super) struct Watch {
    jobs: Jobs,
    ticks: broadcast::Receiver<Tick>,
    events: BoxStream<'static, Result<Arc<Event>>>,
    /// The place in the log that the watcher has reached.
    cursor: EventCursor,
    needs_snapshot: bool,
    waiting: VecDeque<JobEvent>,
    known: HashMap<JobId, Job>,
    is_over: bool,
}

impl Watch {
    pub(super) fn begin(
        jobs: Jobs,
        ticks: broadcast::Receiver<Tick>,
        events: BoxStream<'static, Result<Arc<Event>>>,
        cursor: EventCursor,
        needs_snapshot: bool,
    ) -> Self {
        let (waiting, known) = (VecDeque::new(), HashMap::new());
        Self { jobs, ticks, events, cursor, needs_snapshot, waiting, known, is_over: false }
    }

    /// What happens from here on.
    pub(super) fn stream(self) -> impl Stream<Item = Told> + Send {
        stream::unfold(self, |mut watch| async move {
            let told = watch.next().await?;
            watch.is_over |= told.is_err();
            Some((told, watch))
        })
    }

    async fn next(&mut self) -> Option<Told> {
        if self.needs_snapshot {
            self.needs_snapshot = false;
            if let Err(error) = self.snapshot().await {
                return Some(Err(error));
            }
        }
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(Ok(event));
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.wait().await {
                return Some(Err(error));
            }
        }
    }

    async fn snapshot(&mut self) -> Result<()> {
        for job in self.jobs.snapshot().await? {
            self.is_over = self.is_over_with(&job);
            self.tell(JobEventKind::Snapshot, job, None, None);
        }
        Ok(())
    }

    /// Whether there is nothing to wait for once `job` stands as it does.
    fn is_over_with(&self, job: &Job) -> bool {
        self.jobs.only == Some(job.id) && job.state.is_terminal()
    }

    async fn wait(&mut self) -> Result<()> {
        // The log goes first: progress that comes after an end would be told of a job that is over.
        tokio::select! {
            biased;
            event = self.events.next() => if let Some(event) = event {
                self.happened(event?).await
            } else {
                self.is_over = true;
                Ok(())
            },
            tick = self.ticks.recv() => match tick {
                Ok(tick) => self.progressed(tick).await,
                // Later ticks say more than those that were missed.
                Err(RecvError::Lagged(_)) => Ok(()),
                Err(RecvError::Closed) => { self.is_over = true; Ok(()) }
            },
        }
    }

    /// A line of the log.
    async fn happened(&mut self, event: Arc<Event>) -> Result<()> {
        self.cursor = event.cursor();
        let Some(id) = event.job_id else { return Ok(()) };
        let Some(job) = self.jobs.get(id).await? else { return Ok(()) };
        let target = match event.subject_id.parse::<JobTargetId>() {
            Ok(target) => app::job::target::find(&self.jobs.app, &self.jobs.actor, id, target).await?,
            Err(_other_noun) => None,
        };
        let kind = if target.is_some() { JobEventKind::Target } else { JobEventKind::State };
        // What is told may be older than the row: an end from before a retry does not end the stream.
        self.is_over = self.is_over_with(&job) && job.finished_at == Some(event.at) && is_end(&event.kind);
        self.tell(kind, job, target, Some(event));
        Ok(())
    }

    /// Ticks that have come meanwhile, the latest of each job.
    async fn progressed(&mut self, tick: Tick) -> Result<()> {
        let mut latest = HashMap::from([(tick.job, tick)]);
        while let Ok(tick) = self.ticks.try_recv() {
            latest.insert(tick.job, tick);
        }
        let mut latest: Vec<_> = latest.into_values().collect();
        latest.sort_unstable_by_key(|tick| tick.job);
        for tick in latest {
            if !self.jobs.actor.scope.sees(tick.client_id) || self.jobs.only.is_some_and(|only| only != tick.job) {
                continue;
            }
            let known = match self.known.get(&tick.job) {
                Some(job) => Some(job.clone()),
                None => self.jobs.get(tick.job).await?,
            };
            let Some(job) = known.filter(|job| job.state == JobState::Running) else { continue };
            self.tell(JobEventKind::Progress, Job { progress: tick.progress, ..job }, None, None);
        }
        Ok(())
    }

    fn tell(
        &mut self,
        kind: JobEventKind,
        job: Job,
        target: Option<crate::domain::job::Target>,
        event: Option<Arc<Event>>,
    ) {
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(job.id, job.clone());
        let at = event.as_ref().map_or_else(|| self.jobs.app.now(), |event| event.at);
        self.waiting.push_back(JobEvent { cursor: self.cursor, at, kind, job, target, event });
    }
}

/// Whether a line of the log says that a job is over. What began it may bear the very same instant.
fn is_end(kind: &str) -> bool {
    use EventKind::{JobCancelled, JobFailed, JobPartial, JobSucceeded};
    [JobSucceeded, JobPartial, JobFailed, JobCancelled].iter().any(|end| end.as_str() == kind)
}
