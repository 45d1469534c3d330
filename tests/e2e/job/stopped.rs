//! Returns that are cancelled while a worker is at them.

use std::time::Instant;

use async_trait::async_trait;
use gangway::app::data_return::clear_ended;
use tokio::sync::Notify;
use tokio_util::sync::DropGuard;

use super::*;
use crate::{
    support::{on_both_stacks, run::events},
    twisted::Twist,
};

/// The second part is not begun before it is let.
struct Held {
    /// Told when it was to begin.
    asked: Arc<Notify>,
    /// Lets it.
    go: CancellationToken,
}

#[async_trait]
impl Twist for Held {
    async fn beginning(&self, path: &ObjectPath) {
        if path.to_string().contains(".part-00002.") {
            self.asked.notify_one();
            self.go.cancelled().await;
        }
    }
}

/// The site's destination holds the second part up; gives what tells so, and what lets it when it is dropped.
fn hold_up(site: &mut Site) -> (Arc<Notify>, DropGuard) {
    let (asked, go) = (Arc::<Notify>::default(), CancellationToken::new());
    site.twist_destination(Held { asked: Arc::clone(&asked), go: go.clone() });
    (asked, go.drop_guard())
}

/// The names of what shows at the destination, without their folders.
fn shown(site: &Site) -> Vec<String> {
    let names = site.lying("returns").into_iter().map(|path| path.rsplit('/').next().unwrap().to_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// A return that a worker has in hand: the part with the files counts, the one with the bag's own files is held up.
async fn held_up(site: &mut Site, key: &str) -> (Value, Working, DropGuard) {
    let (asked, hold) = hold_up(site);
    site.write("a.bin", crate::support::make::noise(100_000));
    let job = site.start(key).await;
    let working = site.work();
    timeout(LONG, asked.notified()).await.unwrap();
    (job, working, hold)
}

on_both_stacks! {
    async fn a_return_that_is_cancelled_while_it_runs_stops_and_gives_its_line_back(test) {
        let mut site = Site::of(test).await;
        let (job, working, hold) = held_up(&mut site, "cancel-running").await;
        assert_eq!(site.state_of(&site.holding).await, "CLOSING");
        let began = Instant::now();
        let input = json!({ "id": job["id"], "reason": "The client brings a disk." });
        let asked = site.done(CANCEL, input).await["job"].take();
        assert_eq!(asked, json!({ "id": job["id"], "state": "RUNNING", "isCancelRequested": true }));
        let cancelled = site.until(&job["id"], "CANCELLED").await;
        // It beats five times a second, and nobody waits for a store that does not answer.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(cancelled["progress"]["targets"], json!([{ "state": "CANCELLED", "count": 1 }]));
        assert_eq!((&cancelled["result"], &cancelled["certificate"]), (&Value::Null, &Value::Null));
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
        let told = events(&site.test, job["id"].as_str().unwrap()).await;
        assert_eq!(told, ["job.queued", "job.started", "job.cancel_requested", "job.cancelled"]);

        // What the store takes in after all does not show, and no list names the part that does.
        drop(hold);
        working.end().await;
        let left = shown(&site);
        assert!(left.len() == 1 && left[0].contains(".part-00001."), "{left:?}");
        site.test.pass(8 * 24 * 3_600);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 1);
        assert_eq!((shown(&site), site.lying("own/spool")), (Vec::new(), Vec::new()));
    }

    async fn a_return_that_was_cancelled_is_gone_on_with_when_it_is_ordered_again(test) {
        let mut site = Site::of(test).await;
        let (job, working, hold) = held_up(&mut site, "cancel-and-retry").await;
        site.done(CANCEL, json!({ "id": job["id"], "reason": "Not now." })).await;
        site.until(&job["id"], "CANCELLED").await;
        drop(hold);
        let first = shown(&site);
        let retry = json!({ "id": job["id"], "targets": "UNFINISHED", "reason": "Now.", "idempotencyKey": "after-all" });
        assert_eq!(site.done(RETRY, retry).await["job"]["state"], "QUEUED");
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!((&done["isCancelRequested"], &done["result"]["fileCount"]), (&json!(false), &json!("1")));
        assert!(first.iter().all(|part| shown(&site).contains(part)), "its parts count: {first:?}");
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }
}
