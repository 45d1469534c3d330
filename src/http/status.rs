//! The one place that decides on statuses.

use axum::http::StatusCode;

use super::accept::Media;
use crate::graphql::{error::ErrorCode, extensions::Finished};

/// What became of a request, as far as its status goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Resolvers ran, with or without errors.
    Executed,
    /// The document, or its variables, cannot be run.
    BadDocument,
    /// The request itself cannot be read.
    Malformed,
    /// Nobody proved who they are.
    Unauthenticated,
    /// This deed is not for this caller, or not from this origin.
    Forbidden,
    /// Nothing is here.
    NotFound,
    /// What is here does not allow it, or not any longer.
    Conflict,
    /// Not by this method.
    Method,
    /// In none of the forms the caller takes.
    NotAcceptable,
    /// The body did not come in time.
    Slow,
    /// The body is too large.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMedia,
    /// Too many for this caller.
    TooMany,
    /// Too many for this process, or something it needs does not answer.
    Overloaded,
    /// A fault of ours.
    Internal,
}

impl From<Finished> for Kind {
    fn from(finished: Finished) -> Self {
        match finished {
            Finished::Ok | Finished::Errors => Self::Executed,
            Finished::Refused(ErrorCode::Unauthenticated) => Self::Unauthenticated,
            Finished::Refused(ErrorCode::Forbidden) => Self::Forbidden,
            Finished::Refused(ErrorCode::RateLimited) => Self::TooMany,
            Finished::Refused(ErrorCode::UpstreamUnavailable | ErrorCode::Timeout) => Self::Overloaded,
            Finished::Refused(ErrorCode::Internal) => Self::Internal,
            Finished::Refused(_) => Self::BadDocument,
        }
    }
}

/// The status of an answer of this kind in this form.
///
/// # Source
/// GraphQL over HTTP with the statuses its audits expect: a document that cannot be run is 400, and 200 for
/// clients that accept `application/json` only. (The draft of April 2026 says 422; it goes here.)
pub(super) fn status_for(kind: Kind, media: Media) -> StatusCode {
    match kind {
        Kind::Executed => StatusCode::OK,
        Kind::BadDocument if media == Media::Json => StatusCode::OK,
        Kind::BadDocument | Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Method => StatusCode::METHOD_NOT_ALLOWED,
        Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Kind::Slow => StatusCode::REQUEST_TIMEOUT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The error code that goes with a refusal by the transport itself.
pub(super) fn code_for(kind: Kind) -> ErrorCode {
    match kind {
        Kind::Unauthenticated => ErrorCode::Unauthenticated,
        Kind::Forbidden => ErrorCode::Forbidden,
        Kind::NotFound => ErrorCode::NotFound,
        Kind::Conflict => ErrorCode::Conflict,
        Kind::TooMany => ErrorCode::RateLimited,
        Kind::Overloaded => ErrorCode::UpstreamUnavailable,
        Kind::Slow => ErrorCode::Timeout,
        Kind::Internal => ErrorCode::Internal,
        Kind::Executed
        | Kind::BadDocument
        | Kind::Malformed
        | Kind::Method
        | Kind::NotAcceptable
        | Kind::TooLarge
        | Kind::UnsupportedMedia => ErrorCode::BadUserInput,
    }
}
