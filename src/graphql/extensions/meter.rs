//! What a document takes from its caller's bucket.

use std::{fmt, sync::Arc};

use async_graphql::{ServerResult, Value, value};
use tokio::sync::SetOnce;

use super::finish::refusal;
use crate::{app::rate::Rates, domain::rate::Draw, graphql::error::ErrorCode, ids::ActorId};

/// Shared between a request and the transport that sent it: draws once, when it is known what the document costs.
/// A request without one is not limited.
#[derive(Clone)]
pub struct Meter {
    rates: Arc<dyn Rates>,
    caller: ActorId,
    drawn: Arc<SetOnce<Draw>>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meter({:?})", self.drawn.get())
    }
}

impl Meter {
    /// A meter that draws from the bucket of `caller`.
    pub fn new(rates: Arc<dyn Rates>, caller: ActorId) -> Self {
        Self { rates, caller, drawn: Arc::default() }
    }

    /// What became of it; `None` while nothing was drawn.
    pub fn drawn(&self) -> Option<Draw> {
        self.drawn.get().copied()
    }

    /// The same as soon as it is known, which is never for a document that is refused unweighed.
    pub async fn known(&self) -> Draw {
        *self.drawn.wait().await
    }

    /// Takes `cost` from the bucket.
    ///
    /// # Errors
    /// `RATE_LIMITED` when it does not hold that much.
    pub(super) async fn charge(&self, cost: u64) -> ServerResult<()> {
        let draw = self.rates.draw(self.caller, cost).await;
        // Set once: a request is weighed once.
        _ = self.drawn.set(draw);
        let Some(wait) = draw.wait else { return Ok(()) };
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let message = format!("This costs {cost}, and {} of your allowance are left.", draw.remaining);
        let mut error = refusal(ErrorCode::RateLimited, message);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("retryAfterMs", millis);
        extensions.set("remedy", "Wait as long as `retryAfterMs` says, and ask for less at a time.");
        Err(error)
    }
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
