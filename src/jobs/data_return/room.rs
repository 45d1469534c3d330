//! A place that is full, and the return that waits for it.
//!
//! Somebody has to make room, and nobody can say when. So the job waits: it holds no worker and costs no attempt, looks
//! again by itself and goes on behind its checkpoint. A person may have it look at once, or stop it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The pause before the first look.
const FIRST_PAUSE: Duration = Duration::from_mins(5);

/// No pause is longer: room that was made is used within the hour.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// How long a return waits for room. Whoever comes back from two weeks' leave still finds it waiting.
///
/// # Source
/// House decision.
const WAITED_FOR: TimeDelta = TimeDelta::days(14);

/// Since when a place has had no room, without a single part that went into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Full {
    since: DateTime<Utc>,
    looks: u32,
}

impl Full {
    /// The place was found full at `now`, after it was found so `before`.
    pub(super) fn again(before: Option<Self>, now: DateTime<Utc>) -> Self {
        before.map_or(Self { since: now, looks: 1 }, |before| Self { looks: before.looks.saturating_add(1), ..before })
    }

    /// The pause before the next look; none when it has been waited for long enough.
    pub(super) fn pause(self, now: DateTime<Utc>) -> Option<Duration> {
        let doublings = self.looks.saturating_sub(1).min(8);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        (now - self.since < WAITED_FOR).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_double_from_five_minutes_to_an_hour_and_end_after_two_weeks() {
        let start = DateTime::UNIX_EPOCH;
        let (mut full, mut now, mut pauses) = (None, start, Vec::new());
        let ended = loop {
            let found = Full::again(full, now);
            let Some(pause) = found.pause(now) else { break now };
            pauses.push(pause.as_secs() / 60);
            (full, now) = (Some(found), now + pause);
        };
        assert_eq!(pauses[..6], [5, 10, 20, 40, 60, 60]);
        assert!(pauses[6..].iter().all(|pause| *pause == 60));
        assert!(ended - start >= WAITED_FOR && ended - start <= WAITED_FOR + TimeDelta::hours(1));
    }
}
