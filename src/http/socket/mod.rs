//! Sockets: graphql-transport-ws on the URL of the API.
//!
//! One task per socket. Operations are streams it polls only when what came before was sent, so that a slow
//! reader slows its own streams down and nothing piles up. A socket ends with its token, with the caller's
//! rights, when the peer gives no sign of life, and when the process stops.
//!
//! Clients come back after 4403, 1001, 1012 and 1013, and give up after the other codes; a code is chosen by
//! what the client should do.
//!
//! # Source
//! graphql-transport-ws, as graphql-ws describes it; the API's rules, Live 9 and 12.

mod close;
mod message;
mod session;

use axum::{
    extract::ws::WebSocketUpgrade,
    http::{HeaderMap, header},
    response::Response,
};

pub(super) use self::close::Counted;
use super::{Transport, accept::Media, answer::Refused, caller::bearer, status::Kind};
use crate::graphql::extensions::RequestId;

/// The one protocol spoken.
const PROTOCOL: &str = "graphql-transport-ws";

/// Turns a request into a socket, unless a page of a strange origin asks for it.
pub(super) fn accept(transport: Transport, upgrade: WebSocketUpgrade, headers: &HeaderMap, id: &RequestId) -> Response {
    if let Some(origin) = headers.get(header::ORIGIN)
        && !origin.to_str().is_ok_and(|origin| transport.0.origins.iter().any(|allowed| allowed == origin))
    {
        return Refused::new(Kind::Forbidden, "Pages of this origin may not open sockets.").answer(Media::Json, id);
    }
    let limit = transport.0.config.http.message_limit.bytes();
    // Messages somewhat over the limit are still taken, to be refused with a proper close.
    let hard_limit = limit.saturating_mul(2);
    let bearer = bearer(headers).map(str::to_owned);
    let place = transport.0.open.token();
    upgrade.protocols([PROTOCOL]).max_message_size(hard_limit).max_frame_size(hard_limit).on_upgrade(
        move |socket| async move {
            session::run(&transport, socket, bearer).await;
            drop(place);
        },
    )
}
