//! What happens around every request, whatever it asks and however it came: its document is weighed, how
//! far it got is marked, its errors leave with a code.
//!
//! The transport puts a [`Progress`] and a [`RequestId`] into the request, and a [`Resume`] where a reader
//! may take a stream up again; after the answer it calls [`finish`]. A [`Meter`] among them draws the document's cost.
//!
//! Deliberately absent: statuses and bytes (`http`), and what errors of ours say (`graphql::error`).
//! To add a hook, add an `Extension` here and name it in [`guarded`].

mod document;
mod finish;
mod meter;
mod number;
mod progress;
mod resume;
#[cfg(test)]
mod tests;

use async_graphql::{ObjectType, SchemaBuilder, SubscriptionType};

pub use document::{DocumentGuard, operation_type};
pub use finish::{Finished, finish, refusal};
pub use meter::{Meter, cost_report};
pub use progress::{Phase, Progress, RequestId};
pub use resume::Resume;

use crate::graphql::guard::Limits;

/// The library's own limit on nesting, fragments included, counts every spread: twice our deepest document
/// and some. The guard sees to it that its walk is short.
const RECURSION_MAX: usize = 64;

/// `builder` with everything a schema needs before strangers may ask it.
pub fn guarded<Q, M, S>(builder: SchemaBuilder<Q, M, S>, limits: Limits) -> SchemaBuilder<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    builder.limit_recursive_depth(RECURSION_MAX).extension(DocumentGuard::new(limits))
}
