//! `gangway watch`: jobs as they run, on a terminal as bars, elsewhere as lines or JSON.
//!
//! The process ends as the job did: 0 succeeded, 1 failed or in part, 2 cancelled, 3 when we could not find out.

use std::{
    io::{IsTerminal, Write, stdout},
    ops::ControlFlow,
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{Api, stream::Subscription},
    life::{documents, text},
};
use crate::config::{self, Environment};

pub(super) mod bars;
mod board;

use board::Board;

/// The server could not be asked, or it refused.
const NO_CONNECTION: u8 = 3;

/// What to watch.
#[derive(Args, Debug)]
pub(super) struct Watch {
    /// The server.
    #[arg(long, env = "GANGWAY_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// A file with the token or api key of whoever watches; without it `GANGWAY_TOKEN` says which. An argument would
    /// show the token to everybody who lists processes.
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// Every job of this client; every job you may see when neither this nor --job is given.
    #[arg(long, value_name = "ID", conflicts_with = "job")]
    client: Option<String>,
    /// This job, to its end.
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// Goes on behind the event with this cursor.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Each event as a line of JSON.
    #[arg(long)]
    json: bool,
}

/// How events are shown.
enum Show {
    Board(Board),
    Lines,
    Json,
}

/// Watches until the job is over; without a job for as long as it is let.
pub(super) async fn run(watch: Watch) -> ExitCode {
    match follow(&watch).await {
        Ok(state) => ExitCode::from(outcome(&state)),
        Err(error) => {
            drop(writeln!(std::io::stderr().lock(), "gangway: {error:#}"));
            ExitCode::from(NO_CONNECTION)
        }
    }
}

/// Shows every event, and gives back how the job stands when there is nothing more to see.
async fn follow(watch: &Watch) -> anyhow::Result<String> {
    let api = Api::at(&watch.url)?;
    let token = config::token(watch.token_file.as_deref(), &Environment::of_process());
    let token = token.context("who watches? Give --token-file, or set GANGWAY_TOKEN")?;
    let token = token.expose();
    let mut show = match (watch.json, stdout().is_terminal()) {
        (true, _) => Show::Json,
        (false, true) => Show::Board(Board::default()),
        (false, false) => Show::Lines,
    };
    let subscription = Subscription {
        token: token.to_owned(),
        document: documents::JOB_EVENTS,
        variables: json!({ "jobId": watch.job, "clientId": watch.client }),
        after: watch.after.clone(),
    };
    let closed = api.follow(subscription, |event| show.event(&event)).await?;
    let (None, Some(job)) = (closed, &watch.job) else { return Ok(String::new()) };
    let found = api.ask(token, documents::JOB, json!({ "id": job })).await?;
    Ok(text(&found["job"]["state"]))
}

fn outcome(state: &str) -> u8 {
    match state {
        "FAILED" | "PARTIAL" => 1,
        "CANCELLED" => 2,
        _ => 0,
    }
}

impl Show {
    /// Shows one event; stops when nobody reads us any more.
    fn event(&mut self, event: &Value) -> ControlFlow<()> {
        let written = match self {
            Self::Board(board) => {
                board.show(event);
                return ControlFlow::Continue(());
            }
            Self::Lines => writeln!(stdout().lock(), "{}", line(event)),
            Self::Json => writeln!(stdout().lock(), "{event}"),
        };
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// An event as a line: when, what, which job, how it stands.
fn line(event: &Value) -> String {
    let job = &event["job"];
    let mut words =
        vec![text(&event["at"]), text(&event["kind"]), text(&job["id"]), text(&job["kind"]), text(&job["state"])];
    match event["target"]["name"].as_str() {
        Some(target) => words.extend([target.to_owned(), text(&event["target"]["state"])]),
        None => words.push(bars::sentence(&job["progress"])),
    }
    if let Some(why) = event["target"]["error"]["message"].as_str().or(job["error"]["message"].as_str()) {
        words.push(why.to_owned());
    }
    words.push(format!("cursor={}", text(&event["cursor"])));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_ends_as_the_job_did() {
        let codes = ["SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"].map(outcome);
        assert_eq!(codes, [0, 1, 1, 2]);
    }

    #[test]
    fn a_line_says_when_what_and_how_far() {
        let event = json!({ "cursor": "41", "at": "2026-11-22T12:00:00.000Z", "kind": "PROGRESS", "target": null, "job": {
            "id": "job_1", "kind": "DATA_RETURN", "state": "RUNNING", "error": null,
            "progress": { "bytesDone": "500", "bytesTotal": "1000", "done": "1", "total": "2", "unit": "FILES" } } });
        let expected =
            "2026-11-22T12:00:00.000Z PROGRESS job_1 DATA_RETURN RUNNING 500 B of 1000 B, 1 of 2 files cursor=41";
        assert_eq!(line(&event), expected);
        let event = json!({ "cursor": "42", "at": "2026-11-22T12:00:01.000Z", "kind": "TARGET", "job": { "id": "job_1",
            "kind": "DATA_RETURN", "state": "RUNNING" }, "target": { "name": "Mail", "state": "FAILED", "error": { "message": "Gone." } } });
        assert!(line(&event).ends_with("Mail FAILED Gone. cursor=42"), "{}", line(&event));
    }
}
