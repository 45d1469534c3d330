//! Returns to a place that has no room left.

use std::sync::atomic::AtomicU64;

use gangway::ports::storage::FaultKind;
use sea_orm::ConnectionTrait;

use super::*;
use crate::{
    support::{on_both_stacks, run::events},
    twisted::Flaky,
};

/// The site's destination takes `bytes` more; gives how many are left.
fn make_small(site: &mut Site, bytes: u64) -> Arc<AtomicU64> {
    let left = Arc::new(AtomicU64::new(bytes));
    site.twist_destination(Flaky { left: Arc::clone(&left), kind: FaultKind::Full });
    left
}

/// What stands first in a package, and then the room ends: the write test fits.
const ROOM: u64 = 2_000;

/// The job's pause is over.
pub(super) async fn look_now(site: &Site) {
    let db = site.test.app.db().write().clone();
    db.execute_unprepared("UPDATE job SET run_at = created_at WHERE state = 'WAITING'").await.unwrap();
}

on_both_stacks! {
    async fn a_full_destination_is_waited_for_and_the_return_goes_on_when_there_is_room(test) {
        let mut site = Site::of(test).await;
        let left = make_small(&mut site, ROOM);
        site.write("a.bin", crate::support::make::noise(100_000));
        let job = site.start("full-then-not").await;
        let working = site.work();
        let waiting = site.until(&job["id"], "WAITING").await;
        let error = &waiting["error"];
        assert_eq!((&error["code"], &error["retryable"]), (&json!("DESTINATION_FULL"), &json!(true)));
        assert_eq!(error["message"], "The destination has no room left.");
        assert!(error["remedy"].as_str().unwrap().contains("jobRetry"), "{error}");
        assert_eq!(waiting["targets"]["nodes"][0]["state"], "WAITING");
        assert_eq!(waiting["targets"]["nodes"][0]["error"]["code"], "DESTINATION_FULL");
        assert_eq!((&waiting["attempt"], site.state_of(&site.holding).await.as_str()), (&json!(0), "CLOSING"));
        let next: chrono::DateTime<chrono::Utc> = waiting["nextRunAt"].as_str().unwrap().parse().unwrap();
        let pause = (next - chrono::Utc::now()).num_seconds();
        assert!((200..=300).contains(&pause), "{pause} seconds");

        // Still no room: it waits on, for longer.
        look_now(&site).await;
        let longer = async {
            while site.job(&job["id"]).await["nextRunAt"].as_str().is_none_or(|next| {
                (next.parse::<chrono::DateTime<chrono::Utc>>().unwrap() - chrono::Utc::now()).num_seconds() < 400
            }) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LONG, longer).await.unwrap();

        left.store(u64::MAX, Ordering::SeqCst);
        look_now(&site).await;
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!(done["targets"]["nodes"][0]["attempt"], 1, "looks for room are no attempts: {done}");
        assert_eq!((&done["attempt"], &done["error"], &done["result"]["fileCount"]), (&json!(1), &Value::Null, &json!("1")));
        let package = done["result"]["package"].as_str().unwrap();
        assert!(package.ends_with("-1"), "the first run's package was gone on with: {package}");
        let told = events(&site.test, job["id"].as_str().unwrap()).await;
        assert_eq!(told.iter().filter(|kind| *kind == "job.waiting").count(), 2, "{told:?}");
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }

    async fn a_return_that_waits_for_room_is_cancelled_at_once(test) {
        let mut site = Site::of(test).await;
        make_small(&mut site, ROOM);
        site.write("a.bin", crate::support::make::noise(100_000));
        let job = site.start("full-cancelled").await;
        let working = site.work();
        site.until(&job["id"], "WAITING").await;
        let input = json!({ "id": job["id"], "reason": "The client brings a disk." });
        assert_eq!(site.done(CANCEL, input).await["job"]["state"], "CANCELLED");
        working.end().await;
        let now = site.job(&job["id"]).await;
        assert_eq!(now["progress"]["targets"], json!([{ "state": "CANCELLED", "count": 1 }]));
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
    }

    async fn after_two_weeks_without_room_the_return_fails_and_can_still_be_gone_on_with(test) {
        let mut site = Site::of(test).await;
        let left = make_small(&mut site, ROOM);
        site.write("a.bin", crate::support::make::noise(100_000));
        let job = site.start("full-for-ever").await;
        let working = site.work();
        site.until(&job["id"], "WAITING").await;
        site.test.pass(14 * 24 * 3_600);
        look_now(&site).await;
        let failed = site.until(&job["id"], "FAILED").await;
        assert_eq!((&failed["error"]["code"], &failed["error"]["retryable"]), (&json!("DESTINATION_FULL"), &json!(false)));
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
        assert_eq!(site.retry(&job["id"], "too-early-retry").await["userErrors"], json!([]));
        site.until(&job["id"], "WAITING").await;
        left.store(u64::MAX, Ordering::SeqCst);
        look_now(&site).await;
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert!(done["result"]["package"].as_str().unwrap().ends_with("-1"), "{done}");
    }
}
