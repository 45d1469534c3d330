//! Jobs through GraphQL, on the example of a data return: real files, a real worker, a real package.

mod accepted;
mod agents;
mod bucket;
mod clearing;
mod destroyed;
mod emptied;
mod ending;
mod faults;
mod full;
mod guarded;
mod live;
mod meddled;
mod packed;
mod plan;
mod returned;
mod room;
mod steer;
mod stopped;
mod validated;

use std::{
    collections::BTreeMap,
    io::Read,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use age::{secrecy::ExposeSecret, x25519::Identity};
use async_graphql::{Request, Variables};
use futures_util::{Stream, StreamExt};
use gangway::{
    adapters::{
        local_files::{Find, LocalFiles, Mounts},
        witness::Listing,
    },
    app::{self, App},
    auth::Actor,
    domain::role::Role,
    graphql::{self, subscription::event::Everything},
    jobs::Registry,
    ports::{
        eraser::Witness,
        shelves::{Erasable, Shelf, Shelves},
        storage::ObjectPath,
    },
    queue::Worker,
    reconcile,
    stream::Bell,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    support::{
        TestApp,
        flow::merge,
        make::{self, sent},
        run::colleague,
    },
    twisted::{Twist, twisted},
};

/// Long enough for a shared machine.
const LONG: Duration = Duration::from_mins(1);

/// A client that is being let go, with data in a folder, and a queue.
pub(crate) struct Site {
    pub(crate) test: TestApp,
    pub(crate) client: String,
    engagement: String,
    /// The line of the ledger that its data is.
    pub(crate) holding: String,
    identity: Identity,
    /// Account manager and onboarding manager in one, so that a test has one person who may do all of it.
    pub(crate) manager: Actor,
    stop: CancellationToken,
    home: TempDir,
}

fn shelves(home: &TempDir) -> Shelves {
    let path = |name: &str| home.path().join(name);
    std::fs::create_dir_all(path("data/acme")).unwrap();
    let source = Shelf {
        store: Arc::new(LocalFiles::open(&path("data"), Mounts::Stay).unwrap()) as _,
        folder: ObjectPath::ROOT,
    };
    let place =
        |name: &str| Shelf { store: Arc::new(LocalFiles::create(&path(name)).unwrap()) as _, folder: ObjectPath::ROOT };
    let files = Arc::new(LocalFiles::open(&path("data"), Mounts::Stay).unwrap());
    let witnesses: Vec<Arc<dyn Witness>> =
        vec![Arc::new(Listing::of(files.clone())), Arc::new(Find::below(path("data")))];
    let erasable = Erasable { eraser: files, folder: ObjectPath::ROOT, witnesses };
    Shelves {
        sources: BTreeMap::from([("data".to_owned(), source)]),
        destinations: BTreeMap::from([("returns".to_owned(), place("returns"))]),
        erasable: BTreeMap::from([("data".to_owned(), erasable)]),
        own: place("own"),
    }
}

impl Site {
    pub(crate) async fn of(test: TestApp) -> Self {
        Self::with(test, "data://acme", "RETURN").await
    }

    /// A site whose one line of the ledger is data that lies at `location` and is to end so.
    async fn with(test: TestApp, location: &str, disposition: &str) -> Self {
        Self::placed(test, |_| {}, location, disposition).await
    }

    /// The same in places that `change` makes.
    async fn placed(test: TestApp, change: impl FnOnce(&mut Shelves), location: &str, disposition: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut shelves = shelves(&home);
        change(&mut shelves);
        let test = test.with(|parts| parts.shelves = shelves);
        let stop = CancellationToken::new();
        keep_log(&test, &stop);
        app::process::builtin::install(&test.app).await.unwrap();
        let manager = colleague(&test, &[Role::AccountManager, Role::OnboardingManager]).await;
        colleague(&test, &[Role::Compliance]).await;
        let client = make::client(&test, "acme").await;
        let identity = Identity::generate();
        let mut site =
            Self { engagement: String::new(), holding: String::new(), test, client, identity, manager, stop, home };
        site.sign_and_terminate().await;
        site.holding = site.register("Shared folder", location, disposition).await;
        site.confirm_key().await;
        site.engagement = site.offboard().await;
        site
    }

    /// Pauses or cancels the offboarding, as `field` says; gives the answer.
    async fn turn(&self, field: &str) -> Value {
        let document = "query($id: ID!) { engagement(id: $id) { revision } }";
        let found = self.test.ask(&self.manager, document, json!({ "id": self.engagement })).await;
        let name = format!("E{}", &field[1..]);
        let document = format!(
            "mutation($input: {name}Input!) {{ {field}(input: $input) {{ engagement {{ state }} \
             userErrors {{ code path message remedy }} }} }}"
        );
        let input = json!({ "id": self.engagement, "expectedRevision": found["engagement"]["revision"], "reason": "So be it." });
        sent(&self.test, &self.manager, &document, input).await
    }

    /// Does `document` as the manager and wants it to be accepted.
    async fn done(&self, document: &str, input: Value) -> Value {
        let payload = sent(&self.test, &self.manager, document, input).await;
        assert_eq!(payload["userErrors"], json!([]), "{document}");
        payload
    }

    async fn sign_and_terminate(&self) {
        let record = "mutation($input: AgreementRecordInput!) {
            agreementRecord(input: $input) { agreement { id revision } userErrors { message path } } }";
        let terms = json!({ "destination": "The client's bucket", "formats": ["BAGIT_TAR", "BAGIT_TAR_ZSTD"] });
        let details = json!({ "serviceAgreement": { "dataReturn": terms, "noticeDays": 0 } });
        let input = json!({ "clientId": self.client, "title": "Service agreement", "details": details,
            "idempotencyKey": "agreement-1" });
        let agreement = self.done(record, input).await["agreement"].clone();
        let sign = "mutation($input: AgreementSignInput!) {
            agreementSign(input: $input) { agreement { id } userErrors { message path } } }";
        let input = json!({ "id": agreement["id"], "expectedRevision": agreement["revision"], "method": "INK",
            "name": "Ada", "signedOn": "2026-03-01" });
        self.done(sign, input).await;
        let terminate = "mutation($input: TerminationRecordInput!) {
            terminationRecord(input: $input) { client { id } userErrors { message path } } }";
        let input = json!({ "clientId": self.client, "channel": "EMAIL", "givenBy": "Ada", "receivedOn": "2026-03-02",
            "finalServiceOn": "2026-03-02", "idempotencyKey": "termination-1" });
        self.done(terminate, input).await;
    }

    async fn register(&self, name: &str, location: &str, disposition: &str) -> String {
        let document = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) {
            results { holding { id } userErrors { message path } } userErrors { message path } } }";
        let data = json!({ "dataKind": "FILES", "disposition": disposition, "keyEscrow": "NOT_ENCRYPTED", "location": location });
        let row = json!({ "name": name, "details": { "data": data } });
        let key = format!("holding {name}").replace(' ', "-");
        let input = json!({ "clientId": self.client, "holdings": [row], "idempotencyKey": key });
        let payload = self.done(document, input).await;
        payload["results"][0]["holding"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
    }

    /// Enters the client's key and answers its challenge, as whoever holds the key would.
    async fn confirm_key(&self) {
        let register = "mutation($input: RecipientKeyRegisterInput!) { recipientKeyRegister(input: $input) {
            recipientKey { id fingerprint challenge } userErrors { message path } } }";
        let input = json!({ "clientId": self.client, "recipient": self.identity.to_public().to_string(),
            "idempotencyKey": "recipient-1" });
        let key = self.done(register, input).await["recipientKey"].clone();
        let answer = self.decrypt(key["challenge"].as_str().unwrap());
        let confirm = "mutation($input: RecipientKeyConfirmInput!) { recipientKeyConfirm(input: $input) {
            recipientKey { state } userErrors { message path } } }";
        let input = json!({ "id": key["id"], "answer": answer.trim(), "fingerprint": key["fingerprint"] });
        // A colleague has the answer from the client: whoever entered the key does not confirm it.
        let colleague = self.test.staff(Role::AccountManager);
        let confirmed = sent(&self.test, &colleague, confirm, input).await;
        assert_eq!(confirmed["recipientKey"]["state"], "CONFIRMED", "{confirmed}");
    }

    async fn revoke_key(&self) {
        let keys = "query($id: ID!) { client(id: $id) { recipientKeys { id revision } } }";
        let found = self.test.ask(&self.manager, keys, json!({ "id": self.client })).await;
        let key = found["client"]["recipientKeys"][0].clone();
        let revoke = "mutation($input: RecipientKeyRevokeInput!) { recipientKeyRevoke(input: $input) {
            recipientKey { state } userErrors { message } } }";
        self.done(revoke, json!({ "id": key["id"], "expectedRevision": key["revision"] })).await;
    }

    /// What is inside a message in age's text form.
    fn decrypt(&self, armored: &str) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let body: String = armored.lines().filter(|line| !line.starts_with('-')).collect();
        let message = STANDARD.decode(body).unwrap();
        let decryptor = age::Decryptor::new(message.as_slice()).unwrap();
        let mut text = String::new();
        let keys = [&self.identity as &dyn age::Identity];
        decryptor.decrypt(keys.into_iter()).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    async fn offboard(&self) -> String {
        let document = "mutation($input: EngagementStartInput!) { engagementStart(input: $input) {
            engagement { id } userErrors { message path ... on BlockedError { blockers { code message } } } } }";
        let input = json!({ "clientId": self.client, "kind": "OFFBOARDING", "documentNumber": "T-OFF-010",
            "idempotencyKey": "offboarding-1" });
        self.done(document, input).await["engagement"]["id"].as_str().unwrap().to_owned()
    }

    /// Writes a file into the client's folder.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.home.path().join("data/acme").join(name), content).unwrap();
    }

    /// From now on the site has other places.
    fn change_shelves(&mut self, change: impl FnOnce(&mut Shelves)) {
        let mut parts = self.test.app.parts().clone();
        change(&mut parts.shelves);
        self.test.app = App::new(parts);
    }

    /// From now on `twist` happens in the destination.
    fn twist_destination(&mut self, twist: impl Twist) {
        self.change_shelves(|shelves| {
            let shelf = shelves.destinations.get_mut("returns").unwrap();
            shelf.store = twisted(&shelf.store, twist);
        });
    }

    /// Each of the first `times` that a part is read back it has changed on the destination's disk.
    fn damage_a_part(&mut self, times: u32) {
        let (returns, done) = (self.returns(), AtomicU32::new(0));
        self.change_shelves(|shelves| {
            let damaged = meddled::meddled(&shelves.destinations["returns"], move |path| {
                let file = returns.join(path.as_utf8().unwrap());
                if path.as_bytes().ends_with(b".age") && done.fetch_add(1, Ordering::SeqCst) < times {
                    let mut bytes = std::fs::read(&file).unwrap();
                    bytes[0] ^= 1;
                    std::fs::write(&file, bytes).unwrap();
                }
                Ok(())
            });
            shelves.destinations.insert("returns".to_owned(), damaged);
        });
    }

    /// Orders a job that failed again.
    async fn retry(&self, id: &Value, key: &str) -> Value {
        let input = json!({ "id": id, "reason": "It is mended.", "idempotencyKey": key });
        sent(&self.test, &self.manager, RETRY, input).await
    }

    /// The files below a folder of the site, by path from there.
    fn lying(&self, folder: &str) -> Vec<String> {
        let root = self.home.path().join(folder);
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    fn returns(&self) -> PathBuf {
        self.home.path().join("returns")
    }

    /// The key file that `age -d -i` wants.
    fn key_file(&self) -> PathBuf {
        let path = self.home.path().join("key.txt");
        std::fs::write(&path, format!("{}\n", self.identity.to_string().expose_secret())).unwrap();
        path
    }

    fn options() -> Value {
        json!({ "dataReturn": { "format": "BAGIT_TAR_ZSTD", "destination": "returns" } })
    }

    pub(crate) async fn plan(&self) -> Value {
        self.plan_as(json!({ "options": Self::options() })).await
    }

    /// Plans a return with `more` than what every plan says.
    async fn plan_as(&self, more: Value) -> Value {
        let mut input = json!({ "kind": "DATA_RETURN", "engagementId": self.engagement });
        merge(&mut input, more);
        self.done(PLAN, input).await["plan"].clone()
    }

    pub(crate) async fn start(&self, key: &str) -> Value {
        let plan = self.plan().await;
        self.start_plan(&plan, key).await
    }

    async fn start_plan(&self, plan: &Value, key: &str) -> Value {
        let input = json!({ "planId": plan["id"], "planHash": plan["planHash"], "reason": "The client wants it.",
            "idempotencyKey": key });
        self.done(START, input).await["job"].clone()
    }

    /// Starts a worker in this process.
    pub(crate) fn work(&self) -> Working {
        let registry = Registry::of(&self.test.app.parts().shelves);
        let stop = self.stop.child_token();
        drop(reconcile::start(self.test.app.clone(), self.test.queue.clone(), stop.clone()));
        Working { worker: Worker::start(&self.test.queue, &self.test.app, registry), stop }
    }

    async fn job(&self, id: &Value) -> Value {
        self.test.ask(&self.manager, JOB, json!({ "id": id })).await["job"].clone()
    }

    /// The job once it stands in `state`.
    pub(crate) async fn until(&self, id: &Value, state: &str) -> Value {
        let looked = async {
            loop {
                let job = self.job(id).await;
                if job["state"] == state {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let Ok(job) = timeout(LONG, looked).await else { panic!("{}", self.job(id).await) };
        job
    }

    async fn state_of(&self, holding: &str) -> String {
        let document = "query($id: ID!) { holdings(filter: { clientId: $id }) { nodes { id state } } }";
        let found = self.test.ask(&self.manager, document, json!({ "id": self.client })).await;
        let nodes = found["holdings"]["nodes"].as_array().unwrap().clone();
        let line = nodes.iter().find(|node| node["id"] == *holding).unwrap();
        line["state"].as_str().unwrap().to_owned()
    }

    fn watch(&self, actor: &Actor, variables: Value) -> impl Stream<Item = Value> + Unpin + use<> {
        let request = Request::new(WATCH).variables(Variables::from_json(variables));
        let answers = self.test.schema.execute_stream(graphql::request(request, &self.test.app, actor.clone()));
        Box::pin(answers.map(|answer| serde_json::to_value(&answer).unwrap()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A worker in this process.
pub(crate) struct Working {
    worker: Worker,
    stop: CancellationToken,
}

impl Working {
    pub(crate) async fn end(self) {
        self.worker.drain(Duration::from_secs(10)).await;
        self.stop.cancel();
    }
}

/// Seals the log and feeds whoever watches, as every process does.
fn keep_log(test: &TestApp, stop: &CancellationToken) {
    let bell = Bell::new();
    let ringing = bell.clone();
    let app: App = test.app.clone();
    tokio::spawn(app::log::keep_sealed(app.clone(), move |size| ringing.ring(size), stop.clone()));
    tokio::spawn(test.tap.clone().run(Everything(app), bell, stop.clone()));
}

const PLAN: &str = "mutation($input: JobPlanInput!) { jobPlan(input: $input) {
    plan { id kind planHash expiresAt warnings client { id } targets { name holding { id } location delivery { format destination recipientFingerprints } }
        blockedBy { code isHard remedy } decisions { id } }
    userErrors { code message path remedy } } }";
const START: &str = "mutation($input: JobStartInput!) { jobStart(input: $input) {
    job { id kind state reason } replayed
    userErrors { code message path remedy ... on BlockedError { blockers { code } } } } }";
const CANCEL: &str = "mutation($input: JobCancelInput!) { jobCancel(input: $input) {
    job { id state isCancelRequested } userErrors { code message path remedy } } }";
const RETRY: &str = "mutation($input: JobRetryInput!) { jobRetry(input: $input) {
    job { id state attempt } replayed userErrors { code message path remedy } } }";
const ACKNOWLEDGE: &str = "mutation($input: DataReturnAcknowledgeInput!) { dataReturnAcknowledge(input: $input) {
    job { id state } userErrors { code message path remedy } } }";
const JOB: &str = "query($id: ID!) { job(id: $id) {
    id kind state reason attempt maxAttempts crashCount isCancelRequested createdAt startedAt finishedAt nextRunAt
    client { id } engagement { id } step { key } startedBy { name }
    progress { unit done total bytesDone bytesTotal fraction targets { state count } }
    targets { totalCount nodes { name state attempt holding { id } error { code } } }
    result { ... on DataReturnResult {
        manifestDigest package location fileCount payloadBytes partCount packageBytes incompleteCount verdict omissions { object digest acceptedBy } } }
    error { code message retryable remedy }
    certificate { id number kind statement signature keyId note verifyCommand }
    viewerCan { cancel retry acknowledge } } }";
const WATCH: &str = "subscription($job: ID, $client: ID, $kinds: [JobKind!], $after: String) {
    jobEvents(jobId: $job, clientId: $client, kinds: $kinds, after: $after) {
        cursor kind job { id state progress { done bytesDone fraction } } target { name state } event { kind } } }";
