//! Gangway as its callers see it: every test asks through GraphQL, on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod support;

mod access;
mod agreement;
mod challenge;
mod client;
mod contact;
mod decision;
mod evidence;
mod exception;
mod fact;
mod log;
mod published_keys;
mod stakeholder;
