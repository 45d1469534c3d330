//! Workers that are asked to stop.

use std::time::Duration;

use rustix::process::Signal;

use crate::{
    Cluster, REST,
    support::{
        lab::{self, Args},
        process::Process,
        stack::Stack,
    },
    turn,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_running_jobs_end_although_they_outlast_the_lease() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    let worker = cluster.worker_with(|plan| plan.slots = 8);
    stack.order(8, &Args { ms: 4_000, ..Args::default() }).await;
    stack.runs(8).await;
    worker.signal(Signal::TERM);
    stack.order(2, &Args::default()).await;
    assert!(worker.wait(Duration::from_secs(15)).await.success());
    let states = stack.states().await;
    assert_eq!((states.get("SUCCEEDED"), states.get("QUEUED")), (Some(&8), Some(&2)), "it takes nothing more");
    assert_eq!(lab::runs(&stack.log()), 8);
    let _successor = cluster.worker();
    stack.all_over(REST).await;
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_gives_back_what_does_not_end_in_time() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    let worker = cluster.worker_with(|plan| plan.grace_ms = 500);
    let jobs = stack.order(3, &Args { ms: 3_000, ..Args::default() }).await;
    stack.runs(3).await;
    let _successor = cluster.worker();
    worker.signal(Signal::TERM);
    assert!(worker.wait(Duration::from_secs(10)).await.success());
    stack.all_over(REST).await;
    for job in jobs {
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.attempt, row.fence), ("SUCCEEDED", 1, 2));
        let story = ["job.queued", "job.started", "job.handed_back", "job.started", "job.succeeded"];
        assert_eq!(stack.story(job).await, story);
    }
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_stops_the_embedded_process_as_well() {
    let _turn = turn().await;
    let stack = Stack::embedded().await;
    stack.order(4, &Args { ms: 2_500, ..Args::default() }).await;
    let worker = Process::worker(&stack.plan);
    stack.runs(4).await;
    worker.signal(Signal::TERM);
    assert!(worker.wait(Duration::from_secs(15)).await.success());
    assert_eq!(stack.states().await.get("SUCCEEDED"), Some(&4));
    stack.assert_consistent().await;
}
