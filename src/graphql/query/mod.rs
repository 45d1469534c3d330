//! What can be read, one root object per noun.

use async_graphql::MergedObject;

pub mod access;
pub mod client;
pub mod decision;
pub mod engagement;
pub mod exception;
pub mod holding;
pub mod log;
pub mod process;

/// Everything that can be read.
#[derive(Debug, Default, MergedObject)]
#[rustfmt::skip]
pub struct Query(
    access::AccessQuery,
    client::ClientQuery,
    decision::DecisionQuery,
    engagement::EngagementQuery,
    exception::ExceptionQuery,
    holding::HoldingQuery,
    log::LogQuery,
    process::ProcessQuery,
);
