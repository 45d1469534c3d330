//! The one log: writing events with the deed that caused them, sealing them, reading and proving them.
//!
//! * An event is **written** in its deed's transaction, without a position ([`append`]).
//! * **Sealing** locks the head and gives new events contiguous positions, leaf hashes and tree roots; the
//!   head grows in the same transaction ([`seal`]). Whoever crashes in between has changed nothing.
//! * Everything below the head's size is there, in order, for ever. So a reader that takes the size first
//!   and then reads up to it misses nothing and sees nothing twice.
//!
//! Reads take a scope. Only hashes are read without one: they say nothing about anybody.
//!
//! Deliberately absent: any way to change or remove an event. Triggers refuse it as well.

mod append;
mod checkpoint;
mod head;
mod list;
mod prove;
mod row;
mod seal;
mod subtree;
mod verify;

pub(crate) use append::append;
pub(crate) use checkpoint::{checkpoint, last_checkpoint};
pub(crate) use head::size;
pub(crate) use list::{actors_of_jobs, count, find, list, load_many, read};
pub(crate) use prove::{consistency_proof, inclusion_paths, inclusion_proof, root_at};
pub(crate) use seal::{has_unsealed, seal};
pub(crate) use verify::verify;

const EVENT: &str = "event";
const HEAD: &str = "log_head";

/// The only row of `log_head`.
const HEAD_ID: i32 = 1;

/// A position or a size as the database holds it. None reaches 2^63.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
