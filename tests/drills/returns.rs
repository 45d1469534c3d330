//! A worker that dies, or stands still, in the middle of a data return.

use std::{fs, path::PathBuf, time::SystemTime};

use age::x25519::Identity;
use gangway::{
    app::{
        data_return::{Args, TargetDetails},
        job,
    },
    auth::Actor,
    domain::{
        agreement::DataFormat,
        job::{JobKind, NewJob, NewTarget},
    },
    ids::{ActorId, ClientId, EngagementId, HoldingId, JobId},
};
use rustix::process::Signal;
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Cluster, REST,
    support::{package, process::Process, stack::Stack},
    turn,
};

/// Enough for several parts of 64 MiB, and so for several checkpoints.
const FILES: u64 = 5;
const FILE_BYTES: usize = 64 << 20;

/// A client with data in a folder.
struct Data {
    home: tempfile::TempDir,
    identity: Identity,
    client: ClientId,
    holding: HoldingId,
}

impl Data {
    async fn of(stack: &mut Stack) -> Self {
        let home = tempfile::tempdir().unwrap();
        package::fill(&home.path().join("source/files"), FILES, FILE_BYTES);
        stack.plan.data = Some(home.path().to_owned());
        let (client, holding, identity) = (Uuid::now_v7(), Uuid::now_v7(), Identity::generate());
        enter(stack, client, holding).await;
        confirm(stack, client, &identity.to_public().to_string()).await;
        Self { home, identity, client: client.into(), holding: holding.into() }
    }

    /// Puts the return in the queue, as starting its plan would.
    async fn order(&self, stack: &Stack) -> JobId {
        let args = Args {
            engagement_id: EngagementId::from(Uuid::now_v7()),
            client_slug: "acme".to_owned(),
            client_name: "Acme".to_owned(),
            format: DataFormat::BagitTarZstd,
            destination: "returns".to_owned(),
            recipients: vec![self.identity.to_public().to_string()],
        };
        let details = TargetDetails {
            holding_id: self.holding,
            store: "data".to_owned(),
            path: "files".to_owned(),
            label: "files".to_owned(),
            delivery: None,
        };
        let target = NewTarget {
            id: stack.app.new_id(),
            holding_id: Some(self.holding),
            name: "Files".to_owned(),
            details: serde_json::to_value(details).unwrap(),
        };
        let args = serde_json::to_value(args).unwrap();
        let new = NewJob {
            client_id: Some(self.client),
            ..NewJob::new(stack.app.new_id(), JobKind::DataReturn, args, ActorId::System)
        };
        let actor = Actor::system();
        let mut deed = stack.app.begin(&actor).await.unwrap();
        job::enqueue(&mut deed, &new, vec![target]).await.unwrap();
        deed.commit().await.unwrap();
        new.id
    }

    /// The objects of the package that lie at the destination, by name, with the instant they were written.
    fn parts(&self, job: JobId) -> Vec<Written> {
        package::parts(&self.folder(job)).into_iter().map(written).collect()
    }

    /// Those of them that its list names.
    fn listed(&self, job: JobId) -> Vec<Written> {
        package::listed(&self.folder(job)).into_iter().map(written).collect()
    }

    fn folder(&self, job: JobId) -> PathBuf {
        self.home.path().join("returns/acme").join(job.to_string())
    }

    /// Unpacks and has the bag judged by tools that are not ours.
    fn assert_whole(&self, job: JobId) {
        let bag = package::open(&package::listed(&self.folder(job)), &self.identity, self.home.path());
        package::assert_same(&bag, &self.home.path().join("source/files"));
    }
}

/// A file, and when it was last written.
type Written = (PathBuf, SystemTime);

fn written(path: PathBuf) -> Written {
    let at = fs::metadata(&path).unwrap().modified().unwrap();
    (path, at)
}

async fn enter(stack: &Stack, client: Uuid, holding: Uuid) {
    let (db, now) = (stack.app.db().write(), stack.app.now());
    let row = entity::client::Model {
        id: client,
        slug: "acme".to_owned(),
        name: "Acme".to_owned(),
        name_search: "acme".to_owned(),
        stage: "OFFBOARDING".to_owned(),
        time_zone: "UTC".to_owned(),
        service_start_on: None,
        service_started_at: None,
        final_service_on: None,
        revision: 1,
        created_at: now,
        updated_at: now,
    };
    entity::client::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    let details = json!({ "kind": "DATA", "data_kind": "FILES", "location": "data://files", "disposition": "RETURN",
        "key_escrow": "NOT_ENCRYPTED" });
    let row = entity::holding::Model {
        id: holding,
        client_id: client,
        kind: "DATA".to_owned(),
        state: "ACTIVE".to_owned(),
        name: "Files".to_owned(),
        external_ref: None,
        details,
        retained_clause: None,
        decision_id: None,
        exception_id: None,
        last_probed_at: None,
        acknowledged_at: None,
        closed_at: None,
        revision: 1,
        created_by: "system".to_owned(),
        created_at: now,
        updated_at: now,
    };
    entity::holding::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
}

async fn confirm(stack: &Stack, client: Uuid, recipient: &str) {
    let now = stack.app.now();
    let row = entity::recipient_key::Model {
        id: Uuid::now_v7(),
        client_id: client,
        state: "CONFIRMED".to_owned(),
        recipient: recipient.to_owned(),
        fingerprint: "0".repeat(64),
        challenge: String::new(),
        challenge_hash: vec![0; 32],
        created_by: "system".to_owned(),
        created_at: now,
        confirmed_by: Some("system".to_owned()),
        confirmed_at: Some(now),
        revision: 1,
    };
    let db = stack.app.db().write();
    entity::recipient_key::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
}

/// Waits until two parts of the package count.
async fn two_parts(stack: &Stack, job: JobId) {
    stack
        .until("two parts are counted", REST, async || {
            let checkpoint = stack.row(job).await.checkpoint;
            let parts = checkpoint.as_ref().and_then(|mark| mark["begun"]["packed"]["parts"][0]["last"].as_u64());
            if parts >= Some(2) { Ok(()) } else { Err(parts) }
        })
        .await;
}

/// Kills the worker once two parts are counted; its successor goes on behind them.
async fn dies_in_the_middle(stack: &mut Stack) {
    let data = Data::of(stack).await;
    let job = data.order(stack).await;
    let victim = Process::worker(&stack.plan);
    two_parts(stack, job).await;
    victim.kill();
    let before = data.parts(job);
    assert!((2..FILES).contains(&(before.len() as u64)), "killed in the middle: {}", before.len());
    let _successor = Process::worker(&stack.plan);
    stack.all_over(REST * 2).await;
    let row = stack.row(job).await;
    assert_eq!((row.state.as_str(), row.fence), ("SUCCEEDED", 2), "{:?}", row.error);
    assert_eq!(row.result.unwrap()["fileCount"], FILES);
    // What was durable was not made again.
    let after = data.parts(job);
    assert_eq!(before[..2], after[..2]);
    data.assert_whole(job);
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_whose_worker_is_killed_goes_on_where_it_was() {
    let mut cluster = Cluster::start().await;
    dies_in_the_middle(&mut cluster.stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_of_the_embedded_process_goes_on_where_it_was() {
    let _turn = turn().await;
    dies_in_the_middle(&mut Stack::embedded().await).await;
}

/// What is written down of `job`: its row, its events, and the receipts of everybody.
async fn recorded(stack: &Stack, job: JobId) -> (entity::job::Model, Vec<String>, Vec<entity::certificate::Model>) {
    let receipts = entity::certificate::Entity::find().all(stack.app.db().read()).await.unwrap();
    (stack.row(job).await, stack.story(job).await, receipts)
}

/// Stops the worker for longer than its lease once two parts are counted; it wakes when its successor is done.
async fn wakes_when_it_is_over(stack: &mut Stack) {
    let data = Data::of(stack).await;
    let job = data.order(stack).await;
    let sleeper = Process::worker(&stack.plan);
    two_parts(stack, job).await;
    sleeper.signal(Signal::STOP);
    assert_eq!(stack.row(job).await.state, "RUNNING", "stopped in the middle");
    let _successor = Process::worker(&stack.plan);
    stack.all_over(REST * 2).await;
    let (before, parts) = (recorded(stack, job).await, data.listed(job));
    let (row, story, receipts) = &before;
    assert_eq!((row.state.as_str(), row.fence, row.attempt), ("SUCCEEDED", 2, 1), "{:?}", row.error);
    let told = ["job.queued", "job.started", "job.rescued", "job.started", "data_return.delivered", "job.succeeded"];
    assert_eq!(*story, told);
    assert_eq!(receipts.iter().map(|receipt| receipt.job_id).collect::<Vec<_>>(), [Some(job.uuid())]);
    sleeper.signal(Signal::CONT);
    // Asked to end, it ends when nothing of its run is left that could still write.
    sleeper.signal(Signal::TERM);
    assert!(sleeper.wait(REST).await.success());
    assert_eq!(recorded(stack, job).await, before, "the late worker records nothing");
    assert_eq!(data.listed(job), parts, "the late worker writes over nothing");
    data.assert_whole(job);
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_whose_worker_wakes_after_its_lease_is_delivered_once() {
    let mut cluster = Cluster::start().await;
    wakes_when_it_is_over(&mut cluster.stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_whose_worker_wakes_after_its_lease_is_delivered_once_on_one_file() {
    let _turn = turn().await;
    wakes_when_it_is_over(&mut Stack::polling(None).await).await;
}
