//! What the person at the terminal sees: lines that stay, and bars that move below them. Without a terminal there
//! are lines only.

use std::{
    io::{IsTerminal, Write, stdout},
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use crate::cli::{
    life::{Listener, text},
    watch::bars,
};

/// The width of what a line is about.
const TOPIC: usize = 12;

/// The terminal.
pub(super) struct Screen {
    is_terminal: bool,
    bar: Mutex<Option<(String, ProgressBar)>>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { is_terminal: stdout().is_terminal(), bar: Mutex::new(None) }
    }

    /// A heading between lines.
    pub(super) fn heading(&self, text: &str) {
        self.print(&format!("\n{text}"));
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if let Some((_, bar)) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    fn print(&self, text: &str) {
        let write = || drop(writeln!(stdout().lock(), "{text}"));
        match self.bar.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some((_, bar)) => bar.suspend(write),
            None => write(),
        }
    }

    /// The bar called `name`; another one makes room for it.
    fn with_bar(&self, name: &str, style: impl FnOnce() -> ProgressStyle, change: impl FnOnce(&ProgressBar)) {
        if !self.is_terminal {
            return;
        }
        let mut shown = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref().is_none_or(|(other, _)| other != name) {
            if let Some((_, bar)) = shown.take() {
                bar.finish_and_clear();
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
            bar.set_style(style());
            bar.set_prefix(format!("  {name:<TOPIC$}"));
            *shown = Some((name.to_owned(), bar));
        }
        if let Some((_, bar)) = shown.as_ref() {
            change(bar);
        }
    }
}

impl Listener for Screen {
    fn line(&self, topic: &str, text: &str) {
        self.print(&format!("  {topic:<TOPIC$}{text}"));
    }

    fn step(&self, run: &str, position: usize, total: usize, title: &str) {
        self.with_bar(&run.to_lowercase(), bars::steps, |bar| {
            bar.set_length(total as u64);
            bar.set_position(position as u64);
            bar.set_message(title.to_owned());
        });
    }

    fn walked(&self, _run: &str) {
        self.clear();
    }

    fn job(&self, event: &Value) {
        let job = &event["job"];
        self.with_bar("data return", bars::bytes, |bar| bars::show(bar, job));
        let is_over = bars::is_over(&text(&job["state"]));
        if is_over {
            self.clear();
            self.line("data return", &format!("{}: {}", text(&job["state"]), bars::sentence(&job["progress"])));
        }
    }
}
