//! Reading what a caller asks: the body of a POST, the query of a GET, the payload of a socket's `subscribe`.

use std::time::Duration;

use async_graphql::{Request, Value, Variables};
use axum::{
    body::{Body, BodyDataStream},
    extract::Query,
    http::{HeaderMap, Uri, header},
};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Map;

use super::{
    answer::Refused,
    documents::{self, Digest},
    status::Kind,
};

/// A body that trickles in for longer is given up.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How much of a body that is refused is still taken, and for how long.
const DISCARD_MAX_BYTES: usize = 8 << 20;
const DISCARD_WITHIN: Duration = Duration::from_secs(2);
/// Below `extensions`, the name of a stored document.
const PERSISTED: &str = "persistedQuery";

/// Whether a request names a stored document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// It does not.
    Not,
    /// By something that is no SHA-256.
    Wrongly,
    /// By the SHA-256 of its text.
    By(Digest),
}

/// What a caller asks, strictly typed: a list of requests, or a number where a text belongs, is refused.
/// Unknown members are ignored, as the specification wants.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ask {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, serde_json::Value>>,
    extensions: Option<Map<String, serde_json::Value>>,
}

/// The members of a GET, where objects are written as JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

fn malformed(message: impl Into<String>) -> Refused {
    Refused::new(Kind::Malformed, message)
}

fn too_large(limit: usize) -> Refused {
    Refused::new(Kind::TooLarge, format!("The body is larger than {limit} bytes."))
}

/// Refuses a body that is declared to be longer than `limit`.
pub(super) fn check_length(headers: &HeaderMap, limit: usize) -> Result<(), Refused> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) { Err(too_large(limit)) } else { Ok(()) }
}

/// Takes what is left of a body and throws it away, some of it and for a while only: a caller that is still
/// sending when the connection is closed never sees the answer.
pub(super) async fn discard(body: Body) {
    let mut chunks = body.into_data_stream();
    let all = async {
        let mut left = DISCARD_MAX_BYTES;
        while let Some(Ok(chunk)) = chunks.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // After that the connection is closed with the rest unread.
    _ = tokio::time::timeout(DISCARD_WITHIN, all).await;
}

impl Ask {
    /// Reads the body of a POST, no more than `limit` bytes of it.
    pub(super) async fn from_body(body: Body, limit: usize) -> Result<Self, Refused> {
        let mut chunks = body.into_data_stream();
        match tokio::time::timeout(BODY_WITHIN, read(&mut chunks, limit)).await {
            Ok(Ok(Some(bytes))) => Self::from_json(&bytes),
            Ok(Ok(None)) => {
                discard(Body::from_stream(chunks)).await;
                Err(too_large(limit))
            }
            Ok(Err(_)) => Err(malformed("The body broke off.")),
            Err(_) => Err(Refused::new(Kind::Slow, "The body did not come in time.")),
        }
    }

    /// Reads the members from JSON.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, Refused> {
        serde_json::from_slice(bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Data => malformed(format!(
                    "The request must be one JSON object with a text `query` and, where needed, a text `operationName` \
                     and objects `variables` and `extensions`; it is not at {place}."
                )),
                _ => malformed(format!("The request is not JSON at {place}.")),
            }
        })
    }

    /// Reads the query of a GET.
    pub(super) fn from_uri(uri: &Uri) -> Result<Self, Refused> {
        let Ok(Query(params)) = Query::<Params>::try_from_uri(uri) else {
            return Err(malformed("The query of the URL cannot be read."));
        };
        Ok(Self {
            query: params.query,
            document_id: params.document_id,
            operation_name: params.operation_name.filter(|name| !name.is_empty()),
            variables: object("variables", params.variables)?,
            extensions: object("extensions", params.extensions)?,
        })
    }

    /// The text of a document, if one was sent.
    pub(super) fn document(&self) -> Option<&str> {
        self.query.as_deref().filter(|query| !query.is_empty())
    }

    /// Puts the text in that the request names.
    pub(super) fn set_document(&mut self, text: &str) {
        self.query = Some(text.to_owned());
    }

    /// How a stored document is named, by its id or its hash.
    pub(super) fn named(&self) -> Named {
        let hash = self.extensions.as_ref().and_then(|extensions| extensions.get(PERSISTED));
        let name = match (&self.document_id, hash) {
            (None, None) => return Named::Not,
            (Some(id), _) => Some(id.as_str()),
            (None, Some(hash)) => hash.get("sha256Hash").and_then(serde_json::Value::as_str),
        };
        name.and_then(documents::digest).map_or(Named::Wrongly, Named::By)
    }

    /// The request for the schema.
    pub(super) fn into_request(self) -> Result<Request, Refused> {
        let Some(query) = self.query.filter(|query| !query.is_empty()) else {
            return Err(malformed("`query` is missing."));
        };
        let mut request = Request::new(query);
        request.operation_name = self.operation_name;
        if let Some(variables) = self.variables {
            request.variables = Variables::from_json(variables.into());
        }
        for (name, value) in self.extensions.into_iter().flatten() {
            let Ok(value) = Value::from_json(value) else {
                return Err(malformed(format!("`extensions.{name}` cannot be read.")));
            };
            request.extensions.insert(name, value);
        }
        Ok(request)
    }
}

fn object(name: &str, text: Option<String>) -> Result<Option<Map<String, serde_json::Value>>, Refused> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let read: Result<Option<Map<_, _>>, _> = serde_json::from_str(&text);
    read.ok().ok_or_else(|| malformed(format!("`{name}` must be a JSON object.")))
}

/// The body, or `None` when it is longer than `limit`.
async fn read(chunks: &mut BodyDataStream, limit: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}
