//! Real processes of `gangway`, asked by real callers over HTTP.

use gangway::{
    cli::{
        api::Failure,
        life::{Life, Silence, documents},
    },
    domain::role::Role,
    ids::JobId,
};
use reqwest::StatusCode;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::{
    Cluster, REST,
    support::{
        package,
        site::{self, Answering, Site},
        stack::Stack,
        wire::Wire,
    },
};

/// Enough to pack, and quickly packed.
const FILES: u64 = 40;

/// Lives until the client's data can go back, and plans the return: what `jobStart` takes.
async fn planned(life: &Life<'_>) -> Value {
    life.contract().await.unwrap();
    let onboarding = life.start_onboarding().await.unwrap();
    life.walk(&onboarding, usize::MAX).await.unwrap();
    life.conclude(&onboarding, Role::OnboardingManager).await.unwrap();
    let offboarding = life.start_offboarding().await.unwrap();
    let steps = offboarding["steps"].as_array().unwrap();
    let position = steps.iter().position(|step| step["key"] == "data_return").unwrap();
    life.walk(&offboarding, position).await.unwrap();
    life.begin_step(&offboarding, position).await.unwrap();
    let options = json!({ "dataReturn": { "format": "BAGIT_TAR_ZSTD", "destination": "handover" } });
    let input = json!({ "kind": "DATA_RETURN", "engagementId": offboarding["id"], "options": options });
    let asked = json!({ "input": input });
    let plan = life.ask_as(Role::Technician, documents::JOB_PLAN, asked).await.unwrap()["jobPlan"]["plan"].take();
    assert_eq!(plan["blockedBy"], json!([]));
    json!({ "planId": plan["id"], "planHash": plan["planHash"], "reason": "The client's data goes back to it.",
        "idempotencyKey": "drill-job-start" })
}

/// The job that has waited for a worker since it was committed.
async fn committed(stack: &Stack, wire: &Wire) -> JobId {
    let stuck = async || {
        let rows = stack.rows().await;
        let queued = rows.iter().find(|row| row.state == "QUEUED").map(|row| JobId::from(row.id));
        queued.filter(|_| wire.is_held()).ok_or_else(|| (rows.len(), wire.is_held()))
    };
    stack.until("the row stands and its hint is stuck", REST, stuck).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_killed_between_the_commit_and_the_hint_loses_no_job() {
    let cluster = Cluster::start().await;
    let (stack, site) = (&cluster.stack, Site::of(&cluster.stack));
    let (active, scheduled) = (queue(stack, "active"), queue(stack, "scheduled"));
    // Whoever hints asks first how many hints wait: there the process stops, with the commit behind it.
    let wire = Wire::until(&scheduled, cluster.redis.port()).await;
    let scene = site.scene(FILES);
    let (key, issuer) = (scene.key.clone(), site::issuer());
    let victim = site.serve(&wire.url()).await;
    let api = victim.api();
    let stage = site::stage(&api, &issuer).await;
    let life = Life::begin(&stage, &Silence, scene).await.unwrap();
    let start = planned(&life).await;
    assert!(!wire.is_held(), "nothing was ordered yet");
    let technician = stage.cast.person(Role::Technician).token.clone();
    let (asked, caller) = (start.clone(), (api.clone(), technician.clone()));
    let asking = tokio::spawn(async move { caller.0.send(&caller.1, documents::JOB_START, asked).await });
    let job = committed(stack, &wire).await;
    victim.process.kill();
    match asking.await.unwrap() {
        Ok(answer) => assert_eq!(answer["job"]["id"], job.to_string()),
        Err(failure) => assert!(matches!(failure, Failure::Connection { .. }), "{failure}"),
    }
    assert_eq!([cluster.redis.ask(&["LLEN", &active]).await, cluster.redis.ask(&["ZCARD", &scheduled]).await], [0, 0]);
    assert_eq!(stack.story(job).await, ["job.queued"], "it was committed, and nobody was told");

    let worker = site.work(&cluster.redis.url()).await;
    stack.all_over(REST).await;
    let row = stack.row(job).await;
    assert_eq!(
        (row.state.as_str(), row.fence, row.attempt, row.crash_count),
        ("SUCCEEDED", 1, 1, 0),
        "{:?}",
        row.error
    );
    assert_eq!(row.result.unwrap()["fileCount"], FILES);
    assert_eq!(entity::certificate::Entity::find().count(stack.app.db().read()).await.unwrap(), 1);
    assert_eq!(stack.story(job).await, ["job.queued", "job.started", "data_return.delivered", "job.succeeded"]);
    stack.assert_told().await;
    let folder = site.handover().join(job.to_string());
    let bag = package::open(&package::parts(&folder), &key, site.home());
    package::assert_same(&bag, &site.source());
    says_how_it_does(stack, &worker).await;

    // A caller that got no answer asks again, whoever answers now.
    let successor = site.serve(&cluster.redis.url()).await;
    let again = successor.api().send(&technician, documents::JOB_START, start).await.unwrap();
    assert_eq!((&again["job"]["id"], &again["replayed"]), (&json!(job.to_string()), &json!(true)));
    assert_eq!(stack.rows().await.len(), 1, "it was ordered once");
    log_verifies(stack, &successor, &stage.cast.person(Role::Compliance).token).await;
    counts_the_workers(stack, &successor).await;
}

/// A list of hints in Redis.
fn queue(stack: &Stack, list: &str) -> String {
    format!("{}:jobs:{list}", stack.plan.prefix)
}

/// Every event stands in the log, and the log holds.
pub(crate) async fn log_verifies(stack: &Stack, api: &Answering, token: &str) {
    let held = async || {
        let count = entity::event::Entity::find().count(stack.app.db().read()).await.unwrap().to_string();
        let log = api.api().ask(token, documents::LOG_VERIFY, json!({})).await.unwrap();
        let verified = &log["logVerify"];
        let holds = verified["holds"] == true && verified["heldCount"] == count;
        if holds { Ok(()) } else { Err((log.clone(), count)) }
    };
    stack.until("the log holds every event", REST, held).await;
}

/// What those who run the service ask a worker.
async fn says_how_it_does(stack: &Stack, worker: &Answering) {
    assert_eq!(worker.get("/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    let (status, ready) = worker.get("/readyz").await;
    let checks = json!({ "database": "ok", "migrations": "ok", "redis": "ok" });
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!((status, ready), (StatusCode::OK, json!({ "status": "ready", "checks": checks })));
    let (status, metrics) = worker.get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        r#"gangway_jobs_claimed_total{kind="DATA_RETURN"} 1"#,
        r#"gangway_jobs_ended_total{kind="DATA_RETURN",state="SUCCEEDED"} 1"#,
        r#"gangway_job_run_seconds_count{kind="DATA_RETURN"} 1"#,
        r#"gangway_job_wait_seconds_count{kind="DATA_RETURN"} 1"#,
        r#"gangway_job_wait_seconds_bucket{kind="DATA_RETURN",le="86400"} 1"#,
        "gangway_sql_seconds_count",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let events = entity::event::Entity::find().count(stack.app.db().read()).await.unwrap();
    let size = format!("gangway_log_size {events}");
    measures(stack, worker, &["gangway_jobs_due 0", "gangway_workers 1", &size]).await;
    let signed = metrics.lines().find_map(|line| line.strip_prefix("gangway_log_signed_size "));
    assert!(signed.unwrap().parse::<u64>().unwrap() > 0, "the receipt needed a checkpoint");
    for state in ["busy", "idle"] {
        let line = format!(r#"gangway_database_connections{{pool="all",state="{state}"}} "#);
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    assert_eq!(worker.get("/graphql").await.0, StatusCode::NOT_FOUND, "a worker answers no callers");
}

/// Waits until `process` has measured each of `lines` as it stands.
async fn measures(stack: &Stack, process: &Answering, lines: &[&str]) {
    let measured = async || {
        let metrics = process.get("/metrics").await.1;
        let is_missing = |line: &&&str| !metrics.lines().any(|said| said == **line);
        let missing: Vec<_> = lines.iter().filter(is_missing).copied().map(str::to_owned).collect();
        if missing.is_empty() { Ok(()) } else { Err((missing, metrics.clone())) }
    };
    stack.until("it is measured", REST, measured).await;
}

/// A process without a worker of its own says whether there are any, and what the verification of the log showed.
async fn counts_the_workers(stack: &Stack, api: &Answering) {
    let events = entity::event::Entity::find().count(stack.app.db().read()).await.unwrap();
    measures(stack, api, &["gangway_workers 1", &format!("gangway_log_verified_size {events}")]).await;
}
