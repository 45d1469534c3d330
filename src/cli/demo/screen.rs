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

/// Makes the place where a bar is drawn.
type Target = Box<dyn Fn() -> ProgressDrawTarget + Send + Sync>;

/// The terminal.
pub(super) struct Screen {
    /// Where lines go.
    out: Mutex<Box<dyn Write + Send>>,
    /// Where bars go; none without a terminal.
    target: Option<Target>,
    bar: Mutex<Option<(String, ProgressBar)>>,
    /// The job that was said to be over: more than one event may tell of that.
    over: Mutex<Option<String>>,
}

impl Screen {
    pub(super) fn new() -> Self {
        let target = stdout().is_terminal().then(|| Box::new(ProgressDrawTarget::stdout) as Target);
        Self::on(stdout(), target)
    }

    fn on(out: impl Write + Send + 'static, target: Option<Target>) -> Self {
        Self { out: Mutex::new(Box::new(out)), target, bar: Mutex::default(), over: Mutex::default() }
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
        let write = || drop(writeln!(self.out.lock().unwrap_or_else(PoisonError::into_inner), "{text}"));
        match self.bar.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some((_, bar)) => bar.suspend(write),
            None => write(),
        }
    }

    /// The bar called `name`; another one makes room for it.
    fn with_bar(&self, name: &str, style: impl FnOnce() -> ProgressStyle, change: impl FnOnce(&ProgressBar)) {
        let Some(target) = &self.target else { return };
        let mut shown = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref().is_none_or(|(other, _)| other != name) {
            if let Some((_, bar)) = shown.take() {
                bar.finish_and_clear();
            }
            let bar = ProgressBar::with_draw_target(None, target());
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
        let topic = topic(&text(&job["kind"]));
        self.with_bar(topic, bars::bytes, |bar| bars::show(bar, job));
        if !bars::is_over(&text(&job["state"])) {
            return;
        }
        self.clear();
        let id = text(&job["id"]);
        let told = self.over.lock().unwrap_or_else(PoisonError::into_inner).replace(id.clone());
        if told != Some(id) {
            let said = [text(&job["state"]), bars::sentence(&job["progress"])];
            self.line(topic, said.join(": ").trim_end_matches(": "));
        }
    }
}

/// What a job of this kind is called in its line.
fn topic(kind: &str) -> &'static str {
    match kind {
        "DATA_RETURN" => "data return",
        "DISCOVERY_SCAN" => "scan",
        "SANITIZATION" => "destruction",
        "SANITIZATION_VERIFICATION" => "second look",
        _ => "job",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use indicatif::{InMemoryTerm, TermLike};
    use serde_json::json;

    use super::*;

    /// Lines go to the terminal that the bars are drawn on.
    struct Typed(InMemoryTerm);

    impl Write for Typed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
            self.0.write_str(&text.replace('\n', "\r\n"))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn on_a_terminal() -> (InMemoryTerm, Screen) {
        let term = InMemoryTerm::new(10, 100);
        let drawn = term.clone();
        let target = move || ProgressDrawTarget::term_like(Box::new(drawn.clone()));
        (term.clone(), Screen::on(Typed(term), Some(Box::new(target))))
    }

    fn told(state: &str, bytes_done: &str, done: &str) -> Value {
        let progress =
            json!({ "unit": "FILES", "done": done, "total": "8", "bytesDone": bytes_done, "bytesTotal": "200" });
        json!({ "job": { "id": "job_1", "kind": "DATA_RETURN", "state": state, "progress": progress } })
    }

    #[test]
    fn a_bar_moves_below_the_lines_and_is_gone_when_the_run_was_walked() {
        let (term, screen) = on_a_terminal();
        screen.line("server", "stands");
        screen.step("ONBOARDING", 3, 15, "Discovery");
        screen.line("key", "is proven");
        screen.step("ONBOARDING", 4, 15, "Report");
        let shown = term.contents();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[..2], ["  server      stands", "  key         is proven"], "{shown}");
        assert!(lines[2].starts_with("  onboarding  ━") && lines[2].ends_with(" 4/15 Report"), "{shown}");
        screen.walked("ONBOARDING");
        assert_eq!(term.contents(), "  server      stands\n  key         is proven");
    }

    #[test]
    fn a_return_is_a_bar_while_it_runs_and_a_line_when_it_is_over() {
        let (term, screen) = on_a_terminal();
        screen.step("OFFBOARDING", 3, 13, "Return of data");
        screen.job(&told("RUNNING", "100", "4"));
        let shown = term.contents();
        assert_eq!(shown.lines().count(), 1, "one bar makes room for the other: {shown}");
        assert!(shown.starts_with("  data return ━"), "{shown}");
        assert!(shown.ends_with("  50% running 100 B of 200 B, 4 of 8 files"), "{shown}");
        screen.job(&told("SUCCEEDED", "200", "8"));
        assert_eq!(term.contents(), "  data return SUCCEEDED: 200 B of 200 B, 8 of 8 files");
    }

    #[test]
    fn without_a_terminal_there_are_lines_only() {
        let term = InMemoryTerm::new(10, 100);
        let screen = Screen::on(Typed(term.clone()), None);
        screen.step("OFFBOARDING", 3, 13, "Return of data");
        screen.job(&told("RUNNING", "100", "4"));
        assert_eq!(term.contents(), "");
        screen.job(&told("PARTIAL", "200", "7"));
        screen.job(&told("PARTIAL", "200", "7"));
        assert_eq!(term.contents(), "  data return PARTIAL: 200 B of 200 B, 7 of 8 files");
    }
}
