//! Event streams: GraphQL over SSE, distinct connections. One request, its answers as `next`, then `complete`.
//!
//! A stream that stops without `complete` was cut: the process ends, or the token did. Readers then come
//! back with the last `id` they saw, and go on behind it.
//!
//! The lines are written here: `complete` needs an empty `data:` line, without which browsers drop the
//! event, and which axum's own writer leaves out.

use std::{convert::Infallible, time::Duration};

use async_graphql::parser::types::OperationType;
use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{
    Stream, StreamExt, future,
    stream::{self, BoxStream},
};

use super::{
    Transport,
    accept::Media,
    answer::{Refused, answered, rated},
    caller::Caller,
    graph::{Call, Item, Via},
    socket::Counted,
    status::Kind,
};
use crate::graphql::{
    error::ErrorCode,
    extensions::{Finished, Meter},
};

/// How long a caller with too many streams should wait for one of them to end.
const SEAT_RETRY: Duration = Duration::from_secs(5);
/// The end of a stream that was not cut.
const COMPLETE: &str = "event: complete\ndata:\n\n";
/// Readers ignore it; proxies and dead connections show by it.
const SIGN_OF_LIFE: &str = ":\n\n";

/// Answers `call` as a stream.
pub(super) async fn answer(transport: &Transport, caller: Caller, call: Call) -> Result<Response, Refused> {
    let shared = transport.0.clone();
    let Some(seat) = shared.seats.take(caller.actor.id) else {
        return Err(Refused::later(Kind::TooMany, "You hold as many streams as you may.", SEAT_RETRY));
    };
    let meter = call.meter().cloned();
    let mut items = if call.kind() == Some(OperationType::Subscription) {
        shared.subscribe(call).fuse().boxed()
    } else {
        let shared = shared.clone();
        stream::once(async move { shared.run(call).await }).boxed()
    };
    let first = begin(&mut items, meter.as_ref()).await;
    let drawn = meter.as_ref().and_then(Meter::drawn);
    if let Some(item) = first.as_ref().filter(|item| item.finished == Finished::Refused(ErrorCode::RateLimited)) {
        return Ok(rated(answered(&item.answer, item.finished, Media::GraphqlResponse), drawn));
    }
    let complete = stream::once(future::ready(Bytes::from_static(COMPLETE.as_bytes())));
    let events = stream::iter(first).chain(items).map(|item| next(&item)).chain(complete);
    let every = shared.config.http.ping_every;
    let cut = async move {
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = shared.outlived(&caller) => {}
        }
    };
    let held = (seat, Counted::new(Via::Sse));
    let lines = alive(events.boxed(), every).take_until(cut).map(move |line| {
        let _ = &held;
        Ok::<_, Infallible>(line)
    });
    let headers = [
        (header::CONTENT_TYPE, Media::EventStream.content_type()),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok(rated((headers, Body::from_stream(lines)).into_response(), drawn))
}

/// Waits until it is known whether the caller's allowance holds out, because the head of the answer says so. Gives the
/// first item if that came by then: that of a refusal always does.
async fn begin(items: &mut BoxStream<'static, Item>, meter: Option<&Meter>) -> Option<Item> {
    let meter = meter?;
    let draw = tokio::select! {
        biased;
        first = items.next() => return first,
        draw = meter.known() => draw,
    };
    if draw.wait.is_some() { items.next().await } else { None }
}

fn next(item: &Item) -> Bytes {
    // A line break would end the line; what holds one is no cursor of ours.
    let id = match &item.cursor {
        Some(cursor) if !cursor.contains(['\n', '\r', '\0']) => format!("id: {cursor}\n"),
        _ => String::new(),
    };
    // JSON has no line breaks of its own.
    Bytes::from(format!("event: next\n{id}data: {}\n\n", item.json()))
}

/// `events`, with a sign of life whenever there was none for `every`.
fn alive(events: BoxStream<'static, Bytes>, every: Duration) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(events, move |mut events| async move {
        match tokio::time::timeout(every, events.next()).await {
            Ok(event) => Some((event?, events)),
            Err(_) => Some((Bytes::from_static(SIGN_OF_LIFE.as_bytes()), events)),
        }
    })
}
