//! The failure drills: a deployment is broken on purpose while jobs run, and in the end every job stands in
//! the right state exactly once, no event is missing and the log verifies.
//!
//! Workers are processes of their own, because what is drilled is what happens to processes; each is this
//! program, started once more as a worker. Leases last two seconds.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod support;

#[path = "../pipeline/support/moto.rs"]
mod moto;

mod callers;
mod crashes;
mod crowds;
mod destructions;
mod doomed;
mod drains;
mod outages;
mod removals;
mod returns;
mod stops;

use std::time::Duration;

use support::{
    process::{Plan, Process},
    service::Redis,
    stack::{OwnDatabase, Stack},
};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The most a drill may take to come to rest, on a machine that does other things as well.
const REST: Duration = Duration::from_secs(40);

/// Drills that run at a time: each has several processes and looks at a clock.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Waits for a place among the drills that run.
async fn turn() -> SemaphorePermit<'static> {
    TURNS.acquire().await.unwrap()
}

/// What a worker process runs. As a test it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the drills"]
async fn a_worker_process() {
    support::process::be_a_worker().await;
}

/// PostgreSQL, a Redis of its own, and worker processes.
struct Cluster {
    stack: Stack,
    redis: Redis,
    _database: OwnDatabase,
    _turn: SemaphorePermit<'static>,
}

impl Cluster {
    async fn start() -> Self {
        let turn = turn().await;
        let (database, redis) = (OwnDatabase::create().await, Redis::start());
        let stack = Stack::cluster(database.url.clone(), redis.url()).await;
        Self { stack, redis, _database: database, _turn: turn }
    }

    fn worker(&self) -> Process {
        Process::worker(&self.stack.plan)
    }

    fn worker_with(&self, change: impl FnOnce(&mut Plan)) -> Process {
        let mut plan = self.stack.plan.clone();
        change(&mut plan);
        Process::worker(&plan)
    }
}
