//! How jobs stop before their end.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use async_graphql::{Request, Variables};
use gangway::{
    auth::{Actor, ClientScope},
    domain::role::Role,
    graphql,
    ids::{ActorId, JobId},
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    LONG, on_every_stack,
    support::{
        lab::{self, Args},
        process::LEASE,
        stack::Stack,
    },
};

/// Asks for `job` to be cancelled, as a caller of the API does; gives the payload.
async fn cancel(stack: &Stack, job: JobId) -> Value {
    let operator = Actor {
        id: ActorId::User(Uuid::now_v7().into()),
        name: "operator".to_owned(),
        roles: BTreeSet::from([Role::Operator]),
        scope: ClientScope::system(),
        may_adhoc: false,
        expires_at: None,
    };
    let document = "mutation($input: JobCancelInput!) { jobCancel(input: $input) {
        job { state isCancelRequested } userErrors { code path message } } }";
    let input = json!({ "input": { "id": job.to_string(), "reason": "It takes too long." } });
    let request = Request::new(document).variables(Variables::from_json(input));
    let schema = graphql::builder().finish();
    let answer = schema.execute(graphql::request(request, &stack.app, operator)).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    answer.data.into_json().unwrap()["jobCancel"].take()
}

/// A worker whose heart beats once a minute, in another process than those who watch and steer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_and_a_cancel_go_from_process_to_process() {
    let site = crate::Site::cluster().await;
    let stack = &site.stack;
    let (app, queue, _background) = site.beside().await;
    let mut ticks = stack.app.parts().ticks.watch();
    let job = stack.order_one(&Args { ms: 20_000, ..Args::default() }, |_| {}).await;
    let working = site.work_for(&queue, &app);
    let told = tokio::time::timeout(LONG, ticks.recv()).await.unwrap().unwrap();
    assert_eq!(told.job, job, "what the worker tells is heard here");
    let began = Instant::now();
    assert_eq!(cancel(stack, job).await["job"]["isCancelRequested"], true);
    stack.all_over(LONG).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}: nobody waited for a beat", began.elapsed());
    assert_eq!(stack.row(job).await.state, "CANCELLED");
    stack.assert_consistent().await;
    working.end(LONG).await;
}

on_every_stack! {
    async fn a_running_job_that_is_cancelled_stops_within_a_few_beats(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 20_000, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.runs(1).await;
        let began = Instant::now();
        let asked = cancel(stack, job).await;
        assert_eq!(asked, json!({ "job": { "state": "RUNNING", "isCancelRequested": true }, "userErrors": [] }));
        stack.until("the job is cancelled", LONG, async || {
            let state = stack.row(job).await.state;
            if state == "CANCELLED" { Ok(()) } else { Err(state) }
        })
        .await;
        // Twelve beats of the heart, on a machine that does other things as well; the task itself takes 20 seconds.
        assert!(began.elapsed() < LEASE * 2, "{:?}", began.elapsed());
        assert_eq!(stack.story(job).await, ["job.queued", "job.started", "job.cancel_requested", "job.cancelled"]);
        let noted: Vec<_> = lab::read(&stack.log()).into_iter().map(|noted| noted.what).collect();
        assert_eq!(noted, ["START", "STOP"], "the task itself was told, and stopped");
        assert_eq!(cancel(stack, job).await["userErrors"][0]["code"], "CONFLICT");
        stack.assert_consistent().await;
        working.end(LONG).await;
    }

    async fn a_job_that_is_asked_twice_to_stop_was_asked_once(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 1_500, is_deaf: true, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.runs(1).await;
        for _ in 0..2 {
            assert_eq!(cancel(stack, job).await["userErrors"], json!([]));
        }
        stack.all_over(LONG).await;
        working.end(LONG).await;
        // A task that has done everything before it saw the request has done it.
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.is_cancel_requested), ("SUCCEEDED", true));
        assert_eq!(stack.story(job).await, ["job.queued", "job.started", "job.cancel_requested", "job.succeeded"]);
        stack.assert_consistent().await;
    }

    async fn a_drain_waits_for_what_runs(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 600, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.runs(1).await;
        stack.order(1, &Args::default()).await;
        working.end(LONG).await;
        assert_eq!(stack.row(job).await.state, "SUCCEEDED");
        let states = stack.states().await;
        let runs = lab::runs(&stack.log());
        // The second may have come in before the drain began; if not, it still waits.
        assert!(states.get("SUCCEEDED") == Some(&runs), "{states:?} {runs}");
    }

    async fn a_task_with_a_checkpoint_hands_back_at_once_and_goes_on_elsewhere(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 2_000, resumes: true, ..Args::default() }, |_| {}).await;
        let mut ticks = stack.app.parts().ticks.watch();
        let working = site.work();
        while ticks.recv().await.unwrap().progress.done < 500 {}
        let began = Instant::now();
        working.end(LONG).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.attempt, row.crash_count), ("QUEUED", 0, 0));
        assert!(row.checkpoint.unwrap()["worked_ms"].as_u64().unwrap() >= 500);
        let working = site.work();
        let began = Instant::now();
        stack.all_over(LONG).await;
        assert!(began.elapsed() < Duration::from_millis(1_900), "it did not start over: {:?}", began.elapsed());
        assert_eq!(stack.row(job).await.attempt, 1);
        stack.assert_consistent().await;
        working.end(LONG).await;
    }

    async fn what_outlasts_the_grace_period_is_given_back(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 10_000, is_deaf: true, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.runs(1).await;
        let began = Instant::now();
        working.end(Duration::from_millis(300)).await;
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.attempt, row.crash_count), ("QUEUED", 0, 0));
        assert_eq!(stack.story(job).await, ["job.queued", "job.started", "job.handed_back"]);
    }

    async fn a_run_whose_job_was_taken_away_is_ended_and_changes_nothing(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 20_000, is_deaf: true, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.runs(1).await;
        // As if another worker had claimed it after a rescue.
        let other = "UPDATE job SET fence = fence + 1, worker = 'wrk_other', lease_until = '2999-01-01T00:00:00+00:00'";
        stack.app.db().write().execute_unprepared(other).await.unwrap();
        stack.order(3, &Args { ms: 100, ..Args::default() }).await;
        stack.runs(4).await;
        // Its heart-beat tells it, and after the grace for that its slot is free: draining does not wait for the run.
        let began = Instant::now();
        working.end(LONG).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.fence, row.worker.as_deref()), ("RUNNING", 2, Some("wrk_other")));
        assert_eq!(stack.story(job).await, ["job.queued", "job.started"]);
    }

    async fn a_row_that_its_worker_does_not_run_is_rescued_while_the_worker_works(site) {
        let stack = &site.stack;
        let long = stack.order_one(&Args { ms: 60_000, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.runs(1).await;
        let worker = stack.row(long).await.worker.unwrap();
        // As if the answer to a claim, or the end of a run, had been lost in a long outage of the database.
        let orphan = stack.order_one(&Args::default(), |new| new.delay = Duration::from_hours(1)).await;
        let lost = format!(
            "UPDATE job SET state = 'RUNNING', worker = '{worker}', fence = 1, attempt = 1, \
             lease_until = '2000-01-01T00:00:00.000000+00:00' WHERE state = 'QUEUED'"
        );
        stack.app.db().write().execute_unprepared(&lost).await.unwrap();
        stack.until("the orphan is rescued and run", LONG, async || {
            let row = stack.row(orphan).await;
            if row.state == "SUCCEEDED" { Ok(()) } else { Err(row) }
        })
        .await;
        assert_eq!(stack.row(long).await.state, "RUNNING");
        working.end(Duration::ZERO).await;
    }

    async fn a_run_that_its_own_process_claimed_again_is_ended(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 4_000, is_deaf: true, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.runs(1).await;
        // As if the process had stood still for longer than its lease and somebody else had repaired that.
        let rescued = "UPDATE job SET state = 'QUEUED', worker = NULL, lease_until = NULL, attempt = 0";
        stack.app.db().write().execute_unprepared(rescued).await.unwrap();
        stack.runs(2).await;
        stack.all_over(LONG).await;
        working.end(LONG).await;
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.fence), ("SUCCEEDED", 2));
        assert_eq!(row.result.unwrap()["fence"], 2, "the run that holds it said so");
    }
}
