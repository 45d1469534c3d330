//! The program as people start it: what its commands take, print and end with; and `scripts/test.sh`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod migrate;
mod program;
mod script;
mod seed;
mod serve;
mod token;
mod watch;

#[path = "../drills/support/database.rs"]
mod database;
