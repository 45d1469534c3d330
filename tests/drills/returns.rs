//! A worker that dies, or stands still, in the middle of a data return.

use rustix::process::Signal;
use sea_orm::EntityTrait;

use gangway::ids::JobId;

use crate::{
    Cluster, REST,
    support::{
        data::{Data, FILES, two_parts},
        process::Process,
        stack::Stack,
    },
    turn,
};

/// Kills the worker once two parts are counted; its successor goes on behind them.
async fn dies_in_the_middle(stack: &mut Stack) {
    let data = Data::of(stack).await;
    let job = data.order(stack).await;
    let victim = Process::worker(&stack.plan);
    two_parts(stack, job).await;
    victim.kill();
    let before = data.parts(job);
    assert!((2..FILES).contains(&(before.len() as u64)), "killed in the middle: {}", before.len());
    let _successor = Process::worker(&stack.plan);
    stack.all_over(REST * 2).await;
    let row = stack.row(job).await;
    assert_eq!((row.state.as_str(), row.fence), ("SUCCEEDED", 2), "{:?}", row.error);
    assert_eq!(row.result.unwrap()["fileCount"], FILES);
    // What was durable was not made again.
    let after = data.parts(job);
    assert_eq!(before[..2], after[..2]);
    data.assert_whole(job);
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_whose_worker_is_killed_goes_on_where_it_was() {
    let mut cluster = Cluster::start().await;
    dies_in_the_middle(&mut cluster.stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_of_the_embedded_process_goes_on_where_it_was() {
    let _turn = turn().await;
    dies_in_the_middle(&mut Stack::embedded().await).await;
}

/// What is written down of `job`: its row, its events, and the receipts of everybody.
async fn recorded(stack: &Stack, job: JobId) -> (entity::job::Model, Vec<String>, Vec<entity::certificate::Model>) {
    let receipts = entity::certificate::Entity::find().all(stack.app.db().read()).await.unwrap();
    (stack.row(job).await, stack.story(job).await, receipts)
}

/// Stops the worker for longer than its lease once two parts are counted; it wakes when its successor is done.
async fn wakes_when_it_is_over(stack: &mut Stack) {
    let data = Data::of(stack).await;
    let job = data.order(stack).await;
    let sleeper = Process::worker(&stack.plan);
    two_parts(stack, job).await;
    sleeper.signal(Signal::STOP);
    assert_eq!(stack.row(job).await.state, "RUNNING", "stopped in the middle");
    let _successor = Process::worker(&stack.plan);
    stack.all_over(REST * 2).await;
    let (before, parts) = (recorded(stack, job).await, data.listed(job));
    let (row, story, receipts) = &before;
    assert_eq!((row.state.as_str(), row.fence, row.attempt), ("SUCCEEDED", 2, 1), "{:?}", row.error);
    let told = ["job.queued", "job.started", "job.rescued", "job.started", "data_return.delivered", "job.succeeded"];
    assert_eq!(*story, told);
    assert_eq!(receipts.iter().map(|receipt| receipt.job_id).collect::<Vec<_>>(), [Some(job.uuid())]);
    sleeper.signal(Signal::CONT);
    // Asked to end, it ends when nothing of its run is left that could still write.
    sleeper.signal(Signal::TERM);
    assert!(sleeper.wait(REST).await.success());
    assert_eq!(recorded(stack, job).await, before, "the late worker records nothing");
    assert_eq!(data.listed(job), parts, "the late worker writes over nothing");
    data.assert_whole(job);
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_whose_worker_wakes_after_its_lease_is_delivered_once() {
    let mut cluster = Cluster::start().await;
    wakes_when_it_is_over(&mut cluster.stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_whose_worker_wakes_after_its_lease_is_delivered_once_on_one_file() {
    let _turn = turn().await;
    wakes_when_it_is_over(&mut Stack::polling(None).await).await;
}
