//! What surrounds every route: a name for the request, the headers all answers carry, a line in the log, and
//! the rules for pages of other origins.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{self, Next},
    response::Response,
};
use futures_util::FutureExt;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;

use super::{
    Transport,
    accept::Media,
    answer::{RATE_HEADERS, Refused},
    status::Kind,
};
use crate::{clock::Stopwatch, graphql::extensions::RequestId};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer names of requests are not taken over from callers.
const REQUEST_ID_MAX: usize = 64;
/// How long a browser may remember what it was allowed.
const PREFLIGHT_KEPT: Duration = Duration::from_mins(10);

/// `routes` with all that surrounds them.
pub(super) fn around(routes: Router, transport: &Transport) -> Router {
    let origins = transport.0.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("last-event-id"),
            REQUEST_ID,
        ])
        .expose_headers([REQUEST_ID, header::RETRY_AFTER].into_iter().chain(RATE_HEADERS).collect::<Vec<_>>())
        .max_age(PREFLIGHT_KEPT);
    routes.layer(cors).layer(middleware::from_fn_with_state(transport.clone(), frame))
}

async fn frame(State(transport): State<Transport>, mut request: Request, next: Next) -> Response {
    let since = Stopwatch::start();
    let id = name(&transport, &request);
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span =
        tracing::info_span!("request", request.id = id.as_str(), http.method = method.as_str(), http.route = route);
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answer.unwrap_or_else(|_panic| {
        span.in_scope(|| tracing::error!("A handler panicked."));
        Refused::new(Kind::Internal, "Something went wrong on our side.").answer(Media::Json, &id)
    });
    let status = response.status().as_u16();
    metrics::counter!("gangway_http_responses_total", "route" => route, "status" => status.to_string()).increment(1);
    let duration_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(http.status = status, duration_ms, "A request was answered."));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The name the caller gave, when it is short and plain; else a new one.
fn name(transport: &Transport, request: &Request) -> RequestId {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_plain = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !name.is_empty() && name.len() <= REQUEST_ID_MAX && name.bytes().all(plain)
    };
    match given.filter(|name| is_plain(name)) {
        Some(name) => RequestId::new(name),
        None => transport.new_id(),
    }
}

impl Transport {
    /// A new name for a request.
    pub(super) fn new_id(&self) -> RequestId {
        RequestId::new(format!("req_{}", self.0.ports.ids.next().simple()))
    }
}
