//! What can be read, one root object per noun.

use async_graphql::MergedObject;

pub mod access;
pub mod client;
pub mod connector;
pub mod decision;
pub mod engagement;
pub mod exception;
pub mod file;
pub mod holding;
pub mod job;
pub mod log;
pub mod node;
pub mod process;

/// Everything that can be read.
#[derive(Debug, Default, MergedObject)]
#[rustfmt::skip]
pub struct Query(
    access::AccessQuery,
    client::ClientQuery,
    connector::ConnectorQuery,
    decision::DecisionQuery,
    engagement::EngagementQuery,
    exception::ExceptionQuery,
    file::FileQuery,
    holding::HoldingQuery,
    job::JobQuery,
    log::LogQuery,
    node::NodeQuery,
    process::ProcessQuery,
);
