//! When a failed attempt is followed by the next.
//!
//! Exponential with full jitter: the pause is a random share of a ceiling that doubles. Hundreds of jobs
//! that failed together because one system was down thus do not come back together.
//!
//! | after attempt | ceiling |
//! |---|---|
//! | 1 | 2 s |
//! | 2 | 4 s |
//! | 3 | 8 s |
//! | 4 | 16 s |
//! | 9 | 512 s |
//! | 10 and later | 600 s |

use std::time::Duration;

/// The ceiling after the first attempt.
pub const BACKOFF_BASE: Duration = Duration::from_secs(2);
/// No ceiling is higher: a system that is back is used again within ten minutes.
pub const BACKOFF_CAP: Duration = Duration::from_mins(10);
/// No pause is shorter: what failed a moment ago fails again at once.
pub const BACKOFF_FLOOR: Duration = Duration::from_millis(250);

/// The pause after `attempt` (counted from 1) failed. `random` is from 0 to 1.
pub fn backoff(attempt: u32, random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let ceiling = BACKOFF_BASE.saturating_mul(1 << doublings).min(BACKOFF_CAP);
    let share = if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) };
    ceiling.mul_f64(share).max(BACKOFF_FLOOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let ceilings: Vec<_> = (1..=12).map(|attempt| backoff(attempt, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
        assert_eq!(backoff(u32::MAX, 1.0), BACKOFF_CAP);
    }

    #[test]
    fn the_pause_is_a_random_share_of_the_ceiling_but_never_none() {
        assert_eq!(backoff(3, 0.5), Duration::from_secs(4));
        assert_eq!(backoff(3, 0.0), BACKOFF_FLOOR);
        assert_eq!(backoff(0, 0.0), BACKOFF_FLOOR);
    }

    #[test]
    fn a_random_number_out_of_range_does_no_harm() {
        for random in [-1.0, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(backoff(3, random), BACKOFF_FLOOR);
        }
        assert_eq!(backoff(3, f64::INFINITY), Duration::from_secs(8));
    }
}
