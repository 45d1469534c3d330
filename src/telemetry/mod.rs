//! What the process says about itself: its log and its metrics.
//!
//! * A line of the log is one event: a sentence and fields. Only the fields of [`FIELDS`] are written, so
//!   that a value nobody thought about cannot reach a log; their values are cleared of tokens and passwords.
//! * The fields of the spans around an event are written with it, so that every line of a request carries
//!   its `request.id`.
//! * Labels of metrics come from closed sets: never an id, a name or a text of a caller.
//!
//! Deliberately absent: bodies, documents and variables, at every level.
//!
//! To log a new field, add its name to [`FIELDS`]; what is left out of a line of ours is named in
//! `dropped`. To add a metric, add its line to `metrics::METRICS` and record it where it happens.

mod line;
mod metrics;
mod redact;

use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

pub use self::{
    line::{Format, Lines},
    metrics::Metrics,
    redact::redact,
};

/// The names of fields that may be written to the log.
pub const FIELDS: &[&str] = &[
    // Who and what: ids, never names of people.
    "actor.id",
    "file.id",
    "job.attempt",
    "job.fence",
    "job.id",
    "job.kind",
    "job.state",
    "request.id",
    "worker.busy",
    "worker.id",
    "worker.slots",
    // Requests and sockets.
    "cost",
    "http.method",
    "http.route",
    "http.status",
    "operation.type",
    "socket.close_code",
    "socket.reason",
    "transport",
    // Jobs and the queue.
    "attempt",
    "outcome",
    // The log and its seals.
    // Outside systems.
    "system",
    "url",
    // Everything.
    "address",
    "bytes",
    "code",
    "column",
    "count",
    "data",
    "delay_ms",
    "dropped",
    "duration_ms",
    "error",
    "expected",
    "failed",
    "field",
    "found",
    "kind",
    "limit",
    "listen",
    "name",
    "path",
    "reason",
    "retry_after_ms",
    "role",
    "signal",
    "since",
    "state",
    "table",
    "task",
    "total",
    "until",
    "variable",
    "version",
    "warning",
];

/// Starts the log on standard error. A second call does nothing.
///
/// # Errors
/// `filter` is not a list of `level` or `module=level`.
pub fn start(format: Format, filter: &str) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let lines = Lines::new(format, FIELDS, std::io::stderr);
    // Fails only when a log was started before, which is what a second call means.
    _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}
