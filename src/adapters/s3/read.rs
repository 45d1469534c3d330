//! Reading an object as one unchanging state, over a network that breaks.

use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use futures_util::{StreamExt, stream::BoxStream};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MATCH, LAST_MODIFIED, RANGE},
};
use rusty_s3::{
    S3Action,
    actions::{GetObject, HeadObject},
};

use super::{
    SIGNED_FOR, Shared,
    call::{SHORT_CALL, TRIES, network_fault, pause},
    list::bare_etag,
};
use crate::ports::storage::{Body, Facts, Fault, FaultKind, ObjectPath, Opened, Result, Span};

/// How the refusal of a range that begins at or behind the end reads.
const BEHIND_THE_END: &str = "HTTP 416";

/// The state of an object.
pub(super) async fn stat(shared: &Shared, path: &ObjectPath) -> Result<Facts> {
    let (key, place) = (Shared::key("stat", path)?, path.to_string());
    let request = |http: &reqwest::Client| {
        let action = HeadObject::new(&shared.bucket, Some(&shared.credentials), key);
        http.head(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    let response = shared.send("stat", &place, request).await?;
    let size = header(response.headers(), &CONTENT_LENGTH).and_then(|text| text.parse().ok());
    facts(response.headers(), size, &place)
}

/// Opens an object.
pub(super) async fn open(shared: Arc<Shared>, path: ObjectPath, span: Span) -> Result<Opened> {
    let reading = Reading { shared, path, version: None, at: span.start() };
    let response = match reading.get(&span).await {
        Err(fault) if fault.detail.starts_with(BEHIND_THE_END) => return reading.nothing_left().await,
        other => other?,
    };
    let size = match &span {
        Span::All => header(response.headers(), &CONTENT_LENGTH).and_then(|text| text.parse().ok()),
        _ => header(response.headers(), &CONTENT_RANGE).and_then(|text| text.rsplit('/').next()?.parse().ok()),
    };
    let facts = facts(response.headers(), size, &reading.path.to_string())?;
    let end = span.start() + span.len_within(facts.size);
    let reading = Reading { version: facts.version.clone(), ..reading };
    Ok(Opened { facts, body: Body::Stream(reading.stream(response, end)) })
}

/// A read under way.
struct Reading {
    shared: Arc<Shared>,
    path: ObjectPath,
    version: Option<String>,
    at: u64,
}

impl Reading {
    async fn get(&self, span: &Span) -> Result<Response> {
        let (key, place) = (Shared::key("open", &self.path)?, self.path.to_string());
        let range = match span {
            Span::All => None,
            Span::From(start) => Some(format!("bytes={start}-")),
            Span::Part(range) => Some(format!("bytes={}-{}", range.start, range.end.saturating_sub(1))),
        };
        let request = |http: &reqwest::Client| {
            let action = GetObject::new(&self.shared.bucket, Some(&self.shared.credentials), key);
            let mut request = http.get(action.sign(SIGNED_FOR));
            if let Some(range) = &range {
                request = request.header(RANGE, range);
            }
            if let Some(version) = &self.version {
                request = request.header(IF_MATCH, format!("\"{version}\""));
            }
            request
        };
        let response = self.shared.send("open", &place, request).await?;
        let fault = |kind, detail| Err(Fault::new(kind, "open", place.as_str(), detail));
        match (response.status(), range.is_some()) {
            (StatusCode::OK, false) => Ok(response),
            (StatusCode::OK, true) => fault(FaultKind::Unsupported, "the store gives no ranges"),
            _ if begins_at(response.headers(), span.start()) => Ok(response),
            _ => fault(FaultKind::Lied, "the store gives another range than was asked for"),
        }
    }

    /// The asked span begins at or behind the end: the facts, and no bytes.
    async fn nothing_left(&self) -> Result<Opened> {
        let facts = stat(&self.shared, &self.path).await?;
        Ok(Opened { facts, body: Body::Stream(futures_util::stream::empty().boxed()) })
    }

    /// The bytes up to `end`, asked for again from where the connection broke.
    fn stream(self, response: Response, end: u64) -> BoxStream<'static, Result<Bytes>> {
        let state = (self, Some(response), 0);
        futures_util::stream::try_unfold(state, move |(mut reading, mut response, mut tried)| async move {
            loop {
                if reading.at >= end {
                    return Ok(None);
                }
                let open = match response.take() {
                    Some(open) => open,
                    None => reading.get(&Span::Part(reading.at..end)).await?,
                };
                match reading.next_chunk(open).await {
                    Ok((chunk, open)) => {
                        reading.at += chunk.len() as u64;
                        return Ok(Some((chunk, (reading, Some(open), 0))));
                    }
                    Err(fault) if tried + 1 >= TRIES => return Err(fault),
                    Err(_broken) => tried += 1,
                }
                pause(&reading.path.to_string(), tried, None).await;
            }
        })
        .boxed()
    }

    async fn next_chunk(&self, mut response: Response) -> Result<(Bytes, Response)> {
        let place = || self.path.to_string();
        match response.chunk().await {
            Ok(Some(chunk)) => Ok((chunk, response)),
            Ok(None) => Err(Fault::new(FaultKind::Transient, "read", place(), "the answer ended early")),
            Err(error) => Err(network_fault("read", &place(), &error)),
        }
    }
}

/// Whether the answer says that its first byte is the one at `start`.
fn begins_at(headers: &HeaderMap, start: u64) -> bool {
    let told = header(headers, &CONTENT_RANGE).and_then(|text| text.strip_prefix("bytes ")?.split('-').next());
    told.and_then(|text| text.parse().ok()) == Some(start)
}

fn facts(headers: &HeaderMap, size: Option<u64>, place: &str) -> Result<Facts> {
    let Some(size) = size else {
        return Err(Fault::new(FaultKind::Permanent, "stat", place, "the store does not tell the size"));
    };
    Ok(Facts {
        size,
        modified: header(headers, &LAST_MODIFIED)
            .and_then(|text| DateTime::parse_from_rfc2822(text).ok())
            .map(|time| time.to_utc()),
        version: header(headers, &ETAG).map(bare_etag),
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
