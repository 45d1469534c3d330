//! What a document takes from its caller's bucket.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::{ServerError, ServerResult, Value, value};
use tokio::sync::SetOnce;

use super::finish::refusal;
use crate::{app::rate::Rates, domain::rate::Draw, graphql::error::ErrorCode, ids::ActorId};

/// The longest an event of a subscription waits until its caller's bucket holds what showing it costs. Longer, and the
/// reader is better told: it comes back with its cursor and misses nothing.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Shared between a request and the transport that sent it: draws when it is known what the document costs, and for a
/// subscription once more for each event after the first.
/// A request without one is not limited.
#[derive(Clone)]
pub struct Meter {
    rates: Arc<dyn Rates>,
    caller: ActorId,
    drawn: Arc<SetOnce<Draw>>,
    is_spent: Arc<AtomicBool>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meter({:?})", self.drawn.get())
    }
}

impl Meter {
    /// A meter that draws from the bucket of `caller`.
    pub fn new(rates: Arc<dyn Rates>, caller: ActorId) -> Self {
        Self { rates, caller, drawn: Arc::default(), is_spent: Arc::default() }
    }

    /// What became of the first draw; `None` while nothing was drawn.
    pub fn drawn(&self) -> Option<Draw> {
        self.drawn.get().copied()
    }

    /// The same as soon as it is known.
    pub async fn known(&self) -> Draw {
        *self.drawn.wait().await
    }

    /// Whether a subscription ended because its caller's bucket stayed empty.
    pub fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Acquire)
    }

    /// Takes `cost` from the bucket.
    ///
    /// # Errors
    /// `RATE_LIMITED` when it does not hold that much.
    pub(super) async fn charge(&self, cost: u64) -> ServerResult<()> {
        let draw = self.rates.draw(self.caller, cost).await;
        // Set once: a request is weighed once.
        _ = self.drawn.set(draw);
        draw.wait.map_or(Ok(()), |wait| Err(limited(cost, draw, wait)))
    }

    /// Takes `cost` from the bucket as soon as it holds that much.
    ///
    /// # Errors
    /// `RATE_LIMITED` when that is later than [`WAIT_MAX`] from now.
    pub(super) async fn charge_again(&self, cost: u64) -> ServerResult<()> {
        if cost == 0 {
            // It shall not wait for the bucket's answer either.
            return Ok(());
        }
        let mut left = WAIT_MAX;
        loop {
            let draw = self.rates.draw(self.caller, cost).await;
            let Some(wait) = draw.wait else { return Ok(()) };
            let Some(rest) = left.checked_sub(wait) else {
                self.is_spent.store(true, Ordering::Release);
                return Err(limited(cost, draw, wait));
            };
            left = rest;
            tokio::time::sleep(wait).await;
        }
    }
}

fn limited(cost: u64, draw: Draw, wait: Duration) -> ServerError {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let message = format!("This costs {cost}, and {} of your allowance are left.", draw.remaining);
    let mut error = refusal(ErrorCode::RateLimited, message);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("retryAfterMs", millis);
    extensions.set("remedy", "Wait as long as `retryAfterMs` says, and ask for less at a time.");
    error
}

/// The cost of a document and what is left to its caller, as `extensions.cost` tells it.
///
/// # Source
/// The member names are those of the large public APIs that limit by cost, which client libraries read already.
pub fn cost_report(cost: u64, drawn: Option<Draw>) -> Value {
    let allowance = drawn.map_or(Value::Null, |draw| {
        value!({
            "maximumAvailable": draw.rate.capacity(),
            "currentlyAvailable": draw.remaining,
            "restoreRate": draw.rate.refill(),
        })
    });
    value!({ "requestedQueryCost": cost, "actualQueryCost": cost, "throttleStatus": allowance })
}
