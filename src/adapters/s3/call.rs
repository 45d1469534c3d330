//! Sending one call: signed anew for every try, with a time limit, tried again only when that can help.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use reqwest::{RequestBuilder, Response};

use super::{Shared, answer::refusal};
use crate::ports::storage::{Fault, FaultKind, Result};

/// Tries of one call, the first included.
pub(super) const TRIES: u32 = 5;

/// The first pause between two tries; each further one is four times as long, the last some 6 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// No answer's wish for a pause is followed beyond this; the job's own retry takes over then.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Time for a call whose answer is short.
pub(super) const SHORT_CALL: Duration = Duration::from_mins(1);

/// Time for a call that carries up to 8 MiB: room for a line of 256 kbit/s.
pub(super) const LONG_CALL: Duration = Duration::from_mins(5);

impl Shared {
    /// Sends what `request` builds until it succeeds, is refused for good, or the tries are used up.
    ///
    /// # Errors
    /// The last try's fault.
    pub(super) async fn send(
        &self,
        doing: &'static str,
        place: &str,
        request: impl Fn(&reqwest::Client) -> RequestBuilder + Send + Sync,
    ) -> Result<Response> {
        let mut tried = 1;
        loop {
            match self.try_once(doing, place, request(&self.http)).await {
                Err(fault) if is_worth_a_retry(&fault) && tried < TRIES => {
                    pause(place, tried, fault.retry_after).await;
                    tried += 1;
                }
                other => return other,
            }
        }
    }

    /// Sends it once.
    ///
    /// # Errors
    /// What went wrong.
    pub(super) async fn try_once(&self, doing: &'static str, place: &str, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| network_fault(doing, place, &error))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(doing, place, response).await) }
    }
}

/// Whether the same call may succeed in a moment.
pub(super) fn is_worth_a_retry(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Transient | FaultKind::RateLimited)
}

/// Waits before try number `tried` + 1.
///
/// The pause varies by up to a half with the place and the try, so that calls that failed together do not
/// come back together.
pub(super) async fn pause(place: &str, tried: u32, wished: Option<Duration>) {
    let full = FIRST_PAUSE * 4_u32.saturating_pow(tried - 1);
    let mut hasher = DefaultHasher::new();
    (place, tried).hash(&mut hasher);
    let spread = u32::try_from(hasher.finish() % 512).unwrap_or_default();
    let pause = full * (1024 - spread) / 1024;
    tokio::time::sleep(wished.unwrap_or(pause).clamp(pause, LONGEST_PAUSE)).await;
}

/// What a failure below HTTP means. The address is left out: it is signed.
pub(super) fn network_fault(doing: &'static str, place: &str, error: &reqwest::Error) -> Fault {
    let (kind, detail) = if error.is_timeout() {
        (FaultKind::Transient, "no answer in time")
    } else if error.is_connect() {
        (FaultKind::Transient, "cannot connect")
    } else if error.is_builder() {
        (FaultKind::Unsupported, "the request cannot be built")
    } else {
        (FaultKind::Transient, "the connection broke")
    };
    Fault::new(kind, doing, place, detail)
}
