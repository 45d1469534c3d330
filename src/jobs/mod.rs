//! What jobs do outside our walls: one module per kind.
//!
//! A kind is a [`Task`]: numbered steps, each safe to run twice and safe to be stopped after. Its module says
//! why in its first paragraph. A task never writes rows of its own accord: it reports through its
//! [`TaskContext`], whose every write carries the job's fence, and it ends by returning an
//! [`Outcome`](crate::domain::job::Outcome).
//!
//! Deliberately absent: claiming, heart-beats, retries and shutdown, which are `queue`'s.
//! To add a kind: a module here with its arguments, constants and steps; a line in
//! [`JobKind`](crate::domain::job::JobKind); its registration in `startup`.

pub mod agent_removal;
pub mod closeout_pack;
pub mod data_return;
pub mod discovery_scan;
pub mod sanitization;
pub mod sanitization_verification;
mod sheets;
mod task;

pub use task::{Keeper, Progressing, Registry, Signals, Task, TaskContext};
