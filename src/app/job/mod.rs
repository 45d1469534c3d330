//! Jobs: what callers can ask about them, and what workers report.
//!
//! A job is put in the queue by [`enqueue`], within the deed that caused it. From then on two sides act on
//! its row: people, through the functions that take an actor, and the worker that holds its lease, through
//! [`worker`] and [`target`]. Every change of state writes its event in its own transaction; progress is
//! never an event, it is [`Ticks`] for who watches and the row's latest for who asks.
//!
//! Deliberately absent: *how* a job is dispatched (`queue`) and what a kind does (`jobs`).

mod course;
mod ending;
mod events;
mod lines;
mod plan;
mod read;
mod steer;
pub mod target;
mod ticks;
pub mod worker;

pub use self::{
    plan::{Ask, Draft, Options, PlanGates, Planned, blockers, load_plans, plan},
    read::{
        count, count_each, find, health, list, load_many, load_targets, of_clients, of_steps, target_counts, targets_of,
    },
    steer::{Cancel, Retry, Start, cancel, retry, start},
    ticks::{Tick, Ticks},
};
pub(in crate::app) use course::{course, is_offboarding, nobody_works_on, step_of, under_way};
pub use lines::LINES_MAX;
pub(in crate::app) use lines::{Wanted, lines};
pub(in crate::app) use steer::{accepted, in_time};

use crate::{
    app::Deed,
    domain::{
        event::EventKind,
        job::{Enqueued, NewJob, NewTarget},
    },
    error::Result,
    store,
};

/// Puts `new` in the queue with its targets, as part of `deed`. When a live job already holds its unique
/// key, nothing is put in and that job's id is the answer.
///
/// # Errors
/// Those of the database.
pub async fn enqueue(deed: &mut Deed<'_>, new: &NewJob, targets: Vec<NewTarget>) -> Result<Enqueued> {
    let enqueued = store::job::enqueue(deed.tx(), new, deed.now()).await?;
    if enqueued == Enqueued::New {
        let count = targets.len();
        store::job::add_targets(deed.tx(), new.id, new.client_id, targets, deed.now()).await?;
        let summary = format!("The {} was ordered.", new.kind.title());
        let event = events::about(EventKind::JobQueued, new.id, new.client_id, new.kind, summary);
        deed.record(event.with("targets", count).with("reason", new.reason.clone()));
        deed.hint(new.id);
    }
    Ok(enqueued)
}
