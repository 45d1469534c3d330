//! Counting and measuring, for Prometheus to collect.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a quarter of a millisecond to ten seconds, which is the longest a request may run by default.
const SECONDS: &[f64] = &[0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Jobs wait and run for milliseconds or for hours.
const JOB_SECONDS: &[f64] =
    &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0];
/// Up to the largest cost a document may have.
const COSTS: &[f64] = &[1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];
/// How often measurements are condensed when nobody collects them.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Name, kind and help of every metric.
const METRICS: &[(&str, Kind, &str)] = &[
    (
        "gangway_requests_total",
        Kind::Counter,
        "GraphQL operations by type, transport and outcome (ok, errors, refused).",
    ),
    ("gangway_request_seconds", Kind::Histogram, "Time from a request to its answer, by operation type and transport."),
    ("gangway_request_cost", Kind::Histogram, "Static cost of the documents that were let through."),
    (
        "gangway_rate_limited_total",
        Kind::Counter,
        "Operations refused because their caller had no allowance left, by transport.",
    ),
    ("gangway_errors_total", Kind::Counter, "Errors in answers, by code."),
    ("gangway_http_responses_total", Kind::Counter, "HTTP answers, by route and status."),
    ("gangway_connections", Kind::Gauge, "Connections open now."),
    ("gangway_sockets", Kind::Gauge, "Sockets and event streams open now, by transport."),
    ("gangway_socket_closes_total", Kind::Counter, "Sockets this side closed, by close code."),
    ("gangway_subscriptions", Kind::Gauge, "Subscriptions open now, by transport."),
    ("gangway_subscription_resumes_total", Kind::Counter, "Event streams taken up again after a cursor."),
    ("gangway_sql_seconds", Kind::Histogram, "Time of one SQL statement."),
    (
        "gangway_database_connections",
        Kind::Gauge,
        "Connections to the database, by pool (all; read and write on SQLite) and state (busy, idle).",
    ),
    (
        "gangway_job_wait_seconds",
        Kind::Histogram,
        "Time from when a job was due to when this process took it up, by kind.",
    ),
    ("gangway_job_run_seconds", Kind::Histogram, "Time of one run of a job, by kind."),
    ("gangway_jobs_claimed_total", Kind::Counter, "Runs of jobs that this process began, by kind."),
    ("gangway_job_claims_in_vain_total", Kind::Counter, "Claims that found nothing to do."),
    ("gangway_jobs_ended_total", Kind::Counter, "Runs of jobs that ended, by kind and the state that followed."),
    (
        "gangway_job_errors_total",
        Kind::Counter,
        "Runs that ended with an error that may pass, by kind and the error's code. Another run follows, unless it was the \
         last.",
    ),
    ("gangway_jobs_fenced_total", Kind::Counter, "Runs whose job was taken away while they ran, by kind."),
    ("gangway_jobs_rescued_total", Kind::Counter, "Jobs that were taken from workers which gave no sign of life."),
    ("gangway_jobs_due", Kind::Gauge, "Jobs that are due and that no worker has taken up."),
    ("gangway_jobs_oldest_due_seconds", Kind::Gauge, "How long the oldest of them has been due."),
    ("gangway_jobs_stalled", Kind::Gauge, "Running jobs whose progress has not moved for long."),
    ("gangway_workers", Kind::Gauge, "Workers that gave a sign of life within the last half minute."),
    ("gangway_log_size", Kind::Gauge, "Events in the log: the position of the next one."),
    ("gangway_log_signed_size", Kind::Gauge, "Events that the newest signed checkpoint covers."),
    (
        "gangway_log_verified_size",
        Kind::Gauge,
        "Events that held, counted from the first, when this process last verified the log (`logVerify`).",
    ),
    ("gangway_log_defects_total", Kind::Counter, "Verifications that found the log not to hold, by what was found."),
    ("gangway_hints_repeated_total", Kind::Counter, "Hints that were given again because nobody had followed them."),
    ("gangway_hint_worker_restarts_total", Kind::Counter, "How often the reader of hints had to be started again."),
];

/// What was counted and measured so far in this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Starts counting. There is one count per process: a second call gives the first one's.
    ///
    /// # Errors
    /// Somebody else counts already.
    pub fn start() -> Result<Self, BuildError> {
        static STARTED: Mutex<Option<Metrics>> = Mutex::new(None);
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = started.as_ref() {
            return Ok(metrics.clone());
        }
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
            .set_buckets_for_metric(Matcher::Prefix("gangway_job_".to_owned()), JOB_SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_cost".to_owned()), COSTS)?
            .install_recorder()?;
        describe();
        let metrics = Self(handle);
        *started = Some(metrics.clone());
        Ok(metrics)
    }

    /// Everything, in the text form of Prometheus.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Condenses measurements for as long as it is polled, so that they do not pile up uncollected.
    pub async fn upkeep(&self) {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

fn describe() {
    for &(name, kind, help) in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, help),
            Kind::Gauge => metrics::describe_gauge!(name, help),
            Kind::Histogram => metrics::describe_histogram!(name, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/metrics.md`.
    fn markdown() -> String {
        let kind = |kind| match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let row = |(name, of, help): &(_, _, _)| format!("| `{name}` | {} | {help} |\n", kind(*of));
        format!("| metric | kind | meaning |\n| --- | --- | --- |\n{}", METRICS.iter().map(row).collect::<String>())
    }

    /// Renew the page with `GANGWAY_RENEW_DOCS=1 cargo test --lib metrics::`.
    #[test]
    fn the_page_of_metrics_is_what_the_code_says() {
        const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (head, rest) = page.split_once("<!-- metrics -->\n").unwrap();
        let (_, tail) = rest.split_once("<!-- end of metrics -->").unwrap();
        let expected = format!("{head}<!-- metrics -->\n{}<!-- end of metrics -->{tail}", markdown());
        if std::env::var_os("GANGWAY_RENEW_DOCS").is_some() {
            std::fs::write(PAGE, &expected).unwrap();
        }
        assert!(
            page == expected,
            "docs/metrics.md is out of date; run GANGWAY_RENEW_DOCS=1 cargo test --lib metrics:: twice"
        );
    }

    #[test]
    fn what_a_page_of_alerts_asks_for_is_measured() {
        let page = include_str!("../../docs/metrics.md");
        let words = page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for word in words.filter(|word| word.starts_with("gangway_")) {
            assert!(METRICS.iter().any(|(name, ..)| *name == word), "{word}");
        }
    }

    #[test]
    fn what_is_recorded_is_rendered_with_its_help_and_buckets() {
        let first = Metrics::start().unwrap();
        let second = Metrics::start().unwrap();
        metrics::histogram!("gangway_sql_seconds").record(0.002);
        let text = second.render();
        assert!(text.contains("# HELP gangway_sql_seconds Time of one SQL statement."), "{text}");
        assert!(text.contains("gangway_sql_seconds_bucket{le=\"0.0025\"}"), "{text}");
        assert_eq!(first.render().contains("gangway_sql_seconds"), text.contains("gangway_sql_seconds"));
    }
}
