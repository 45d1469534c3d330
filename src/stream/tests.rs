//! Followers against a log in memory that behaves as badly as a real one may.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::DateTime;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Bell, Source, Tap};
use crate::{
    domain::event::{Event, EventBatch, EventCursor},
    error::{Error, Result},
    ids::ActorId,
};

/// A log in memory.
#[derive(Clone, Default)]
struct Log {
    size: Arc<Mutex<u64>>,
    reads: Arc<AtomicUsize>,
    is_down: Arc<AtomicBool>,
    only_even: bool,
}

impl Log {
    fn grow(&self, by: u64) -> u64 {
        let mut size = self.size.lock().unwrap();
        *size += by;
        *size
    }

    fn only_even(&self) -> Self {
        Self { only_even: true, ..self.clone() }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

fn event(position: u64) -> Event {
    Event {
        id: Uuid::from_u128(position.into()).into(),
        position,
        at: DateTime::UNIX_EPOCH,
        kind: "client.updated".to_owned(),
        actor: ActorId::System,
        client_id: None,
        subject_id: String::new(),
        job_id: None,
        cause_id: None,
        summary: String::new(),
        payload: serde_json::Map::new(),
    }
}

#[async_trait]
impl Source for Log {
    async fn end(&self) -> Result<EventCursor> {
        Ok(EventCursor::end_of(*self.size.lock().unwrap()))
    }

    async fn read(&self, after: EventCursor, limit: u32) -> Result<EventBatch> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Error::internal("down"));
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        let size = *self.size.lock().unwrap();
        tokio::task::yield_now().await;
        let shown = (after.next_position()..size).filter(|position| !self.only_even || position % 2 == 0);
        let events: Vec<_> = shown.take(limit as usize).map(event).collect();
        let is_end = events.len() < limit as usize;
        let last = events.last().map_or(after, Event::cursor);
        Ok(EventBatch { next: if is_end { EventCursor::end_of(size).max(after) } else { last }, events, is_end })
    }
}

struct Running {
    log: Log,
    bell: Bell,
    tap: Tap,
    stop: CancellationToken,
}

impl Running {
    fn start() -> Self {
        let running = Self { log: Log::default(), bell: Bell::new(), tap: Tap::new(), stop: CancellationToken::new() };
        let (log, bell, stop) = (running.log.clone(), running.bell.clone(), running.stop.clone());
        tokio::spawn(running.tap.clone().run(log, bell, stop));
        running
    }

    fn grow(&self, by: u64) {
        self.bell.ring(self.log.grow(by));
    }

    fn follow(&self, after: EventCursor) -> impl Stream<Item = Result<Arc<Event>>> + Unpin + use<> {
        Box::pin(self.tap.follow(self.log.clone(), after, |_| true))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The positions of the next `count` events.
async fn take(stream: &mut (impl Stream<Item = Result<Arc<Event>>> + Unpin), count: usize) -> Vec<u64> {
    let mut positions = Vec::with_capacity(count);
    while positions.len() < count {
        let next = timeout(Duration::from_secs(20), stream.next()).await.expect("an event comes");
        positions.push(next.unwrap().unwrap().position);
    }
    positions
}

fn all(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

#[tokio::test]
async fn a_reader_gets_what_came_before_it_and_then_what_comes() {
    let running = Running::start();
    running.grow(450);
    let mut reader = running.follow(EventCursor::after(9));
    assert_eq!(take(&mut reader, 440).await, all(10..450));
    for round in 0..20 {
        running.grow(7);
        assert_eq!(take(&mut reader, 7).await, all(450 + round * 7..457 + round * 7));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_that_come_and_go_while_the_log_grows_miss_nothing_and_see_nothing_twice() {
    let running = Arc::new(Running::start());
    let writer = tokio::spawn({
        let running = Arc::clone(&running);
        async move {
            for round in 0..2_000 {
                running.log.grow(1);
                if round % 3 != 0 {
                    running.bell.ring(round);
                }
                if round % 17 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    let readers: Vec<_> = (0..16_u64)
        .map(|number| {
            let running = Arc::clone(&running);
            tokio::spawn(async move {
                // Each one goes away and comes back with its cursor again and again.
                let (mut seen, mut cursor) = (Vec::new(), EventCursor::START);
                while seen.len() < 2_000 {
                    let mut reader = running.follow(cursor);
                    let count = (37 + usize::try_from(number).unwrap() * 13).min(2_000 - seen.len());
                    seen.extend(take(&mut reader, count).await);
                    cursor = EventCursor::after(*seen.last().unwrap());
                }
                seen
            })
        })
        .collect();
    writer.await.unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), all(0..2_000));
    }
}

#[tokio::test]
async fn a_reader_that_falls_far_behind_reads_the_log_instead_of_filling_memory() {
    let running = Running::start();
    let mut slow = running.follow(EventCursor::START);
    let mut fast = running.follow(EventCursor::START);
    for round in 0..50 {
        running.grow(100);
        assert_eq!(take(&mut fast, 100).await, all(round * 100..round * 100 + 100));
    }
    assert_eq!(take(&mut slow, 5_000).await, all(0..5_000));
    running.grow(1);
    assert_eq!(take(&mut slow, 1).await, [5_000]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_bell_costs_one_tick_and_nothing_else() {
    let running = Running::start();
    let mut reader = running.follow(EventCursor::START);
    running.grow(1);
    assert_eq!(take(&mut reader, 1).await, [0]);
    let before = tokio::time::Instant::now();
    running.log.grow(3);
    assert_eq!(take(&mut reader, 3).await, [1, 2, 3]);
    assert!(before.elapsed() <= super::TICK + Duration::from_millis(10), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_reader_sees_its_part_only_live_as_in_replay() {
    let running = Running::start();
    running.grow(10);
    let mut reader =
        Box::pin(running.tap.follow(running.log.only_even(), EventCursor::START, |event| event.position % 2 == 0));
    assert_eq!(take(&mut reader, 5).await, [0, 2, 4, 6, 8]);
    running.grow(5);
    assert_eq!(take(&mut reader, 3).await, [10, 12, 14]);
    running.grow(1);
    running.grow(1);
    assert_eq!(take(&mut reader, 1).await, [16]);
}

#[tokio::test]
async fn readers_share_one_reading_of_what_is_new() {
    let running = Running::start();
    let mut readers: Vec<_> = (0..50).map(|_| running.follow(EventCursor::START)).collect();
    running.grow(1);
    for reader in &mut readers {
        take(reader, 1).await;
    }
    let before = running.log.reads();
    running.grow(10);
    for reader in &mut readers {
        assert_eq!(take(reader, 10).await, all(1..11));
    }
    assert!(running.log.reads() - before <= 3, "{} reads", running.log.reads() - before);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_nobody_follows() {
    let running = Running::start();
    for _ in 0..20 {
        running.grow(500);
        tokio::time::advance(Duration::from_secs(2)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(running.log.reads(), 0);
    let mut late = running.follow(EventCursor::end_of(9_999));
    assert_eq!(take(&mut late, 1).await, [9_999]);
}

#[tokio::test]
async fn an_outage_ends_a_replaying_reader_with_an_error_and_live_ones_go_on() {
    let running = Running::start();
    let mut live = running.follow(EventCursor::START);
    running.grow(1);
    assert_eq!(take(&mut live, 1).await, [0]);
    running.log.is_down.store(true, Ordering::SeqCst);
    running.grow(1);
    let mut replaying = running.follow(EventCursor::START);
    assert!(replaying.next().await.unwrap().is_err());
    assert!(replaying.next().await.is_none());
    running.log.is_down.store(false, Ordering::SeqCst);
    running.grow(1);
    assert_eq!(take(&mut live, 2).await, [1, 2]);
}
