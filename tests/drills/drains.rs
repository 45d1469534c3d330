//! The real program, asked to end in the middle of a data return.

use std::time::{Duration, Instant};

use gangway::{domain::role::Role, ids::JobId};
use rustix::process::Signal;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;
use tokio::{net::TcpListener, time::timeout};

use crate::{
    Cluster, REST,
    callers::log_verifies,
    support::{
        data::{Data, FILES, two_parts},
        site::{self, Site},
        stack::Stack,
    },
};

/// The job waits for another worker, and what happened to it cost it nothing.
async fn assert_handed_back(stack: &Stack, job: JobId) {
    let row = stack.row(job).await;
    assert_eq!((row.state.as_str(), row.worker, row.attempt, row.crash_count), ("QUEUED", None, 0, 0));
    assert_eq!(stack.story(job).await, ["job.queued", "job.started", "job.handed_back"]);
}

/// The successor brought the return to its end, once.
async fn assert_returned(cluster: &Cluster, site: &Site, data: &Data, job: JobId) {
    let stack = &cluster.stack;
    stack.all_over(REST * 2).await;
    let row = stack.row(job).await;
    assert_eq!((row.state.as_str(), row.fence, row.attempt), ("SUCCEEDED", 2, 1), "{:?}", row.error);
    assert_eq!(row.result.unwrap()["fileCount"], data.files);
    let told =
        ["job.queued", "job.started", "job.handed_back", "job.started", "data_return.delivered", "job.succeeded"];
    assert_eq!(stack.story(job).await, told);
    assert_eq!(entity::certificate::Entity::find().count(stack.app.db().read()).await.unwrap(), 1);
    data.assert_whole(job);
    stack.assert_told().await;
    let api = site.serve(&cluster.redis.url()).await;
    log_verifies(stack, &api, &site::token(Role::Compliance)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_hands_a_return_back_and_a_successor_goes_on_where_it_was() {
    let mut cluster = Cluster::start().await;
    let data = Data::of(&mut cluster.stack).await;
    let (stack, redis) = (&cluster.stack, cluster.redis.url());
    // Who waited for the return to end, or for the grace period, would be seen.
    let site = Site::of(stack).with("GANGWAY_SHUTDOWN_GRACE", "1h");
    let site = site.with("GANGWAY_SOURCES", data.sources()).with("GANGWAY_DESTINATIONS", data.destinations());
    let job = data.order(stack).await;
    let worker = site.work(&redis).await;
    two_parts(stack, job).await;
    worker.process.signal(Signal::TERM);
    let status = worker.process.wait(Duration::from_secs(15)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert_handed_back(stack, job).await;
    let before = data.parts(job);
    assert!((2..FILES).contains(&(before.len() as u64)), "ended in the middle: {}", before.len());

    let _successor = site.work(&redis).await;
    assert_returned(&cluster, &site, &data, job).await;
    assert_eq!(before[..2], data.parts(job)[..2], "what was durable was not made again");
}

/// The default grace period is 30 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_gives_a_return_back_that_is_held_up_for_longer_than_the_grace_period() {
    let mut cluster = Cluster::start().await;
    let data = Data::of_files(&mut cluster.stack, 3, 10_000).await;
    let (stack, redis) = (&cluster.stack, cluster.redis.url());
    // A store that takes what it is sent and answers nothing: the return is held up at its write test.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let store = json!([{ "name": "returns", "endpoint": endpoint, "bucket": "b", "uses": ["destination"] }]);
    let site = Site::of(stack)
        .with("GANGWAY_SHUTDOWN_GRACE", "2s")
        .with("GANGWAY_SOURCES", data.sources())
        .with("GANGWAY_S3_STORES", store.to_string())
        .with("GANGWAY_S3_RETURNS_ACCESS_KEY_ID", "test")
        .with("GANGWAY_S3_RETURNS_SECRET_ACCESS_KEY", "secret");
    let job = data.order(stack).await;
    let worker = site.work(&redis).await;
    let _connection = timeout(REST, silent.accept()).await.unwrap().unwrap();
    let began = Instant::now();
    worker.process.signal(Signal::TERM);
    let status = worker.process.wait(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(began.elapsed() >= Duration::from_secs(2), "it was given its time: {:?}", began.elapsed());
    assert_handed_back(stack, job).await;

    let site = site.with("GANGWAY_S3_STORES", "[]").with("GANGWAY_DESTINATIONS", data.destinations());
    let _successor = site.work(&redis).await;
    assert_returned(&cluster, &site, &data, job).await;
}
