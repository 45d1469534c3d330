//! The log as it happens: through the subscription, and from one process to another.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt};
use gangway::{
    graphql::{self, subscription::event::Everything},
    stream::{Bell, Tap, share},
};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;

const EVENTS: &str = "subscription($after: String, $filter: EventFilter) {
    events(after: $after, filter: $filter) { cursor position summary client { id } }
}";

/// A process: its sealer and its tap run until it is dropped.
struct Process {
    app: App,
    tap: Tap,
    bell: Bell,
    stop: CancellationToken,
}

impl Process {
    fn start(app: App, tap: Tap) -> Self {
        let process = Self { app, tap, bell: Bell::new(), stop: CancellationToken::new() };
        let bell = process.bell.clone();
        let ring = move |size| bell.ring(size);
        tokio::spawn(app::log::keep_sealed(process.app.clone(), ring, process.stop.clone()));
        let everything = Everything(process.app.clone());
        tokio::spawn(process.tap.clone().run(everything, process.bell.clone(), process.stop.clone()));
        process
    }

    /// Another process on the same database.
    fn beside(test: &TestApp) -> Self {
        let mut parts = test.app.parts().clone();
        parts.written = Arc::new(Notify::new());
        Self::start(App::new(parts), Tap::new())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the schema sends `actor`.
fn watch(test: &TestApp, actor: &Actor, variables: Value) -> impl Stream<Item = Value> + Unpin + use<> {
    let request = async_graphql::Request::new(EVENTS).variables(async_graphql::Variables::from_json(variables));
    let answers = test.schema.execute_stream(graphql::request(request, &test.app, actor.clone()));
    Box::pin(answers.map(|answer| serde_json::to_value(&answer).unwrap()))
}

async fn next(stream: &mut (impl Stream<Item = Value> + Unpin)) -> Value {
    timeout(Duration::from_secs(20), stream.next()).await.expect("an event comes").expect("the stream goes on")
}

async fn positions(stream: &mut (impl Stream<Item = Value> + Unpin), count: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    while (seen.len() as u64) < count {
        let answer = next(stream).await;
        let position = answer["data"]["events"]["position"].as_str().unwrap_or_else(|| panic!("{answer}"));
        seen.push(position.parse().unwrap());
    }
    seen
}

on_both_stacks! {
    async fn a_subscriber_gets_what_it_missed_and_then_what_happens(test) {
        let client = filled(&test, 9).await;
        let process = Process::start(test.app.clone(), test.tap.clone());
        let actor = test.staff(Role::Operator);
        let mut stream = watch(&test, &actor, json!({ "after": EventCursor::after(3).to_string() }));
        assert_eq!(positions(&mut stream, 5).await, [4, 5, 6, 7, 8]);
        deed(&process.app, &actor, client, "live", 3).await;
        assert_eq!(positions(&mut stream, 3).await, [9, 10, 11]);

        // Without a cursor, only what happens from now on; with a filter, only what fits, live as in replay.
        let mut fresh = watch(&test, &actor, json!({}));
        let other: ClientId = test.app.new_id();
        let mut filtered = watch(&test, &actor, json!({
            "filter": { "clientId": other.to_string() }, "after": EventCursor::START.to_string()
        }));
        assert!(timeout(Duration::from_millis(300), fresh.next()).await.is_err());
        assert!(timeout(Duration::from_millis(300), filtered.next()).await.is_err());
        deed(&process.app, &actor, client, "live", 1).await;
        deed(&process.app, &actor, other, "live", 1).await;
        deed(&process.app, &actor, client, "live", 1).await;
        assert_eq!(positions(&mut fresh, 3).await, [12, 13, 14]);
        assert_eq!(positions(&mut filtered, 1).await, [13]);
    }

    async fn a_subscriber_hears_soon_after_the_commit(test) {
        let process = Process::start(test.app.clone(), test.tap.clone());
        let actor = test.staff(Role::Operator);
        let mut stream = watch(&test, &actor, json!({ "after": EventCursor::START.to_string() }));
        let mut longest = Duration::ZERO;
        for number in 0..20_u64 {
            deed(&process.app, &actor, test.app.new_id(), "live", 1).await;
            let committed = Instant::now();
            assert_eq!(positions(&mut stream, 1).await, [number]);
            longest = longest.max(committed.elapsed());
        }
        // Far less than the tick: the bell did it. The machine may be busy, so this is no measurement.
        assert!(longest < Duration::from_millis(900), "{longest:?}");
    }

    async fn a_subscription_that_cannot_be_answered_says_why(test) {
        let actor = test.staff(Role::Operator);
        for after in ["", "zzz", &EventCursor::after(7).to_string()] {
            let answer = next(&mut watch(&test, &actor, json!({ "after": after }))).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{after}: {answer}");
        }
        let contact = test.staff(Role::ClientContact);
        let answer = next(&mut watch(&test, &contact, json!({}))).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
    }

    async fn subscribers_of_two_processes_see_what_eight_writers_do_on_both(test) {
        let channel = format!("gangway-test-{}:log", Uuid::now_v7().simple());
        let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
        let (here, there) = (Process::start(test.app.clone(), test.tap.clone()), Process::beside(&test));
        for process in [&here, &there] {
            let client = redis::Client::open(url.as_str()).unwrap();
            tokio::spawn(share(process.bell.clone(), client, channel.clone(), process.stop.clone()));
        }
        let (writers, deeds, count) = (8_u64, 20_u64, 3_u64);
        let start = json!({ "after": EventCursor::START.to_string() });
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let mut stream = watch(&test, &test.staff(Role::Operator), start.clone());
                tokio::spawn(async move { positions(&mut stream, writers * deeds * count).await })
            })
            .collect();
        let writing: Vec<_> = (0..writers)
            .map(|writer| {
                let app = if writer % 2 == 0 { here.app.clone() } else { there.app.clone() };
                let actor = test.staff(Role::Technician);
                tokio::spawn(async move {
                    for number in 0..deeds {
                        deed(&app, &actor, app.new_id(), &format!("{writer}/{number}"), usize::try_from(count).unwrap()).await;
                    }
                })
            })
            .collect();
        for writer in writing {
            writer.await.unwrap();
        }
        let all: Vec<u64> = (0..writers * deeds * count).collect();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), all);
        }
        assert!(verified(&test).await.holds());
    }

    async fn the_bell_of_another_process_is_heard_through_redis(test) {
        let channel = format!("gangway-test-{}:log", Uuid::now_v7().simple());
        let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
        let (here, there) = (Process::start(test.app.clone(), test.tap.clone()), Process::beside(&test));
        for process in [&here, &there] {
            let client = redis::Client::open(url.as_str()).unwrap();
            tokio::spawn(share(process.bell.clone(), client, channel.clone(), process.stop.clone()));
        }
        let actor = test.staff(Role::Operator);
        let mut stream = watch(&test, &actor, json!({ "after": EventCursor::START.to_string() }));
        // The sealer of this process does not know; the other one seals and rings.
        let mut heard_at = Vec::new();
        for number in 0..12_u64 {
            deed(&there.app, &actor, test.app.new_id(), "there", 1).await;
            let committed = Instant::now();
            assert_eq!(positions(&mut stream, 1).await, [number]);
            heard_at.push(committed.elapsed());
        }
        heard_at.sort();
        // Without the bell the reader would wait for a tick, half a second on average.
        assert!(heard_at[6] < Duration::from_millis(250), "{heard_at:?}");
    }
}
