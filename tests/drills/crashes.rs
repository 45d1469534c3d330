//! Processes that die or stand still.

use std::{collections::BTreeSet, os::unix::process::ExitStatusExt, time::Duration};

use gangway::{domain::job::JobState, ids::JobId};
use rustix::process::Signal;

use crate::{
    Cluster, REST,
    support::{
        lab::{self, Args, End},
        process::{Plan, Process},
        stack::Stack,
    },
    turn,
};

fn work(ms: u64) -> Args {
    Args { ms, ..Args::default() }
}

fn running_in(stack: &Stack, pid: u32) -> BTreeSet<String> {
    let noted = lab::read(&stack.log());
    let begun = noted.iter().filter(|noted| noted.pid == pid && noted.what == "START").map(|noted| &noted.job);
    let ended: BTreeSet<_> = noted.iter().filter(|noted| noted.what == "END").map(|noted| &noted.job).collect();
    begun.filter(|job| !ended.contains(job)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_killed_loses_no_job() {
    let cluster = Cluster::start().await;
    let (victim, _other) = (cluster.worker(), cluster.worker());
    cluster.stack.order(12, &work(1_500)).await;
    let pid = victim.pid();
    let stack = &cluster.stack;
    let lost = stack
        .until("the victim runs jobs", REST, async || {
            let running = running_in(stack, pid);
            if running.len() >= 2 { Ok(running) } else { Err(running) }
        })
        .await;
    victim.kill();
    stack.all_over(REST).await;
    assert_eq!(stack.states().await.get("SUCCEEDED"), Some(&12));
    for job in &lost {
        let row = stack.row(job.parse::<JobId>().unwrap()).await;
        assert_eq!((row.fence, row.crash_count, row.attempt), (2, 0, 1), "it ran twice and counts once");
    }
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_worker_is_killed_and_starts_again_at_once() {
    let cluster = Cluster::start().await;
    let victim = cluster.worker();
    cluster.stack.order(10, &work(800)).await;
    cluster.stack.runs(3).await;
    victim.kill();
    let _successor = cluster.worker();
    cluster.stack.all_over(REST).await;
    assert_eq!(cluster.stack.states().await.get("SUCCEEDED"), Some(&10));
    cluster.stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_process_is_killed_and_starts_again_at_once() {
    let _turn = turn().await;
    dies_and_starts_again(&Stack::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_looks_for_itself_is_killed_and_starts_again_at_once() {
    let _turn = turn().await;
    dies_and_starts_again(&Stack::polling(None).await).await;
}

async fn dies_and_starts_again(stack: &Stack) {
    stack.order(10, &work(800)).await;
    let victim = Process::worker(&stack.plan);
    stack.runs(3).await;
    victim.kill();
    let _successor = Process::worker(&stack.plan);
    stack.all_over(REST).await;
    assert_eq!(stack.states().await.get("SUCCEEDED"), Some(&10));
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_wakes_after_its_lease_changes_nothing() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    let sleeper = cluster.worker();
    let jobs = stack.order(3, &work(2_500)).await;
    stack.runs(3).await;
    let pid = sleeper.pid();
    sleeper.signal(Signal::STOP);
    let _other = cluster.worker();
    stack.runs(6).await;
    // It wakes while its successor runs: both believe that they hold the jobs.
    sleeper.signal(Signal::CONT);
    stack.all_over(REST).await;
    for job in jobs {
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.fence), ("SUCCEEDED", 2));
        let result = row.result.unwrap();
        assert_eq!(result["fence"], 2);
        assert_ne!(result["pid"], pid, "the sleeper's result is not accepted");
    }
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_kills_its_worker_fails_and_its_neighbours_do_not() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    let healthy = stack.order(3, &work(1_200)).await;
    let poison = stack.order_one(&Args { end: End::Abort, ..work(300) }, |_| {}).await;
    let mut worker = cluster.worker();
    // What a service manager does: it starts the process again whenever it has died.
    let over = async || !stack.states().await.keys().any(|state| is_live(state));
    let deadline = tokio::time::Instant::now() + REST;
    while !over().await {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", stack.states().await);
        if worker.ended().is_some() {
            worker = cluster.worker();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let row = stack.row(poison).await;
    assert_eq!((row.state.as_str(), row.crash_count, row.attempt), ("FAILED", 3, 0));
    assert_eq!(row.error.unwrap()["code"], "WORKER_CRASHED");
    for job in healthy {
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.attempt), ("SUCCEEDED", 1), "a neighbour's crash costs no attempt");
    }
    stack.assert_consistent().await;
}

fn is_live(state: &str) -> bool {
    JobState::LIVE.iter().any(|live| live.as_str() == state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_between_the_commit_and_the_hint_loses_no_job() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    let _worker = cluster.worker();
    stack.order(1, &work(0)).await;
    stack.all_over(REST).await;
    let orders = Plan { order: Some(work(0)), ..stack.plan.clone() };
    for _ in 0..3 {
        let status = Process::worker(&orders).wait(REST).await;
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "it died where it would have told");
    }
    stack.all_over(REST).await;
    assert_eq!(stack.states().await.get("SUCCEEDED"), Some(&4));
    assert_eq!(lab::runs(&stack.log()), 4);
    stack.assert_consistent().await;
}
