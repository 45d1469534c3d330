//! Who takes a job up, and with what right.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Job, JobKind};
use crate::ids::{JobId, WorkerId};

/// A worker's right to write a job: void as soon as the row's fence has grown past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The number of the claim.
    pub fence: i64,
}

/// A job that a worker has just claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The job, RUNNING.
    pub job: Job,
    /// The right to write it.
    pub lease: Lease,
    /// What an earlier run saved.
    pub checkpoint: Option<Value>,
}

/// Who claims, and what it can run.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// The worker.
    pub worker: WorkerId,
    /// The kinds it knows. A job of another kind is left to a worker of a newer or older program.
    pub kinds: Vec<JobKind>,
    /// How long it may be silent.
    pub lease: Duration,
}

/// Which job is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// This one, if it is due and may share a process.
    This(JobId),
    /// The first by priority and due time of those that may share a process.
    Best,
    /// The first of those that have to run alone, unless another worker has reserved it.
    Alone,
}

/// A job that a worker still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The right to write it.
    pub lease: Lease,
    /// Whether somebody asked it to stop.
    pub is_cancel_requested: bool,
}

/// What came of putting a job in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is in.
    New,
    /// This live job already holds its unique key.
    Live(JobId),
}

/// What a worker says of itself.
#[derive(Clone, Debug)]
pub struct Presence {
    /// This run of the process.
    pub worker: WorkerId,
    /// The machine.
    pub host: String,
    /// The process on it.
    pub process_id: u32,
    /// How many jobs it can run at a time.
    pub slots: u32,
    /// How many it runs.
    pub busy: u32,
    /// Whether it takes up nothing more.
    pub is_draining: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
}
