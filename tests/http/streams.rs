//! Event streams.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::toy::{EVENTS, Toy};

const JOB: &str = "subscription{jobEvents(jobId:\"j\"){percent}}";

fn ask(toy: &Toy, query: &str) -> RequestBuilder {
    let request = Client::new().post(toy.url("/graphql")).bearer_auth("good");
    request.header("accept", "text/event-stream").json(&json!({"query": query}))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    name: String,
    id: String,
    data: String,
}

/// The events of a stream, and whether it was cut in the middle of one.
struct Reader {
    response: Response,
    text: String,
    comments: usize,
}

impl Reader {
    async fn open(request: RequestBuilder) -> Self {
        Self { response: request.send().await.unwrap(), text: String::new(), comments: 0 }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
                self.text = rest;
                if block.starts_with(':') {
                    self.comments += 1;
                    continue;
                }
                let mut event = Event::default();
                for line in block.lines() {
                    let (field, value) = line.split_once(':').unwrap_or((line, ""));
                    let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
                    match field {
                        "event" => event.name = value,
                        "id" => event.id = value,
                        "data" => event.data = value,
                        other => panic!("{other}"),
                    }
                }
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.response.chunk()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn percent(event: &Event) -> u64 {
    serde_json::from_str::<Value>(&event.data).unwrap()["data"]["jobEvents"]["percent"].as_u64().unwrap()
}

#[tokio::test]
async fn a_subscription_is_a_stream_of_next_with_its_place_and_then_complete() {
    let toy = Toy::start().await;
    let reader = Reader::open(ask(&toy, JOB)).await;
    assert_eq!(reader.response.status(), StatusCode::OK);
    let header = |name: &str| reader.response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-accel-buffering"), "no");
    assert!(header("x-request-id").starts_with("req_"));
    let mut events = reader.rest().await;
    assert_eq!(events.pop().unwrap(), Event { name: "complete".to_owned(), ..Event::default() });
    assert_eq!(events.len(), EVENTS as usize);
    for (event, number) in events.iter().zip(1..) {
        assert_eq!((event.name.as_str(), event.id.as_str()), ("next", format!("c{number}").as_str()));
        assert_eq!(percent(event), number);
    }
}

#[tokio::test]
async fn a_reader_who_comes_back_goes_on_behind_what_it_saw() {
    let toy = Toy::start().await;
    let mut first = Reader::open(ask(&toy, JOB)).await;
    let mut last = String::new();
    for _ in 0..20 {
        last = first.next().await.unwrap().id;
    }
    drop(first);
    let rest = Reader::open(ask(&toy, JOB).header("last-event-id", &last)).await.rest().await;
    assert_eq!(percent(&rest[0]), 21);
    assert_eq!(rest.len(), EVENTS as usize - 20 + 1);
}

#[tokio::test]
async fn a_query_is_one_next_and_a_refusal_comes_inside_the_stream() {
    let toy = Toy::start().await;
    for (query, start) in [
        ("{number(value:1)}", r#"{"data":{"number":1}}"#),
        ("mutation{touch}", r#"{"data":{"touch":true}}"#),
        ("{absent}", r#"{"errors":[{"message":"#),
        (
            "subscription{jobEvents(jobId:\"j\",after:\"x\"){percent}}",
            r#"{"errors":[{"message":"This is not a cursor.""#,
        ),
    ] {
        let reader = Reader::open(ask(&toy, query)).await;
        assert_eq!(reader.response.status(), StatusCode::OK);
        let events = reader.rest().await;
        let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["next", "complete"], "{query}");
        assert!(events[0].data.starts_with(start), "{}", events[0].data);
        assert!(!start.starts_with("{\"errors") || !events[0].data.contains("\"data\""), "{}", events[0].data);
    }
}

#[tokio::test]
async fn what_is_refused_before_the_stream_is_refused_as_anywhere() {
    let toy = Toy::start().await;
    let mutation = Client::new().get(toy.query(&[("query", "mutation{touch}")])).bearer_auth("good");
    let response = mutation.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let nobody = Client::new().post(toy.url("/graphql")).header("accept", "text/event-stream");
    let response = nobody.json(&json!({"query": JOB})).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let response = ask(&toy, JOB).body("{").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/graphql-response+json"));
}

#[tokio::test]
async fn a_quiet_stream_shows_signs_of_life() {
    let toy = Toy::with([("GANGWAY_PING_EVERY", "100ms")]).await;
    let mut reader = Reader::open(ask(&toy, "subscription{silence}")).await;
    let quiet = tokio::time::timeout(Duration::from_millis(450), reader.next()).await;
    assert!(quiet.is_err());
    assert!(reader.comments >= 2, "{}", reader.comments);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let toy = Toy::start().await;
    let request = Client::new()
        .post(toy.url("/graphql"))
        .bearer_auth("short-300")
        .header("accept", "text/event-stream")
        .json(&json!({"query": "subscription{silence}"}));
    let events = tokio::time::timeout(Duration::from_secs(5), async { Reader::open(request).await.rest().await });
    assert_eq!(events.await.unwrap(), []);
}

#[tokio::test]
async fn a_stream_ends_when_the_process_stops_and_holds_nothing_up() {
    let toy = Toy::start().await;
    let reader = Reader::open(ask(&toy, "subscription{silence}")).await;
    toy.stop.cancel();
    assert_eq!(reader.rest().await, []);
    tokio::time::timeout(Duration::from_secs(5), toy.server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_caller_holds_so_many_streams_and_no_more() {
    let toy = Toy::with([("GANGWAY_SOCKETS_PER_CALLER", "2")]).await;
    let held = [
        Reader::open(ask(&toy, "subscription{silence}")).await,
        Reader::open(ask(&toy, "subscription{silence}")).await,
    ];
    let response = ask(&toy, "subscription{silence}").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "5");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    drop(held);
    for _ in 0..500 {
        if ask(&toy, "subscription{silence}").send().await.unwrap().status() == StatusCode::OK {
            return;
        }
    }
    panic!("a seat that was left stayed taken");
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_not_buffered_for() {
    let toy = Toy::start().await;
    let response = ask(&toy, "subscription{flood}").send().await.unwrap();
    // If the server ran ahead of its reader it would never come to this line in bounded memory.
    let mut bytes = 0;
    let mut chunks = response.bytes_stream();
    while bytes < 5_000_000 {
        bytes += chunks.next().await.unwrap().unwrap().len();
    }
}
