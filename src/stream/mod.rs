//! Following the log live: replay after the reader's cursor, then every event as it is sealed, each once and in
//! order.
//!
//! * A [`Bell`] tells that the log grew. It carries the size and nothing else, and losing it costs at most
//!   [`TICK`].
//! * One [`Tap`] per process reads new events once and hands them to every reader, who keeps those it may see.
//! * A reader that is new, slow, or missed something reads the log itself ([`Tap::follow`]); so a slow reader
//!   costs no memory, and a fast one no statement.
//!
//! Where events come from is a [`Source`], so that this module knows neither the database nor who asks.
//!
//! Deliberately absent: queues per reader, acknowledgements, and anything that must not be lost.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    domain::event::{EventBatch, EventCursor},
    error::Result,
};

mod bell;
mod redis;
mod tap;
#[cfg(test)]
mod tests;

pub use bell::Bell;
pub use redis::share;
pub use tap::Tap;

/// How often the log is looked at although no bell rang.
pub const TICK: Duration = Duration::from_secs(1);

/// The log, as far as somebody may see it.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Right after the last event that is sealed, whether the source shows it or not.
    ///
    /// # Errors
    /// Those of the database.
    async fn end(&self) -> Result<EventCursor>;

    /// Up to `limit` events after `after`, in order, and where to go on. Events that the source does not show
    /// are passed over.
    ///
    /// # Errors
    /// Those of the database.
    async fn read(&self, after: EventCursor, limit: u32) -> Result<EventBatch>;
}
