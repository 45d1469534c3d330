//! Where the time and new ids come from, as traits, so that tests can fix both.
//!
//! Instants are UTC with **millisecond** precision: what is written is what both databases give
//! back. The queue's leases do not use this clock but the database's own, so that two machines
//! whose clocks differ still agree on who holds a job.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use uuid::Uuid;

/// An instant in UTC, rounded down to the millisecond.
pub type Instant = DateTime<Utc>;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present instant, to the millisecond.
    fn now(&self) -> Instant;
}

/// Makes ids.
pub trait IdSource: Send + Sync + 'static {
    /// A new `UUIDv7`, greater than every earlier one of this source.
    fn next(&self) -> Uuid;
}

/// `instant` rounded down to the millisecond.
pub fn to_millis(instant: Instant) -> Instant {
    instant.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(instant)
}

/// Measures how long something takes; moving a clock does not touch it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The machine's clock and random ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Instant {
        to_millis(Utc::now())
    }
}

impl IdSource for System {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// A clock that stands still until it is moved, and ids that count up from one.
#[derive(Clone, Debug)]
pub struct Manual {
    now: Arc<Mutex<Instant>>,
    ids: Arc<AtomicU64>,
}

impl Manual {
    /// Starts at `now`.
    pub fn at(now: Instant) -> Self {
        Self { now: Arc::new(Mutex::new(to_millis(now))), ids: Arc::default() }
    }

    /// Moves the clock by `by`, which may be negative.
    pub fn advance(&self, by: TimeDelta) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdSource for Manual {
    fn next(&self) -> Uuid {
        let count = self.ids.fetch_add(1, Ordering::Relaxed) + 1;
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or_default();
        let mut bytes = [0_u8; 10];
        bytes[2..].copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}
