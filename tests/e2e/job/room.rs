//! What is known of a destination's room before anything is packed.

use std::sync::atomic::AtomicU64;

use super::{full::look_now, *};
use crate::{support::on_both_stacks, twisted::Twist};

/// So many bytes are free, the store says, and takes everything.
struct Measured(Arc<AtomicU64>);

impl Twist for Measured {
    fn free_bytes(&self) -> Option<u64> {
        Some(self.0.load(Ordering::SeqCst))
    }
}

/// The client's files, in bytes.
const PAYLOAD: usize = 100_000;
/// A twentieth more than that.
const NEEDED: u64 = 105_000;

/// A site with a file, whose destination says that so many bytes are free.
async fn measured(test: TestApp, free: u64) -> (Site, Arc<AtomicU64>) {
    let (mut site, free) = (Site::of(test).await, Arc::new(AtomicU64::new(free)));
    site.twist_destination(Measured(Arc::clone(&free)));
    site.write("a.bin", make::noise(PAYLOAD));
    (site, free)
}

/// A return that is packed as `format`.
async fn start_as(site: &Site, format: &str) -> Value {
    let options = json!({ "dataReturn": { "format": format, "destination": "returns" } });
    let plan = site.plan_as(json!({ "options": options })).await;
    site.start_plan(&plan, "room-for-it").await
}

on_both_stacks! {
    async fn one_byte_too_few_is_waited_for_before_anything_is_packed_and_enough_is_enough(test) {
        let (site, free) = measured(test, NEEDED - 1).await;
        let job = start_as(&site, "BAGIT_TAR").await;
        let working = site.work();
        let waiting = site.until(&job["id"], "WAITING").await;
        assert_eq!((&waiting["error"]["code"], &waiting["attempt"]), (&json!("DESTINATION_FULL"), &json!(0)));
        assert_eq!(waiting["targets"]["nodes"][0]["state"], "WAITING");
        assert_eq!(site.lying("returns"), [""; 0], "nothing was packed");
        assert_eq!(site.state_of(&site.holding).await, "CLOSING");

        free.store(NEEDED, Ordering::SeqCst);
        look_now(&site).await;
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!((&done["attempt"], &done["result"]["payloadBytes"]), (&json!(1), &json!(PAYLOAD.to_string())));
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }

    async fn what_is_compressed_is_tried_because_nobody_knows_what_it_will_need(test) {
        let (site, _free) = measured(test, 0).await;
        let job = start_as(&site, "BAGIT_TAR_ZSTD").await;
        let working = site.work();
        site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
    }
}
