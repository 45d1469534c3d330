use std::{collections::HashSet, time::Duration};

use chrono::{TimeDelta, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    auth::ClientScope,
    clock::to_millis,
    domain::job::{
        Claimant, Claimed, Enqueued, JobKind, JobState, Lease, NewJob, NewTarget, Outcome, Pick, ProgressUnit,
        TargetState, crashed, settle as decide,
    },
    ids::{ActorId, JobId, WorkerId},
    store::{Db, dialect::Dialect, testing::on_both},
};

const LEASE: Duration = Duration::from_secs(30);

/// The job as somebody sees it who sees every client.
async fn get(db: &Db, id: JobId) -> Job {
    load_many(db.read(), &ClientScope::system(), &[id]).await.unwrap().pop().unwrap()
}

fn now() -> crate::clock::Instant {
    to_millis(Utc::now())
}

fn new_job() -> NewJob {
    NewJob::new(JobId::from(Uuid::now_v7()), JobKind::ResidualCheck, json!({"n": 1}), ActorId::System)
}

fn claimant() -> Claimant {
    Claimant { worker: WorkerId::from(Uuid::now_v7()), kinds: vec![JobKind::ResidualCheck], lease: LEASE }
}

async fn put(db: &Db, new: &NewJob) -> Enqueued {
    let tx = db.begin().await.unwrap();
    let enqueued = enqueue(&tx, new, now()).await.unwrap();
    tx.commit().await.unwrap();
    enqueued
}

async fn queued(db: &Db) -> JobId {
    let new = new_job();
    assert_eq!(put(db, &new).await, Enqueued::New);
    new.id
}

async fn take(db: &Db, by: &Claimant, pick: Pick) -> Option<Claimed> {
    let tx = db.begin().await.unwrap();
    let claimed = claim(&tx, by, pick, now()).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn end(db: &Db, lease: Lease, outcome: Outcome) -> Option<JobState> {
    let tx = db.begin().await.unwrap();
    let state = match hold(&tx, lease).await.unwrap() {
        Some(running) => settle(&tx, lease, &decide(running.standing, outcome, 0.0), None, now()).await.unwrap(),
        None => None,
    };
    tx.commit().await.unwrap();
    state
}

async fn crash(db: &Db, id: JobId) -> JobState {
    let leases = expired(db, 10).await.unwrap();
    let lease = leases.into_iter().find(|lease| lease.job == id).unwrap();
    let tx = db.begin().await.unwrap();
    let standing = hold_expired(&tx, lease).await.unwrap().unwrap().standing;
    let state = settle(&tx, lease, &crashed(standing.crash_count, false), None, now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    state
}

async fn row(db: &Db, id: JobId) -> entity::job::Model {
    entity::job::Entity::find_by_id(id.uuid()).one(db.read()).await.unwrap().unwrap()
}

/// Moves an instant of the row by `millis` relative to the database's clock.
async fn shift(db: &Db, id: JobId, column: &str, millis: i64) {
    let dialect = Dialect::of(db.backend());
    let sql = format!("UPDATE job SET {column} = {} WHERE id = $2", dialect.after("$1"));
    db.write().execute_raw(dialect.statement(sql, [millis.into(), id.uuid().into()])).await.unwrap();
}

on_both! {
    async fn a_queued_job_reads_back_as_it_was_ordered(db: &Db) {
        let new = NewJob {
            reason: Some("the client asked".to_owned()),
            priority: 7,
            max_attempts: 3,
            unit: ProgressUnit::Files,
            ..new_job()
        };
        put(db, &new).await;
        let job = get(db, new.id).await;
        assert_eq!((job.id, job.kind, job.state), (new.id, JobKind::ResidualCheck, JobState::Queued));
        assert_eq!((job.priority, job.max_attempts, job.attempt, job.crash_count), (7, 3, 0, 0));
        assert_eq!((job.args, job.reason, job.started_by), (json!({"n": 1}), new.reason, ActorId::System));
        assert_eq!(job.progress, Progress::none(ProgressUnit::Files));
        assert!((Utc::now() - job.run_at).abs() < TimeDelta::seconds(5), "{}", job.run_at);
    }

    async fn the_provider_s_own_jobs_are_hidden_from_a_restricted_caller(db: &Db) {
        let id = queued(db).await;
        assert_eq!(load_many(db.read(), &ClientScope::for_test([]), &[id]).await.unwrap(), []);
    }

    async fn a_unique_key_admits_one_live_job_at_a_time(db: &Db) {
        let first = NewJob { unique_key: Some("k".to_owned()), ..new_job() };
        let second = NewJob { unique_key: Some("k".to_owned()), ..new_job() };
        assert_eq!(put(db, &first).await, Enqueued::New);
        assert_eq!(put(db, &second).await, Enqueued::Live(first.id));
        let claimed = take(db, &claimant(), Pick::Best).await.unwrap();
        assert_eq!(put(db, &second).await, Enqueued::Live(first.id));
        end(db, claimed.lease, Outcome::Done(None)).await.unwrap();
        assert_eq!(put(db, &second).await, Enqueued::New);
        let tx = db.begin().await.unwrap();
        assert!(restart(&tx, first.id, JobState::Succeeded).await.is_err(), "its key is taken now");
    }

    async fn of_two_claimers_one_wins(db: &Db) {
        let id = queued(db).await;
        let (one, two) = (claimant(), claimant());
        let (first, second) = tokio::join!(take(db, &one, Pick::This(id)), take(db, &two, Pick::This(id)));
        assert!(first.is_some() != second.is_some());
        let winner = first.or(second).unwrap();
        assert_eq!((winner.lease.fence, winner.job.attempt, winner.job.state), (1, 1, JobState::Running));
        assert!(winner.job.started_at.is_some());
    }

    async fn many_claimers_take_every_job_once(db: &Db) {
        for _ in 0..20 {
            queued(db).await;
        }
        let claimers = (0..8).map(|_| async {
            let by = claimant();
            let mut mine = Vec::new();
            while let Some(claimed) = take(db, &by, Pick::Best).await {
                mine.push(claimed.lease.job);
            }
            mine
        });
        let taken: Vec<_> = futures_util::future::join_all(claimers).await.into_iter().flatten().collect();
        assert_eq!((taken.len(), taken.iter().collect::<HashSet<_>>().len()), (20, 20));
    }

    async fn the_best_job_is_the_most_urgent_and_then_the_oldest(db: &Db) {
        let old = queued(db).await;
        let urgent = NewJob { priority: 1, ..new_job() };
        put(db, &urgent).await;
        let later = NewJob { priority: 0, delay: Duration::from_mins(1), ..new_job() };
        put(db, &later).await;
        shift(db, old, "run_at", -5_000).await;
        let by = claimant();
        let order = [take(db, &by, Pick::Best).await, take(db, &by, Pick::Best).await].map(|it| it.unwrap().job.id);
        assert_eq!(order, [urgent.id, old]);
        assert!(take(db, &by, Pick::Best).await.is_none(), "what is not due is not claimed");
        assert!(take(db, &by, Pick::This(later.id)).await.is_none());
        assert!(!has_due(db, &by, Pick::Best).await.unwrap());
    }

    async fn a_kind_the_worker_does_not_know_is_left_alone(db: &Db) {
        let id = queued(db).await;
        let other = Claimant { kinds: vec![JobKind::Report, JobKind::Archive], ..claimant() };
        assert!(take(db, &other, Pick::This(id)).await.is_none());
        assert!(!has_due(db, &other, Pick::Best).await.unwrap());
        assert!(has_due(db, &claimant(), Pick::Best).await.unwrap());
    }

    async fn the_fence_keeps_out_a_worker_that_woke_up_late(db: &Db) {
        let id = queued(db).await;
        let zombie = take(db, &claimant(), Pick::This(id)).await.unwrap();
        shift(db, id, "lease_until", -1).await;
        assert_eq!(crash(db, id).await, JobState::Queued);
        let successor = take(db, &claimant(), Pick::This(id)).await.unwrap();
        assert!(successor.lease.fence > zombie.lease.fence);
        let progress = Progress { done: 9, ..Progress::none(ProgressUnit::Targets) };
        assert!(!save_progress(db, zombie.lease, &progress).await.unwrap());
        assert!(!save_checkpoint(db, zombie.lease, json!("stale")).await.unwrap());
        assert_eq!(end(db, zombie.lease, Outcome::Done(None)).await, None);
        assert!(save_checkpoint(db, successor.lease, json!("fresh")).await.unwrap());
        assert_eq!(end(db, successor.lease, Outcome::Done(Some(json!(1)))).await, Some(JobState::Succeeded));
        assert_eq!(end(db, successor.lease, Outcome::Done(Some(json!(2)))).await, None, "a result is accepted once");
        let row = row(db, id).await;
        assert_eq!((row.checkpoint, row.result), (Some(json!("fresh")), Some(json!(1))));
        assert!(row.finished_at.is_some() && row.lease_until.is_none() && row.worker.is_none());
    }

    async fn one_statement_renews_all_leases_and_tells_what_is_lost_and_what_should_stop(db: &Db) {
        let by = claimant();
        let (kept, lost, asked, nobodys) = (queued(db).await, queued(db).await, queued(db).await, queued(db).await);
        let mut believed = Vec::new();
        for id in [kept, lost, asked, nobodys] {
            believed.push(take(db, &by, Pick::This(id)).await.unwrap().lease);
            shift(db, id, "lease_until", -1).await;
        }
        believed.pop();
        crash(db, lost).await;
        let tx = db.begin().await.unwrap();
        request_cancel(&tx, asked).await.unwrap();
        tx.commit().await.unwrap();
        let mut held = renew(db, by.worker, LEASE, &believed).await.unwrap();
        held.sort_by_key(|held| held.lease.job);
        let seen: Vec<_> = held.iter().map(|held| (held.lease.job, held.is_cancel_requested)).collect();
        assert_eq!(seen, [(kept, false), (asked, true)]);
        let left: Vec<_> = expired(db, 10).await.unwrap().iter().map(|lease| lease.job).collect();
        assert_eq!(left, [nobodys], "a late sign of life counts while nobody rescued, for what is run");
        assert!(renew(db, claimant().worker, LEASE, &believed).await.unwrap().is_empty());
    }

    async fn the_lease_runs_on_the_database_s_clock(db: &Db) {
        let by = Claimant { lease: Duration::from_millis(400), ..claimant() };
        let id = queued(db).await;
        let claimed = take(db, &by, Pick::This(id)).await.unwrap();
        assert!(expired(db, 10).await.unwrap().is_empty());
        let tx = db.begin().await.unwrap();
        assert!(hold_expired(&tx, claimed.lease).await.unwrap().is_none());
        assert!(hold(&tx, claimed.lease).await.unwrap().is_some());
        tx.rollback().await.unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while expired(db, 10).await.unwrap().is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "it never ran out");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let until = row(db, id).await.lease_until.unwrap();
        assert!(Utc::now() >= until && Utc::now() - until < TimeDelta::seconds(2));
    }

    async fn crashes_cost_no_attempt_isolate_after_two_and_fail_after_three(db: &Db) {
        let id = queued(db).await;
        let by = claimant();
        for (crashes, pick) in [(1, Pick::This(id)), (2, Pick::Best)] {
            take(db, &by, pick).await.unwrap();
            shift(db, id, "lease_until", -1).await;
            assert_eq!(crash(db, id).await, JobState::Queued);
            let row = row(db, id).await;
            assert_eq!((row.crash_count, row.attempt), (crashes, 0));
        }
        assert!(take(db, &by, Pick::Best).await.is_none() && take(db, &by, Pick::This(id)).await.is_none());
        let alone = take(db, &by, Pick::Alone).await.unwrap();
        assert_eq!((alone.job.id, alone.job.crash_count), (id, 2));
        shift(db, id, "lease_until", -1).await;
        assert_eq!(crash(db, id).await, JobState::Failed);
        let job = get(db, id).await;
        assert_eq!((job.crash_count, job.error.unwrap().code.as_str()), (3, "WORKER_CRASHED"));
    }

    async fn a_job_that_runs_alone_can_be_reserved_by_one_worker(db: &Db) {
        let id = queued(db).await;
        let (one, two) = (claimant(), claimant());
        assert!(!reserve(db, &one, Duration::ZERO).await.unwrap(), "it may share a process");
        for _ in 0..2 {
            take(db, &one, Pick::This(id)).await.unwrap();
            shift(db, id, "lease_until", -1).await;
            crash(db, id).await;
        }
        assert!(!reserve(db, &one, Duration::from_mins(1)).await.unwrap(), "it has not waited long");
        assert!(reserve(db, &one, Duration::ZERO).await.unwrap());
        assert!(reserve(db, &one, Duration::ZERO).await.unwrap(), "asking again renews");
        assert!(!reserve(db, &two, Duration::ZERO).await.unwrap());
        assert!(!has_due(db, &two, Pick::Alone).await.unwrap() && take(db, &two, Pick::Alone).await.is_none());
        shift(db, id, "lease_until", -1).await;
        assert!(reserve(db, &two, Duration::ZERO).await.unwrap(), "a reservation runs out with its worker");
        assert!(take(db, &one, Pick::Alone).await.is_none());
        assert_eq!(take(db, &two, Pick::Alone).await.unwrap().job.id, id);
    }

    async fn a_failed_attempt_comes_back_after_its_pause(db: &Db) {
        let id = queued(db).await;
        let by = claimant();
        let error = JobError { code: "X".into(), message: "No.".into(), is_retryable: true, remedy: None };
        let claimed = take(db, &by, Pick::This(id)).await.unwrap();
        let pause = Outcome::RetryAfter(Duration::from_mins(1), error.clone());
        assert_eq!(end(db, claimed.lease, pause).await, Some(JobState::Retrying));
        let job = get(db, id).await;
        assert_eq!((job.attempt, job.error), (1, Some(error.clone())));
        let wait = (job.run_at - Utc::now()).num_seconds();
        assert!((50..=60).contains(&wait), "{wait}");
        assert!(take(db, &by, Pick::Best).await.is_none());
        shift(db, id, "run_at", -1).await;
        let again = take(db, &by, Pick::Best).await.unwrap();
        assert_eq!((again.job.attempt, again.lease.fence), (2, 2));
        let waiting = Outcome::Wait(Duration::from_mins(1), error);
        assert_eq!(end(db, again.lease, waiting).await, Some(JobState::Waiting));
        assert_eq!(row(db, id).await.attempt, 1, "waiting costs no attempt");
        shift(db, id, "run_at", -1).await;
        assert_eq!(take(db, &by, Pick::Best).await.unwrap().job.attempt, 2);
    }

    async fn due_jobs_are_hinted_once_per_silence_best_first(db: &Db) {
        let silence = Duration::from_secs(15);
        let fresh = queued(db).await;
        let lost = queued(db).await;
        let urgent = NewJob { priority: 1, delay: Duration::from_mins(1), ..new_job() };
        put(db, &urgent).await;
        assert!(unhinted(db, silence, 500).await.unwrap().is_empty(), "their hints were sent a moment ago");
        shift(db, lost, "hinted_at", -16_000).await;
        shift(db, urgent.id, "run_at", -1).await;
        assert_eq!(unhinted(db, silence, 500).await.unwrap(), [urgent.id, lost]);
        assert!(unhinted(db, silence, 500).await.unwrap().is_empty());
        forget_hints(db, &[fresh, lost, urgent.id]).await.unwrap();
        assert_eq!(unhinted(db, silence, 1).await.unwrap(), [urgent.id]);
        let (one, two) = tokio::join!(unhinted(db, silence, 500), unhinted(db, silence, 500));
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 2, "two who look share what there is");
    }

    async fn a_job_that_moves_is_not_stalled(db: &Db) {
        let by = claimant();
        let (still, moving) = (queued(db).await, queued(db).await);
        let mut leases = Vec::new();
        for id in [still, moving] {
            leases.push(take(db, &by, Pick::This(id)).await.unwrap().lease);
            shift(db, id, "progressed_at", -60_000).await;
        }
        assert!(save_progress(db, leases[1], &Progress::none(ProgressUnit::Targets)).await.unwrap());
        assert_eq!(stalled(db, Duration::from_secs(30), 10).await.unwrap(), [still]);
    }

    async fn a_cancelled_or_restarted_job_is_as_if_new(db: &Db) {
        let id = queued(db).await;
        let claimed = take(db, &claimant(), Pick::This(id)).await.unwrap();
        save_checkpoint(db, claimed.lease, json!({"at": 3})).await.unwrap();
        let tx = db.begin().await.unwrap();
        assert!(cancel(&tx, id, now()).await.is_err(), "a running job is asked, not ended");
        request_cancel(&tx, id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(end(db, claimed.lease, Outcome::HandBack).await, Some(JobState::Cancelled));
        let tx = db.begin().await.unwrap();
        restart(&tx, id, JobState::Cancelled).await.unwrap();
        tx.commit().await.unwrap();
        let again = take(db, &claimant(), Pick::Best).await.unwrap();
        assert_eq!((again.job.attempt, again.job.is_cancel_requested), (1, false));
        assert_eq!(again.checkpoint, Some(json!({"at": 3})));
        assert!(again.lease.fence > claimed.lease.fence, "a fence never goes back");
    }

    async fn targets_keep_their_order_and_are_counted(db: &Db) {
        let id = queued(db).await;
        let new = |name: &str| NewTarget {
            id: Uuid::now_v7().into(), holding_id: None, name: name.to_owned(), details: json!({"h": name}),
        };
        let tx = db.begin().await.unwrap();
        add_targets(&tx, id, None, (0..1_200).map(|n| new(&n.to_string())).collect(), now()).await.unwrap();
        add_targets(&tx, id, None, vec![new("last")], now()).await.unwrap();
        tx.commit().await.unwrap();
        let page = list_targets(db.read(), id, &[TargetState::Pending], Some(1_198), 10).await.unwrap();
        let seen: Vec<_> = page.iter().map(|target| (target.position, target.name.as_str())).collect();
        assert_eq!(seen, [(1_199, "1199"), (1_200, "last")]);

        let tx = db.begin().await.unwrap();
        let mut target = get_target(&tx, id, page[1].id).await.unwrap();
        assert!(get_target(&tx, JobId::from(Uuid::now_v7()), page[1].id).await.is_err(), "another job's");
        target.state = TargetState::Failed;
        target.attempt = 2;
        target.error = Some(JobError { code: "X".into(), message: "No.".into(), is_retryable: false, remedy: None });
        change_target(&tx, &target).await.unwrap();
        assert_eq!(get_target(&tx, id, target.id).await.unwrap(), target);
        tx.commit().await.unwrap();
        let counts = count_targets(db.read(), id).await.unwrap();
        assert_eq!((counts.of(TargetState::Pending), counts.of(TargetState::Failed)), (1_200, 1));

        let tx = db.begin().await.unwrap();
        assert_eq!(retry_targets(&tx, id, &[TargetState::Failed], now()).await.unwrap(), 1);
        let target = get_target(&tx, id, target.id).await.unwrap();
        assert_eq!((target.state, target.error), (TargetState::Pending, None));
        assert_eq!(cancel_targets(&tx, id, now()).await.unwrap(), 1_201);
        tx.commit().await.unwrap();
    }

    async fn instants_of_the_database_and_of_the_application_compare_as_instants(db: &Db) {
        let dialect = Dialect::of(db.backend());
        let id = queued(db).await;
        // Whole seconds are the trap: the driver then writes no fraction.
        for millis in [0, 1, 500, 999] {
            for (offset, is_due) in [(-1_000, true), (60_000, false)] {
                let at = Utc::now() + TimeDelta::milliseconds(offset);
                let at = chrono::DateTime::from_timestamp(at.timestamp(), millis * 1_000_000).unwrap();
                let set = dialect.statement("UPDATE job SET run_at = $1 WHERE id = $2", [at.into(), id.uuid().into()]);
                db.write().execute_raw(set).await.unwrap();
                let is_past = at <= Utc::now();
                assert!(is_past == is_due || offset == -1_000, "the test itself");
                let due = has_due(db, &claimant(), Pick::Best).await.unwrap();
                assert_eq!(due, is_past, "{at}");
            }
        }
    }

    async fn what_the_database_writes_reads_back_to_the_millisecond(db: &Db) {
        let dialect = Dialect::of(db.backend());
        let id = queued(db).await;
        let sql = format!("UPDATE job SET run_at = {}, hinted_at = {} WHERE id = $2", dialect.after("$1"), dialect.before("$1"));
        db.write().execute_raw(dialect.statement(sql, [90_061_007_i64.into(), id.uuid().into()])).await.unwrap();
        let row = row(db, id).await;
        assert_eq!(row.run_at - row.hinted_at.unwrap(), TimeDelta::milliseconds(2 * 90_061_007));
        assert_eq!(to_millis(row.run_at), row.run_at);
    }

    async fn a_claim_reads_its_index_in_order(db: &Db) {
        let sql = super::claim::first_for_test(db, &claimant());
        let tx = db.begin().await.unwrap();
        let (explain, column, scan) = if db.backend() == sea_orm::DbBackend::Postgres {
            // An empty table is otherwise read whole, whatever the index.
            tx.execute_unprepared("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off").await.unwrap();
            ("EXPLAIN", "QUERY PLAN", "using job_ready")
        } else {
            ("EXPLAIN QUERY PLAN", "detail", "USING INDEX job_ready")
        };
        let statement = Statement::from_string(db.backend(), format!("{explain} {sql}"));
        let rows = tx.query_all_raw(statement).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("", column).unwrap()).collect();
        assert!(plan.iter().any(|line| line.contains(scan)), "{plan:#?}");
        assert!(!plan.iter().any(|line| line.contains("Sort") || line.contains("TEMP B-TREE")), "{plan:#?}");
    }
}
