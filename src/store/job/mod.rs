//! The job rows and their targets: every change one compare-and-set.
//!
//! * A job is put in by [`enqueue`] in the transaction of the deed that caused it; the row is the outbox.
//! * A worker takes it with [`claim`], which grows the fence. Each later write of that worker carries the
//!   fence and asks for RUNNING, so a row that was taken away answers "not yours" and nothing changes.
//! * [`renew`] is one statement for all jobs of a worker; what is missing from its answer is lost.
//! * Due times and leases are judged by the database's clock, what people see by the application's.
//!
//! Deliberately absent: what a change means (`domain::job`), its event (`app::job`), and fairness between
//! clients, which a claim that reads the best row of each client would bring.

mod claim;
mod enqueue;
mod find;
mod health;
mod hint;
mod lease;
mod plan;
mod settle;
mod target;

pub(crate) use self::{
    claim::{claim, has_due, reserve},
    enqueue::enqueue,
    find::{
        count, count_each, latest_on, list, live_of_engagement, load_many, lock, of_clients, of_plan, of_steps,
        uncleared, uncleared_before,
    },
    health::{due, health},
    hint::{forget_hints, unhinted},
    lease::{Running, expired, hold, hold_expired, is_held, journal, renew, save_checkpoint, save_progress, stalled},
    plan::{find_plan, insert_plan, load_plans},
    settle::{cancel, cleared, request_cancel, restart, set_result, settle},
    target::{
        add_targets, cancel_targets, change_target, conclude_targets, count_targets, fail_targets, find_target,
        get_target, holdings_of, list_targets, live_on, load_targets, newest_done, page_targets, retry_targets,
        superseded, target_counts,
    },
};

use sea_orm::{FromQueryResult, QueryResult};
use uuid::Uuid;

use crate::{
    domain::job::{Job, JobError, JobKind, JobState, Progress},
    error::Result,
    store::{inconsistent, json, word},
};

const TABLE: &str = "job";

/// A row of the table as the domain knows it.
///
/// # Errors
/// `Inconsistent` when a stored value is out of its set or range.
fn job(row: entity::job::Model) -> Result<Job> {
    let id = crate::ids::JobId::from(row.id);
    let count = |column, value: i32| u32::try_from(value).ok().ok_or_else(|| inconsistent(TABLE, column, id));
    Ok(Job {
        id,
        kind: word(TABLE, "kind", id, &row.kind)?,
        state: word(TABLE, "state", id, &row.state)?,
        client_id: row.client_id.map(Into::into),
        engagement_id: row.engagement_id.map(Into::into),
        step_id: row.step_id.map(Into::into),
        plan_id: row.plan_id.map(Into::into),
        parent_id: row.parent_id.map(Into::into),
        args: row.args,
        reason: row.reason,
        priority: row.priority,
        attempt: count("attempt", row.attempt)?,
        max_attempts: count("max_attempts", row.max_attempts)?,
        crash_count: count("crash_count", row.crash_count)?,
        run_at: crate::clock::to_millis(row.run_at),
        is_cancel_requested: row.is_cancel_requested,
        progress: json::<Progress>(TABLE, "progress", id, row.progress)?,
        result: row.result,
        error: row.error.map(|error| json::<JobError>(TABLE, "error", id, error)).transpose()?,
        started_by: word(TABLE, "started_by", id, &row.started_by)?,
        created_at: row.created_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
    })
}

fn model(row: &QueryResult) -> Result<entity::job::Model> {
    Ok(entity::job::Model::from_query_result(row, "")?)
}

fn id_of<T: From<Uuid>>(row: &QueryResult) -> Result<T> {
    Ok(row.try_get::<Uuid>("", "id")?.into())
}

/// The states as a list of literals, which is what a partial index is matched by.
pub(super) fn states(states: &[JobState]) -> String {
    quoted(states.iter().map(|state| state.as_str()))
}

/// The kinds as a list of literals.
pub(super) fn kinds(kinds: &[JobKind]) -> String {
    quoted(kinds.iter().map(|kind| kind.as_str()))
}

/// Words of a closed set, none of which has a quote in it.
fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
