//! Hints, nudges and ticks through Redis. Nothing here is missed when it is gone.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::redis::{
    AsyncCommands, Client, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
};
use apalis_core::{backend::TaskSink, error::BoxDynError};
use apalis_redis::{Config, RedisStorage};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};

use super::{
    carrier::{Hint, Queue, unusable},
    settings::{BACKLOG, Settings},
};
use crate::{
    app::{
        App,
        job::{Tick, Ticks},
    },
    clock::{IdSource, System},
    error::Error,
    ids::JobId,
};

/// Messages that may wait for the connection. What finds no room is lost, which is allowed.
const OUTBOX: usize = 4_096;
/// Messages sent in one go.
const BATCH: usize = 200;
/// The longest one round with Redis may take before it counts as away.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause before a broken connection is tried again.
const RECONNECT: Duration = Duration::from_millis(300);

/// Takes at most 500 hints that were dealt with and forgets them.
const TIDY: &str = "local ids = redis.call('SPOP', KEYS[1], 500) \
    if #ids > 0 then redis.call('HDEL', KEYS[2], unpack(ids)) \
    for _, id in ipairs(ids) do redis.call('DEL', KEYS[3] .. ':' .. id) end end return #ids";

/// The way through Redis.
pub(super) struct RedisCarrier {
    client: Client,
    /// Connects when it is first used, and again when it has to.
    connection: ConnectionManager,
    names: Names,
    outbox: mpsc::Sender<Message>,
    inbox: Mutex<Option<mpsc::Receiver<Message>>>,
    /// Names this process, so that it does not hear itself.
    origin: String,
}

#[derive(Clone)]
struct Names {
    queue: String,
    bell: String,
    ticks: String,
}

enum Message {
    Hint(JobId),
    Nudge,
    Tick(Box<Tick>),
}

/// A tick on its way to other processes.
#[derive(Serialize, Deserialize)]
struct Sent<T> {
    origin: String,
    tick: T,
}

const HINT: &str = "hint";
const NUDGE: &str = "nudge";

impl RedisCarrier {
    pub(super) fn open(settings: &Settings) -> Result<Self, Error> {
        let url = settings.redis_url.as_ref().ok_or_else(|| unusable("Hints through Redis need its URL."))?;
        let client = Client::open(url.expose()).ok().ok_or_else(|| unusable("This is not the URL of a Redis."))?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(PATIENCE))
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_number_of_retries(1)
            .set_max_delay(RECONNECT);
        let connection = client.get_connection_manager_lazy(config).ok();
        let connection = connection.ok_or_else(|| unusable("This Redis cannot be used."))?;
        let prefix = &settings.prefix;
        let names =
            Names { queue: format!("{prefix}:jobs"), bell: format!("{prefix}:bell"), ticks: format!("{prefix}:ticks") };
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        // Neither a host's name nor a process's number is unique among containers.
        let origin = System.next().to_string();
        Ok(Self { client, connection, names, outbox, inbox: Mutex::new(Some(inbox)), origin })
    }

    /// apalis' own settings. One hint at a time: with more, a busy worker of apalis 1.0.0 stops its own
    /// heart-beat. Locks and events cost round trips and give nothing to hints.
    pub(super) fn config(&self) -> Config {
        Config::default()
            .queue(&self.names.queue)
            .batch_size(1)
            .heartbeat_interval(Duration::from_secs(5))
            .missed_heartbeats(6)
            .lock_tasks(false)
            .emit_events(false)
    }

    /// A connection for apalis alone. It may wait longer for an answer, because its worker ends at the first
    /// error.
    ///
    /// # Errors
    /// Those of Redis.
    pub(super) async fn connect(&self) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(Duration::from_secs(5)))
            .set_connection_timeout(Some(Duration::from_secs(3)));
        self.client.get_connection_manager_with_config(config).await
    }

    pub(super) fn hint(&self, jobs: &[JobId]) {
        for job in jobs {
            // A full outbox means that Redis is away or slow: the rows are found without it.
            self.outbox.try_send(Message::Hint(*job)).ok();
        }
    }

    pub(super) fn nudge(&self) {
        self.outbox.try_send(Message::Nudge).ok();
    }

    pub(super) fn tick(&self, tick: Tick) {
        self.outbox.try_send(Message::Tick(Box::new(tick))).ok();
    }

    /// How many more hints may wait; `None` when Redis does not say.
    pub(super) async fn room(&self) -> Option<usize> {
        let mut connection = self.connection.clone();
        let mut counts = ::redis::pipe();
        counts.zcard(format!("{}:scheduled", self.names.queue)).llen(format!("{}:active", self.names.queue));
        let counted = timeout(PATIENCE, counts.query_async::<(usize, usize)>(&mut connection)).await;
        let (scheduled, active) = counted.ok()?.ok()?;
        Some(BACKLOG.saturating_sub(scheduled + active))
    }

    pub(super) async fn tidy(&self) {
        let mut connection = self.connection.clone();
        let (queue, script) = (&self.names.queue, Script::new(TIDY));
        for ended in ["done", "dead"] {
            loop {
                let mut call = script.prepare_invoke();
                call.key(format!("{queue}:{ended}")).key(format!("{queue}:data")).key(format!("{queue}:meta"));
                match timeout(PATIENCE, call.invoke_async::<usize>(&mut connection)).await {
                    Ok(Ok(500)) => {}
                    _ => break,
                }
            }
        }
    }

    /// Sends what is in the outbox, for as long as the process lives. `None` when that is done already.
    pub(super) fn send_for(&self, app: App) -> Option<JoinHandle<()>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let storage = RedisStorage::new(self.connection.clone()).with_config(self.config());
        let mut sender = Sender { storage, names: self.names.clone(), origin: self.origin.clone() };
        Some(tokio::spawn(async move {
            let mut batch = Vec::new();
            while inbox.recv_many(&mut batch, BATCH).await > 0 {
                match timeout(PATIENCE, sender.send(&app, batch.drain(..))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(error = %error, "hints were not sent"),
                    Err(_) => tracing::debug!("hints were not sent: Redis does not answer"),
                }
                batch.clear();
            }
        }))
    }

    /// Passes on what other processes say, for as long as this one lives.
    pub(super) fn listen_for(&self, ticks: Ticks, hinted: Arc<Notify>, nudged: Arc<Notify>) -> JoinHandle<()> {
        let (client, names, origin) = (self.client.clone(), self.names.clone(), self.origin.clone());
        tokio::spawn(async move {
            loop {
                if let Ok(Ok(pubsub)) = timeout(PATIENCE, subscribe(&client, &names)).await {
                    // Whatever was said before is unheard: look once.
                    hinted.notify_one();
                    nudged.notify_one();
                    listen(pubsub, &names, &origin, (&ticks, &hinted, &nudged)).await;
                }
                tokio::time::sleep(RECONNECT).await;
            }
        })
    }
}

async fn subscribe(client: &Client, names: &Names) -> RedisResult<PubSub> {
    let mut pubsub = client.get_async_pubsub().await?;
    pubsub.subscribe(&[&names.bell, &names.ticks]).await?;
    Ok(pubsub)
}

/// Until the connection breaks.
async fn listen(mut pubsub: PubSub, names: &Names, origin: &str, heard: (&Ticks, &Notify, &Notify)) {
    let (ticks, hinted, nudged) = heard;
    let mut messages = pubsub.on_message();
    while let Some(message) = messages.next().await {
        let payload = message.get_payload_bytes();
        if message.get_channel_name() == names.ticks {
            match serde_json::from_slice::<Sent<Tick>>(payload) {
                Ok(sent) if sent.origin != origin => ticks.send(sent.tick),
                Ok(_) => {}
                Err(error) => tracing::debug!(error = %error, "a tick of another version"),
            }
        } else if payload == NUDGE.as_bytes() {
            nudged.notify_one();
        } else {
            hinted.notify_one();
        }
    }
}

struct Sender {
    storage: RedisStorage<Hint>,
    names: Names,
    origin: String,
}

impl Sender {
    async fn send(&mut self, app: &App, batch: impl Iterator<Item = Message>) -> Result<(), BoxDynError> {
        let (mut jobs, mut bells) = (Vec::new(), ::redis::pipe());
        for message in batch {
            match message {
                Message::Hint(job) => jobs.push(job),
                Message::Nudge => drop(bells.publish(&self.names.bell, NUDGE).ignore()),
                Message::Tick(tick) => {
                    let sent = serde_json::to_vec(&Sent { origin: self.origin.clone(), tick })?;
                    bells.publish(&self.names.ticks, sent).ignore();
                }
            }
        }
        if !jobs.is_empty() {
            let room = self.room().await?;
            let unsent = jobs.split_off(room.min(jobs.len()));
            if !unsent.is_empty() {
                Queue::forget(app, &unsent).await;
            }
            self.storage.push_bulk(jobs.into_iter().map(|job| Hint { job }).collect()).await?;
            bells.publish(&self.names.bell, HINT).ignore();
        }
        Ok(bells.query_async::<()>(self.storage.get_connection()).await?)
    }

    async fn room(&mut self) -> RedisResult<usize> {
        let (scheduled, active) = (format!("{}:scheduled", self.names.queue), format!("{}:active", self.names.queue));
        let connection = self.storage.get_connection();
        let (scheduled, active): (usize, usize) = (connection.zcard(scheduled).await?, connection.llen(active).await?);
        Ok(BACKLOG.saturating_sub(scheduled + active))
    }
}
