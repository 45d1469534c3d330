//! What can be read, one root object per noun.

use async_graphql::MergedObject;

pub mod access;
pub mod client;
pub mod decision;
pub mod engagement;
pub mod exception;
pub mod log;
pub mod process;

/// Everything that can be read.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    client::ClientQuery,
    decision::DecisionQuery,
    engagement::EngagementQuery,
    exception::ExceptionQuery,
    log::LogQuery,
    process::ProcessQuery,
    access::AccessQuery,
);
