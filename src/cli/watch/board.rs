//! A bar for each job, and below it a line for each thing it acts on.

use std::collections::HashMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::bars;
use crate::cli::life::text;

/// The most targets of a job that get a line of their own; the rest is counted.
const TARGETS_MAX: usize = 12;

/// What is on the terminal.
#[derive(Default)]
pub(super) struct Board {
    all: MultiProgress,
    jobs: HashMap<String, Shown>,
}

/// A job on the board.
struct Shown {
    bar: ProgressBar,
    targets: HashMap<String, ProgressBar>,
}

impl Board {
    /// Shows what an event says.
    pub(super) fn show(&mut self, event: &Value) {
        let job = &event["job"];
        let all = &self.all;
        let shown = self.jobs.entry(text(&job["id"])).or_insert_with(|| {
            let bar = all.add(ProgressBar::new(1));
            bar.set_style(bars::bytes());
            let client = job["client"]["name"].as_str().unwrap_or("provider");
            bar.set_prefix(format!("{} {client} ", text(&job["kind"])));
            Shown { bar, targets: HashMap::new() }
        });
        bars::show(&shown.bar, job);
        let of_job = job["targets"]["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let told = Some(&event["target"]).filter(|target| target.is_object());
        for target in of_job.iter().chain(told) {
            shown.target(all, target);
        }
        if bars::is_over(&text(&job["state"])) {
            shown.bar.abandon();
            shown.targets.values().for_each(ProgressBar::abandon);
        }
    }
}

impl Shown {
    fn target(&mut self, all: &MultiProgress, target: &Value) {
        let id = text(&target["id"]);
        if self.targets.len() >= TARGETS_MAX && !self.targets.contains_key(&id) {
            return;
        }
        let line = self.targets.entry(id).or_insert_with(|| {
            let line = all.insert_after(&self.bar, ProgressBar::no_length());
            line.set_style(
                ProgressStyle::with_template("    {msg}").unwrap_or_else(|_invalid| ProgressStyle::default_spinner()),
            );
            line
        });
        let why = target["error"]["message"].as_str().unwrap_or_default();
        line.set_message(format!("{} {} {why}", text(&target["name"]), text(&target["state"]).to_lowercase()));
    }
}
