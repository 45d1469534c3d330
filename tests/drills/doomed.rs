//! A client whose data is to be destroyed, entered in the database as its life would have left it.

use gangway::{
    app::{
        job,
        sanitization::{self, TargetDetails},
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
    REST,
    support::{ledger::Line, process::Process, stack::Stack},
};

/// What stands for everything that the client and two people agreed to.
const HASH: &str = "0000000000000000000000000000000000000000000000000000000000000001";

/// A client whose data lies at `acme/old` of a store.
pub(crate) struct Doomed {
    pub(crate) client: ClientId,
    pub(crate) holding: HoldingId,
    pub(crate) run: EngagementId,
    store: &'static str,
    method: SanitizationMethod,
}

impl Doomed {
    pub(crate) async fn of(stack: &Stack, store: &'static str, method: SanitizationMethod) -> Self {
        let doomed = Self {
            client: Uuid::now_v7().into(),
            holding: Uuid::now_v7().into(),
            run: Uuid::now_v7().into(),
            store,
            method,
        };
        let line = Line {
            client: doomed.client.uuid(),
            holding: doomed.holding.uuid(),
            location: &format!("{store}://acme/old"),
            disposition: "DESTROY",
            final_service_on: stack.app.now().date_naive().pred_opt(),
        };
        line.enter(stack).await;
        doomed.begin(stack).await;
        doomed
    }

    fn spot(&self) -> Spot {
        Spot { holding_id: self.holding, store: self.store.to_owned(), path: "acme/old".to_owned() }
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
            name: "Files".to_owned(),
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

    /// Scans the place with a worker of its own; gives what it found.
    pub(crate) async fn scan(&self, stack: &Stack) -> Found {
        let args = scan::Args { engagement_id: self.run };
        let job = self.order(stack, JobKind::DiscoveryScan, args, self.spot(), None).await;
        let _worker = Process::worker(&stack.plan);
        stack.all_over(REST).await;
        serde_json::from_value(outcome(stack, job).await).unwrap()
    }

    /// Orders the destruction of what was found, agreed to by everybody.
    pub(crate) async fn destroy(&self, stack: &Stack, found: Found) -> JobId {
        let details = TargetDetails { spot: self.spot(), found };
        let plan = self.agreed(stack, &details).await;
        let args = sanitization::Args { engagement_id: self.run, method: self.method };
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
            targets: json!([{ "holdingId": self.holding, "name": "Files", "details": details }]),
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

/// What came of the one target of `job`.
pub(crate) async fn outcome(stack: &Stack, job: JobId) -> Value {
    let select = entity::job_target::Entity::find().filter(entity::job_target::Column::JobId.eq(job.uuid()));
    let target = select.one(stack.app.db().read()).await.unwrap().unwrap();
    assert_eq!(target.state, "SUCCEEDED", "{:?}", target.error);
    target.outcome.unwrap()
}
