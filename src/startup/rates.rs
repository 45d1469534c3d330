//! Buckets that several processes share through Redis, so that a caller gains nothing by asking all of them.
//!
//! One script per request fills the bucket, takes from it and tells what is left, on Redis' own clock. Redis keeps no
//! bucket longer than it takes to fill. When it does not answer in time the process goes by its own buckets: callers
//! then may ask more than they should, which is better than nobody being answered.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use redis::{
    Client, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use crate::{
    app::rate::{Buckets, Rates},
    clock::Stopwatch,
    domain::rate::Draw,
    error::{Error, Result},
    ids::ActorId,
};

/// The longest a request waits for Redis: several round trips within a data centre, and nothing a caller notices.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long Redis is left alone after it did not answer, so that not every request waits in vain.
const REST: Duration = Duration::from_secs(1);
/// How often the log says that Redis does not answer.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// Fills a bucket, takes from it if it holds enough, and tells whether it did and what is left: in thousandths of a
/// unit, as `domain::rate` counts. A bucket expires a second after it is full.
const DRAW: &str = "local time = redis.call('TIME') \
    local now = time[1] * 1000 + math.floor(time[2] / 1000) \
    local full, refill, need = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) \
    local held = redis.call('HMGET', KEYS[1], 'level', 'at') \
    local level, at = tonumber(held[1] or full), tonumber(held[2] or now) \
    level = math.min(full, level + math.max(0, now - at) * refill) \
    local taken = 0 \
    if need <= level then level = level - need taken = 1 end \
    redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at', string.format('%.0f', now)) \
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil((full - level) / refill) + 1000)) \
    return { taken, level }";

/// The buckets of all processes with the same Redis and prefix.
pub struct SharedBuckets {
    own: Buckets,
    /// Connects when it is first used, and again when it has to.
    connection: ConnectionManager,
    script: Script,
    prefix: String,
    away: Mutex<Away>,
}

/// When Redis last did not answer, and when the log last said so.
#[derive(Default)]
struct Away {
    missed: Option<Stopwatch>,
    told: Option<Stopwatch>,
}

impl fmt::Debug for SharedBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBuckets({:?})", self.own)
    }
}

impl SharedBuckets {
    /// Buckets at `client` whose keys begin with `prefix`, with `own` in their place while Redis is away.
    ///
    /// # Errors
    /// `Internal` when the client cannot be used.
    pub fn open(client: &Client, prefix: &str, own: Buckets) -> Result<Self> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(PATIENCE))
            .set_connection_timeout(Some(REST))
            .set_number_of_retries(0);
        let connection = client.get_connection_manager_lazy(config).map_err(Error::internal)?;
        let prefix = format!("{prefix}:rate");
        Ok(Self { own, connection, script: Script::new(DRAW), prefix, away: Mutex::default() })
    }

    async fn shared(&self, caller: ActorId, cost: u64) -> RedisResult<Draw> {
        let rate = self.own.rate();
        let mut call = self.script.key(format!("{}:{caller}", self.prefix));
        call.arg(rate.full()).arg(rate.refill()).arg(rate.need(cost));
        let (taken, level): (u8, u64) = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(Draw::of(rate, level, cost, taken == 1))
    }

    /// Connecting may take longer than a request waits, and what no request waits for stands still.
    fn go_on_connecting(&self) {
        let mut connection = self.connection.clone();
        drop(tokio::spawn(async move { redis::cmd("PING").query_async::<String>(&mut connection).await }));
    }

    fn is_resting(&self) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.missed.is_some_and(|missed| missed.elapsed() < REST)
    }

    fn missed(&self, error: &str) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.missed = Some(Stopwatch::start());
        self.go_on_connecting();
        if away.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            away.told = Some(Stopwatch::start());
            tracing::warn!(error, "Redis does not answer; callers are limited by each process on its own.");
        }
    }
}

#[async_trait]
impl Rates for SharedBuckets {
    async fn draw(&self, caller: ActorId, cost: u64) -> Draw {
        if self.is_resting() {
            return self.own.take(caller, cost);
        }
        match tokio::time::timeout(PATIENCE, self.shared(caller, cost)).await {
            Ok(Ok(draw)) => return draw,
            Ok(Err(error)) => self.missed(&error.to_string()),
            Err(_) => self.missed("no answer in time"),
        }
        self.own.take(caller, cost)
    }
}
