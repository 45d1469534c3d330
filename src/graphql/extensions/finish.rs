//! The last look at an answer: every error has a code of the closed set and the request's id, there are not
//! too many of them, and none shows what happened inside.

use async_graphql::{ErrorExtensionValues, Response, ServerError, Value};

use super::progress::{Phase, Progress, RequestId};
use crate::graphql::error::ErrorCode;

/// More errors than this help nobody.
///
/// # Source
/// The API's rules, Transport 7.
const ERRORS_MAX: usize = 10;
/// How the library begins to say that a value could not be read, when only execution could tell.
const WRONG_INPUT: [&str; 3] = ["Failed to parse", "Expected input type", "Invalid value"];
/// How it begins to say that a value does not fit its argument.
pub(super) const WRONG_VALUE: &str = "Invalid value for argument";
/// What a caller learns of a fault of ours; the request id leads to the rest.
const INTERNAL_MESSAGE: &str = "Something went wrong on our side.";

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Resolvers ran and none failed.
    Ok,
    /// Resolvers ran and some failed.
    Errors,
    /// Nothing ran: the answer holds errors and no `data`.
    Refused(ErrorCode),
}

/// An error of the transport's or guard's own.
pub fn refusal(code: ErrorCode, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code.as_str());
    error
}

/// Makes `response` fit to leave: codes, request id, `retryable`, at most ten errors, nothing internal.
/// Counts every error by its code.
pub fn finish(response: &mut Response, progress: &Progress, request: &RequestId) -> Finished {
    response.errors.truncate(ERRORS_MAX);
    let phase = progress.phase();
    let mut first = None;
    for error in &mut response.errors {
        let code = mend(error, phase, request);
        metrics::counter!("gangway_errors_total", "code" => code.as_str()).increment(1);
        first.get_or_insert(code);
    }
    match first {
        None => Finished::Ok,
        Some(_) if phase == Phase::Executed => Finished::Errors,
        Some(code) => Finished::Refused(code),
    }
}

fn mend(error: &mut ServerError, phase: Phase, request: &RequestId) -> ErrorCode {
    let known = error.extensions.as_ref().and_then(code_of);
    let code = known.unwrap_or_else(|| guess(error, phase));
    if known.is_none() && code == ErrorCode::Internal {
        tracing::error!(request.id = request.as_str(), error = error.message, "An error without a code was held back.");
        INTERNAL_MESSAGE.clone_into(&mut error.message);
    }
    let place = wrong_value(&error.message).map(|(field, kind)| (field.to_owned(), kind.to_owned()));
    let extensions = error.extensions.get_or_insert_default();
    if let Some((field, kind)) = place {
        extensions.set("field", field);
        extensions.set("remedy", format!("Send what `{kind}` takes; its description says how that looks."));
    }
    extensions.set("code", code.as_str());
    extensions.set("requestId", request.as_str());
    if extensions.get("retryable").is_none() {
        extensions.set("retryable", is_retryable(code));
    }
    code
}

/// The argument that the library says is wrong, and the type or field that it says so of.
fn wrong_value(message: &str) -> Option<(&str, &str)> {
    let mut quoted = message.strip_prefix(WRONG_VALUE)?.split('"').skip(1).step_by(2);
    Some((quoted.next()?, quoted.next()?))
}

fn code_of(extensions: &ErrorExtensionValues) -> Option<ErrorCode> {
    match extensions.get("code") {
        Some(Value::String(code)) => ErrorCode::find(code),
        _ => None,
    }
}

/// What an error is that the library made, from how far the request had got.
fn guess(error: &ServerError, phase: Phase) -> ErrorCode {
    let is_input = WRONG_INPUT.iter().any(|start| error.message.starts_with(start));
    match phase {
        Phase::Received => ErrorCode::GraphqlParseFailed,
        Phase::Parsed => ErrorCode::GraphqlValidationFailed,
        // A name that no operation of the document has, or arguments of a subscription.
        Phase::Validated if is_input || error.path.is_empty() => ErrorCode::BadUserInput,
        Phase::Executed if is_input => ErrorCode::BadUserInput,
        Phase::Validated | Phase::Executed => ErrorCode::Internal,
    }
}

fn is_retryable(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Timeout | ErrorCode::RateLimited | ErrorCode::UpstreamUnavailable | ErrorCode::Internal)
}
