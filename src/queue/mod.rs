//! The queue: from a committed row to a running task, and back.
//!
//! ```text
//! deed ──commit──► hint (Redis or memory) ──► apalis ──► Dispatch ──► claim by compare-and-set ──► our own task
//!                                                                      ▲                              │
//!             once a second, by a worker with a free slot: the best due row       progress, end: each under the fence
//! ```
//!
//! * **The row is the truth; a hint is an id and nothing more, for ever.** Nobody adds state to Redis: turning
//!   it off may only change latency. Whatever can go wrong with a hint (lost, doubled, stale, forged) ends in
//!   a claim that finds nothing to do.
//! * apalis fetches hints and calls [`dispatch`] for some microseconds each. A job runs in a task of ours, so
//!   when Redis stalls and apalis' worker ends, running jobs do not notice.
//! * A worker owns a job by its **lease**. One statement per heart-beat renews those of all that it runs, brings requests to
//!   cancel and tells what was taken away. Heart-beats go on while a worker drains.
//! * A job whose worker crashed twice runs alone (see [`slots`]).
//!
//! Deliberately absent: apalis' own retries, delays, idempotency keys, vacuum and result storage. Each has a
//! defect in 1.0.0 that costs work when one relies on it; relied on for hints alone they cost time.
//! To carry hints some other way, add a variant of [`Carrier`](carrier::Carrier).

mod carrier;
mod dispatch;
mod executor;
mod heartbeat;
mod memory;
mod outcome;
mod progress;
mod redis;
mod run;
mod settings;
mod slots;
mod supervisor;
mod ticker;
mod wake;
mod worker;

pub use self::{
    carrier::{Background, Queue},
    settings::Settings,
    worker::Worker,
};
