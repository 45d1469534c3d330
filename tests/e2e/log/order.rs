//! Many writers, many sealers, one reader.

use std::{
    collections::{BTreeMap, HashSet},
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng, rngs::StdRng};

use super::*;

const WRITERS: u64 = 8;
const DEEDS: usize = 25;

/// Writes deeds of random length, some of which are dropped instead of committed. Gives how many events it
/// committed.
async fn write(app: App, actor: Actor, writer: u64) -> usize {
    let mut random = StdRng::seed_from_u64(writer);
    let mut written = 0;
    for number in 0..DEEDS {
        let (count, is_dropped, pause) =
            (random.random_range(1..12), random.random_bool(0.2), random.random_range(0..4_u64));
        let client = app.new_id();
        if is_dropped {
            let mut dropped = app.begin(&actor).await.unwrap();
            dropped.record(NewEvent::new(EventKind::ClientUpdated, client, "Never happened."));
            drop(dropped);
        } else {
            deed(&app, &actor, client, &format!("{writer}/{number}"), count).await;
            written += count;
        }
        tokio::time::timeout(Duration::from_millis(pause), std::future::pending::<()>()).await.unwrap_err();
    }
    written
}

/// Seals until it is told to stop, in batches that cut deeds in the middle.
async fn seal(app: App, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        app::log::seal_waiting(&app).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// Follows the log until it has seen `expected` events, or nothing new came for long.
async fn follow(app: App, actor: Actor, done: Arc<AtomicBool>) -> Vec<Event> {
    let (mut seen, mut next) = (Vec::new(), EventCursor::START);
    loop {
        let is_done = done.load(Ordering::Relaxed);
        let batch = app::log::read(&app, &actor, &EventFilter::default(), next, 13).await.unwrap();
        next = batch.next;
        seen.extend(batch.events);
        if batch.is_end && is_done {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

fn check(seen: &[Event], from: u64, written: usize) {
    assert_eq!(seen.len(), written, "no gap and no surplus");
    let ids: HashSet<_> = seen.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), written, "no duplicate");
    for (position, event) in (from..).zip(seen) {
        assert_eq!(event.position, position, "in order");
    }
    let mut deeds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for event in seen {
        let deed = event.payload["deed"].as_str().unwrap();
        deeds.entry(deed).or_default().push(event.payload["number"].as_u64().unwrap());
    }
    for (deed, numbers) in deeds {
        assert!(
            (0..).zip(&numbers).all(|(expected, number)| expected == *number),
            "{deed} kept its order: {numbers:?}"
        );
    }
}

/// What `future` gives when it is ready by the time it was looked at `polls` times; otherwise it is dropped as it stands.
async fn within<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        let Some(rest) = left.checked_sub(1) else { return Poll::Ready(None) };
        left = rest;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

on_both_stacks! {
    async fn a_reader_beside_eight_writers_sees_every_event_once_and_in_order(test) {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let sealers: Vec<_> = (0..3).map(|_| tokio::spawn(seal(test.app.clone(), Arc::clone(&stop)))).collect();
        let readers: Vec<_> = (0..2)
            .map(|_| tokio::spawn(follow(test.app.clone(), test.staff(Role::Operator), Arc::clone(&done))))
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(test.app.clone(), test.staff(Role::Technician), writer)))
            .collect();
        let mut written = 0;
        for writer in writers {
            written += writer.await.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        for sealer in sealers {
            sealer.await.unwrap();
        }
        app::log::seal_waiting(&test.app).await.unwrap();
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            check(&reader.await.unwrap(), 0, written);
        }
        let verification = verified(&test).await;
        assert!(verification.holds(), "{verification:?}");
        assert_eq!(verification.held, written as u64);
    }

    async fn a_sealer_that_dies_halfway_has_changed_nothing_and_the_next_one_finishes(test) {
        let client = filled(&test, 5).await;
        let (mut written, mut died) = (5, 0);
        // Sealers are waited for once, twice and so on, so they die at every statement. One that never had to wait lives.
        let mut lifetimes = (1..8).cycle();
        while died < 8 {
            assert!(written < 6_000, "only {died} sealers died");
            let lifetime = lifetimes.next().unwrap();
            deed(&test.app, &test.staff(Role::Operator), client, &written.to_string(), 6).await;
            written += 6;
            died += i32::from(within(lifetime, app::log::seal_waiting(&test.app)).await.is_none());
            let verification = verified(&test).await;
            assert!(verification.holds(), "{verification:?}");
        }
        app::log::seal_waiting(&test.app).await.unwrap();
        check(&all_events(&test).await[5..], 5, written - 5);
        assert!(verified(&test).await.holds());
    }

    async fn an_event_shows_only_once_it_is_sealed_and_never_when_its_deed_was_dropped(test) {
        let (actor, client) = (test.staff(Role::Operator), test.app.new_id());
        deed(&test.app, &actor, client, "one", 3).await;
        assert!(all_events(&test).await.is_empty());
        let mut dropped = test.app.begin(&actor).await.unwrap();
        dropped.record(NewEvent::new(EventKind::ClientUpdated, client, "Never happened."));
        drop(dropped);
        assert_eq!(app::log::seal_waiting(&test.app).await.unwrap(), Some(3));
        assert_eq!(app::log::seal_waiting(&test.app).await.unwrap(), None);
        assert_eq!(all_events(&test).await.len(), 3);
    }
}
