//! `/graphql`: one URL for queries, mutations, event streams and sockets.

use async_graphql::{Response as Answer, parser::types::OperationType};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, Method, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    Shared, Transport,
    accept::{Media, is_json, negotiate},
    answer::{Refused, answered, rated},
    ask::{Ask, check_length, discard},
    caller::{Caller, bearer},
    documents::Unresolved,
    graph::{Call, Via},
    socket, sse,
    status::Kind,
};
use crate::graphql::{
    error::ErrorCode,
    extensions::{Progress, RequestId, finish, refusal},
};

/// Longer ids than any of ours are no places in a stream.
const LAST_EVENT_ID_MAX: usize = 512;

/// Answers `/graphql`.
pub(super) async fn graphql(
    State(transport): State<Transport>,
    Extension(id): Extension<RequestId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    if request.method() == Method::GET && request.headers().contains_key(header::UPGRADE) {
        return match upgrade {
            Ok(upgrade) => socket::accept(transport, upgrade, request.headers(), &id),
            Err(rejection) => rejection.into_response(),
        };
    }
    let media = negotiate(request.headers());
    let form = media.unwrap_or(Media::Json);
    let (parts, body) = request.into_parts();
    let mut body = Some(body);
    let answer = async {
        check_method(&parts.method)?;
        if media.is_none() {
            let message =
                "`Accept` must allow application/graphql-response+json, application/json or text/event-stream.";
            return Err(Refused::new(Kind::NotAcceptable, message));
        }
        let caller = transport.0.caller(bearer(&parts.headers)).await?;
        respond(&transport, caller, &parts, &mut body, form, &id).await
    };
    match answer.await {
        Ok(response) => response,
        Err(refused) => {
            if let Some(body) = body {
                discard(body).await;
            }
            refused.answer(form, &id)
        }
    }
}

fn check_method(method: &Method) -> Result<(), Refused> {
    if method == Method::GET || method == Method::POST {
        return Ok(());
    }
    Err(Refused::method("The API takes POST, and GET for queries.", "GET, POST"))
}

async fn respond(
    transport: &Transport,
    caller: Caller,
    parts: &Parts,
    body: &mut Option<Body>,
    media: Media,
    id: &RequestId,
) -> Result<Response, Refused> {
    let Transport(shared) = transport;
    let is_get = parts.method == Method::GET;
    let after = last_event_id(&parts.headers);
    let mut ask = read(shared, parts, body).await?;
    if is_get && ask.document().is_some() && !shared.config.takes_get_documents() {
        return Err(Refused::method("GET takes stored documents only; send the text by POST.", "POST"));
    }
    if let Err(Unresolved { code, message }) = shared.resolve(&mut ask, &caller.actor) {
        return Ok(refused(code, message, media, id));
    }
    let via = if media == Media::EventStream { Via::Sse } else { Via::Http };
    let document_max = shared.config.http.document_limit.bytes();
    let call = Call::new(ask.into_request()?, caller.actor.clone(), via, id.clone(), document_max);
    let call = call.metered(shared.ports.rates.as_ref());
    if is_get && call.kind() == Some(OperationType::Mutation) {
        return Err(Refused::method("Mutations need POST.", "POST"));
    }
    if media == Media::EventStream {
        return sse::answer(transport, caller, call.resumed(after)).await;
    }
    if call.kind() == Some(OperationType::Subscription) {
        let message = "Subscriptions need `Accept: text/event-stream`, or a socket.";
        return Ok(refused(ErrorCode::BadUserInput, message, media, id));
    }
    let item = shared.run(call).await;
    Ok(rated(answered(&item.answer, item.finished, media), item.drawn))
}

async fn read(shared: &Shared, parts: &Parts, body: &mut Option<Body>) -> Result<Ask, Refused> {
    if parts.method == Method::GET {
        return Ask::from_uri(&parts.uri);
    }
    if !is_json(&parts.headers) {
        return Err(Refused::new(Kind::UnsupportedMedia, "`Content-Type` must be application/json."));
    }
    let limit = shared.config.http.body_limit.bytes();
    check_length(&parts.headers, limit)?;
    match body.take() {
        Some(body) => Ask::from_body(body, limit).await,
        None => Err(Refused::new(Kind::Malformed, "The body is missing.")),
    }
}

/// A well-formed request that cannot be run.
fn refused(code: ErrorCode, message: &str, media: Media, id: &RequestId) -> Response {
    let media = if media == Media::EventStream { Media::GraphqlResponse } else { media };
    let mut answer = Answer::from_errors(vec![refusal(code, message)]);
    let finished = finish(&mut answer, &Progress::default(), id);
    answered(&answer, finished, media)
}

fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    (!id.is_empty() && id.len() <= LAST_EVENT_ID_MAX).then(|| id.to_owned())
}
