//! Services that go away.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    Cluster, REST,
    support::{
        lab::{self, Args},
        process::Process,
        service::{Postgres, Redis},
        stack::Stack,
    },
    turn,
};

fn work(ms: u64) -> Args {
    Args { ms, ..Args::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_emptied_while_jobs_wait_and_run() {
    let cluster = Cluster::start().await;
    let stack = &cluster.stack;
    let _worker = cluster.worker();
    stack.order(12, &work(1_500)).await;
    stack.runs(4).await;
    cluster.redis.ask(&["FLUSHALL"]).await;
    stack.all_over(REST).await;
    assert_eq!(stack.states().await.get("SUCCEEDED"), Some(&12));
    assert_eq!(lab::runs(&stack.log()), 12, "nothing ran twice");
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_away_for_ten_seconds() {
    let mut cluster = Cluster::start().await;
    let _worker = cluster.worker();
    cluster.stack.order(4, &work(3_000)).await;
    cluster.stack.runs(4).await;
    cluster.redis.kill();
    let began = tokio::time::Instant::now();
    cluster.stack.order(8, &work(200)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "ordering does not wait for Redis: {:?}", began.elapsed());
    // Running jobs end and new ones begin without it.
    cluster.stack.all_over(Duration::from_secs(12)).await;
    sleep(Duration::from_secs(10).saturating_sub(began.elapsed())).await;
    cluster.redis.begin();
    cluster.stack.order(8, &work(200)).await;
    cluster.stack.all_over(REST).await;
    assert_eq!(cluster.stack.states().await.get("SUCCEEDED"), Some(&20));
    assert_eq!(lab::runs(&cluster.stack.log()), 20, "nothing ran twice");
    // And it is used again.
    let queue = format!("{}:jobs:workers", cluster.stack.plan.prefix);
    let is_back = async || if cluster.redis.ask(&["ZCARD", &queue]).await > 0 { Ok(()) } else { Err(()) };
    cluster.stack.until("the worker is back in Redis", REST, is_back).await;
    cluster.stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_cut_off_and_comes_back() {
    let _turn = turn().await;
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let stack = Stack::cluster(postgres.url(), redis.url()).await;
    let (_one, _two) = (Process::worker(&stack.plan), Process::worker(&stack.plan));
    stack.order(16, &work(1_500)).await;
    stack.runs(8).await;
    postgres.stop_immediately();
    // Longer than a lease: nobody could renew, so nobody is to blame.
    sleep(Duration::from_secs(4)).await;
    postgres.begin();
    stack.all_over(REST).await;
    assert_eq!(stack.states().await.get("SUCCEEDED"), Some(&16));
    assert_eq!(lab::runs(&stack.log()), 16, "nothing ran twice");
    stack.assert_consistent().await;
}
