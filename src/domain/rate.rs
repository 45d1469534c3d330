//! How much a caller may ask in a stretch of time: a bucket that fills steadily, and from which every document takes
//! what it costs.
//!
//! A bucket is kept in thousandths of a unit. Units per second are thousandths per millisecond, so nothing is rounded,
//! however often it is looked at.
//!
//! Deliberately absent: who keeps the buckets (`app::rate`, or Redis where several processes share them), and what a
//! document costs (`graphql::guard`).

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Thousandths of a unit.
const PARTS: u64 = 1_000;

/// How much a bucket holds and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    capacity: u32,
    refill: u32,
}

impl Rate {
    /// A bucket of `capacity` units that gains `refill` units per second; `None` when either is 0, which means that
    /// nothing is limited.
    pub fn new(capacity: u32, refill: u32) -> Option<Self> {
        (capacity > 0 && refill > 0).then_some(Self { capacity, refill })
    }

    /// The most a bucket holds, in units.
    pub fn capacity(self) -> u32 {
        self.capacity
    }

    /// What it gains, in units per second.
    pub fn refill(self) -> u32 {
        self.refill
    }

    /// A full bucket, in thousandths.
    pub fn full(self) -> u64 {
        u64::from(self.capacity) * PARTS
    }

    /// What a document of `cost` units takes, in thousandths. One that costs more than a bucket holds takes a full one:
    /// it waits long instead of for ever.
    pub fn need(self, cost: u64) -> u64 {
        cost.min(self.capacity.into()) * PARTS
    }

    /// How long it takes to gain `parts` thousandths, rounded up to a millisecond.
    fn time_for(self, parts: u64) -> Duration {
        Duration::from_millis(parts.div_ceil(self.refill.into()))
    }
}

/// What became of a document that asked to take its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The bucket's rate.
    pub rate: Rate,
    /// Whole units that are left.
    pub remaining: u32,
    /// After how long the bucket is full again, if nothing else is taken.
    pub full_after: Duration,
    /// After how long the bucket holds enough; `None` when it did, and the cost was taken.
    pub wait: Option<Duration>,
}

impl Draw {
    /// What follows when `level` thousandths are left of a bucket, and a document of `cost` units got its share or not.
    pub fn of(rate: Rate, level: u64, cost: u64, is_taken: bool) -> Self {
        let remaining = u32::try_from(level / PARTS).unwrap_or(u32::MAX);
        let full_after = rate.time_for(rate.full().saturating_sub(level));
        let wait = (!is_taken).then(|| rate.time_for(rate.need(cost).saturating_sub(level)));
        Self { rate, remaining, full_after, wait }
    }
}

/// One caller's bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    level: u64,
    at: DateTime<Utc>,
}

impl Bucket {
    /// A full one.
    pub fn full(rate: Rate, now: DateTime<Utc>) -> Self {
        Self { level: rate.full(), at: now }
    }

    /// Takes `cost` units if it holds them, and nothing otherwise.
    pub fn draw(&mut self, rate: Rate, now: DateTime<Utc>, cost: u64) -> Draw {
        (self.level, self.at) = (self.level_at(rate, now), now);
        let need = rate.need(cost);
        let is_enough = need <= self.level;
        if is_enough {
            self.level -= need;
        }
        Draw::of(rate, self.level, cost, is_enough)
    }

    /// Whether it is as good as one that was never used.
    pub fn is_full(&self, rate: Rate, now: DateTime<Utc>) -> bool {
        self.level_at(rate, now) == rate.full()
    }

    /// A clock that goes back takes nothing away and gives nothing; from there on it counts.
    fn level_at(&self, rate: Rate, now: DateTime<Utc>) -> u64 {
        let passed = u64::try_from((now - self.at).num_milliseconds()).unwrap_or_default();
        self.level.saturating_add(passed.saturating_mul(rate.refill.into())).min(rate.full())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;

    #[test]
    fn a_clock_that_goes_back_stops_no_bucket_from_filling() {
        let rate = Rate::new(100, 10).unwrap();
        let start = Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap();
        let mut bucket = Bucket::full(rate, start);
        assert_eq!(bucket.draw(rate, start, 100).remaining, 0);
        let back = start - TimeDelta::hours(1);
        assert_eq!(bucket.draw(rate, back, 0).remaining, 0);
        assert_eq!(bucket.draw(rate, back + TimeDelta::seconds(5), 0).remaining, 50);
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_fills_steadily() {
        let rate = Rate::new(100, 10).unwrap();
        let start = Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap();
        let mut bucket = Bucket::full(rate, start);
        // Milliseconds since the start, the cost, what is left, milliseconds to wait, milliseconds until it is full.
        for (at, cost, remaining, wait, full_after) in [
            (0, 0, 100, None, 0),
            (0, 60, 40, None, 6_000),
            (0, 41, 40, Some(100), 6_000),
            (0, 40, 0, None, 10_000),
            (0, 0, 0, None, 10_000),
            (0, 1, 0, Some(100), 10_000),
            (99, 1, 0, Some(1), 9_901),
            (100, 1, 0, None, 10_000),
            (150, 1, 0, Some(50), 9_950),
            // Half a unit was not lost.
            (200, 1, 0, None, 10_000),
            (1_200, 5, 5, None, 9_500),
            // A clock that goes back gives nothing, and counts from there on.
            (200, 5, 0, None, 10_000),
            (1_200, 1, 9, None, 9_100),
            // No more than the bucket holds, however long nobody asks.
            (900_000, 0, 100, None, 0),
            // What costs more than a bucket holds takes all of a full one.
            (900_000, 1, 99, None, 100),
            (900_000, 5_000, 99, Some(100), 100),
            (900_100, 5_000, 0, None, 10_000),
        ] {
            let draw = bucket.draw(rate, start + TimeDelta::milliseconds(at), cost);
            let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
            let found = (draw.remaining, draw.wait.map(millis), millis(draw.full_after));
            assert_eq!(found, (remaining, wait, full_after), "{cost} at {at}");
        }
    }

    #[test]
    fn a_bucket_is_full_once_it_gained_all_that_was_taken() {
        let rate = Rate::new(100, 10).unwrap();
        let start = Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap();
        let mut bucket = Bucket::full(rate, start);
        assert!(bucket.is_full(rate, start));
        bucket.draw(rate, start, 10);
        assert!(!bucket.is_full(rate, start + TimeDelta::milliseconds(999)));
        assert!(bucket.is_full(rate, start + TimeDelta::milliseconds(1_000)));
    }

    #[test]
    fn the_largest_bucket_does_not_overflow() {
        let rate = Rate::new(u32::MAX, u32::MAX).unwrap();
        let mut bucket = Bucket::full(rate, DateTime::<Utc>::MIN_UTC);
        let draw = bucket.draw(rate, DateTime::<Utc>::MAX_UTC, u64::MAX);
        assert_eq!((draw.remaining, draw.wait), (0, None));
        assert_eq!(Rate::new(0, 1), None);
        assert_eq!(Rate::new(1, 0), None);
    }
}
