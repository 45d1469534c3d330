//! Too many hints, and too many jobs.

use std::time::Duration;

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
async fn hints_that_come_many_times_run_a_job_once() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    let (_one, _two) = (cluster.worker(), cluster.worker());
    let jobs = stack.order(30, &Args { ms: 150, ..Args::default() }).await;
    let hints = stack.queue.hints();
    let forged = stack.app.new_id();
    let deadline = tokio::time::Instant::now() + REST;
    while stack.states().await.get("SUCCEEDED") != Some(&30) {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", stack.states().await);
        hints.hint(&jobs).await;
        hints.hint(&[forged]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    hints.hint(&jobs).await;
    // Time in which a second run would begin; that none does cannot be waited for.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(lab::runs(&stack.log()), 30);
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_thousand_jobs_are_due_at_once() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    // More than Redis is given are ordered the usual way, the rest by the thousand.
    stack.order_many(2_500, &Args::default()).await;
    stack.copy_orders(9_500).await;
    let _workers = [cluster.worker_with(|plan| plan.slots = 16), cluster.worker_with(|plan| plan.slots = 16)];
    let queue = format!("{}:jobs", stack.plan.prefix);
    let mut most = 0;
    let began = tokio::time::Instant::now();
    loop {
        let waiting = cluster.redis.ask(&["ZCARD", &format!("{queue}:scheduled")]).await
            + cluster.redis.ask(&["LLEN", &format!("{queue}:active")]).await;
        most = most.max(waiting);
        let left = stack.left().await;
        if left == 0 {
            break;
        }
        assert!(began.elapsed() < 4 * REST, "{left} are left");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Two workers may each find room for as many.
    assert!((1..=4_200).contains(&most), "{most} hints waited in Redis");
    assert_eq!(stack.states().await.get("SUCCEEDED"), Some(&12_000));
    assert_eq!(lab::runs(&stack.log()), 12_000);
    // What apalis leaves behind is cleared away.
    let cleared = async || {
        let left = cluster.redis.ask(&["HLEN", &format!("{queue}:data")]).await;
        if left < 100 { Ok(()) } else { Err(left) }
    };
    stack.until("Redis is tidy", REST, cleared).await;
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_five_hundred_jobs_are_due_at_once_in_the_embedded_process() {
    let _turn = turn().await;
    let stack = Stack::embedded().await;
    stack.order_many(2_500, &Args::default()).await;
    let _worker = Process::worker(&stack.plan);
    let none_left = async || match stack.left().await {
        0 => Ok(()),
        left => Err(left),
    };
    stack.until("all are done", 2 * REST, none_left).await;
    assert_eq!(lab::runs(&stack.log()), 2_500);
    stack.assert_consistent().await;
}
