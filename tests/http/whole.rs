//! A whole process with a listener of its own, and files announced in it.

use std::{
    collections::BTreeSet,
    path::Path,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use async_graphql::{Request, Variables};
use chrono::TimeDelta;
use gangway::{
    app::App,
    auth::{
        Actor, ClientScope, Links, Secret,
        link::{Deed, Grant},
    },
    clock::{Clock, System},
    config::{Config, Environment, Flags},
    domain::role::Role,
    graphql,
    ids::{ActorId, FileId},
    startup,
    telemetry::Metrics,
};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// What links are signed with.
const SECRET: &str = "a secret that only tests know, and nobody else does";

static KEYS: AtomicU64 = AtomicU64::new(0);

/// A running process on SQLite, ended with this value.
pub(crate) struct Whole {
    pub(crate) app: App,
    pub(crate) base: String,
    data: TempDir,
    client: String,
    stop: CancellationToken,
    _server: JoinHandle<gangway::error::Result<()>>,
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Whole {
    /// A process with these variables set as well.
    pub(crate) async fn start<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let flags = Flags::from([
            ("GANGWAY_DATA", data.path().display().to_string()),
            ("GANGWAY_PUBLIC_URL", base.clone()),
            ("GANGWAY_LINK_SECRET", SECRET.to_owned()),
            ("GANGWAY_WORKER", "false".to_owned()),
        ]);
        let config = Config::read(&flags, &Environment::from(variables)).unwrap();
        let process = startup::assemble(config).await.unwrap();
        let (app, stop) = (process.app.clone(), process.stop.clone());
        let server = tokio::spawn(process.serve(listener, Metrics::start().unwrap()));
        let mut whole = Self { app, base, data, client: String::new(), stop, _server: server };
        let document = "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } } }";
        let input = json!({ "name": "Acme", "slug": "acme", "timeZone": "UTC", "idempotencyKey": "the-first-client" });
        let created = whole.ask(Role::Sales, document, json!({ "input": input })).await;
        created["clientCreate"]["client"]["id"].as_str().unwrap().clone_into(&mut whole.client);
        whole
    }

    /// The data of an answer to somebody with `role`.
    pub(crate) async fn ask(&self, role: Role, document: &str, variables: Value) -> Value {
        let actor = Actor {
            id: ActorId::System,
            name: role.to_string(),
            roles: BTreeSet::from([role]),
            scope: ClientScope::system(),
            may_adhoc: false,
            expires_at: None,
        };
        let request = Request::new(document).variables(Variables::from_json(variables));
        let schema = graphql::builder().finish();
        let answer = schema.execute(graphql::request(request, &self.app, actor)).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        answer.data.into_json().unwrap()
    }

    /// Announces a file and gives back its id and where to send it.
    pub(crate) async fn announce(&self, name: &str, byte_count: u64, sha256: Option<String>) -> (String, String) {
        let document = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) {
            file { id } url method userErrors { message } } }";
        let key = format!("request-{}", KEYS.fetch_add(1, Ordering::Relaxed));
        let input = json!({ "clientId": self.client, "name": name, "byteCount": byte_count.to_string(),
            "sha256": sha256, "idempotencyKey": key });
        let created = self.ask(Role::Technician, document, json!({ "input": input })).await["uploadCreate"].clone();
        assert_eq!(created["userErrors"], json!([]));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&created["file"]["id"]), text(&created["url"]))
    }

    /// How the file stands now.
    pub(crate) async fn file(&self, id: &str) -> Value {
        let document = "query($id: ID!) { file(id: $id) { state sha256 mediaType downloadUrl } }";
        self.ask(Role::Technician, document, json!({ "id": id })).await["file"].clone()
    }

    /// A link that is good for anything, signed as the process signs its own.
    pub(crate) fn link(&self, deed: Deed, id: &str, lasts: TimeDelta) -> String {
        let links = Links::new(&self.base, &Secret::new(SECRET.into()).unwrap());
        let file: FileId = id.parse().unwrap();
        links.url(&Grant { deed, file, expires_at: System.now() + lasts, byte_count: 1_000 })
    }

    /// Where uploads of the process lie, when they lie in a folder.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.data.path().join("files")
    }

    /// Every file in the store.
    pub(crate) fn lying(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(&self.uploads(), &mut found);
        found
    }
}

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// The status, and the body as JSON.
pub(crate) async fn outcome(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// Sends `body` to `url`.
pub(crate) async fn put(url: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    outcome(client().put(url).body(body).send().await.unwrap()).await
}
