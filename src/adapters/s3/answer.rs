//! What an answer of an S3 store means, without trusting it.

use std::time::Duration;

use reqwest::{Response, StatusCode, header::RETRY_AFTER};

use crate::ports::storage::{Fault, FaultKind};

/// No error document is longer; what comes after is not read.
const ERROR_BYTES: usize = 64 * 1024;

/// The fault in an answer whose status is not a success.
pub(super) async fn refusal(doing: &'static str, place: &str, mut response: Response) -> Fault {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    while body.len() < ERROR_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&body);
    let code = error_code(&text).unwrap_or_default();
    let mut fault = Fault::new(kind(status, code), doing, place, format!("HTTP {} {code}", status.as_u16()));
    fault.retry_after = retry_after.map(Duration::from_secs);
    fault
}

/// The fault in a document that came with status 200, if it holds one.
pub(super) fn hidden_refusal(doing: &'static str, place: &str, document: &str) -> Option<Fault> {
    let root = document.trim_start().trim_start_matches(|c| c != '<');
    let root = if root.starts_with("<?") { root.split_once("?>")?.1.trim_start() } else { root };
    if !root.starts_with("<Error") {
        return None;
    }
    let code = error_code(document).unwrap_or_default();
    let kind = match kind(StatusCode::OK, code) {
        FaultKind::Permanent if code == "InternalError" => FaultKind::Transient,
        kind => kind,
    };
    Some(Fault::new(kind, doing, place, format!("HTTP 200 with error {code}")))
}

/// The `Code` of an error document.
fn error_code(document: &str) -> Option<&str> {
    let code = between(document, "<Code>", "</Code>").next()?;
    // A code is one word; anything else is not repeated into a log.
    (code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric())).then_some(code)
}

/// The pieces of `text` between `open` and `close`.
pub(super) fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split(close).next())
}

/// What a code, or else the status it came with, means.
pub(super) fn kind(status: StatusCode, code: &str) -> FaultKind {
    match code {
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "RequestTimeTooSkewed"
        | "RequestExpired"
        | "InvalidClientTokenId" => return FaultKind::Auth,
        "SlowDown" | "ServiceUnavailable" | "Throttling" | "TooManyRequests" | "BandwidthLimitExceeded" => {
            return FaultKind::RateLimited;
        }
        "RequestTimeout" | "InternalError" | "OperationAborted" => return FaultKind::Transient,
        "QuotaExceeded" | "XMinioStorageFull" => return FaultKind::Full,
        // The bucket itself being absent concerns everything in it, but trying again will not bring it back.
        "NoSuchKey" | "NoSuchUpload" | "NoSuchBucket" => return FaultKind::NotFound,
        "NotImplemented" | "MethodNotAllowed" => return FaultKind::Unsupported,
        _ => {}
    }
    match status.as_u16() {
        401 => FaultKind::Auth,
        403 => FaultKind::Forbidden,
        404 | 410 => FaultKind::NotFound,
        409 | 412 => FaultKind::Conflict,
        408 | 500 | 502 | 504 => FaultKind::Transient,
        429 | 503 => FaultKind::RateLimited,
        405 | 501 => FaultKind::Unsupported,
        507 => FaultKind::Full,
        _ => FaultKind::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_200_that_holds_an_error_is_a_fault() {
        let document = "<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code><Message>x</Message></Error>";
        assert_eq!(hidden_refusal("write", "a", document).unwrap().kind, FaultKind::RateLimited);
        assert_eq!(
            hidden_refusal("write", "a", "<Error><Code>InternalError</Code></Error>").unwrap().kind,
            FaultKind::Transient
        );
        assert!(hidden_refusal("write", "a", "<CompleteMultipartUploadResult><Key>Error</Key></C..>").is_none());
    }

    #[test]
    fn codes_outrank_the_status() {
        for (status, code, expected) in [
            (403, "AccessDenied", FaultKind::Forbidden),
            (403, "SignatureDoesNotMatch", FaultKind::Auth),
            (400, "RequestTimeout", FaultKind::Transient),
            (503, "SlowDown", FaultKind::RateLimited),
            (503, "", FaultKind::RateLimited),
            (500, "", FaultKind::Transient),
            (404, "NoSuchKey", FaultKind::NotFound),
            (412, "PreconditionFailed", FaultKind::Conflict),
            (301, "PermanentRedirect", FaultKind::Permanent),
            (400, "InvalidArgument", FaultKind::Permanent),
        ] {
            assert_eq!(kind(StatusCode::from_u16(status).unwrap(), code), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_code_that_is_no_word_is_not_repeated() {
        assert_eq!(error_code("<Code>AccessDenied</Code>"), Some("AccessDenied"));
        assert_eq!(error_code("<Code>https://host/?X-Amz-Signature=abc</Code>"), None);
    }
}
