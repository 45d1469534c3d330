//! How hints travel: through Redis, through memory, or not at all.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::{memory::MemoryCarrier, redis::RedisCarrier, settings::Settings};
use crate::{
    app::{
        App,
        job::{Tick, Ticks, worker},
    },
    config,
    error::{Error, Result},
    ids::JobId,
    ports::hints::Hints,
};

/// What a hint says: this job may be claimable. It never says more, so that any version understands it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hint {
    pub(super) job: JobId,
}

/// The ways a hint can go.
pub(super) enum Carrier {
    /// To whichever worker of the cluster has a free slot.
    Redis(Box<RedisCarrier>),
    /// To the worker in this process.
    Memory(MemoryCarrier),
    /// Nowhere: workers look at every tick.
    Poll,
}

/// One process' part in the queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) carrier: Carrier,
    /// Rung when hints may have arrived.
    pub(super) hinted: Arc<Notify>,
    /// Rung when a running job should be looked at.
    pub(super) nudged: Arc<Notify>,
}

/// What carries hints and ticks behind the scenes. They stop when it is dropped.
#[must_use = "hints stop when it is dropped"]
#[derive(Debug)]
pub struct Background(#[expect(dead_code, reason = "dropping them is what they are for")] Vec<AbortOnDropHandle<()>>);

impl Queue {
    /// Takes part as `settings` say. Connects to nothing yet.
    ///
    /// # Errors
    /// `Violation` when hints should travel through Redis and its URL is missing or malformed.
    pub fn open(settings: Settings) -> Result<Self> {
        let carrier = match settings.hints {
            config::Hints::Redis => Carrier::Redis(Box::new(RedisCarrier::open(&settings)?)),
            config::Hints::Memory => Carrier::Memory(MemoryCarrier::default()),
            config::Hints::Poll => Carrier::Poll,
        };
        Ok(Self(Arc::new(Shared { settings, carrier, hinted: Arc::default(), nudged: Arc::default() })))
    }

    /// What `app` tells of new jobs.
    pub fn hints(&self) -> Arc<dyn Hints> {
        Arc::new(self.clone())
    }

    /// How this process takes part.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Begins to carry hints, nudges and ticks for `app`.
    pub fn start(&self, app: &App) -> Background {
        let Carrier::Redis(redis) = &self.0.carrier else { return Background(Vec::new()) };
        let (hinted, nudged) = (Arc::clone(&self.0.hinted), Arc::clone(&self.0.nudged));
        let listening = redis.listen_for(app.parts().ticks.clone(), hinted, nudged);
        let tasks = redis.send_for(app.clone()).into_iter().chain([listening]);
        Background(tasks.map(AbortOnDropHandle::new).collect())
    }

    /// How many more hints may be sent now. 0 when they go nowhere, or Redis does not answer.
    pub async fn room(&self) -> usize {
        match &self.0.carrier {
            Carrier::Redis(redis) => redis.room().await.unwrap_or_default(),
            Carrier::Memory(memory) => memory.room(),
            Carrier::Poll => 0,
        }
    }

    /// Clears away what apalis leaves in Redis: it keeps every hint it has dealt with for ever.
    pub async fn tidy(&self) {
        if let Carrier::Redis(redis) = &self.0.carrier {
            redis.tidy().await;
        }
    }

    /// Says that room was found wanting: `jobs` count as not hinted.
    pub(super) async fn forget(app: &App, jobs: &[JobId]) {
        if let Err(error) = worker::forget_hints(app, jobs).await {
            tracing::debug!(error = error.describe(), "hints stay marked as sent; they are repeated later");
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Tells who watches how far a job is, here and in other processes.
    pub(super) fn tick(&self, ticks: &Ticks, tick: Tick) {
        if let Carrier::Redis(redis) = &self.0.carrier {
            redis.tick(tick.clone());
        }
        ticks.send(tick);
    }
}

#[async_trait]
impl Hints for Queue {
    async fn hint(&self, jobs: &[JobId]) {
        match &self.0.carrier {
            Carrier::Redis(redis) => redis.hint(jobs),
            // What finds no room is looked up by the worker as soon as it has a free slot.
            Carrier::Memory(memory) => drop(jobs.iter().all(|job| memory.send(*job))),
            Carrier::Poll => {}
        }
    }

    async fn nudge(&self) {
        self.0.nudged.notify_one();
        if let Carrier::Redis(redis) = &self.0.carrier {
            redis.nudge();
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.0.settings).finish()
    }
}

/// A setting that cannot be used.
pub(super) fn unusable(message: &str) -> Error {
    Error::violation("REDIS_URL", message)
}
