//! `gangway watch` against a server, while the test is the worker.

use std::{process::Stdio, time::Duration};

use futures_util::future::join_all;
use gangway::{
    app::{
        App,
        job::{self, worker},
    },
    auth::Actor,
    config::{Config, Environment, Flags},
    domain::job::{Claimant, JobError, JobKind, NewJob, Outcome, Pick},
    ids::{JobId, WorkerId},
    startup,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use crate::program::{LONG, Place, Server, ended};

/// The queue does not care what a kind does.
const KIND: JobKind = JobKind::ResidualCheck;
const DATA: &str = "data";

/// A server, somebody who may watch, and the database behind them.
struct Site {
    place: Place,
    server: Server,
    token: String,
    app: App,
}

impl Site {
    async fn start() -> Self {
        let place = Place::new();
        let server = place.serve(DATA).await;
        let token = place.print(&["token", "--role", "TECHNICIAN", "--data", DATA]).await;
        let data = place.home().join(DATA).display().to_string();
        let config = Config::read(&Flags::from([("GANGWAY_DATA", data)]), &Environment::default()).unwrap();
        let app = startup::assemble(config).await.unwrap().app;
        Self { place, server, token, app }
    }

    async fn order(&self) -> JobId {
        let actor = Actor::system();
        let new = NewJob::new(self.app.new_id(), KIND, json!({}), actor.id);
        let mut deed = self.app.begin(&actor).await.unwrap();
        job::enqueue(&mut deed, &new, Vec::new()).await.unwrap();
        deed.commit().await.unwrap();
        new.id
    }

    /// Takes the job up and ends it.
    async fn end(&self, job: JobId, outcome: Outcome) {
        let worker: WorkerId = self.app.new_id();
        let by = Claimant { worker, kinds: vec![KIND], lease: Duration::from_secs(30) };
        let claimed = worker::claim(&self.app, &by, Pick::This(job)).await.unwrap().unwrap();
        worker::finish(&self.app, claimed.lease, outcome, None).await.unwrap().unwrap();
    }

    fn watch(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(&[&["watch", "--json"], arguments].concat());
        command.env("GANGWAY_URL", &self.server.url).env("GANGWAY_TOKEN", &self.token);
        command
    }

    /// Watches a new job from its snapshot, ends it with `outcome`, and gives the events and the exit code.
    async fn seen(&self, outcome: Outcome) -> (JobId, Vec<Value>, Option<i32>) {
        let job = self.order().await;
        let mut child = self.watch(&["--job", &job.to_string()]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut events, mut outcome) = (Vec::new(), Some(outcome));
        while let Some(line) = timeout(LONG, lines.next_line()).await.expect("something happens").unwrap() {
            events.push(serde_json::from_str(&line).unwrap());
            if let Some(outcome) = outcome.take() {
                self.end(job, outcome).await;
            }
        }
        (job, events, timeout(LONG, child.wait()).await.expect("the watcher ends").unwrap().code())
    }
}

fn error() -> JobError {
    JobError { code: "BROKEN".to_owned(), message: "It broke.".to_owned(), is_retryable: false, remedy: None }
}

fn cursor(event: &Value) -> &str {
    event["cursor"].as_str().unwrap()
}

#[tokio::test]
async fn a_watcher_ends_as_its_job_does() {
    let site = Site::start().await;
    let ends = [
        (Outcome::Done(None), "SUCCEEDED", 0),
        (Outcome::Partial(None, error()), "PARTIAL", 1),
        (Outcome::Fail(error()), "FAILED", 1),
        (Outcome::Cancelled, "CANCELLED", 2),
    ];
    join_all(ends.map(async |(outcome, state, code)| {
        let (job, events, ended) = site.seen(outcome).await;
        let (first, last) = (&events[0], &events[events.len() - 1]);
        assert_eq!((&first["kind"], &first["job"]["state"]), (&json!("SNAPSHOT"), &json!("QUEUED")), "{state}");
        assert_eq!((&last["kind"], &last["job"]["state"]), (&json!("STATE"), &json!(state)));
        assert!(events.iter().all(|event| event["job"]["id"] == job.to_string()), "{events:?}");
        assert_eq!(ended, Some(code), "{state}");
    }))
    .await;
}

#[tokio::test]
async fn a_watcher_that_comes_back_gets_what_it_missed_and_the_job_s_end() {
    let site = Site::start().await;
    let (job, events, _) = site.seen(Outcome::Fail(error())).await;
    let told: Vec<_> = events.iter().filter(|event| event["kind"] == "STATE").map(cursor).collect();
    assert!(told.len() >= 2, "its start and its end: {events:?}");
    let file = site.place.home().join("token");
    std::fs::write(&file, format!("{}\n", site.token)).unwrap();
    for (seen, cursor) in told.iter().enumerate() {
        let mut again = site.watch(&["--job", &job.to_string(), "--after", cursor, "--token-file", "token"]);
        // The file that was named wins.
        let said = ended(again.env("GANGWAY_TOKEN", "nonsense")).await;
        let rest: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rest.iter().map(self::cursor).collect::<Vec<_>>(), told[seen + 1..], "{said:?}");
        assert_eq!(said.code, 1, "{said:?}");
    }
}

#[tokio::test]
async fn a_watcher_that_finds_nothing_out_says_so() {
    let site = Site::start().await;
    let absent: JobId = site.app.new_id();
    for (mut command, expected) in [
        (site.watch(&["--job", &absent.to_string()]), "gangway: "),
        (site.watch(&["--after", "yesterday"]), "gangway: This is not a cursor of the log."),
    ] {
        let said = ended(&mut command).await;
        assert!(said.code == 3 && said.out.is_empty() && said.err.starts_with(expected), "{said:?}");
    }
    let stranger = ended(site.watch(&[]).env("GANGWAY_TOKEN", "nonsense")).await;
    assert!(stranger.code == 3 && !stranger.err.contains("nonsense"), "{stranger:?}");
    let nobody = ended(site.watch(&[]).env_remove("GANGWAY_TOKEN")).await;
    let expected = "gangway: who watches? Give --token-file, or set GANGWAY_TOKEN";
    assert!(nobody.code == 3 && nobody.err.starts_with(expected), "{nobody:?}");
}

#[tokio::test]
async fn no_flag_takes_the_token_itself() {
    let said = Place::new().run(&["watch", "--token", "s3cret"]).await;
    assert_eq!(said.code, 64, "{said:?}");
    assert!(said.err.contains("--token-file") && !said.err.contains("s3cret"), "{said:?}");
}
