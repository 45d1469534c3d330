//! Answers: what a schema said, or why it was not asked.

use std::time::Duration;

use async_graphql::{Response as Answer, ServerError, Value};
use axum::{
    Extension,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    accept::{Media, negotiate},
    status::{Kind, code_for, status_for},
};
use crate::{
    domain::rate::Draw,
    graphql::extensions::{Finished, Progress, RequestId, finish, refusal},
};

/// What a caller without a valid token is told to send.
const CHALLENGE: &str = r#"Bearer realm="gangway""#;
const CHALLENGE_INVALID: &str = r#"Bearer realm="gangway", error="invalid_token""#;

/// What a caller's bucket holds, what is left of it, and in how many seconds it is full again.
///
/// # Source
/// The IETF's draft on rate limit header fields in the form that is in use (three fields, `Reset` as seconds from now).
pub(super) const RATE_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// Why a request is not put to the schema.
#[derive(Debug)]
pub(super) struct Refused {
    kind: Kind,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    /// A refusal of `kind` for the reason that `message` gives.
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), header: None }
    }

    /// No token, or one that proves nobody.
    pub(super) fn unauthenticated(message: &str, sent_one: bool) -> Self {
        let challenge = if sent_one { CHALLENGE_INVALID } else { CHALLENGE };
        Self::new(Kind::Unauthenticated, message).with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// Not by this method, but by those of `allow`.
    pub(super) fn method(message: &str, allow: &'static str) -> Self {
        Self::new(Kind::Method, message).with(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// Not now, but after `wait`.
    pub(super) fn later(kind: Kind, message: &str, wait: Duration) -> Self {
        Self::new(kind, message).with(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Whether another token would change it.
    pub(super) fn is_about_the_caller(&self) -> bool {
        matches!(self.kind, Kind::Unauthenticated | Kind::Forbidden)
    }

    /// As a socket tells it.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The refusal as an answer in the form of `media`.
    pub(super) fn answer(self, media: Media, request: &RequestId) -> Response {
        let mut answer = Answer::from_errors(vec![refusal(code_for(self.kind), self.message)]);
        finish(&mut answer, &Progress::default(), request);
        let media = if media == Media::EventStream { Media::GraphqlResponse } else { media };
        let mut response = written(status_for(self.kind, media), media, errors_only(&answer.errors));
        response.headers_mut().extend(self.header);
        response
    }
}

/// What the schema said, with its status.
pub(super) fn answered(answer: &Answer, finished: Finished, media: Media) -> Response {
    let kind = Kind::from(finished);
    let mut response = written(status_for(kind, media), media, to_json(answer, finished));
    if matches!(kind, Kind::TooMany | Kind::Overloaded) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_secs(answer)));
    }
    response
}

/// The whole seconds that the first error says to wait, at least one.
fn retry_after_secs(answer: &Answer) -> u64 {
    let error = answer.errors.first().and_then(|error| error.extensions.as_ref());
    match error.and_then(|extensions| extensions.get("retryAfterMs")) {
        Some(Value::Number(millis)) => millis.as_u64().unwrap_or_default().div_ceil(1_000).max(1),
        _ => 1,
    }
}

/// `response` with what is left to its caller, when that is limited.
pub(super) fn rated(mut response: Response, drawn: Option<Draw>) -> Response {
    if let Some(draw) = drawn {
        let reset_secs = draw.full_after.as_millis().div_ceil(1_000);
        let reset_secs = u64::try_from(reset_secs).unwrap_or(u64::MAX);
        let values = [draw.rate.capacity().into(), draw.remaining.into(), HeaderValue::from(reset_secs)];
        response.headers_mut().extend(RATE_HEADERS.into_iter().zip(values));
    }
    response
}

/// The answer as JSON. Written from the answer itself, which keeps the fields in the order they were asked
/// for; without `data` when nothing ran.
pub(super) fn to_json(answer: &Answer, finished: Finished) -> String {
    match finished {
        Finished::Refused(_) => errors_only(&answer.errors),
        Finished::Ok | Finished::Errors => serde_json::to_string(answer).unwrap_or_default(),
    }
}

fn errors_only(errors: &[ServerError]) -> String {
    #[derive(Serialize)]
    struct RequestErrors<'a> {
        errors: &'a [ServerError],
    }
    serde_json::to_string(&RequestErrors { errors }).unwrap_or_default()
}

fn written(status: StatusCode, media: Media, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media.content_type())),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    (status, headers, body).into_response()
}

/// The answer to a path that no route has.
pub(super) async fn nothing_here(
    method: Method,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    let message = format!("Nothing answers {method} here; the API is at /graphql.");
    Refused::new(Kind::NotFound, message).answer(negotiate(&headers).unwrap_or(Media::Json), &request)
}
