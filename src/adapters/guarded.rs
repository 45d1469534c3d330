//! What every outside system is spoken to through: a limit of time for each call, a pace, and a rest when it does not answer.

use std::{
    collections::HashSet,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{
    domain::{agent::Patience, clearance::Clearance, connector::ConnectorFault},
    ports::endpoints::{About, Endpoint, Endpoints, Fault, Order, Result},
};

/// The longest one call may take.
const CALLED_WITHIN: Duration = Duration::from_secs(20);
/// The shortest time from one call to the next: twenty a second are more than any tool needs.
const PACE: Duration = Duration::from_millis(50);
/// So many calls in a row that are not answered, and the system is left alone.
const BREAKS_AFTER: u32 = 5;
/// For so long.
const RESTS_FOR: Duration = Duration::from_secs(30);

/// A system that is spoken to with care.
pub(super) struct Guarded {
    inner: Arc<dyn Endpoints>,
    pace: Duration,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    /// Before this nobody calls.
    next: Option<Instant>,
    /// Calls in a row that were not answered.
    unanswered: u32,
    /// Until when it is left alone.
    rests_until: Option<Instant>,
}

impl Guarded {
    /// `inner`, spoken to at the usual pace.
    pub(super) fn new(inner: Arc<dyn Endpoints>) -> Self {
        Self::paced(inner, PACE)
    }

    /// `inner`, spoken to at this pace.
    pub(super) fn paced(inner: Arc<dyn Endpoints>, pace: Duration) -> Self {
        Self { inner, pace, health: Mutex::default() }
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next call may begin, which is this caller's from now on.
    fn turn(&self, doing: &'static str) -> Result<Instant> {
        let (mut health, now) = (self.health(), Instant::now());
        if health.rests_until.is_some_and(|until| now < until) {
            return Err(Fault::new(ConnectorFault::Transient, doing, "it did not answer lately and is left alone"));
        }
        let turn = health.next.map_or(now, |next| next.max(now));
        health.next = Some(turn + self.pace);
        Ok(turn)
    }

    async fn call<T>(&self, doing: &'static str, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        sleep_until(self.turn(doing)?).await;
        let late = |_late| Err(Fault::new(ConnectorFault::Transient, doing, "no answer in time"));
        let answer = timeout(CALLED_WITHIN, call).await.unwrap_or_else(late);
        let mut health = self.health();
        if answer.as_ref().is_err_and(|fault| fault.kind == ConnectorFault::Transient) {
            health.unanswered += 1;
            // One call in a row more is enough after a rest.
            health.rests_until = (health.unanswered >= BREAKS_AFTER).then(|| Instant::now() + RESTS_FOR);
        } else {
            (health.unanswered, health.rests_until) = (0, None);
        }
        answer
    }
}

#[async_trait]
impl Endpoints for Guarded {
    fn patience(&self) -> Patience {
        self.inner.patience()
    }

    async fn about(&self) -> Result<About> {
        self.call("probe", self.inner.about()).await
    }

    async fn roster(&self, group: &str) -> Result<Vec<Endpoint>> {
        self.call("list", self.inner.roster(group)).await
    }

    async fn elsewhere(&self, group: &str, ids: &[String]) -> Result<HashSet<String>> {
        self.call("list", self.inner.elsewhere(group, ids)).await
    }

    async fn uninstall(&self, order: Clearance<Order>) -> Result<()> {
        self.call("uninstall", self.inner.uninstall(order)).await
    }

    async fn forget(&self, order: Clearance<Order>) -> Result<()> {
        self.call("forget", self.inner.forget(order)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use chrono::TimeDelta;

    use super::*;

    /// Answers so many calls with an outage, or never.
    struct Down {
        calls: AtomicU32,
        answers_after: u32,
        hangs: bool,
    }

    #[async_trait]
    impl Endpoints for Down {
        fn patience(&self) -> Patience {
            let at_once = TimeDelta::zero();
            Patience { answer: at_once, silence: at_once, absence: at_once }
        }

        async fn about(&self) -> Result<About> {
            Err(Fault::new(ConnectorFault::Forbidden, "probe", "no"))
        }

        async fn roster(&self, _group: &str) -> Result<Vec<Endpoint>> {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            if self.hangs {
                std::future::pending::<()>().await;
            }
            if call >= self.answers_after {
                Ok(Vec::new())
            } else {
                Err(Fault::new(ConnectorFault::Transient, "list", "down"))
            }
        }

        async fn elsewhere(&self, _group: &str, _ids: &[String]) -> Result<HashSet<String>> {
            Ok(HashSet::new())
        }

        async fn uninstall(&self, _order: Clearance<Order>) -> Result<()> {
            Ok(())
        }

        async fn forget(&self, _order: Clearance<Order>) -> Result<()> {
            Ok(())
        }
    }

    fn down(answers_after: u32, hangs: bool) -> (Arc<Down>, Guarded) {
        let down = Arc::new(Down { calls: AtomicU32::new(0), answers_after, hangs });
        (Arc::clone(&down), Guarded::new(down))
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_is_left_alone_for_a_while() {
        let (inner, guarded) = down(BREAKS_AFTER, false);
        for _ in 0..BREAKS_AFTER + 10 {
            assert!(guarded.roster("acme").await.is_err());
        }
        assert_eq!(inner.calls.load(Ordering::SeqCst), BREAKS_AFTER);
        tokio::time::advance(RESTS_FOR).await;
        assert!(guarded.roster("acme").await.is_ok() && guarded.roster("acme").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_an_answer_and_a_call_ends_in_time() {
        let (_, guarded) = down(0, false);
        for _ in 0..=BREAKS_AFTER {
            assert_eq!(guarded.about().await.unwrap_err().kind, ConnectorFault::Forbidden);
        }
        let (_, guarded) = down(0, true);
        let began = Instant::now();
        assert_eq!(guarded.roster("acme").await.unwrap_err().kind, ConnectorFault::Transient);
        assert_eq!(began.elapsed(), CALLED_WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_keep_their_distance() {
        let (_, guarded) = down(0, false);
        let began = Instant::now();
        for _ in 0..21 {
            guarded.roster("acme").await.unwrap();
        }
        assert_eq!(began.elapsed(), PACE * 20);
    }
}
