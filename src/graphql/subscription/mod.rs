//! What can be watched.

/// Everything that can be watched.
pub type Subscription = async_graphql::EmptySubscription;
