//! Sockets: graphql-transport-ws, message by message.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::toy::{EVENTS, Toy};

const PROTOCOL: &str = "graphql-transport-ws";

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn try_open(toy: &Toy, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{}/graphql", toy.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    async fn open(toy: &Toy) -> Self {
        Self::try_open(toy, &[("sec-websocket-protocol", PROTOCOL)]).await.unwrap()
    }

    /// A socket that is acknowledged.
    pub(crate) async fn ready(toy: &Toy, token: &str) -> Self {
        let mut socket = Self::open(toy).await;
        socket.send(json!({"type": "connection_init", "payload": {"authorization": format!("Bearer {token}")}})).await;
        assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
        socket
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.text(message.to_string()).await;
    }

    async fn text(&mut self, text: String) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({"id": id, "type": "subscribe", "payload": {"query": query}})).await;
    }

    async fn frame(&mut self) -> Option<Message> {
        let frame = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.unwrap();
        frame.and_then(Result::ok)
    }

    /// The next message that is no ping.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.frame().await.unwrap() {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ping" {
                        return message;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code the server closes with.
    async fn code(mut self) -> u16 {
        loop {
            match self.frame().await {
                Some(Message::Close(Some(close))) => {
                    assert!(close.reason.len() <= 123);
                    return close.code.into();
                }
                Some(Message::Close(None)) | None => panic!("closed without a code"),
                Some(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn a_query_is_answered_by_next_and_complete() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy, "good").await;
    socket.subscribe("1", "{number(value:7)}").await;
    assert_eq!(socket.next().await, json!({"id": "1", "type": "next", "payload": {"data": {"number": 7}}}));
    assert_eq!(socket.next().await, json!({"id": "1", "type": "complete"}));
    // The id is free again.
    socket.subscribe("1", "mutation{touch}").await;
    assert_eq!(socket.next().await["payload"]["data"]["touch"], true);
}

#[tokio::test]
async fn subscriptions_run_side_by_side_to_their_ends() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy, "good").await;
    for id in ["a", "b"] {
        socket.subscribe(id, "subscription{jobEvents(jobId:\"j\"){percent cursor}}").await;
    }
    let (mut seen, mut over) = ([0_u64, 0], 0);
    while over < 2 {
        let message = socket.next().await;
        let which = usize::from(message["id"] == "b");
        if message["type"] == "complete" {
            over += 1;
            assert_eq!(seen[which], u64::from(EVENTS));
        } else {
            seen[which] += 1;
            assert_eq!(message["payload"]["data"]["jobEvents"]["percent"], seen[which]);
        }
    }
}

#[tokio::test]
async fn the_token_may_come_with_the_upgrade() {
    let toy = Toy::start().await;
    let headers = [("sec-websocket-protocol", PROTOCOL), ("authorization", "Bearer good")];
    let mut socket = Socket::try_open(&toy, &headers).await.unwrap();
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
}

#[tokio::test]
async fn a_request_that_cannot_run_is_an_error_and_nothing_follows() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy, "good").await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{absent}", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription{jobEvents(jobId:\"j\",after:\"x\"){percent}}", "BAD_USER_INPUT"),
    ] {
        socket.subscribe("1", query).await;
        let message = socket.next().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("1")));
        assert_eq!(message["payload"][0]["extensions"]["code"], code);
        assert!(message["payload"][0]["extensions"]["requestId"].as_str().unwrap().starts_with("req_"));
    }
    socket.subscribe("2", "{fail}").await;
    let message = socket.next().await;
    assert_eq!((&message["type"], &message["payload"]["data"]["fail"]), (&json!("next"), &Value::Null));
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(socket.next().await["type"], "complete");
}

#[tokio::test]
async fn a_client_that_completes_hears_nothing_more_of_it() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy, "good").await;
    socket.subscribe("1", "subscription{jobEvents(jobId:\"j\"){percent}}").await;
    assert_eq!(socket.next().await["type"], "next");
    socket.send(json!({"id": "1", "type": "complete"})).await;
    socket.send(json!({"type": "ping", "payload": {"mark": 1}})).await;
    while socket.next().await["type"] != "pong" {}
    socket.subscribe("2", "{number(value:1)}").await;
    assert_eq!(socket.next().await["id"], "2");
    // Completing what is not there is a race, not a fault.
    socket.send(json!({"id": "1", "type": "complete"})).await;
    assert_eq!(socket.next().await, json!({"id": "2", "type": "complete"}));
}

#[tokio::test]
async fn a_ping_is_answered_with_what_it_carried_before_and_after_the_acknowledgement() {
    let toy = Toy::start().await;
    let mut socket = Socket::open(&toy).await;
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
    let mut socket = Socket::ready(&toy, "good").await;
    socket.send(json!({"type": "ping", "payload": {"a": [1]}})).await;
    assert_eq!(socket.next().await, json!({"type": "pong", "payload": {"a": [1]}}));
}

#[tokio::test]
async fn messages_that_are_none_close_with_4400() {
    let toy = Toy::start().await;
    for text in ["x", "{}", "[]", r#"{"type":"start","id":"1","payload":{}}"#, r#"{"type":"subscribe","id":"1"}"#] {
        let mut socket = Socket::ready(&toy, "good").await;
        socket.text(text.to_owned()).await;
        assert_eq!(socket.code().await, 4400, "{text}");
        let mut socket = Socket::open(&toy).await;
        socket.text(text.to_owned()).await;
        assert_eq!(socket.code().await, 4400, "{text}");
    }
    let mut socket = Socket::ready(&toy, "good").await;
    socket.0.send(Message::binary(r#"{"type":"ping"}"#)).await.unwrap();
    assert_eq!(socket.code().await, 4400);
}

#[tokio::test]
async fn asking_before_the_acknowledgement_closes_with_4401() {
    let toy = Toy::start().await;
    let mut socket = Socket::open(&toy).await;
    socket.subscribe("1", "{__typename}").await;
    assert_eq!(socket.code().await, 4401);
}

#[tokio::test]
async fn a_bad_or_missing_token_closes_with_4403() {
    let toy = Toy::start().await;
    for payload in [
        json!({"authorization": "Bearer forged"}),
        json!({"authorization": "good"}),
        json!({"token": "good"}),
        json!({}),
        Value::Null,
    ] {
        let mut socket = Socket::open(&toy).await;
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(socket.code().await, 4403, "{payload}");
    }
    let mut socket = Socket::open(&toy).await;
    socket.send(json!({"type": "connection_init", "payload": {"authorization": "Bearer down"}})).await;
    assert_eq!(socket.code().await, 1013);
}

#[tokio::test]
async fn a_socket_that_never_introduces_itself_closes_with_4408() {
    let toy = Toy::with([("GANGWAY_INIT_TIMEOUT", "150ms")]).await;
    assert_eq!(Socket::open(&toy).await.code().await, 4408);
    // Once it has, the time no longer matters.
    let mut socket = Socket::ready(&toy, "good").await;
    let quiet = tokio::time::timeout(Duration::from_millis(400), socket.0.next()).await;
    assert!(quiet.is_err());
}

#[tokio::test]
async fn an_id_in_use_closes_with_4409_and_a_second_init_with_4429() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy, "good").await;
    let long = "ä".repeat(120);
    socket.subscribe(&long, "subscription{silence}").await;
    socket.subscribe(&long, "subscription{silence}").await;
    assert_eq!(socket.code().await, 4409);
    let mut socket = Socket::ready(&toy, "good").await;
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(socket.code().await, 4429);
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_with_1009() {
    let toy = Toy::start().await;
    for bytes in [(64 << 10) + 1, 100 << 10, 1 << 20] {
        let mut socket = Socket::ready(&toy, "good").await;
        // The server may hang up while the rest is still on its way.
        _ = socket.0.send(Message::text("x".repeat(bytes))).await;
        assert_eq!(socket.code().await, 1009, "{bytes}");
    }
    let mut socket = Socket::ready(&toy, "good").await;
    socket.subscribe("1", &format!("{{__typename}} #{}", "x".repeat(63 << 10))).await;
    assert_eq!(socket.next().await["payload"]["data"]["__typename"], "Query");
}

#[tokio::test]
async fn an_operation_too_many_is_refused_and_the_socket_stays() {
    let toy = Toy::with([("GANGWAY_OPERATIONS_PER_SOCKET", "3")]).await;
    let mut socket = Socket::ready(&toy, "good").await;
    for id in ["1", "2", "3", "4"] {
        socket.subscribe(id, "subscription{silence}").await;
    }
    let message = socket.next().await;
    assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("4")));
    assert_eq!(message["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    socket.send(json!({"id": "1", "type": "complete"})).await;
    socket.subscribe("4", "{number(value:1)}").await;
    assert_eq!(socket.next().await["payload"]["data"]["number"], 1);
}

#[tokio::test]
async fn a_caller_holds_so_many_sockets_and_others_are_not_touched() {
    let toy = Toy::with([("GANGWAY_SOCKETS_PER_CALLER", "2")]).await;
    let first = Socket::ready(&toy, "good").await;
    let _second = Socket::ready(&toy, "good").await;
    let mut third = Socket::open(&toy).await;
    third.send(json!({"type": "connection_init", "payload": {"authorization": "Bearer good"}})).await;
    assert_eq!(third.code().await, 4429);
    let _other = Socket::ready(&toy, "other").await;
    drop(first);
    for _ in 0..500 {
        let mut next = Socket::open(&toy).await;
        next.send(json!({"type": "connection_init", "payload": {"authorization": "Bearer good"}})).await;
        if matches!(next.frame().await, Some(Message::Text(_))) {
            return;
        }
    }
    panic!("a seat that was left stayed taken");
}

#[tokio::test]
async fn a_socket_ends_with_its_token_with_4403() {
    let toy = Toy::start().await;
    let socket = Socket::ready(&toy, "short-300").await;
    assert_eq!(socket.code().await, 4403);
}

#[tokio::test]
async fn a_socket_ends_when_its_rights_are_taken_away() {
    let toy = Toy::with([("GANGWAY_RECHECK_EVERY", "100ms")]).await;
    let mut socket = Socket::ready(&toy, "revocable").await;
    socket.subscribe("1", "subscription{silence}").await;
    toy.doorman.is_revoked.store(true, Ordering::SeqCst);
    assert_eq!(socket.code().await, 4403);
}

#[tokio::test]
async fn a_peer_without_a_sign_of_life_is_let_go_and_one_with_it_stays() {
    let toy = Toy::with([("GANGWAY_PING_EVERY", "100ms")]).await;
    assert_eq!(Socket::ready(&toy, "good").await.code().await, 1001);
    let mut socket = Socket::ready(&toy, "good").await;
    for _ in 0..8 {
        let Some(Message::Text(text)) = socket.frame().await else { panic!() };
        assert_eq!(text.as_str(), r#"{"type":"ping"}"#);
        socket.send(json!({"type": "pong"})).await;
    }
}

#[tokio::test]
async fn sockets_are_closed_with_1001_when_the_process_stops() {
    let toy = Toy::start().await;
    let mut busy = Socket::ready(&toy, "good").await;
    busy.subscribe("1", "subscription{flood}").await;
    let greeting = Socket::open(&toy).await;
    assert_eq!(busy.next().await["type"], "next");
    toy.stop.cancel();
    assert_eq!(greeting.code().await, 1001);
    assert_eq!(busy.code().await, 1001);
    tokio::time::timeout(Duration::from_secs(5), toy.server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_in_a_stream_ends_that_stream_alone() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy, "good").await;
    socket.subscribe("1", "subscription{trap}").await;
    for number in [1, 2] {
        assert_eq!(socket.next().await["payload"]["data"]["trap"], number);
    }
    assert_eq!(socket.next().await["payload"]["errors"][0]["extensions"]["code"], "INTERNAL");
    assert_eq!(socket.next().await, json!({"id": "1", "type": "complete"}));
    socket.subscribe("2", "{number(value:1)}").await;
    assert_eq!(socket.next().await["payload"]["data"]["number"], 1);
}

#[tokio::test]
async fn pages_of_strange_origins_open_no_socket() {
    let toy = Toy::with([("GANGWAY_ORIGINS", "https://desk.example")]).await;
    let protocol = ("sec-websocket-protocol", PROTOCOL);
    for origin in ["https://evil.example", "https://desk.example.evil.example", "http://desk.example", "null"] {
        let Err(Error::Http(response)) = Socket::try_open(&toy, &[protocol, ("origin", origin)]).await else {
            panic!()
        };
        assert_eq!(response.status(), 403, "{origin}");
    }
    Socket::try_open(&toy, &[protocol, ("origin", "https://desk.example")]).await.unwrap();
}

#[tokio::test]
async fn a_client_of_another_protocol_is_told_so() {
    let toy = Toy::start().await;
    let socket = Socket::try_open(&toy, &[]).await.unwrap();
    assert_eq!(socket.code().await, 4406);
}
