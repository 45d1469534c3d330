//! What it takes to have data destroyed: a scan, a plan, and everybody's leave.

use async_trait::async_trait;
use gangway::{
    domain::{clearance::Clearance, sanitization::SanitizationMethod},
    ports::{
        eraser::{Batch, Erased, Eraser, Ground, Leave, Survey, Surveyed},
        storage::{Fault, FaultKind, Result as Stored},
    },
};
use tokio::sync::Semaphore;

use super::*;
use crate::support::{
    flow::{done, grant, key, text},
    run::of_client,
};

pub(super) const ASK: &str = "mutation($input: DecisionRequestInput!) { decisionRequest(input: $input) {
    decision { id state } userErrors { code message path remedy } } }";
const VOTE: &str = "mutation($input: DecisionVoteInput!) { decisionVote(input: $input) {
    decision { state } userErrors { message } } }";
const FOUND: &str = "query($id: ID!) { job(id: $id) { state error { code message remedy }
    result { ... on SanitizationResult { places files bytes } }
    certificate { id digest number kind statement note verifyCommand }
    targets { nodes { state attempt error { code message remedy } outcome {
        ... on ScannedData { digest itemCount fileCount byteCount severalNamesCount hiddenCount namedElsewhereCount limits }
        ... on DestroyedData { digest method plannedCount destroyedCount byteCount removedCount unnamedCount absentCount changedCount
            refusedCount lockedCount lockedUntil namedElsewhereCount
            leftCount first }
        ... on SeenData { witnesses { tool count first } } } } } } }";

/// A client whose data is destroyed, and whoever agrees to it.
pub(super) struct Ending {
    pub(super) site: Site,
    pub(super) contact: Actor,
    pub(super) operator: Actor,
    pub(super) authority: Actor,
    /// Somebody who did not order the destruction.
    pub(super) verifier: Actor,
    /// How it is destroyed.
    method: &'static str,
}

impl Ending {
    /// Data at `data://acme/old`, in a folder beside which something else of the client lies.
    pub(super) async fn of(test: TestApp) -> Self {
        let ending = Self::at_site(Site::with(test, "data://acme/old", "DESTROY").await, "OVERWRITE_ZERO").await;
        std::fs::create_dir_all(ending.at("old/mail")).unwrap();
        ending.put("old/mail/one", "Dear Sir");
        ending.put("old/empty", "");
        ending.put("current", "stays");
        ending
    }

    /// The data of `site`, which is destroyed by `method`.
    pub(super) async fn at_site(site: Site, method: &'static str) -> Self {
        Self {
            contact: of_client(&site.test, Role::ClientContact, &site.client).await,
            operator: colleague(&site.test, &[Role::Operator]).await,
            authority: colleague(&site.test, &[Role::Compliance]).await,
            verifier: colleague(&site.test, &[Role::OnboardingManager]).await,
            method,
            site,
        }
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.site.home.path().join("data/acme").join(path)
    }

    pub(super) fn put(&self, path: &str, content: &str) {
        std::fs::write(self.at(path), content).unwrap();
    }

    /// Plans a job of `kind` as the manager.
    pub(super) async fn planned(&self, kind: &str, options: Value) -> Value {
        let input = json!({ "kind": kind, "engagementId": self.site.engagement, "options": options });
        sent(&self.site.test, &self.site.manager, PLAN, input).await
    }

    pub(super) async fn found(&self, job: &Value) -> Value {
        self.site.test.ask(&self.site.manager, FOUND, json!({ "id": job["id"] })).await["job"].clone()
    }

    /// The job once it is over.
    pub(super) async fn ended(&self, job: &Value, state: &str) -> Value {
        self.site.until(&job["id"], state).await;
        self.found(job).await
    }

    /// Scans what there is, and gives what was found.
    pub(super) async fn scan(&self, state: &str) -> Value {
        let plan = done(self.planned("DISCOVERY_SCAN", json!({ "discoveryScan": { "scope": "DATA" } })).await);
        let job = self.site.start_plan(&plan["plan"], &key(&self.site.test)).await;
        self.ended(&job, state).await["targets"]["nodes"][0].take()
    }

    pub(super) async fn plan(&self) -> Value {
        let options = json!({ "sanitization": { "method": self.method } });
        done(self.planned("SANITIZATION", options).await)["plan"].take()
    }

    /// Asks `kind` about the plan's very hash.
    pub(super) async fn ask(&self, kind: &str, plan: &Value) -> String {
        let input = json!({ "kind": kind, "question": "May this be destroyed?", "subjectId": plan["id"],
            "subjectHash": plan["planHash"], "idempotencyKey": key(&self.site.test) });
        text(&done(sent(&self.site.test, &self.site.manager, ASK, input).await)["decision"]["id"])
    }

    pub(super) async fn vote(&self, voter: &Actor, decision: &str, verdict: &str) -> Value {
        let input = json!({ "id": decision, "verdict": verdict, "comment": "So be it.",
            "idempotencyKey": key(&self.site.test) });
        done(sent(&self.site.test, voter, VOTE, input).await)["decision"]["state"].take()
    }

    /// The client confirms the plan, and two people approve it.
    pub(super) async fn agree(&self, plan: &Value) {
        let confirmation = self.ask("DESTRUCTION_CONFIRMATION", plan).await;
        grant(&self.site.test, &self.contact, &confirmation).await;
        let approval = self.ask("JOB_PLAN", plan).await;
        assert_eq!(self.vote(&self.operator, &approval, "GRANT").await, "OPEN");
        grant(&self.site.test, &self.authority, &approval).await;
    }

    pub(super) async fn start(&self, plan: &Value) -> Value {
        let input = json!({ "planId": plan["id"], "planHash": plan["planHash"], "reason": "The agreement ended.",
            "idempotencyKey": key(&self.site.test) });
        sent(&self.site.test, &self.site.manager, START, input).await
    }

    /// Scans, plans, has it agreed to and starts it.
    pub(super) async fn destroy(&self) -> Value {
        self.scan("SUCCEEDED").await;
        let plan = self.plan().await;
        self.agree(&plan).await;
        done(self.start(&plan).await)["job"].take()
    }

    /// Has the destruction verified by somebody else; gives the job's end.
    pub(super) async fn verify(&self, state: &str) -> Value {
        let options = json!({ "sanitizationVerification": { "coverage": "FULL" } });
        let input =
            json!({ "kind": "SANITIZATION_VERIFICATION", "engagementId": self.site.engagement, "options": options });
        let plan = done(sent(&self.site.test, &self.verifier, PLAN, input).await)["plan"].take();
        let input = json!({ "planId": plan["id"], "planHash": plan["planHash"], "reason": "Another pair of eyes.",
            "idempotencyKey": key(&self.site.test) });
        let job = done(sent(&self.site.test, &self.verifier, START, input).await)["job"].take();
        self.ended(&job, state).await
    }

    pub(super) async fn line(&self) -> String {
        self.site.state_of(&self.site.holding).await
    }
}

/// Gates that a refused start names, with what is missing.
pub(super) fn gates(payload: &Value) -> Vec<&str> {
    let blockers = payload["userErrors"][0]["blockers"].as_array().unwrap_or_else(|| panic!("{payload}"));
    blockers.iter().map(|blocker| blocker["code"].as_str().unwrap()).collect()
}

/// What a destruction waits for before each batch.
#[derive(Clone)]
pub(super) struct Gate {
    permits: Arc<Semaphore>,
    asked: Arc<Semaphore>,
}

impl Gate {
    /// Waits until a batch stands before it.
    pub(super) async fn reached(&self) {
        timeout(LONG, self.asked.acquire()).await.unwrap().unwrap().forget();
    }

    /// Waits until it is let through, or need not be any more.
    async fn passed(&self, leave: &Leave) {
        while !leave.is_over() {
            if let Ok(permit) = timeout(Duration::from_millis(20), self.permits.acquire()).await {
                return permit.unwrap().forget();
            }
        }
    }

    /// Lets whatever comes through.
    pub(super) fn open(&self) {
        self.permits.add_permits(100);
    }
}

/// A store that is not quite the one that was configured.
pub(super) struct Odd {
    pub(super) inner: Arc<dyn Eraser>,
    /// It lets batches through here.
    pub(super) gate: Option<Gate>,
    /// It says that it is this one.
    pub(super) root: Option<String>,
    /// It shows that something is there and not what.
    pub(super) hides: bool,
}

#[async_trait]
impl Eraser for Odd {
    fn method(&self) -> SanitizationMethod {
        self.inner.method()
    }

    async fn root(&self) -> Stored<String> {
        let real = self.inner.root().await?;
        Ok(self.root.clone().unwrap_or(real))
    }

    async fn ground(&self, folder: &ObjectPath) -> Stored<Ground> {
        self.inner.ground(folder).await
    }

    fn survey(&self, folder: &ObjectPath) -> Survey {
        let fault = Fault::new(FaultKind::Forbidden, "survey", "mail", "another file system");
        let hidden = self.hides.then(|| Ok(vec![Surveyed::Hidden { path: "mail".into(), fault }]));
        self.inner.survey(folder).chain(futures_util::stream::iter(hidden)).boxed()
    }

    async fn erase(&self, clearance: Clearance<Batch>) -> Stored<Vec<Erased>> {
        if let Some(gate) = &self.gate {
            gate.asked.add_permits(1);
            gate.passed(&clearance.what().leave).await;
        }
        self.inner.erase(clearance).await
    }
}

impl Ending {
    /// From now on the store `data` is as `change` makes it.
    pub(super) fn twist(&mut self, change: impl FnOnce(&mut Odd)) {
        self.site.change_shelves(|shelves| {
            let erasable = shelves.erasable.get_mut("data").unwrap();
            let mut odd = Odd { inner: Arc::clone(&erasable.eraser), gate: None, root: None, hides: false };
            change(&mut odd);
            erasable.eraser = Arc::new(odd);
        });
    }

    /// From now on each batch waits to be let through.
    pub(super) fn gated(&mut self) -> Gate {
        let gate = Gate { permits: Arc::new(Semaphore::new(0)), asked: Arc::new(Semaphore::new(0)) };
        self.twist(|odd| odd.gate = Some(gate.clone()));
        gate
    }
}
