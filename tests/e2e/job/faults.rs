//! Returns that fail, and what another try makes of them.

use gangway::ports::storage::{Fault, FaultKind};
use sea_orm::ConnectionTrait;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{meddled::meddled, *};
use crate::support::{make::refusal, on_both_stacks};

/// A return that is PARTIAL: a file was gone when it was to be packed.
pub(super) async fn partial(site: &mut Site) -> Value {
    let (gone, is_done) = (site.home.path().join("data/acme/gone.txt"), AtomicBool::new(false));
    site.change_shelves(|shelves| {
        shelves.own = meddled(&shelves.own, move |path| {
            if path.file_name().ends_with(b".inventory.jsonl") && !is_done.swap(true, Ordering::SeqCst) {
                std::fs::remove_file(&gone).unwrap();
            }
            Ok(())
        });
    });
    site.write("a.txt", "first");
    site.write("gone.txt", "second");
    let job = site.start("return-in-part").await;
    let working = site.work();
    let job = site.until(&job["id"], "PARTIAL").await;
    working.end().await;
    assert_eq!(job["result"]["incompleteCount"], "1");
    job
}

on_both_stacks! {
    async fn a_damaged_part_is_sent_again_and_the_job_succeeds(test) {
        let mut site = Site::of(test).await;
        // Both the part with the files and the one with the bag's own files, and one of them once more.
        site.damage_a_part(3);
        site.write("a.txt", "first");
        let job = site.start("damaged-part").await;
        let working = site.work();
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!((&done["attempt"], &done["result"]["fileCount"]), (&json!(1), &json!("1")));
        let package = done["result"]["package"].as_str().unwrap();
        assert_eq!(package.rsplit('.').next(), Some("v3"), "{package}");
        let manifest = site.lying("returns").into_iter().find(|name| name.ends_with(&format!("/{package}.package.json")));
        let manifest = manifest.unwrap_or_else(|| panic!("{:?}", site.lying("returns")));
        let digest = hex::encode(Sha256::digest(std::fs::read(site.returns().join(manifest)).unwrap()));
        assert_eq!(done["result"]["manifestDigest"], digest);
        assert_eq!(site.lying("returns").len(), 2 + 3, "two parts, three texts and nothing that does not count");
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }

    async fn a_part_that_stays_damaged_fails_the_job_and_another_try_sends_everything_anew(test) {
        let mut site = Site::of(test).await;
        site.damage_a_part(2 + 2 + 2);
        site.write("a.txt", "first");
        let job = site.start("damaged-part").await;
        let working = site.work();
        let failed = site.until(&job["id"], "FAILED").await;
        assert_eq!((&failed["attempt"], &failed["error"]["code"]), (&json!(1), &json!("INTEGRITY_MISMATCH")));
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
        let told = ["holding.registered", "holding.closing", "holding.removal_failed"];
        assert_eq!(crate::support::run::events(&site.test, &site.holding).await, told);
        assert_eq!(site.retry(&job["id"], "damaged-retry").await["userErrors"], json!([]));
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!(done["result"]["fileCount"], "1");
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }

    async fn another_inventory_than_the_frozen_one_fails_the_job_and_another_try_looks_anew(test) {
        let mut site = Site::of(test).await;
        let (own, is_done) = (site.home.path().join("own"), AtomicBool::new(false));
        site.change_shelves(|shelves| {
            shelves.own = meddled(&shelves.own, move |path| {
                if path.file_name().ends_with(b".inventory.jsonl") && !is_done.swap(true, Ordering::SeqCst) {
                    std::fs::write(own.join(path.as_utf8().unwrap()), "{}\n").unwrap();
                }
                Ok(())
            });
        });
        site.write("a.txt", "first");
        let job = site.start("changed-inventory").await;
        let working = site.work();
        let failed = site.until(&job["id"], "FAILED").await;
        assert_eq!((&failed["attempt"], &failed["error"]["code"]), (&json!(1), &json!("PLAN_CHANGED")));
        assert_eq!(site.retry(&job["id"], "changed-retry").await["userErrors"], json!([]));
        site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
    }

    async fn a_worker_that_dies_after_the_receipt_leaves_a_return_that_another_one_ends(test) {
        let site = Site::of(test).await;
        site.write("a.txt", "first");
        let job = site.start("dies-late").await;
        let working = site.work();
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        // What such a worker leaves: the receipt and the ledger as they are, the job and its target not over.
        let db = site.test.app.db().write().clone();
        db.execute_unprepared("UPDATE job_target SET state = 'VERIFYING'").await.unwrap();
        db.execute_unprepared("UPDATE job SET state = 'QUEUED', finished_at = NULL, result = NULL").await.unwrap();
        // The receipt stands, whatever happens at the destination after it: nothing is packed or sent again.
        let package = site.lying("returns");
        let part = package.iter().find(|name| name.contains(".part-")).unwrap();
        std::fs::write(site.returns().join(part), "damaged").unwrap();
        let working = site.work();
        let again = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!((&again["result"], &again["certificate"]), (&done["result"], &done["certificate"]));
        assert_eq!(site.lying("returns"), package);
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }

    async fn a_return_with_its_receipt_ends_as_done_whatever_became_of_its_worker(test) {
        let site = Site::of(test).await;
        site.write("a.txt", "first");
        let job = site.start("receipt-and-death").await;
        let working = site.work();
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        // What a worker leaves that died behind the receipt, here for the third time and asked to stop as well.
        let db = site.test.app.db().write().clone();
        db.execute_unprepared("UPDATE job_target SET state = 'FAILED'").await.unwrap();
        let waiting = "UPDATE job SET state = 'RETRYING', finished_at = NULL, result = NULL";
        db.execute_unprepared(waiting).await.unwrap();
        let input = json!({ "id": job["id"], "reason": "It takes too long." });
        let refused = sent(&site.test, &site.manager, CANCEL, input).await;
        assert_eq!(refusal(&refused).0, "CONFLICT", "{refused}");
        let dead = "UPDATE job SET state = 'RUNNING', worker = 'dead', lease_until = created_at, crash_count = 2, is_cancel_requested = TRUE";
        db.execute_unprepared(dead).await.unwrap();
        let working = site.work();
        let again = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!((&again["result"], &again["targets"]["nodes"][0]["state"]), (&done["result"], &json!("SUCCEEDED")));
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }

    async fn a_run_that_takes_over_a_partial_return_tells_the_same(test) {
        let mut site = Site::of(test).await;
        let job = partial(&mut site).await;
        let package = site.lying("returns");
        // The worker died between what it noted and the end.
        let db = site.test.app.db().write().clone();
        db.execute_unprepared("UPDATE job SET state = 'QUEUED', finished_at = NULL, result = NULL").await.unwrap();
        let working = site.work();
        let again = site.until(&job["id"], "PARTIAL").await;
        working.end().await;
        assert_eq!((&again["result"], site.lying("returns")), (&job["result"], package));
    }

    async fn another_try_of_a_partial_return_makes_another_package_in_place_of_the_first(test) {
        let mut site = Site::of(test).await;
        let job = partial(&mut site).await;
        let first = job["result"]["package"].as_str().unwrap();
        assert_eq!(site.retry(&job["id"], "partial-retry").await["userErrors"], json!([]));
        let working = site.work();
        let done = site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        let second = done["result"]["package"].as_str().unwrap();
        assert_ne!(first, second);
        let of = |name: &str| site.lying("returns").iter().filter(|path| path.contains(&format!("/{name}."))).count();
        assert_eq!((of(first), of(second)), (0, site.lying("returns").len()));
    }

    async fn a_refusal_fails_the_job_at_once_and_an_outage_is_tried_again(test) {
        let mut site = Site::of(test).await;
        let faults = [(FaultKind::Transient, None), (FaultKind::Forbidden, Some("DESTINATION_FORBIDDEN"))];
        for (kind, code) in faults {
            let is_done = AtomicBool::new(false);
            site.change_shelves(|shelves| {
                let refusing = meddled(&shelves.destinations["returns"], move |path| {
                    if is_done.swap(true, Ordering::SeqCst) {
                        return Ok(());
                    }
                    let fault = Fault::new(kind, "open", path.to_string(), "AKIA0123 says no");
                    Err(Fault { retry_after: Some(Duration::from_millis(100)), ..fault })
                });
                shelves.destinations.insert("returns".to_owned(), refusing);
            });
            let job = site.start(&format!("refusal-{kind}")).await;
            let working = site.work();
            let ended = site.until(&job["id"], if code.is_some() { "FAILED" } else { "SUCCEEDED" }).await;
            working.end().await;
            assert_eq!(ended["attempt"], if code.is_some() { 1 } else { 2 });
            assert_eq!(ended["error"]["code"].as_str(), code);
            assert!(!ended.to_string().contains("AKIA"), "{ended}");
            if code.is_none() {
                site.holding = site.register("Second folder", "data://acme", "RETURN").await;
            }
        }
    }
}
