//! Which form of answer a caller wants.

use axum::http::{HeaderMap, header};
use mime::Mime;

/// A form of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: statuses mean what they say.
    GraphqlResponse,
    /// `application/json`: as old clients expect it, a well-formed request is answered with 200.
    Json,
    /// `text/event-stream`.
    EventStream,
}

impl Media {
    /// As `Content-Type` names it.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// The form the caller likes best, the first among equals; `None` when it likes none of ours. Without an
/// `Accept` header, and for wildcards, that is `application/json`.
///
/// # Source
/// RFC 9110, section 12.5.1; GraphQL over HTTP, Accept.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Media> {
    if !headers.contains_key(header::ACCEPT) {
        return Some(Media::Json);
    }
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best: Option<(f32, Media)> = None;
    for (quality, media) in ranges.flat_map(|value| value.split(',')).filter_map(preference) {
        if best.is_none_or(|(so_far, _)| quality > so_far) {
            best = Some((quality, media));
        }
    }
    best.map(|(_, media)| media)
}

fn preference(range: &str) -> Option<(f32, Media)> {
    let mime: Mime = range.trim().parse().ok()?;
    if mime.get_param(mime::CHARSET).is_some_and(|charset| charset != mime::UTF_8) {
        return None;
    }
    let quality = mime.get_param("q").map_or(Some(1.0), |quality| quality.as_str().parse::<f32>().ok())?;
    let media = match mime.essence_str() {
        "application/graphql-response+json" => Media::GraphqlResponse,
        "application/json" | "application/*" | "*/*" => Media::Json,
        "text/event-stream" => Media::EventStream,
        _ => return None,
    };
    (quality > 0.0).then_some((quality, media))
}

/// Whether the body is declared to be JSON. Anything else, and nothing at all, is what a page of a
/// stranger can send without asking first.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    declared.and_then(|text| text.parse::<Mime>().ok()).is_some_and(|mime| {
        mime.essence_str() == "application/json"
            && mime.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepting(value: &'static str) -> Option<Media> {
        negotiate(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]))
    }

    #[test]
    fn the_best_liked_form_wins_and_the_first_among_equals() {
        for (value, media) in [
            ("application/json", Some(Media::Json)),
            ("application/graphql-response+json", Some(Media::GraphqlResponse)),
            ("application/graphql-response+json, application/json;q=0.9", Some(Media::GraphqlResponse)),
            ("application/json;q=0.1, application/graphql-response+json;q=0.2", Some(Media::GraphqlResponse)),
            ("application/json, text/event-stream", Some(Media::Json)),
            ("text/event-stream", Some(Media::EventStream)),
            ("*/*", Some(Media::Json)),
            ("application/*;q=0.5, image/png", Some(Media::Json)),
            ("application/json; charset=utf-8", Some(Media::Json)),
            ("application/json; charset=latin-1", None),
            ("application/json;q=0", None),
            ("application/json;q=x", None),
            ("image/png", None),
            ("", None),
        ] {
            assert_eq!(accepting(value), media, "{value}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), Some(Media::Json));
    }

    #[test]
    fn only_json_is_read() {
        for (value, expected) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("Application/JSON;charset=UTF-8", true),
            ("application/json; charset=utf-16", false),
            ("application/graphql+json", false),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_json(&headers), expected, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
