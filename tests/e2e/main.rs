//! Gangway as its callers see it: every test asks through GraphQL, on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod support;

mod access;
mod agreement;
mod bad_input;
mod challenge;
mod client;
mod contact;
mod coverage;
mod decision;
mod demo;
mod engagement;
mod evidence;
mod exception;
mod fact;
mod file;
mod gate;
mod holding;
mod isolation;
mod job;
mod life;
mod limits;
mod log;
mod mesh;
mod node;
mod once;
mod process;
mod process_document;
mod published_keys;
mod rate_limit;
mod recipient_key;
mod stakeholder;
mod stale;
mod statements;
mod step;
mod work_queue;

#[path = "../pipeline/support/moto.rs"]
mod moto;
#[path = "../pipeline/support/twisted.rs"]
mod twisted;
