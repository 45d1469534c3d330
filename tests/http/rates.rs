//! How much a caller may ask: what answers tell of it, and how they end when nothing is left.

use std::{sync::Arc, time::Duration};

use gangway::{
    app::rate::{Buckets, Rates},
    clock::{IdSource, Stopwatch, System},
    domain::rate::Rate,
    ids::ActorId,
    startup::rates::SharedBuckets,
};
use redis::AsyncCommands;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    sockets::Socket,
    toy::{EVENTS, Toy},
};

/// Costs 20 units.
const DEAR: &str = "{ a:viewer{tenant} b:viewer{tenant} c:viewer{tenant} d:viewer{tenant} e:viewer{tenant} \
    f:viewer{tenant} g:viewer{tenant} h:viewer{tenant} i:viewer{tenant} j:viewer{tenant} k:viewer{tenant} \
    l:viewer{tenant} m:viewer{tenant} n:viewer{tenant} o:viewer{tenant} p:viewer{tenant} q:viewer{tenant} \
    r:viewer{tenant} s:viewer{tenant} t:viewer{tenant} }";
/// Costs nothing.
const FREE: &str = "{number(value:1)}";

/// A server whose callers may ask one dear document in twenty seconds.
async fn strict() -> Toy {
    Toy::with([("GANGWAY_RATE_CAPACITY", "20"), ("GANGWAY_RATE_REFILL", "1")]).await
}

fn post(toy: &Toy, token: &str, query: &str) -> RequestBuilder {
    Client::new().post(toy.url("/graphql")).bearer_auth(token).json(&json!({ "query": query }))
}

fn number(response: &Response, header: &str) -> Option<u64> {
    response.headers().get(header).map(|value| value.to_str().unwrap().parse().unwrap())
}

fn headers(response: &Response) -> [Option<u64>; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| number(response, name))
}

/// That the answer refuses for want of allowance, and says when to come back.
async fn assert_limited(response: Response) {
    assert_eq!(response.status(), 429);
    let [limit, remaining, reset] = headers(&response).map(Option::unwrap);
    assert!(limit == 20 && remaining < 20 && (1..=20).contains(&reset), "{limit} {remaining} {reset}");
    let retry_after = number(&response, "retry-after").unwrap();
    let body: Value = response.json().await.unwrap();
    assert_limited_error(&body["errors"][0]);
    let millis = body["errors"][0]["extensions"]["retryAfterMs"].as_u64().unwrap();
    assert_eq!(retry_after, millis.div_ceil(1_000), "{body}");
    assert_eq!(body.get("data"), None, "{body}");
}

fn assert_limited_error(error: &Value) {
    let extensions = &error["extensions"];
    assert_eq!((&extensions["code"], &extensions["retryable"]), (&json!("RATE_LIMITED"), &json!(true)), "{error}");
    assert!((1..=20_000).contains(&extensions["retryAfterMs"].as_u64().unwrap()), "{error}");
    assert!(extensions["remedy"].is_string() && extensions["requestId"].is_string(), "{error}");
}

#[tokio::test]
async fn every_answer_tells_what_is_left_and_an_empty_allowance_is_429() {
    let toy = strict().await;
    let first = post(&toy, "good", "mutation{touch}").send().await.unwrap();
    assert_eq!((first.status().as_u16(), headers(&first)), (200, [Some(20), Some(10), Some(10)]));
    assert_limited(post(&toy, "good", DEAR).send().await.unwrap()).await;
    let get = Client::new().get(toy.query(&[("query", DEAR)])).bearer_auth("good");
    assert_limited(get.send().await.unwrap()).await;
    assert_limited(post(&toy, "good", DEAR).header("accept", "application/json").send().await.unwrap()).await;
    assert_limited(post(&toy, "good", DEAR).header("accept", "text/event-stream").send().await.unwrap()).await;
    // A refusal took nothing, what is free is answered, and another caller has an allowance of its own.
    let small = post(&toy, "good", "{viewer{tenant}}").send().await.unwrap();
    assert_eq!((small.status().as_u16(), number(&small, "retry-after")), (200, None));
    assert!(headers(&small)[1].unwrap() >= 9, "{:?}", headers(&small));
    assert_eq!(post(&toy, "other", DEAR).send().await.unwrap().status(), 200);
    assert_limited(post(&toy, "other", DEAR).send().await.unwrap()).await;
    let free = post(&toy, "other", FREE).send().await.unwrap();
    let free: Value = free.json().await.unwrap();
    assert_eq!(free, json!({ "data": { "number": 1 } }));
}

#[tokio::test]
async fn what_is_refused_before_it_is_weighed_takes_one_unit_until_none_is_left() {
    let toy = Toy::with([("GANGWAY_RATE_CAPACITY", "4"), ("GANGWAY_RATE_REFILL", "1")]).await;
    let cycle = "{...A} fragment A on Query{...A}";
    let ask = async |query: &str| {
        let ask = post(&toy, "good", query).header("accept", "application/graphql-response+json");
        ask.send().await.unwrap()
    };
    let wide = format!("{{number(value:1)}} #{}", "x".repeat(64 << 10));
    for query in ["{", cycle, "query($v:Int!){number(value:$v)}", wide.as_str()] {
        let response = ask(query).await;
        assert!(response.status() == 400 && headers(&response)[1].unwrap() < 4, "{query}: {response:?}");
    }
    assert_eq!(ask("{").await.status(), 429);
    assert_eq!(ask(FREE).await.status(), 200);
}

#[tokio::test]
async fn an_event_stream_begins_with_its_allowance_and_loses_no_event() {
    let toy = Toy::with([("GANGWAY_RATE_CAPACITY", "20"), ("GANGWAY_RATE_REFILL", "20")]).await;
    let stream = "subscription{jobEvents(jobId:\"j\"){percent}}";
    let since = Stopwatch::start();
    let response = post(&toy, "good", stream).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!((response.status().as_u16(), headers(&response)), (200, [Some(20), Some(19), Some(1)]));
    let text = response.text().await.unwrap();
    assert_eq!(text.matches("event: next\n").count(), EVENTS as usize, "{text}");
    assert!(text.contains("{\"percent\":1}") && text.ends_with("event: complete\ndata:\n\n"), "{text}");
    // One unit an event: twenty were there, the rest came with time.
    assert!(since.elapsed() >= Duration::from_millis(1_900), "{:?}", since.elapsed());
    // One that cannot be run is told in the stream, as without a limit.
    let response = post(&toy, "good", "subscription{absent}").header("accept", "text/event-stream").send().await;
    let text = response.unwrap().text().await.unwrap();
    assert!(text.contains("GRAPHQL_VALIDATION_FAILED"), "{text}");
    assert!(text.ends_with("event: complete\ndata:\n\n"), "{text}");
}

/// The last events of a job, from the one after `after`, each at a cost of `cost`.
fn events(after: u32, cost: usize) -> String {
    let again = (1..cost).fold(String::new(), |all, n| format!("{all} a{n}:again{{percent}}"));
    format!("subscription{{jobEvents(jobId:\"j\",after:\"c{after}\"){{percent{again}}}}}")
}

#[tokio::test]
async fn an_event_that_has_to_wait_for_its_cost_comes_late_and_the_stream_stays_alive() {
    let settings = [("GANGWAY_RATE_CAPACITY", "20"), ("GANGWAY_RATE_REFILL", "10"), ("GANGWAY_PING_EVERY", "200ms")];
    let toy = Toy::with(settings).await;
    let since = Stopwatch::start();
    let ask = post(&toy, "good", &events(EVENTS - 2, 20)).header("accept", "text/event-stream");
    let text = ask.send().await.unwrap().text().await.unwrap();
    assert_eq!(text.matches("event: next\n").count(), 2, "{text}");
    assert!(!text.contains("errors") && text.ends_with("event: complete\ndata:\n\n"), "{text}");
    assert!(since.elapsed() >= Duration::from_millis(1_900), "{:?}", since.elapsed());
    assert!(text.matches("\n\n:\n\n").count() + text.matches(":\n\n:\n\n").count() >= 4, "{text}");
}

#[tokio::test]
async fn a_subscription_whose_next_event_would_wait_too_long_ends() {
    let toy = Toy::with([("GANGWAY_RATE_CAPACITY", "80"), ("GANGWAY_RATE_REFILL", "1")]).await;
    let dear = events(0, 80);
    let ask = post(&toy, "good", &dear).header("accept", "text/event-stream");
    let text = ask.send().await.unwrap().text().await.unwrap();
    let data: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    assert_eq!(data.len(), 2, "{text}");
    assert_eq!((&data[0]["data"]["jobEvents"]["percent"], data[1].get("data")), (&json!(1), None), "{text}");
    assert_eq!(data[1]["errors"][0]["extensions"]["code"], "RATE_LIMITED", "{text}");
    assert!(data[1]["errors"][0]["extensions"]["retryAfterMs"].as_u64().unwrap() > 60_000, "{text}");
    assert!(text.ends_with("event: complete\ndata:\n\n"), "{text}");
    let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["c1"], "the event that was not shown is not counted as seen");
    let mut socket = Socket::ready(&toy, "other").await;
    socket.send(json!({ "id": "1", "type": "subscribe", "payload": { "query": dear } })).await;
    assert_eq!(socket.next().await["type"], "next");
    let refused = socket.next().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("1"), &json!("error")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    // The operation is over, and its name is free again.
    socket.send(json!({ "id": "1", "type": "subscribe", "payload": { "query": FREE } })).await;
    assert_eq!(socket.next().await["payload"], json!({ "data": { "number": 1 } }));
}

#[tokio::test]
async fn each_operation_on_a_socket_is_limited_and_the_socket_stays() {
    let toy = strict().await;
    let mut socket = Socket::ready(&toy, "good").await;
    let ask = |id: &str, query: &str| json!({ "id": id, "type": "subscribe", "payload": { "query": query } });
    socket.send(ask("1", DEAR)).await;
    assert_eq!(socket.next().await["type"], "next");
    assert_eq!(socket.next().await, json!({ "id": "1", "type": "complete" }));
    socket.send(ask("2", DEAR)).await;
    let refused = socket.next().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("2"), &json!("error")));
    assert_limited_error(&refused["payload"][0]);
    socket.send(ask("3", FREE)).await;
    assert_eq!(socket.next().await["payload"], json!({ "data": { "number": 1 } }));
    // The allowance is the caller's, whichever way it asks.
    assert_limited(post(&toy, "good", DEAR).send().await.unwrap()).await;
}

#[tokio::test]
async fn a_request_that_asks_for_its_cost_is_told() {
    let toy = strict().await;
    let ask = |cost: Value| {
        let body = json!({ "query": "{viewer{tenant}}", "extensions": { "cost": cost } });
        Client::new().post(toy.url("/graphql")).bearer_auth("good").json(&body)
    };
    let told: Value = ask(json!(true)).send().await.unwrap().json().await.unwrap();
    let status = json!({ "maximumAvailable": 20, "currentlyAvailable": 19, "restoreRate": 1 });
    let cost = json!({ "requestedQueryCost": 1, "actualQueryCost": 1, "throttleStatus": status });
    assert_eq!(told["extensions"], json!({ "cost": cost }), "{told}");
    for other in [json!(false), json!("true"), Value::Null] {
        let silent: Value = ask(other).send().await.unwrap().json().await.unwrap();
        assert_eq!(silent, json!({ "data": { "viewer": { "tenant": "good" } } }));
    }
    let body = json!({ "query": events(EVENTS - 5, 1), "extensions": { "cost": true } });
    let stream = Client::new().post(toy.url("/graphql")).bearer_auth("good").header("accept", "text/event-stream");
    let text = stream.json(&body).send().await.unwrap().text().await.unwrap();
    assert_eq!(text.matches("requestedQueryCost").count(), 1, "{text}");
}

#[tokio::test]
async fn without_a_limit_nothing_is_told_but_the_cost() {
    let toy = Toy::with([("GANGWAY_RATE_CAPACITY", "0")]).await;
    let body = json!({ "query": DEAR, "extensions": { "cost": true } });
    let response = Client::new().post(toy.url("/graphql")).bearer_auth("good").json(&body).send().await.unwrap();
    assert_eq!((response.status().as_u16(), headers(&response)), (200, [None; 3]));
    let told: Value = response.json().await.unwrap();
    let cost = json!({ "requestedQueryCost": 20, "actualQueryCost": 20, "throttleStatus": null });
    assert_eq!(told["extensions"], json!({ "cost": cost }));
}

#[tokio::test]
async fn health_and_metrics_are_not_limited_and_refusals_are_counted() {
    let toy = strict().await;
    assert_eq!(post(&toy, "good", DEAR).send().await.unwrap().status(), 200);
    assert_limited(post(&toy, "good", DEAR).send().await.unwrap()).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let response = Client::new().get(toy.url(path)).bearer_auth("good").send().await.unwrap();
        assert_eq!((response.status().as_u16(), headers(&response)), (200, [None; 3]), "{path}");
    }
    let text = reqwest::get(toy.url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(text.contains("gangway_rate_limited_total{transport=\"http\"}"), "{text}");
}

/// Where the tests' Redis is; `scripts/test.sh` sets it.
fn redis() -> redis::Client {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    redis::Client::open(url).unwrap()
}

/// The buckets of one process. They hold 10,000 units and take hours to fill.
fn process(client: &redis::Client, prefix: &str) -> SharedBuckets {
    let own = Buckets::new(Rate::new(10_000, 1).unwrap(), Arc::new(System));
    SharedBuckets::open(client, prefix, own).unwrap()
}

fn somebody() -> ActorId {
    ActorId::User(System.next().into())
}

/// Draws nothing until the shared bucket answers: the first connection may take longer than a request waits, and the
/// process then rests for a second.
async fn warmed(buckets: &SharedBuckets, caller: ActorId, key: &str) {
    let mut connection = redis().get_multiplexed_async_connection().await.unwrap();
    let since = Stopwatch::start();
    loop {
        buckets.draw(caller, 0).await;
        if connection.exists(key).await.unwrap() {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "the shared bucket never answered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn processes_share_a_callers_bucket_and_redis_forgets_it_when_it_is_full() {
    let prefix = format!("gangway-test-{}", System.next().simple());
    let (one, other) = (process(&redis(), &prefix), process(&redis(), &prefix));
    let (caller, stranger) = (somebody(), somebody());
    let mut connection = redis().get_multiplexed_async_connection().await.unwrap();
    for buckets in [&one, &other] {
        let probe = somebody();
        warmed(buckets, probe, &format!("{prefix}:rate:{probe}")).await;
    }
    assert_eq!(one.draw(caller, 6_000).await.remaining, 4_000);
    let refused = other.draw(caller, 6_000).await;
    let wait = refused.wait.unwrap();
    assert!(refused.remaining < 4_100 && wait > Duration::from_secs(1_900) && wait <= Duration::from_secs(2_000));
    assert!(other.draw(caller, 4_000).await.wait.is_none(), "a refusal took nothing");
    assert!(one.draw(caller, 4_000).await.wait.is_some());
    assert_eq!(one.draw(stranger, 10_000).await.wait, None);
    let lives_ms: i64 = connection.pttl(format!("{prefix}:rate:{caller}")).await.unwrap();
    assert!((9_000_000..=10_001_000).contains(&lives_ms), "{lives_ms}");
    for id in [caller, stranger] {
        let _: i64 = connection.del(format!("{prefix}:rate:{id}")).await.unwrap();
    }
}

#[tokio::test]
async fn without_redis_each_process_limits_by_itself_and_at_once() {
    // One that refuses connections, and one that takes them and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("redis://{}", silent.local_addr().unwrap());
    for url in ["redis://127.0.0.1:1".to_owned(), silent] {
        let buckets = process(&redis::Client::open(url.as_str()).unwrap(), "gangway-test");
        let caller = somebody();
        let since = Stopwatch::start();
        assert_eq!(buckets.draw(caller, 6_000).await.remaining, 4_000, "{url}");
        assert!(buckets.draw(caller, 6_000).await.wait.is_some(), "{url}");
        for _ in 0..1_000 {
            buckets.draw(caller, 1).await;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{url}: {:?}", since.elapsed());
    }
}
