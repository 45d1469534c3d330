//! The bell between processes, over Redis publish and subscribe. A message is a size as text; nothing is kept.

use std::{future::Future, time::Duration};

use futures_util::StreamExt;
use redis::{AsyncCommands, Client, RedisResult};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Bell;

/// The pause before a broken connection is made again.
const RETRY: Duration = Duration::from_secs(1);

/// How long nothing may be heard before the connection is made anew: a peer that vanished without a word
/// would not be noticed otherwise.
const SILENCE: Duration = Duration::from_mins(1);

/// Tells other processes on `channel` when `bell` rings here, and rings it here when they do; until `stop`. While
/// Redis is away, followers wait for the tick.
pub async fn share(bell: Bell, client: Client, channel: String, stop: CancellationToken) {
    let telling = again(&stop, "The bell of the log cannot be rung elsewhere.", || tell(&bell, &client, &channel));
    let hearing = again(&stop, "The bell of the log is not heard from elsewhere.", || hear(&bell, &client, &channel));
    tokio::join!(telling, hearing);
}

/// Does `work` again and again, with a pause, until `stop`.
async fn again<F>(stop: &CancellationToken, sentence: &'static str, work: impl Fn() -> F)
where
    F: Future<Output = RedisResult<()>>,
{
    let mut pause = interval(RETRY);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pause.tick() => {}
        }
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = work() => ended,
        };
        match ended {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::warn!(error = error.to_string(), count = failures, "{sentence}");
                }
            }
        }
    }
}

async fn tell(bell: &Bell, client: &Client, channel: &str) -> RedisResult<()> {
    let mut own = bell.own();
    let mut connection = client.get_multiplexed_async_connection().await?;
    loop {
        if own.changed().await.is_err() {
            return Ok(());
        }
        let size = *own.borrow_and_update();
        let _heard_by: u64 = connection.publish(channel, size).await?;
    }
}

async fn hear(bell: &Bell, client: &Client, channel: &str) -> RedisResult<()> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(channel).await?;
    let mut messages = subscription.into_on_message();
    while let Ok(Some(message)) = timeout(SILENCE, messages.next()).await {
        // Somebody else's message is no size; the tick makes up for it.
        if let Ok(size) = message.get_payload::<u64>() {
            bell.hear(size);
        }
    }
    Ok(())
}
