//! How far a job is.

use async_graphql::SimpleObject;

use crate::{
    domain::job::{self, ProgressUnit, TargetCounts, TargetState},
    graphql::{
        scalars::{DateTime, Long},
        types::job::int,
    },
};

/// How far a job is. While it runs this is a few moments old; `jobEvents` tells it as it happens.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobProgress {
    /// What `done` and `total` count.
    unit: ProgressUnit,
    /// What it is doing, where it does one thing after another; the counts are of that. A data return: INVENTORY,
    /// PACKING, VERIFYING. Null before the first and after the last.
    phase: Option<String>,
    /// How many are done.
    done: Long,
    /// How many there are, as soon as that is known.
    total: Option<Long>,
    /// How many bytes are done; 0 for a job that moves none.
    bytes_done: Long,
    /// How many bytes there are, as soon as that is known.
    bytes_total: Option<Long>,
    /// The share that is done, from 0 to 1: of the bytes when they are counted, else of the units.
    fraction: Option<f64>,
    /// Bytes a second while bytes are counted, else units a second.
    rate: Option<f64>,
    /// When it will be done at that rate.
    eta: Option<DateTime>,
    /// How many targets stand where; states without a target are left out.
    targets: Vec<TargetCount>,
}

/// How many targets stand in one state.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TargetCount {
    /// The state.
    state: TargetState,
    /// How many.
    count: i32,
}

impl JobProgress {
    /// What the row or a tick says, with how many targets stand where.
    pub fn of(progress: &job::Progress, targets: &TargetCounts) -> Self {
        Self {
            fraction: progress.fraction(),
            unit: progress.unit,
            phase: progress.phase.clone(),
            done: progress.done.into(),
            total: progress.total.map(Into::into),
            bytes_done: progress.bytes_done.into(),
            bytes_total: progress.bytes_total.map(Into::into),
            rate: progress.rate,
            eta: progress.eta.map(DateTime),
            targets: targets.iter().map(|(state, count)| TargetCount { state, count: int(count) }).collect(),
        }
    }
}
