//! Jobs as they run.

use serde_json::{Value, json};

use super::*;
use crate::support::on_both_stacks;

async fn next(stream: &mut (impl Stream<Item = Value> + Unpin)) -> Option<Value> {
    let answer = timeout(LONG, stream.next()).await.expect("an event comes")?;
    assert!(answer["errors"].is_null(), "{answer}");
    Some(answer["data"]["jobEvents"].clone())
}

async fn all(mut stream: impl Stream<Item = Value> + Unpin) -> Vec<Value> {
    let mut seen = Vec::new();
    while let Some(event) = next(&mut stream).await {
        seen.push(event);
    }
    seen
}

/// What the log told, without progress.
fn told(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"]["kind"].as_str()).collect()
}

const LIFE: [&str; 3] = ["job.started", "job_target.finished", "job.succeeded"];

on_both_stacks! {
    async fn a_watcher_sees_a_job_from_its_snapshot_to_its_end(test) {
        let site = Site::of(test).await;
        site.write("a.bin", vec![1_u8; 2_000_000]);
        let job = site.start("watch-all").await;
        let mut stream = site.watch(&site.manager, json!({ "job": job["id"] }));
        let first = next(&mut stream).await.unwrap();
        assert_eq!((&first["kind"], &first["job"]["state"]), (&json!("SNAPSHOT"), &json!("QUEUED")));
        let working = site.work();
        // It ends by itself, which is the point.
        let seen = all(stream).await;
        working.end().await;
        let told = told(&seen);
        assert!(told.ends_with(&LIFE), "{told:?}");
        let last = seen.last().unwrap();
        assert_eq!((&last["kind"], &last["job"]["state"]), (&json!("STATE"), &json!("SUCCEEDED")));
        let target = seen.iter().find(|event| event["kind"] == "TARGET").unwrap();
        assert_eq!(target["target"], json!({ "name": "Shared folder", "state": "SUCCEEDED" }));
        for event in seen.iter().filter(|event| event["kind"] == "PROGRESS") {
            assert_eq!(event["job"]["state"], "RUNNING");
        }

        // Whoever comes back gets exactly what was missed, and the end of it; whoever comes late, a snapshot.
        let started = seen.iter().find(|event| event["event"]["kind"] == "job.started").unwrap();
        let rest = all(site.watch(&site.manager, json!({ "job": job["id"], "after": started["cursor"] }))).await;
        assert_eq!(rest.iter().filter_map(|event| event["event"]["kind"].as_str()).collect::<Vec<_>>(), LIFE[1..]);
        assert_eq!(all(site.watch(&site.manager, json!({ "job": job["id"], "after": last["cursor"] }))).await, [] as [Value; 0]);
        let late = all(site.watch(&site.manager, json!({ "job": job["id"] }))).await;
        assert_eq!((late.len(), &late[0]["kind"], &late[0]["job"]["state"]), (1, &json!("SNAPSHOT"), &json!("SUCCEEDED")));
    }

    async fn progress_of_other_clients_and_kinds_is_not_told(test) {
        let site = Site::of(test).await;
        let other = make::client(&site.test, "other").await;
        let job = site.start("watch-own").await;
        let mut foreign = site.watch(&site.manager, json!({ "client": other }));
        let mut reports = site.watch(&site.manager, json!({ "kinds": ["REPORT"] }));
        let mut own = site.watch(&site.manager, json!({ "client": site.client }));
        let silent = async {
            tokio::select! {
                event = foreign.next() => panic!("{event:?}"),
                event = reports.next() => panic!("{event:?}"),
            }
        };
        let work = async {
            let first = next(&mut own).await.unwrap();
            assert_eq!((&first["kind"], &first["job"]["id"]), (&json!("SNAPSHOT"), &job["id"]));
            let working = site.work();
            site.until(&job["id"], "SUCCEEDED").await;
            working.end().await;
        };
        tokio::select! { () = silent => {}, () = work => {} }
    }

    async fn progress_is_told_at_most_four_times_a_second(test) {
        let site = Site::of(test).await;
        let job = site.start("watch-progress").await;
        // As if a worker had it, one that reports far too often.
        let claim = "UPDATE job SET state = 'RUNNING', lease_until = '2999-01-01T00:00:00Z'";
        sea_orm::ConnectionTrait::execute_unprepared(site.test.app.db().write(), claim).await.unwrap();
        let mut stream = site.watch(&site.manager, json!({ "job": job["id"] }));
        next(&mut stream).await.unwrap();
        let found = gangway::app::job::find(&site.test.app, &site.manager, job["id"].as_str().unwrap().parse().unwrap());
        let found = found.await.unwrap().unwrap();
        for done in 1..=500 {
            let mut progress = found.progress.clone();
            progress.done = done;
            let tick = gangway::app::job::Tick { job: found.id, client_id: found.client_id, progress };
            site.test.app.parts().ticks.send(tick);
        }
        let mut seen = Vec::new();
        while let Ok(Some(event)) = timeout(Duration::from_secs(2), next(&mut stream)).await {
            seen.push(event);
            if seen.last().unwrap()["job"]["progress"]["done"] == "500" {
                break;
            }
        }
        let progress: Vec<_> = seen.iter().filter(|event| event["kind"] == "PROGRESS").collect();
        assert!(progress.len() <= 2 && progress.last().unwrap()["job"]["progress"]["done"] == "500", "{seen:?}");
    }
}
