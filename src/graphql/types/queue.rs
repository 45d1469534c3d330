//! How the queue does as a whole.

use async_graphql::SimpleObject;

use crate::{
    domain::job::{JobKind, JobState, Presence, QueueHealth as Health},
    graphql::{
        scalars::{DateTime, Long},
        types::job::int,
    },
};

/// How the queue does as a whole, as far as the caller may see it.
#[derive(Clone, Debug, SimpleObject)]
pub struct QueueHealth {
    /// How many jobs of each kind stand in each state, those that are over left out.
    counts: Vec<JobCount>,
    /// How many could be taken up now.
    due_count: Long,
    /// Since when the one that is due longest has been due.
    oldest_waiting_at: Option<DateTime>,
    /// How many ended within the last hour, by how they ended.
    ended_last_hour: Vec<EndCount>,
    /// How many workers were seen within the last half minute.
    workers_alive: i32,
    /// How many jobs these can run at a time.
    slots: i32,
    /// How many they run.
    busy: i32,
    /// The workers, the longest running first.
    workers: Vec<Worker>,
}

/// How many jobs of one kind stand in one state.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobCount {
    /// The kind.
    kind: JobKind,
    /// The state.
    state: JobState,
    /// How many.
    count: Long,
}

/// How many jobs ended in one way.
#[derive(Clone, Debug, SimpleObject)]
pub struct EndCount {
    /// The way.
    state: JobState,
    /// How many.
    count: Long,
}

/// A process that runs jobs.
#[derive(Clone, Debug, SimpleObject)]
pub struct Worker {
    /// The machine.
    host: String,
    /// The process on it.
    process_id: Long,
    /// How many jobs it can run at a time.
    slots: i32,
    /// How many it runs.
    busy: i32,
    /// Whether it shuts down and takes up nothing more.
    is_draining: bool,
    /// When it began.
    started_at: DateTime,
    /// When it was last seen.
    seen_at: DateTime,
}

impl From<Health> for QueueHealth {
    fn from(health: Health) -> Self {
        let sum = |number: fn(&Presence) -> u32| int(health.workers.iter().map(|(worker, _)| number(worker)).sum());
        Self {
            due_count: health.due_count.into(),
            oldest_waiting_at: health.oldest_due_at.map(DateTime),
            workers_alive: i32::try_from(health.workers.len()).unwrap_or(i32::MAX),
            slots: sum(|worker| worker.slots),
            busy: sum(|worker| worker.busy),
            counts: health
                .counts
                .into_iter()
                .map(|(kind, state, count)| JobCount { kind, state, count: count.into() })
                .collect(),
            ended_last_hour: health
                .ended
                .into_iter()
                .map(|(state, count)| EndCount { state, count: count.into() })
                .collect(),
            workers: health.workers.into_iter().map(|(worker, seen)| Worker::of(worker, DateTime(seen))).collect(),
        }
    }
}

impl Worker {
    fn of(worker: Presence, seen_at: DateTime) -> Self {
        Self {
            host: worker.host,
            process_id: u64::from(worker.process_id).into(),
            slots: int(worker.slots),
            busy: int(worker.busy),
            is_draining: worker.is_draining,
            started_at: worker.started_at.into(),
            seen_at,
        }
    }
}
