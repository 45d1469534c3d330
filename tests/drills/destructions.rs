//! A worker that dies in the middle of a destruction of data.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use gangway::{
    app::{
        job,
        sanitization::{self, Erasure, TargetDetails},
        scan::{self, Found, Spot},
    },
    auth::Actor,
    domain::{
        job::{JobKind, NewJob, NewTarget},
        sanitization::SanitizationMethod,
    },
    ids::{ActorId, ClientId, EngagementId, HoldingId, JobId},
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Cluster, REST,
    support::{process::Process, stack::Stack},
    turn,
};

/// Enough for several batches.
const FILES: usize = 2_600;
/// What stands for everything that the client and two people agreed to.
const HASH: &str = "0000000000000000000000000000000000000000000000000000000000000001";

/// A client whose data is to be destroyed, entered in the database as its life would have left it.
struct Doomed {
    home: tempfile::TempDir,
    client: ClientId,
    holding: HoldingId,
    run: EngagementId,
}

impl Doomed {
    async fn of(stack: &mut Stack) -> Self {
        let home = tempfile::tempdir().unwrap();
        let source = home.path().join("source");
        for folder in 0..20 {
            fs::create_dir_all(source.join(format!("acme/old/{folder}"))).unwrap();
        }
        for number in 0..FILES {
            fs::write(source.join(format!("acme/old/{}/{number}", number % 20)), vec![7; 20_000]).unwrap();
        }
        fs::create_dir_all(source.join("acme/current")).unwrap();
        fs::write(source.join("acme/current/file"), "stays").unwrap();
        symlink(source.join("acme/current"), source.join("acme/old/3/link")).unwrap();
        fs::hard_link(source.join("acme/old/1/1"), source.join("acme/old/2/again")).unwrap();
        stack.plan.data = Some(home.path().to_owned());
        let ids = (Uuid::now_v7().into(), Uuid::now_v7().into(), Uuid::now_v7().into());
        let doomed = Self { home, client: ids.0, holding: ids.1, run: ids.2 };
        doomed.enter(stack).await;
        doomed
    }

    fn old(&self) -> PathBuf {
        self.home.path().join("source/acme/old")
    }

    fn spot(&self) -> Spot {
        Spot { holding_id: self.holding, store: "data".to_owned(), path: "acme/old".to_owned() }
    }

    async fn enter(&self, stack: &Stack) {
        let (db, now) = (stack.app.db().write(), stack.app.now());
        let row = entity::client::Model {
            id: self.client.uuid(),
            slug: "acme".to_owned(),
            name: "Acme".to_owned(),
            name_search: "acme".to_owned(),
            stage: "OFFBOARDING".to_owned(),
            time_zone: "UTC".to_owned(),
            service_start_on: None,
            service_started_at: None,
            final_service_on: now.date_naive().pred_opt(),
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        entity::client::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
        let details = json!({ "kind": "DATA", "data_kind": "FILES", "location": "data://acme/old",
            "disposition": "DESTROY", "key_escrow": "NOT_ENCRYPTED" });
        let row = entity::holding::Model {
            id: self.holding.uuid(),
            client_id: self.client.uuid(),
            kind: "DATA".to_owned(),
            state: "ACTIVE".to_owned(),
            name: "Old files".to_owned(),
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
        self.begin(stack).await;
    }

    /// The offboarding, of a process with nothing in it.
    async fn begin(&self, stack: &Stack) {
        let (db, now) = (stack.app.db().write(), stack.app.now());
        let (process, version) = (Uuid::now_v7(), Uuid::now_v7());
        let row = entity::process::Model {
            id: process,
            document_number: "T-OFF-900".to_owned(),
            title: "Nothing".to_owned(),
            kind: "OFFBOARDING".to_owned(),
            created_at: now,
        };
        entity::process::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
        let row = entity::process_version::Model {
            id: version,
            process_id: process,
            number: 1,
            state: "APPROVED".to_owned(),
            content: json!({}),
            content_hash: "0".repeat(64),
            supersedes_id: None,
            prepared_by: "system".to_owned(),
            prepared_at: now,
            approved_by: Some("system".to_owned()),
            approved_at: Some(now),
            next_review_on: None,
            revision: 1,
            updated_at: now,
        };
        entity::process_version::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
        let row = entity::engagement::Model {
            id: self.run.uuid(),
            client_id: self.client.uuid(),
            kind: "OFFBOARDING".to_owned(),
            state: "RUNNING".to_owned(),
            process_version_id: version,
            target_on: None,
            state_reason: None,
            started_at: Some(now),
            concluded_at: None,
            revision: 1,
            created_by: "system".to_owned(),
            created_at: now,
            updated_at: now,
        };
        entity::engagement::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    }

    /// Puts a job in the queue, as starting its plan would.
    async fn order(
        &self,
        stack: &Stack,
        kind: JobKind,
        args: impl Serialize,
        details: impl Serialize,
        plan: Option<Uuid>,
    ) -> JobId {
        let target = NewTarget {
            id: stack.app.new_id(),
            holding_id: Some(self.holding),
            name: "Old files".to_owned(),
            details: serde_json::to_value(details).unwrap(),
        };
        let new = NewJob {
            client_id: Some(self.client),
            engagement_id: Some(self.run),
            plan_id: plan.map(Into::into),
            ..NewJob::new(stack.app.new_id(), kind, serde_json::to_value(args).unwrap(), ActorId::System)
        };
        let actor = Actor::system();
        let mut deed = stack.app.begin(&actor).await.unwrap();
        job::enqueue(&mut deed, &new, vec![target]).await.unwrap();
        deed.commit().await.unwrap();
        new.id
    }

    /// Scans the folder with a worker of its own; gives what it found.
    async fn scan(&self, stack: &Stack) -> Found {
        let args = scan::Args { engagement_id: self.run };
        let job = self.order(stack, JobKind::DiscoveryScan, args, self.spot(), None).await;
        let _worker = Process::worker(&stack.plan);
        stack.all_over(REST).await;
        serde_json::from_value(outcome(stack, job).await).unwrap()
    }

    /// Orders the destruction of what was found, agreed to by everybody.
    async fn destroy(&self, stack: &Stack, found: Found) -> JobId {
        let details = TargetDetails { spot: self.spot(), found };
        let plan = self.agreed(stack, &details).await;
        let args = sanitization::Args { engagement_id: self.run, method: SanitizationMethod::OverwriteZero };
        self.order(stack, JobKind::Sanitization, args, details, Some(plan)).await
    }

    async fn agreed(&self, stack: &Stack, details: &TargetDetails) -> Uuid {
        let (db, now, plan) = (stack.app.db().write(), stack.app.now(), Uuid::now_v7());
        let row = entity::job_plan::Model {
            id: plan,
            client_id: self.client.uuid(),
            engagement_id: None,
            step_id: None,
            kind: "SANITIZATION".to_owned(),
            options: json!({}),
            targets: json!([{ "holdingId": self.holding, "name": "Old files", "details": details }]),
            warnings: json!([]),
            plan_hash: HASH.to_owned(),
            created_by: "system".to_owned(),
            created_at: now,
            expires_at: now,
        };
        entity::job_plan::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
        for kind in ["DESTRUCTION_CONFIRMATION", "JOB_PLAN"] {
            let row = entity::decision::Model {
                id: Uuid::now_v7(),
                client_id: Some(self.client.uuid()),
                engagement_id: None,
                kind: kind.to_owned(),
                state: "GRANTED".to_owned(),
                question: "May it be?".to_owned(),
                subject_id: "jpl_x".to_owned(),
                subject_hash: Some(HASH.to_owned()),
                rule: json!({ "requirements": [], "is_ordered": false }),
                requested_by: "system".to_owned(),
                requested_at: now,
                expires_at: None,
                decided_at: Some(now),
                revision: 2,
            };
            entity::decision::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
        }
        plan
    }
}

async fn outcome(stack: &Stack, job: JobId) -> Value {
    let select = entity::job_target::Entity::find().filter(entity::job_target::Column::JobId.eq(job.uuid()));
    let target = select.one(stack.app.db().read()).await.unwrap().unwrap();
    assert_eq!(target.state, "SUCCEEDED", "{:?}", target.error);
    target.outcome.unwrap()
}

/// Files that are there below `folder`.
fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.iter().map(|path| if path.is_dir() && !path.is_symlink() { files(path) } else { 1 }).sum()
}

/// Kills workers one after the other, each when it is a little farther than the one before.
async fn dies_again_and_again(stack: &mut Stack) {
    let doomed = Doomed::of(stack).await;
    let found = doomed.scan(stack).await;
    assert_eq!((found.files, found.items), (FILES as u64 + 1, FILES as u64 + 1 + 20 + 1 + 1));
    let planned = found.items;
    let job = doomed.destroy(stack, found).await;
    let mut seen = BTreeSet::new();
    for below in [FILES - 300, FILES - 1_100] {
        let victim = Process::worker(&stack.plan);
        stack
            .until("it gets on", REST, async || {
                let left = files(&doomed.old());
                if left < below { Ok(()) } else { Err(left) }
            })
            .await;
        victim.kill();
        let left = files(&doomed.old());
        assert!(left > 0 && seen.insert(left), "killed in the middle: {left}");
        assert_eq!(stack.row(job).await.state, "RUNNING");
    }
    let _last = Process::worker(&stack.plan);
    stack.all_over(REST * 2).await;
    let row = stack.row(job).await;
    assert_eq!((row.state.as_str(), row.fence), ("SUCCEEDED", 3), "{:?}", row.error);
    let erasure: Erasure = serde_json::from_value(outcome(stack, job).await).unwrap();
    assert!(erasure.is_whole() && erasure.planned == planned, "{erasure:?}");
    // At most a batch for each death was gone when its successor came.
    assert!(erasure.tally.absent <= 2 * 1_000, "{erasure:?}");
    assert!(!doomed.old().exists());
    let beside = doomed.home.path().join("source/acme/current/file");
    assert_eq!(fs::read(beside).unwrap(), b"stays", "what a link pointed to");
    let holding = entity::holding::Entity::find_by_id(doomed.holding.uuid()).one(stack.app.db().read()).await.unwrap();
    assert_eq!(holding.unwrap().state, "REMOVED");
    stack.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destruction_whose_workers_are_killed_is_done_once_and_whole() {
    let mut cluster = Cluster::start().await;
    dies_again_and_again(&mut cluster.stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destruction_of_the_embedded_process_is_done_once_and_whole() {
    let _turn = turn().await;
    dies_again_and_again(&mut Stack::embedded().await).await;
}
