//! How far something is, as a bar and as words.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::cli::life::text;

/// A bar over the steps of a run.
pub(in crate::cli) fn steps() -> ProgressStyle {
    style("{prefix}{bar:30} {pos}/{len} {msg}")
}

/// A bar over bytes, or over whatever a job counts.
pub(in crate::cli) fn bytes() -> ProgressStyle {
    style("{prefix}{bar:30} {percent:>3}% {msg}")
}

fn style(template: &str) -> ProgressStyle {
    // Both templates are ours and valid; were they not, the plain bar would do.
    ProgressStyle::with_template(template).unwrap_or_else(|_invalid| ProgressStyle::default_bar()).progress_chars("━╾─")
}

/// Whether a job in this state is over.
pub(in crate::cli) fn is_over(state: &str) -> bool {
    matches!(state, "SUCCEEDED" | "PARTIAL" | "FAILED" | "CANCELLED")
}

/// Moves `bar` to where `job` is.
pub(in crate::cli) fn show(bar: &ProgressBar, job: &Value) {
    let progress = &job["progress"];
    let (done, total) = match number(&progress["bytesTotal"]) {
        Some(total) => (number(&progress["bytesDone"]), Some(total)),
        None => (number(&progress["done"]), number(&progress["total"])),
    };
    // A row that says nothing of it yet is older than what was seen live.
    if let Some(total) = total {
        bar.set_length(total.max(1));
        bar.set_position(done.unwrap_or_default());
    }
    bar.set_message(format!("{} {}", text(&job["state"]).to_lowercase(), sentence(progress)));
}

/// How far a job is, in words.
pub(in crate::cli) fn sentence(progress: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(total) = number(&progress["bytesTotal"]).filter(|total| *total > 0) {
        let done = number(&progress["bytesDone"]).unwrap_or_default();
        parts.push(format!("{} of {}", HumanBytes(done), HumanBytes(total)));
    }
    if let Some(total) = number(&progress["total"]) {
        let unit = text(&progress["unit"]).to_lowercase();
        parts.push(format!("{} of {total} {unit}", number(&progress["done"]).unwrap_or_default()));
    }
    if let Some(rate) =
        progress["rate"].as_f64().filter(|rate| *rate >= 1.0 && number(&progress["bytesTotal"]).is_some())
    {
        parts.push(format!("{}/s", rounded(rate)));
    }
    parts.join(", ")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people; below one is left out")]
fn rounded(rate: f64) -> HumanBytes {
    HumanBytes(rate as u64)
}

/// A 64-bit number, which the API writes as text.
fn number(value: &Value) -> Option<u64> {
    value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok())
}
