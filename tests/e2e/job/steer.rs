//! Stopping jobs, trying them again, and looking at the queue.

use serde_json::{Value, json};

use super::*;
use crate::support::{make::refusal, on_both_stacks, run::of_client};

on_both_stacks! {
    async fn a_job_that_waits_for_a_worker_is_cancelled_at_once(test) {
        let site = Site::of(test).await;
        site.write("a.txt", "first");
        let job = site.start("cancel-queued").await;
        let input = json!({ "id": job["id"], "reason": "Not today." });
        let cancelled = site.done(CANCEL, input.clone()).await;
        assert_eq!(cancelled["job"]["state"], "CANCELLED");
        let now = site.job(&job["id"]).await;
        assert_eq!(now["progress"]["targets"], json!([{ "state": "CANCELLED", "count": 1 }]));
        assert_eq!((&now["viewerCan"]["cancel"], &now["viewerCan"]["retry"]), (&json!(false), &json!(true)));
        assert_eq!(refusal(&sent(&site.test, &site.manager, CANCEL, input).await).0, "CONFLICT");

        // FAILED has nothing to try, UNFINISHED has; the same key does not order it twice.
        let retry = |targets: &str, key: &str| {
            json!({ "id": job["id"], "targets": targets, "reason": "Now.", "idempotencyKey": key })
        };
        let refused = sent(&site.test, &site.manager, RETRY, retry("FAILED", "retry-key-1")).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "targets".to_owned()));
        let ordered = site.done(RETRY, retry("UNFINISHED", "retry-key-2")).await;
        assert_eq!((&ordered["job"]["state"], &ordered["replayed"]), (&json!("QUEUED"), &json!(false)));
        let again = site.done(RETRY, retry("UNFINISHED", "retry-key-2")).await;
        assert_eq!(again["replayed"], true);
        let working = site.work();
        site.until(&job["id"], "SUCCEEDED").await;
        working.end().await;
        let refused = sent(&site.test, &site.manager, RETRY, retry("UNFINISHED", "retry-key-3")).await;
        assert_eq!(refusal(&refused).0, "CONFLICT");
    }

    async fn an_engagement_is_neither_paused_nor_given_up_while_a_job_of_it_is_not_over(test) {
        let site = Site::of(test).await;
        let job = site.start("engaged-job").await;
        for field in ["engagementPause", "engagementCancel"] {
            let refused = site.turn(field).await;
            assert_eq!(refusal(&refused).0, "CONFLICT", "{field}");
            assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("jobCancel"), "{refused}");
        }
        site.done(CANCEL, json!({ "id": job["id"], "reason": "The client stays." })).await;
        assert_eq!(site.turn("engagementCancel").await["engagement"]["state"], "CANCELLED");
    }

    async fn jobs_are_found_by_what_is_asked_for(test) {
        let site = Site::of(test).await;
        let job = site.start("list-jobs").await;
        let count = async |filter: Value| {
            let document = "query($filter: JobFilter) { jobs(filter: $filter) { totalCount nodes { id } } }";
            let found = site.test.ask(&site.manager, document, json!({ "filter": filter })).await;
            assert_eq!(found["jobs"]["totalCount"].as_u64().unwrap(), found["jobs"]["nodes"].as_array().unwrap().len() as u64);
            found["jobs"]["totalCount"].as_u64().unwrap()
        };
        assert_eq!(count(json!({})).await, 1);
        assert_eq!(count(json!({ "clientId": site.client, "kinds": ["DATA_RETURN"], "states": ["QUEUED"] })).await, 1);
        assert_eq!(count(json!({ "engagementId": site.engagement })).await, 1);
        assert_eq!(count(json!({ "states": ["FAILED"] })).await, 0);
        assert_eq!(count(json!({ "kinds": ["REPORT"] })).await, 0);
        assert_eq!(count(json!({ "clientId": "nonsense" })).await, 0);
        let nested = "query($id: ID!) { client(id: $id) { jobs { totalCount nodes { id step { key jobs { id } } } } } }";
        let found = site.test.ask(&site.manager, nested, json!({ "id": site.client })).await;
        assert_eq!(found["client"]["jobs"]["nodes"][0]["step"]["jobs"], json!([{ "id": job["id"] }]));
    }

    async fn a_client_sees_its_own_jobs_and_steers_none(test) {
        let site = Site::of(test).await;
        let job = site.start("scope-jobs").await;
        let other = make::client(&site.test, "other").await;
        let own = of_client(&site.test, Role::ClientContact, &site.client).await;
        let foreign = of_client(&site.test, Role::ClientContact, &other).await;
        let seen = site.test.ask(&own, JOB, json!({ "id": job["id"] })).await;
        assert_eq!(seen["job"]["viewerCan"], json!({ "cancel": false, "retry": false, "acknowledge": false }));
        assert_eq!(seen["job"]["targets"]["nodes"][0]["name"], "Shared folder");
        let list = "{ jobs { totalCount nodes { id } } }";
        assert_eq!(site.test.ask(&own, list, json!({})).await["jobs"]["totalCount"], 1);
        assert_eq!(site.test.ask(&foreign, JOB, json!({ "id": job["id"] })).await["job"], Value::Null);
        assert_eq!(site.test.ask(&foreign, list, json!({})).await["jobs"]["totalCount"], 0);
        let digest = json!({ "jobId": job["id"], "manifestDigest": "0".repeat(64), "verdict": "ACCEPTED" });
        let refused = sent(&site.test, &foreign, ACKNOWLEDGE, digest).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND", "jobId".to_owned()));
        let mut stream = site.watch(&foreign, json!({ "job": job["id"] }));
        let answer = stream.next().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    }

    async fn targets_are_paged_from_either_end(test) {
        let site = Site::of(test).await;
        for name in ["Mail", "Photos"] {
            std::fs::create_dir_all(site.home.path().join("data").join(name)).unwrap();
            site.register(name, &format!("data://{name}"), "RETURN").await;
        }
        let job = site.start("three-targets").await;
        let page = async |slice: &str| {
            let document = format!(
                "query($id: ID!) {{ job(id: $id) {{ targets({slice}) {{ totalCount nodes {{ name }}
                    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"
            );
            site.test.ask(&site.manager, &document, json!({ "id": job["id"] })).await["job"]["targets"].take()
        };
        let names = |page: &Value| -> Vec<String> {
            page["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect()
        };
        let first = page("first: 2").await;
        assert_eq!((names(&first), &first["totalCount"]), (vec!["Shared folder".to_owned(), "Mail".to_owned()], &json!(3)));
        let next = page(&format!("first: 2, after: {}", first["pageInfo"]["endCursor"])).await;
        assert_eq!((names(&next), &next["pageInfo"]["hasNextPage"]), (vec!["Photos".to_owned()], &json!(false)));
        let last = page("last: 2").await;
        assert_eq!((names(&last), &last["pageInfo"]["hasPreviousPage"]), (vec!["Mail".to_owned(), "Photos".to_owned()], &json!(true)));
        let before = page(&format!("last: 2, before: {}", last["pageInfo"]["startCursor"])).await;
        assert_eq!((names(&before), &before["pageInfo"]["hasPreviousPage"]), (vec!["Shared folder".to_owned()], &json!(false)));
        assert_eq!(page("first: 1, state: SUCCEEDED").await["totalCount"], 0);
    }

    async fn the_queue_tells_how_it_does(test) {
        let site = Site::of(test).await;
        let health = "{ queueHealth { dueCount oldestWaitingAt workersAlive slots busy counts { kind state count }
            endedLastHour { state count } workers { host slots isDraining } } }";
        let job = site.start("queue-health").await;
        let before = site.test.ask(&site.test.staff(Role::Operator), health, json!({})).await["queueHealth"].clone();
        assert_eq!(before["counts"], json!([{ "kind": "DATA_RETURN", "state": "QUEUED", "count": "1" }]));
        assert_eq!((&before["dueCount"], &before["workersAlive"]), (&json!("1"), &json!(0)));
        assert!(before["oldestWaitingAt"].is_string());
        site.write("a.txt", "first");
        let working = site.work();
        site.until(&job["id"], "SUCCEEDED").await;
        let after = site.test.ask(&site.test.staff(Role::Operator), health, json!({})).await["queueHealth"].clone();
        working.end().await;
        assert_eq!((&after["counts"], &after["dueCount"]), (&json!([]), &json!("0")));
        assert_eq!(after["endedLastHour"], json!([{ "state": "SUCCEEDED", "count": "1" }]));
        assert_eq!((&after["workersAlive"], &after["workers"][0]["isDraining"]), (&json!(1), &json!(false)));
    }
}
