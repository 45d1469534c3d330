//! How much each caller may still ask, measured by what documents cost.
//!
//! The buckets of one process are here. Where several processes answer the same callers, `startup` puts shared ones in
//! their place, and these stand in while the shared ones cannot be reached.
//!
//! Deliberately absent: the database. What is lost when a process ends is a limit, which fills by itself anyway.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::{
    clock::Clock,
    domain::rate::{Bucket, Draw, Rate},
    ids::ActorId,
};

/// With fewer buckets than this it is not worth looking for idle ones.
const SWEEP_MIN: usize = 1_024;

/// Somebody who keeps callers' buckets.
#[async_trait]
pub trait Rates: Send + Sync + 'static {
    /// Takes `cost` out of the bucket of `caller`, if it holds that much.
    async fn draw(&self, caller: ActorId, cost: u64) -> Draw;
}

/// The buckets of this process.
pub struct Buckets {
    rate: Rate,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

struct Held {
    buckets: HashMap<ActorId, Bucket>,
    sweep_at: usize,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buckets({:?})", self.rate)
    }
}

impl Buckets {
    /// A full bucket for everybody.
    pub fn new(rate: Rate, clock: Arc<dyn Clock>) -> Self {
        let held = Mutex::new(Held { buckets: HashMap::new(), sweep_at: SWEEP_MIN });
        Self { rate, clock, held }
    }

    /// The rate of every bucket.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes `cost` out of the bucket of `caller`, if it holds that much.
    pub fn take(&self, caller: ActorId, cost: u64) -> Draw {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.buckets.len() >= held.sweep_at {
            // A full bucket is as good as none. Looking at all of them pays for as many new ones as are left.
            held.buckets.retain(|_, bucket| !bucket.is_full(self.rate, now));
            held.sweep_at = SWEEP_MIN.max(held.buckets.len() * 2);
        }
        held.buckets.entry(caller).or_insert_with(|| Bucket::full(self.rate, now)).draw(self.rate, now, cost)
    }
}

#[async_trait]
impl Rates for Buckets {
    async fn draw(&self, caller: ActorId, cost: u64) -> Draw {
        self.take(caller, cost)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone, Utc};

    use super::*;
    use crate::clock::{IdSource, Manual};

    fn buckets(clock: &Manual) -> Buckets {
        Buckets::new(Rate::new(100, 10).unwrap(), Arc::new(clock.clone()))
    }

    fn clock() -> Manual {
        Manual::at(Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap())
    }

    #[test]
    fn each_caller_has_a_bucket_of_its_own() {
        let clock = clock();
        let buckets = buckets(&clock);
        let (one, other) = (ActorId::User(clock.next().into()), ActorId::ApiKey(clock.next().into()));
        assert_eq!(buckets.take(one, 100).wait, None);
        assert!(buckets.take(one, 1).wait.is_some());
        assert_eq!(buckets.take(other, 1).remaining, 99);
        clock.advance(TimeDelta::milliseconds(100));
        assert_eq!(buckets.take(one, 1).wait, None);
    }

    #[test]
    fn buckets_that_filled_again_are_dropped() {
        let clock = clock();
        let buckets = buckets(&clock);
        let ask = |count: usize| {
            for _ in 0..count {
                buckets.take(ActorId::User(clock.next().into()), 10);
            }
        };
        let size = || buckets.held.lock().unwrap().buckets.len();
        ask(SWEEP_MIN + 10);
        assert_eq!(size(), SWEEP_MIN + 10, "none of them is full");
        ask(SWEEP_MIN);
        clock.advance(TimeDelta::seconds(1));
        // Looked at when there are twice as many as the last look left.
        let new = 2 * SWEEP_MIN + 100;
        ask(new);
        assert_eq!(size(), new, "those of before are full and gone");
    }
}
