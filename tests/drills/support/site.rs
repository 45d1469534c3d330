//! Real processes of `gangway`, started from the built program with settings in their environment, and a client that
//! lives with them through the public API.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use chrono_tz::Tz;
use gangway::{
    auth::{
        Secret,
        development::{DevelopmentIssuer, TokenOrder},
    },
    cli::{
        api::Api,
        life::{Cast, HandOver, Scene, Stage, ledger},
    },
    clock::System,
    domain::role::Role,
};
use reqwest::StatusCode;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{package, process::Process, service::free_port, stack::Stack};

/// What the development issuer signs with, in every process.
const DEV_SECRET: &str = "thirty-two characters and no more";
/// The client's short name.
const SLUG: &str = "harbor-dental";

/// What the processes of one deployment have in common.
pub(crate) struct Site {
    home: TempDir,
    settings: Vec<(&'static str, String)>,
}

/// A process that answers HTTP.
pub(crate) struct Answering {
    pub(crate) process: Process,
    pub(crate) url: String,
}

impl Site {
    /// On the database of `stack`, which is up to date. Leases are short.
    pub(crate) fn of(stack: &Stack) -> Self {
        let home = tempfile::tempdir().unwrap();
        for folder in ["provider", "handover"] {
            std::fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        let place = |name: &str| format!("{name}={}", home.path().join(name).display());
        let settings = vec![
            ("DATABASE_URL", stack.plan.database.clone()),
            ("GANGWAY_REDIS_PREFIX", stack.plan.prefix.clone()),
            ("GANGWAY_DATA", home.path().join("gangway").display().to_string()),
            ("GANGWAY_SOURCES", place("provider")),
            ("GANGWAY_DESTINATIONS", place("handover")),
            ("GANGWAY_DEV_ISSUER", "true".to_owned()),
            ("GANGWAY_DEV_SECRET", DEV_SECRET.to_owned()),
            ("GANGWAY_LEASE", "2s".to_owned()),
            ("GANGWAY_RECONCILE_EVERY", "300ms".to_owned()),
        ];
        Self { home, settings }
    }

    /// The same with one setting more, or with another value of one.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// `gangway serve --worker=false`, with its Redis at `redis`.
    pub(crate) async fn serve(&self, redis: &str) -> Answering {
        let at = format!("127.0.0.1:{}", free_port());
        self.start(&["serve", "--worker=false", "--listen", &at], &at, &[("REDIS_URL", redis)]).await
    }

    /// `gangway worker`, which says how it does.
    pub(crate) async fn work(&self, redis: &str) -> Answering {
        let at = format!("127.0.0.1:{}", free_port());
        self.start(&["worker"], &at, &[("REDIS_URL", redis), ("GANGWAY_WORKER_LISTEN", &at)]).await
    }

    /// Starts the program and waits until it answers.
    async fn start(&self, arguments: &[&str], at: &str, settings: &[(&str, &str)]) -> Answering {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gangway"));
        command.args(arguments).envs(self.settings.iter().cloned()).envs(settings.iter().copied());
        let answering = Answering { process: Process::spawn(&mut command), url: format!("http://{at}") };
        let deadline = Instant::now() + Duration::from_secs(20);
        while reqwest::get(format!("{}/healthz", answering.url)).await.is_err() {
            assert!(Instant::now() < deadline, "{arguments:?} does not answer");
            sleep(Duration::from_millis(25)).await;
        }
        answering
    }

    /// Where the deployment keeps its folders.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The folder in which the client finds its packages.
    pub(crate) fn handover(&self) -> PathBuf {
        self.home.path().join("handover").join(SLUG)
    }

    /// The folder with the client's files.
    pub(crate) fn source(&self) -> PathBuf {
        self.home.path().join("provider").join(SLUG)
    }

    /// A client with `files` files.
    pub(crate) fn scene(&self, files: u64) -> Scene {
        let mut scene = Scene::of_today("Harbor Dental Group", SLUG, Tz::America__New_York, "Nora Pine");
        scene.lines = ledger::lines(SLUG, &scene.machines);
        scene.lines.push(ledger::files(&format!("provider://{SLUG}"), ledger::End::Returned));
        let source = self.source();
        package::fill(&source, files, 10_000);
        let folder = self.home.path().join("handover");
        scene.hand_over = Some(HandOver { source, destination: "handover".to_owned(), folder });
        scene
    }
}

/// Whoever signs the tokens of every site.
pub(crate) fn issuer() -> DevelopmentIssuer {
    DevelopmentIssuer::new(Secret::new(DEV_SECRET.into()).unwrap(), Arc::new(System))
}

/// A token for somebody who acts as `role`.
pub(crate) fn token(role: Role) -> String {
    let (roles, ttl) = (BTreeSet::from([role]), Duration::from_mins(10));
    issuer().issue(&TokenOrder { roles, client: None, ttl, subject: None, name: None }).unwrap()
}

/// The people of the provider, signed in.
pub(crate) async fn stage<'a>(api: &'a Api, issuer: &'a DevelopmentIssuer) -> Stage<'a> {
    Stage { api, cast: Cast::meet(api, issuer).await.unwrap(), issuer }
}

impl Answering {
    pub(crate) fn api(&self) -> Api {
        Api::at(&self.url).unwrap()
    }

    /// The status and the body of what lies at `path`.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}
