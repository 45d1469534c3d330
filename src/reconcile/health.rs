//! How long the database has been well.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::app::{App, job::worker};

/// Leases run out while the database is away, although everybody lives: nobody could renew them. So nothing
/// is rescued before the database has been well for a whole lease, in which the living renew theirs.
#[derive(Debug)]
pub(super) struct Health {
    lease: Duration,
    well_since: Option<Instant>,
}

impl Health {
    pub(super) fn new(lease: Duration) -> Self {
        Self { lease, well_since: None }
    }

    /// Asks the database, and gives whether it has been well for a whole lease. An answer that takes a quarter
    /// of a lease counts as none: the pool waits through a short outage, and the living could not renew in it.
    pub(super) async fn look(&mut self, app: &App) -> bool {
        let is_well = matches!(timeout(self.lease / 4, worker::ping(app)).await, Ok(Ok(())));
        self.note(is_well, Instant::now())
    }

    fn note(&mut self, is_well: bool, now: Instant) -> bool {
        if !is_well {
            self.well_since = None;
            return false;
        }
        now - *self.well_since.get_or_insert(now) >= self.lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_has_to_be_well_for_a_whole_lease() {
        let (mut health, start) = (Health::new(Duration::from_secs(30)), Instant::now());
        let mut at = |is_well, secs| health.note(is_well, start + Duration::from_secs(secs));
        assert!(!at(true, 0) && !at(true, 29) && at(true, 30) && at(true, 31));
        assert!(!at(false, 32));
        assert!(!at(true, 33) && !at(true, 62) && at(true, 63));
    }
}
