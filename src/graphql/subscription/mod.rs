//! What can be watched, one root object per noun.

use async_graphql::MergedSubscription;

pub mod event;
pub mod job;

/// Everything that can be watched.
#[derive(Debug, Default, MergedSubscription)]
pub struct Subscription(event::EventSubscription, job::JobSubscription);
