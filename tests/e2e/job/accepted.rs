//! Returns that stay incomplete, and the exceptions by which they are taken as they are.

use gangway::app::exception::expire_due;
use sea_orm::ConnectionTrait;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{faults::partial, *};
use crate::{
    decision::vote,
    support::{
        make::refusal,
        on_both_stacks,
        run::{events, of_client},
    },
};

const RAISE: &str = "mutation($input: ExceptionRaiseInput!) { exceptionRaise(input: $input) {
    exception { id state decision { id subjectHash rule { requirements { anyOf } } } }
    userErrors { code path message remedy } } }";

/// Ends a few days after the beginning of every test.
const ENDS: &str = "2026-03-09T09:00:00.000Z";
/// Longer than that, in seconds.
const LONGER: i64 = 30 * 24 * 3_600;

/// Asks that the return of `holding` be taken as it is.
async fn raise(site: &Site, actor: &Actor, holding: &str, key: &str) -> Value {
    let input = json!({ "engagementId": site.engagement, "holdingId": holding, "type": "DEVIATION",
        "situation": "One file is gone", "justification": "The client has a copy of its own and does without it.",
        "risks": [{ "kind": "DATA_PROTECTION", "likelihood": "HIGH", "impact": "LOW" }],
        "expiresAt": ENDS, "idempotencyKey": key });
    sent(&site.test, actor, RAISE, input).await
}

/// The question whether the return of `holding` be taken as it is, asked by a technician.
async fn asked(site: &Site, holding: &str, key: &str) -> String {
    let payload = raise(site, &site.test.staff(Role::Technician), holding, key).await;
    assert_eq!(payload["userErrors"], json!([]));
    payload["exception"]["decision"]["id"].as_str().unwrap().to_owned()
}

/// Answers a question with the votes that it needs; gives the last answer.
async fn granted(site: &Site, question: &str) -> Value {
    let first = vote(&site.test, question, &site.test.staff(Role::ServiceDeliveryManager), "GRANT").await;
    assert_eq!(first["userErrors"], json!([]));
    vote(&site.test, question, &site.test.staff(Role::Compliance), "GRANT").await
}

/// The job as it stands once a worker has brought it to `state`.
async fn worked(site: &Site, job: &Value, state: &str) -> Value {
    let working = site.work();
    let job = site.until(&job["id"], state).await;
    working.end().await;
    job
}

/// A site with a second holding and a return of both that is PARTIAL.
async fn two(test: TestApp) -> (Site, String, Value) {
    let mut site = Site::of(test).await;
    std::fs::create_dir_all(site.home.path().join("data/second")).unwrap();
    let second = site.register("Second folder", "data://second", "RETURN_THEN_DESTROY").await;
    let job = partial(&mut site).await;
    (site, second, job)
}

fn decrypted(site: &Site, object: &str) -> Vec<u8> {
    let lying = site.lying("returns").into_iter().find(|name| name.ends_with(&format!("/{object}"))).unwrap();
    let sealed = std::fs::read(site.returns().join(lying)).unwrap();
    let decryptor = age::Decryptor::new(sealed.as_slice()).unwrap();
    let mut list = Vec::new();
    let keys = [&site.identity as &dyn age::Identity];
    decryptor.decrypt(keys.into_iter()).unwrap().read_to_end(&mut list).unwrap();
    list
}

on_both_stacks! {
    async fn an_incomplete_return_is_accepted_by_an_exception_and_then_by_the_client(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        assert_eq!((&told["error"]["code"], &told["targets"]["nodes"][0]["state"]), (&json!("SOURCE_UNREADABLE"), &json!("FAILED")));
        assert!(told["error"]["remedy"].as_str().unwrap().contains("exceptionRaise"));
        assert_eq!(told["result"]["omissions"]["acceptedBy"], json!([]));
        let list = decrypted(&site, told["result"]["omissions"]["object"].as_str().unwrap());
        assert_eq!(told["result"]["omissions"]["digest"], hex::encode(Sha256::digest(&list)));
        assert!(String::from_utf8(list).unwrap().contains("/gone.txt"));
        let package = site.lying("returns");

        // The question names the very package; management and the designated authority decide on it.
        let raised = raise(&site, &site.test.staff(Role::Technician), &site.holding, "accept-1").await;
        let question = &raised["exception"]["decision"];
        assert_eq!(question["subjectHash"], told["result"]["manifestDigest"]);
        assert_eq!(question["rule"]["requirements"][1]["anyOf"], json!(["COMPLIANCE"]));
        let decided = granted(&site, question["id"].as_str().unwrap()).await;
        assert_eq!(decided["decision"]["state"], "GRANTED", "{decided}");
        assert_eq!(site.job(&told["id"]).await["state"], "QUEUED");

        let done = worked(&site, &told, "SUCCEEDED").await;
        assert_eq!(done["targets"]["nodes"][0]["state"], "EXCEPTED");
        assert_eq!(done["progress"]["targets"], json!([{ "state": "EXCEPTED", "count": 1 }]));
        assert_eq!((&done["result"]["manifestDigest"], site.lying("returns")), (&told["result"]["manifestDigest"], package));
        assert_eq!((&done["result"]["incompleteCount"], &done["result"]["fileCount"]), (&json!("1"), &json!("1")));
        assert_eq!(done["result"]["omissions"]["acceptedBy"], json!([raised["exception"]["id"]]));
        let signed = &done["certificate"]["statement"]["package"];
        assert_eq!((&signed["incompleteCount"], &signed["omissions"]), (&json!(1), &done["result"]["omissions"]));
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");

        let contact = of_client(&site.test, Role::ClientContact, &site.client).await;
        let seen = site.test.ask(&contact, JOB, json!({ "id": told["id"] })).await;
        assert_eq!(seen["job"]["result"]["omissions"], done["result"]["omissions"]);
        let input = json!({ "jobId": told["id"], "manifestDigest": done["result"]["manifestDigest"], "verdict": "ACCEPTED" });
        assert_eq!(sent(&site.test, &contact, ACKNOWLEDGE, input).await["userErrors"], json!([]));
        assert_eq!(site.state_of(&site.holding).await, "CLOSED");
        assert_eq!(events(&site.test, told["id"].as_str().unwrap()).await, [
            "job.queued", "job.started", "job.partial", "job.requeued", "job.started", "data_return.delivered",
            "job.succeeded", "data_return.accepted",
        ]);

        // What was accepted in time stays accepted when the exception is over.
        site.test.pass(LONGER);
        assert_eq!(expire_due(&site.test.app, 10).await.unwrap(), 1);
        assert_eq!(site.state_of(&site.holding).await, "CLOSED");
    }

    async fn whoever_asks_that_a_return_be_accepted_has_no_vote_on_it(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let manager = site.test.staff(Role::ServiceDeliveryManager);
        let raised = raise(&site, &manager, &site.holding, "accept-own").await;
        let question = raised["exception"]["decision"]["id"].as_str().unwrap();
        let voted = vote(&site.test, question, &manager, "GRANT").await;
        assert_eq!(refusal(&voted).0, "CONFLICT", "{voted}");
        let other = vote(&site.test, question, &site.test.staff(Role::Compliance), "GRANT").await;
        assert_eq!(other["decision"]["state"], "OPEN");
        assert_eq!(site.job(&told["id"]).await["state"], "PARTIAL");
    }

    async fn an_exception_that_lapsed_before_the_worker_came_accepts_nothing(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let question = asked(&site, &site.holding, "accept-lapsing").await;
        assert_eq!(granted(&site, &question).await["decision"]["state"], "GRANTED");
        site.test.pass(LONGER);
        let again = worked(&site, &told, "PARTIAL").await;
        assert_eq!((&again["result"], &again["certificate"]), (&told["result"], &Value::Null));
        assert_eq!(again["targets"]["nodes"][0]["state"], "FAILED");
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
    }

    async fn every_holding_of_a_return_needs_its_exception_before_any_is_accepted(test) {
        let (site, second, told) = two(test).await;
        let first = asked(&site, &site.holding, "accept-first").await;
        assert_eq!(granted(&site, &first).await["decision"]["state"], "GRANTED");
        assert_eq!(site.job(&told["id"]).await["state"], "PARTIAL", "it is not even run again");
        // Nor does a run that happens for another reason take it for more than it is.
        let db = site.test.app.db().write().clone();
        db.execute_unprepared("UPDATE job SET state = 'QUEUED', finished_at = NULL, result = NULL").await.unwrap();
        assert_eq!(worked(&site, &told, "PARTIAL").await["result"], told["result"]);
        let other = asked(&site, &second, "accept-second").await;
        assert_eq!(granted(&site, &other).await["decision"]["state"], "GRANTED");
        let done = worked(&site, &told, "SUCCEEDED").await;
        assert_eq!(done["progress"]["targets"], json!([{ "state": "EXCEPTED", "count": 2 }]));
        assert_eq!(done["result"]["omissions"]["acceptedBy"].as_array().unwrap().len(), 2);
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
        assert_eq!(site.state_of(&second).await, "CLOSING", "it is destroyed later");
    }

    async fn a_source_that_was_mended_meanwhile_is_returned_whole_instead(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let question = asked(&site, &site.holding, "accept-too-late").await;
        site.write("gone.txt", "here again");
        assert_eq!(site.retry(&told["id"], "mended-retry").await["userErrors"], json!([]));
        let whole = worked(&site, &told, "SUCCEEDED").await;
        assert_eq!((&whole["result"]["incompleteCount"], &whole["result"]["fileCount"]), (&json!("0"), &json!("2")));
        assert_eq!((&whole["result"]["omissions"], &whole["targets"]["nodes"][0]["state"]), (&Value::Null, &json!("SUCCEEDED")));
        let decided = granted(&site, &question).await;
        assert_eq!(decided["decision"]["state"], "GRANTED", "{decided}");
        let after = site.job(&told["id"]).await;
        assert_eq!((&after["state"], &after["result"]), (&json!("SUCCEEDED"), &whole["result"]));
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
        // A worker that died behind the receipt left a target that had failed before the package was whole.
        let db = site.test.app.db().write().clone();
        db.execute_unprepared("UPDATE job_target SET state = 'FAILED'").await.unwrap();
        db.execute_unprepared("UPDATE job SET state = 'QUEUED', finished_at = NULL").await.unwrap();
        assert_eq!(worked(&site, &told, "SUCCEEDED").await["targets"]["nodes"][0]["state"], "SUCCEEDED");
    }

    async fn nothing_is_accepted_for_an_offboarding_that_was_given_up(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let question = asked(&site, &site.holding, "accept-given-up").await;
        assert_eq!(site.turn("engagementCancel").await["engagement"]["state"], "CANCELLED");
        let refused = granted(&site, &question).await;
        assert_eq!(refusal(&refused).0, "CONFLICT", "{refused}");
        assert_eq!(site.job(&told["id"]).await["state"], "PARTIAL");
        // Nor is anything returned by a job that was in the queue all the same.
        let db = site.test.app.db().write().clone();
        db.execute_unprepared("UPDATE job SET state = 'QUEUED', finished_at = NULL").await.unwrap();
        let refused = worked(&site, &told, "FAILED").await;
        assert_eq!((&refused["result"], &refused["certificate"]), (&told["result"], &Value::Null));
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
    }

    async fn a_package_stays_until_one_was_read_back_that_lacks_no_more(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let package = |job: &Value| format!("/{}.", job["result"]["package"].as_str().unwrap());
        let lies = |site: &Site, job: &Value| site.lying("returns").iter().any(|name| name.contains(&package(job)));
        let names = ["gone.txt", "lost.txt"];
        for name in names {
            site.write(name, "there when it is listed");
        }
        let (folder, is_done) = (site.home.path().join("data/acme"), AtomicBool::new(false));
        site.change_shelves(|shelves| {
            shelves.own = super::meddled::meddled(&shelves.own, move |path| {
                if path.file_name().ends_with(b".inventory.jsonl") && !is_done.swap(true, Ordering::SeqCst) {
                    for name in names {
                        std::fs::remove_file(folder.join(name)).unwrap();
                    }
                }
                Ok(())
            });
        });
        assert_eq!(site.retry(&told["id"], "worse-retry").await["userErrors"], json!([]));
        let worse = worked(&site, &told, "PARTIAL").await;
        assert_eq!(worse["result"]["incompleteCount"], "2");
        assert!(lies(&site, &told) && lies(&site, &worse), "{:?}", site.lying("returns"));
        assert_eq!(site.retry(&told["id"], "whole-retry").await["userErrors"], json!([]));
        let whole = worked(&site, &told, "SUCCEEDED").await;
        assert_eq!(site.lying("returns").iter().filter(|name| !name.contains(&package(&whole))).count(), 0);
    }

    async fn another_package_than_the_one_that_was_judged_is_accepted_by_nobody(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let question = asked(&site, &site.holding, "accept-other").await;
        // Another try, in which another file goes missing.
        assert_eq!(site.retry(&told["id"], "worse-retry").await["userErrors"], json!([]));
        site.write("gone.txt", "gone once more");
        let gone = site.home.path().join("data/acme/gone.txt");
        let is_done = AtomicBool::new(false);
        site.change_shelves(|shelves| {
            shelves.own = super::meddled::meddled(&shelves.own, move |path| {
                if path.file_name().ends_with(b".inventory.jsonl") && !is_done.swap(true, Ordering::SeqCst) {
                    std::fs::remove_file(&gone).unwrap();
                }
                Ok(())
            });
        });
        let second = worked(&site, &told, "PARTIAL").await;
        assert_ne!(second["result"]["manifestDigest"], told["result"]["manifestDigest"]);
        assert_eq!(granted(&site, &question).await["decision"]["state"], "GRANTED");
        assert_eq!(site.job(&told["id"]).await["state"], "PARTIAL");
        // What is asked about the later one counts.
        let question = asked(&site, &site.holding, "accept-the-other").await;
        assert_eq!(granted(&site, &question).await["decision"]["state"], "GRANTED");
        let done = worked(&site, &told, "SUCCEEDED").await;
        assert_eq!(done["result"]["manifestDigest"], second["result"]["manifestDigest"]);
    }

    async fn a_worker_that_dies_behind_the_receipt_leaves_targets_that_are_excepted_all_the_same(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let question = asked(&site, &site.holding, "accept-and-die").await;
        granted(&site, &question).await;
        let done = worked(&site, &told, "SUCCEEDED").await;
        let db = site.test.app.db().write().clone();
        // It died before the target, and another one takes the job up.
        db.execute_unprepared("UPDATE job_target SET state = 'FAILED'").await.unwrap();
        db.execute_unprepared("UPDATE job SET state = 'QUEUED', finished_at = NULL, result = NULL").await.unwrap();
        let again = worked(&site, &told, "SUCCEEDED").await;
        assert_eq!((&again["result"], &again["certificate"]), (&done["result"], &done["certificate"]));
        assert_eq!(again["targets"]["nodes"][0]["state"], "EXCEPTED");
        // It was the third that died.
        db.execute_unprepared("UPDATE job_target SET state = 'FAILED'").await.unwrap();
        let dead = "UPDATE job SET state = 'RUNNING', worker = 'dead', lease_until = created_at, crash_count = 2, \
            finished_at = NULL, result = NULL";
        db.execute_unprepared(dead).await.unwrap();
        let again = worked(&site, &told, "SUCCEEDED").await;
        assert_eq!((&again["result"], &again["targets"]["nodes"][0]["state"]), (&done["result"], &json!("EXCEPTED")));
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");
    }

    async fn a_vote_that_comes_while_another_return_is_live_is_refused_and_may_be_cast_again(test) {
        let mut site = Site::of(test).await;
        let told = partial(&mut site).await;
        let question = asked(&site, &site.holding, "accept-beside").await;
        let second = site.register("Second folder", "data://second", "RETURN").await;
        let input = json!({ "kind": "DATA_RETURN", "engagementId": site.engagement, "holdingIds": [second], "options": Site::options() });
        let plan = site.done(PLAN, input).await["plan"].clone();
        let input = json!({ "planId": plan["id"], "planHash": plan["planHash"], "reason": "The client wants it.",
            "idempotencyKey": "start-beside" });
        let other = site.done(START, input).await["job"].clone();
        let refused = granted(&site, &question).await;
        assert_eq!(refusal(&refused).0, "CONFLICT", "{refused}");
        assert_eq!(site.job(&told["id"]).await["state"], "PARTIAL");
        site.done(CANCEL, json!({ "id": other["id"], "reason": "The other one first." })).await;
        let voted = vote(&site.test, &question, &site.test.staff(Role::Compliance), "GRANT").await;
        assert_eq!(voted["decision"]["state"], "GRANTED", "{voted}");
        assert_eq!(worked(&site, &told, "SUCCEEDED").await["targets"]["nodes"][0]["state"], "EXCEPTED");
    }

    async fn only_the_return_that_is_partial_and_recent_can_be_accepted(test) {
        let mut site = Site::of(test).await;
        let technician = site.test.staff(Role::Technician);
        let early = raise(&site, &technician, &site.holding, "accept-nothing").await;
        assert_eq!(refusal(&early), ("BAD_USER_INPUT", "type".to_owned()));
        assert!(early["userErrors"][0]["message"].as_str().unwrap().contains("PARTIAL"), "{early}");
        let unknown = raise(&site, &technician, "hol_01h455vb4pex5vsknk084sn02q", "accept-unknown").await;
        assert_eq!(refusal(&unknown), ("NOT_FOUND", "holdingId".to_owned()));
        let told = partial(&mut site).await;
        let question = asked(&site, &site.holding, "accept-some-day").await;
        // The line stays by another exception meanwhile: the return cannot be concluded as it was begun.
        let db = site.test.app.db().write().clone();
        db.execute_unprepared("UPDATE holding SET state = 'CLOSED'").await.unwrap();
        let refused = granted(&site, &question).await;
        assert_eq!(refusal(&refused).0, "CONFLICT", "{refused}");
        db.execute_unprepared("UPDATE holding SET state = 'ACTIVE'").await.unwrap();
        db.execute_unprepared("UPDATE job SET finished_at = '2026-01-01T00:00:00Z'").await.unwrap();
        let refused = vote(&site.test, &question, &site.test.staff(Role::Compliance), "GRANT").await;
        assert_eq!(refusal(&refused).0, "CONFLICT", "{refused}");
        assert!(refused["userErrors"][0]["message"].as_str().unwrap().contains("week"), "{refused}");
        assert_eq!(site.job(&told["id"]).await["state"], "PARTIAL");
        assert_eq!(refusal(&raise(&site, &technician, &site.holding, "accept-late").await).0, "CONFLICT");
    }
}
