//! For those who run the service: is the process up, can it work, what did it count.

use std::time::Duration;

use async_trait::async_trait;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{Transport, answer::nothing_here};

/// A check that takes longer has failed.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// One thing the process needs, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is: `database`, `migrations`, `redis`.
    pub name: &'static str,
    /// Whether it is there now.
    pub is_ok: bool,
    /// Whether nothing can be done without it. What only makes work slower is told and does not count: a balancer
    /// would take every process away at once.
    pub is_needed: bool,
}

/// Whether work can be done now.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Looks at everything the process needs. Reasons go to the log: strangers may ask this.
    async fn check(&self) -> Vec<Check>;
}

/// The routes of those who run the service.
pub(super) fn routes() -> Router<Transport> {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(nothing_here)
}

/// The process runs.
async fn health() -> &'static str {
    "ok\n"
}

/// Work can be done: 200, or 503 with what is missing.
async fn ready(State(Transport(shared)): State<Transport>) -> Response {
    let checks = tokio::time::timeout(READY_WITHIN, shared.ports.readiness.check()).await.unwrap_or_default();
    let is_stopping = shared.stop.is_cancelled();
    let is_ready = !is_stopping && !checks.is_empty() && checks.iter().all(|check| check.is_ok || !check.is_needed);
    let word = |is_ok| if is_ok { "ok" } else { "failed" };
    let found: Map<String, Value> =
        checks.iter().map(|check| (check.name.to_owned(), word(check.is_ok).into())).collect();
    let state = if is_ready {
        "ready"
    } else if is_stopping {
        "stopping"
    } else {
        "not ready"
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"status": state, "checks": found}))).into_response()
}

/// Everything that was counted, for Prometheus.
async fn metrics(State(Transport(shared)): State<Transport>) -> Response {
    if !shared.config.http.metrics {
        return StatusCode::NOT_FOUND.into_response();
    }
    let text = (shared.ports.metrics)();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
