//! `/files/{id}`: taking an announced file by PUT, giving a stored one by GET. The signed token in the query is the
//! right; a bearer is not looked at.
//!
//! A file is taken in a task of its own, so that a caller who hangs up does not leave half a file behind: the task
//! sees the body break off and gives back what the store kept. Nothing here holds more than a few chunks.

use std::time::Duration;

use axum::{
    Extension, Json,
    body::{Body, BodyDataStream},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;

use super::{Transport, accept::Media, answer::Refused, ask::discard, status::Kind};
use crate::{
    app::{
        App,
        file::{self, Reception},
    },
    domain::file::File,
    error::{Conflict, Error, Unavailable},
    graphql::extensions::RequestId,
    ids::FileId,
};

/// Files that one process takes at a time; more are asked to come back (503). A store in a network holds up to
/// 16 MiB of each.
pub(super) const AT_ONCE: usize = 32;
/// A sender that is silent for so long has hung up.
const NEXT_WITHIN: Duration = Duration::from_secs(30);
/// A file may take so long, and one second more for each of these bytes: slower senders hold a place for nothing.
const WITHIN: Duration = Duration::from_mins(15);
const SLOWEST_BYTES_PER_SECOND: u64 = 64 << 10;
/// How long a sender is asked to wait when all places are taken.
const COME_BACK_AFTER: Duration = Duration::from_secs(5);

/// What is given is somebody else's file: nothing in it may run, load or be framed, should a browser show it after
/// all.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The query of a link.
#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    token: String,
}

/// Takes the bytes of an announced file.
pub(super) async fn take(
    State(transport): State<Transport>,
    Extension(request): Extension<RequestId>,
    Path(id): Path<String>,
    Query(Link { token }): Query<Link>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let begun = async {
        let (app, id) = (app(&transport)?, parse(&id)?);
        let reception = file::receive(&app, id, &token).await.map_err(refused)?;
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > reception.room()) {
            let refused = too_large();
            reception.abandon().await;
            return Err(refused);
        }
        Ok(reception)
    };
    let Ok(place) = transport.0.receiving.clone().try_acquire_owned() else {
        drain(&headers, body).await;
        let busy = Refused::later(Kind::Overloaded, "Too many files are being sent just now.", COME_BACK_AFTER);
        return busy.answer(Media::Json, &request);
    };
    let reception = match begun.await {
        Ok(reception) => reception,
        Err(refused) => {
            // Whoever has no link holds no place while the rest of the body trickles in.
            drop(place);
            drain(&headers, body).await;
            return refused.answer(Media::Json, &request);
        }
    };
    let taken = transport.0.open.spawn(async move {
        let taken = receive(reception, body).await;
        drop(place);
        taken
    });
    match taken.await {
        Ok(Ok(file)) => told(&file),
        Ok(Err(refused)) => refused.answer(Media::Json, &request),
        Err(_panic) => fault().answer(Media::Json, &request),
    }
}

/// Takes what a caller is sending already. One who asked first (`Expect: 100-continue`) sends nothing, unless it is
/// read.
async fn drain(headers: &HeaderMap, body: Body) {
    if !headers.contains_key(header::EXPECT) {
        discard(body).await;
    }
}

async fn receive(mut reception: Reception, body: Body) -> Result<File, Refused> {
    let within = WITHIN + Duration::from_secs(reception.room() / SLOWEST_BYTES_PER_SECOND);
    let mut chunks = body.into_data_stream();
    let came = tokio::time::timeout(within, fill(&mut reception, &mut chunks)).await;
    match came.unwrap_or_else(|_elapsed| Err(slow())) {
        Ok(()) => reception.finish().await.map_err(refused),
        Err(refused) => {
            reception.abandon().await;
            // The answer is lost on a caller that is still sending.
            discard(Body::from_stream(chunks)).await;
            Err(refused)
        }
    }
}

async fn fill(reception: &mut Reception, chunks: &mut BodyDataStream) -> Result<(), Refused> {
    loop {
        let next = tokio::time::timeout(NEXT_WITHIN, chunks.next()).await.map_err(|_elapsed| slow())?;
        let Some(chunk) = next else { return Ok(()) };
        let chunk = chunk.map_err(|_broken| Refused::new(Kind::Malformed, "The body broke off."))?;
        if chunk.len() as u64 > reception.room() {
            return Err(too_large());
        }
        reception.take(&chunk).await.map_err(refused)?;
    }
}

/// Gives the bytes of a stored file.
pub(super) async fn give(
    State(transport): State<Transport>,
    Extension(request): Extension<RequestId>,
    Path(id): Path<String>,
    Query(Link { token }): Query<Link>,
) -> Response {
    let opened = async {
        let (app, id) = (app(&transport)?, parse(&id)?);
        file::open(&app, id, &token).await.map_err(refused)
    };
    let opened = match opened.await {
        Ok(opened) => opened,
        Err(refused) => return refused.answer(Media::Json, &request),
    };
    let id = opened.file.id;
    let body = opened.body.map(move |chunk| {
        chunk.map_err(|error| {
            tracing::warn!(file.id = %id, error = error.describe(), "A file broke off while it was given.");
            std::io::Error::other("the file broke off")
        })
    });
    let media = HeaderValue::from_str(&opened.media_type);
    let headers = [
        (header::CONTENT_TYPE, media.unwrap_or(HeaderValue::from_static("application/octet-stream"))),
        (header::CONTENT_LENGTH, HeaderValue::from(opened.file.byte_count)),
        (header::CONTENT_DISPOSITION, disposition(&opened.file.name)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// What a sender is told of what arrived.
fn told(file: &File) -> Response {
    let arrival = file.arrival.as_ref();
    Json(json!({
        "id": file.id,
        "sha256": arrival.map(|arrival| arrival.sha256.as_str()),
        "byteCount": file.byte_count,
        "mediaType": arrival.map(|arrival| arrival.media_type.as_str()),
    }))
    .into_response()
}

fn hex_digit(half: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(half & 0xF)])
}

/// How browsers shall name what they save: plain ASCII for old ones, the true name for all others.
///
/// # Source
/// RFC 6266 section 4.3, RFC 8187 section 3.2.
fn disposition(name: &str) -> HeaderValue {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut exact = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'.' | b'-' | b'_' => exact.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => exact.push(char::from(byte)),
            byte => exact.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 0xF)]),
        }
    }
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

fn app(transport: &Transport) -> Result<App, Refused> {
    transport.0.ports.files.clone().ok_or_else(absent)
}

fn parse(id: &str) -> Result<FileId, Refused> {
    id.parse().map_err(|_malformed| absent())
}

fn absent() -> Refused {
    Refused::new(Kind::NotFound, "There is no such file, or it is not waited for any longer.")
}

fn slow() -> Refused {
    Refused::new(Kind::Slow, "The body did not come in time.")
}

fn too_large() -> Refused {
    Refused::new(Kind::TooLarge, "The body is larger than what was announced.")
}

fn fault() -> Refused {
    Refused::new(Kind::Internal, "Something went wrong on our side.")
}

/// What a caller is told of `error`; what they cannot mend goes to the log.
fn refused(error: Error) -> Refused {
    match error {
        Error::Forbidden(why) => Refused::new(Kind::Forbidden, why),
        Error::NotFound(_) => absent(),
        Error::Violation(violation) => Refused::new(Kind::Malformed, violation.message),
        Error::Conflict(Conflict::State { message, .. }) => Refused::new(Kind::Conflict, message),
        Error::Unavailable(Unavailable { system, retry_after, source }) => {
            tracing::warn!(system, error = source.to_string(), "A file could not be moved now.");
            Refused::later(Kind::Overloaded, "The file cannot be moved now.", retry_after)
        }
        error => {
            tracing::error!(error = error.describe(), "A file could not be moved.");
            fault()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        let header = disposition("a\"; filename=evil.exe\r\nX: y Übersicht.pdf");
        let text = header.to_str().unwrap();
        assert!(text.starts_with("attachment; filename=\"a__ filename_evil.exe__X_ y _bersicht.pdf\"; "), "{text}");
        assert!(text.ends_with("%20%C3%9Cbersicht.pdf") && !text.contains(['\r', '\n']), "{text}");
    }
}
