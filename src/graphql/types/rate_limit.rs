//! What the caller may still ask.

use async_graphql::SimpleObject;
use chrono::TimeDelta;

use crate::{clock::Instant, domain::rate::Draw, graphql::scalars::DateTime};

/// How much the caller may ask: a bucket from which every document takes its cost, and which fills steadily.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct RateLimit {
    /// The most the bucket holds, in units of cost.
    limit: i32,
    /// What is left of it, in units of cost, this document's own cost taken off.
    remaining: i32,
    /// When it is full again, if nothing else is asked.
    reset_at: DateTime,
    /// What this document costs, in units.
    cost: i32,
}

impl RateLimit {
    /// What `draw` left at `now`, for a document of `cost`.
    pub fn new(draw: Draw, cost: u64, now: Instant) -> Self {
        let full_after = TimeDelta::from_std(draw.full_after).unwrap_or(TimeDelta::MAX);
        Self {
            limit: i32::try_from(draw.rate.capacity()).unwrap_or(i32::MAX),
            remaining: i32::try_from(draw.remaining).unwrap_or(i32::MAX),
            reset_at: now.checked_add_signed(full_after).unwrap_or(now).into(),
            cost: i32::try_from(cost).unwrap_or(i32::MAX),
        }
    }
}
