//! What is left of a return that is over.

use gangway::app::data_return::clear_ended;
use sea_orm::ConnectionTrait;

use super::{faults::partial, *};
use crate::support::{make::refusal, on_both_stacks, run::events};

/// A week and an hour, in seconds, and a little more.
const OVER: i64 = 7 * 24 * 3_600 + 3_601;

/// A return that failed with its parts at the destination.
async fn failed(site: &mut Site) -> Value {
    site.damage_a_part(6);
    site.write("a.txt", "first");
    let job = site.start("return-in-vain").await;
    let working = site.work();
    let job = site.until(&job["id"], "FAILED").await;
    working.end().await;
    assert!(!site.lying("returns").is_empty() && !site.lying("own/spool").is_empty());
    job
}

on_both_stacks! {
    async fn a_return_that_succeeded_leaves_its_package_and_no_file_names(test) {
        let site = Site::of(test).await;
        site.write("a.txt", "first");
        let job = site.start("return-all").await;
        let working = site.work();
        site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        let package = site.lying("returns");
        assert!(package.len() > 3 && !site.lying("own/spool").is_empty());
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 1);
        assert_eq!(site.lying("own/spool"), [""; 0]);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 0);
        site.test.pass(OVER);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 0);
        assert_eq!(site.lying("returns"), package);
    }

    async fn a_package_with_a_receipt_stays_however_its_job_ended(test) {
        let site = Site::of(test).await;
        site.write("a.txt", "first");
        let job = site.start("return-all").await;
        let working = site.work();
        site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        let package = site.lying("returns");
        site.test.app.db().write().execute_unprepared("UPDATE job SET state = 'FAILED'").await.unwrap();
        site.test.pass(OVER);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 1);
        assert_eq!(site.lying("returns"), package);
    }

    async fn a_return_in_vain_is_cleared_away_once_it_is_not_tried_again(test) {
        let mut site = Site::of(test).await;
        let job = failed(&mut site).await;
        let folder = site.returns().join("acme").join(job["id"].as_str().unwrap());
        std::fs::write(folder.join("of somebody else"), "stays").unwrap();
        site.test.pass(OVER - 3_602);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 0, "it may still be tried again");
        site.test.pass(3_602);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 1);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 0);
        assert_eq!(site.lying("own/spool"), [""; 0]);
        assert_eq!(site.lying("returns"), [format!("acme/{}/of somebody else", job["id"].as_str().unwrap())]);
        let said = events(&site.test, job["id"].as_str().unwrap()).await;
        assert_eq!(said.iter().filter(|kind| *kind == "data_return.cleared").count(), 1);
        assert_eq!(refusal(&site.retry(&job["id"], "retry-too-late").await).0, "CONFLICT");
    }

    async fn a_partial_return_keeps_its_package_when_another_try_was_cancelled_before_it_began(test) {
        let mut site = Site::of(test).await;
        let job = partial(&mut site).await;
        let package = site.lying("returns");
        assert_eq!(site.retry(&job["id"], "retry-and-cancel").await["job"]["state"], "QUEUED");
        let cancelled = site.done(CANCEL, json!({ "id": job["id"], "reason": "It will do." })).await;
        assert_eq!(cancelled["job"]["state"], "CANCELLED");
        site.test.pass(OVER);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 1);
        assert_eq!(site.lying("own/spool"), [""; 0]);
        assert_eq!(site.lying("returns"), package);
    }

    async fn a_return_that_may_run_again_is_left_alone_and_a_partial_one_keeps_its_package(test) {
        let mut site = Site::of(test).await;
        let job = failed(&mut site).await;
        let package = site.lying("returns");
        let db = site.test.app.db().write().clone();
        site.test.pass(OVER - 3_602);
        assert_eq!(site.retry(&job["id"], "retry-in-time").await["job"]["state"], "QUEUED");
        site.test.pass(OVER);
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 0);
        db.execute_unprepared("UPDATE job SET state = 'PARTIAL', finished_at = created_at").await.unwrap();
        assert_eq!(clear_ended(&site.test.app, 10).await.unwrap(), 1);
        assert_eq!(site.lying("own/spool"), [""; 0]);
        assert_eq!(site.lying("returns"), package);
    }
}
