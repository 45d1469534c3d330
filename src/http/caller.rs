//! Who calls, how many streams they hold, and for how long they may.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, header};

use super::{Shared, answer::Refused, status::Kind};
use crate::{
    auth::Actor,
    error::{Error, Unavailable},
    ids::ActorId,
};

/// A caller who proved who they are, and by what.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    bearer: Arc<str>,
}

/// The bearer of a request: the text after `Bearer ` in its one `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next()?, values.next());
    if second.is_some() { None } else { after_scheme(first.to_str().ok()?) }
}

/// The bearer in a text such as `Bearer abc`.
pub(super) fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, bearer) = text.trim().split_once(' ')?;
    let bearer = bearer.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !bearer.is_empty()).then_some(bearer)
}

impl Shared {
    /// The caller that `bearer` proves.
    pub(super) async fn caller(&self, bearer: Option<&str>) -> Result<Caller, Refused> {
        let Some(bearer) = bearer else {
            return Err(Refused::unauthenticated("Send a token: `Authorization: Bearer …`.", false));
        };
        match self.ports.authenticate.authenticate(bearer).await {
            Ok(actor) => Ok(Caller { actor, bearer: bearer.into() }),
            Err(Error::Unauthenticated(why)) => Err(Refused::unauthenticated(why, true)),
            Err(Error::Forbidden(why)) => Err(Refused::new(Kind::Forbidden, why)),
            Err(Error::Unavailable(Unavailable { system, retry_after, source })) => {
                tracing::warn!(system, error = source.to_string(), "A token could not be verified now.");
                Err(Refused::later(Kind::Overloaded, "The token cannot be verified now.", retry_after))
            }
            Err(error) => {
                tracing::error!(error = error.describe(), "A token could not be verified.");
                Err(Refused::new(Kind::Internal, "Something went wrong on our side."))
            }
        }
    }

    /// Returns when `caller` may no longer be served: the token has expired or is revoked, or other roles
    /// or clients stand behind it than when the stream was opened.
    pub(super) async fn outlived(&self, caller: &Caller) {
        loop {
            let Some(left) = self.left(&caller.actor) else { return };
            let wait = left.min(self.config.http.recheck_every);
            // Waits without naming the time: only its end matters.
            _ = tokio::time::timeout(wait, pending::<()>()).await;
            if self.left(&caller.actor).is_none() {
                return;
            }
            match self.ports.authenticate.authenticate(&caller.bearer).await {
                Ok(now) if now == caller.actor => {}
                // Whether the right still stands cannot be told: until the token expires, it does.
                Err(Error::Unavailable(_) | Error::Internal(_)) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// How long the actor's token still holds; `None` when it has expired.
    fn left(&self, actor: &Actor) -> Option<Duration> {
        let Some(expires_at) = actor.expires_at else { return Some(Duration::MAX) };
        let left = (expires_at - self.ports.clock.now()).to_std().ok();
        left.filter(|left| !left.is_zero())
    }
}

/// How many sockets and event streams each caller holds.
#[derive(Clone)]
pub(super) struct Seats {
    each: u32,
    taken: Arc<Mutex<HashMap<ActorId, u32>>>,
}

/// One of a caller's seats, until it is dropped.
pub(super) struct Seat {
    seats: Seats,
    caller: ActorId,
}

impl Seats {
    pub(super) fn new(each: u32) -> Self {
        Self { each, taken: Arc::default() }
    }

    /// A seat for `caller`, unless it has taken all of its own.
    pub(super) fn take(&self, caller: ActorId) -> Option<Seat> {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(caller).or_default();
        if *taken >= self.each {
            return None;
        }
        *taken += 1;
        Some(Seat { seats: self.clone(), caller })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.caller) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_one_bearer_in_one_header_counts() {
        let headers = |values: &[&'static str]| {
            let pairs = values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)));
            let mut headers = HeaderMap::new();
            pairs.for_each(|(name, value)| _ = headers.append(name, value));
            headers
        };
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&headers(&["bearer  abc "])), Some("abc"));
        for values in [&[][..], &["Bearer"], &["Bearer "], &["Basic abc"], &["abc"], &["Bearer a", "Bearer b"]] {
            assert_eq!(bearer(&headers(values)), None, "{values:?}");
        }
    }

    #[test]
    fn a_caller_has_so_many_seats_and_a_dropped_one_is_free_again() {
        let seats = Seats::new(2);
        let first = seats.take(ActorId::System).unwrap();
        let second = seats.take(ActorId::System).unwrap();
        assert!(seats.take(ActorId::System).is_none());
        drop(first);
        assert!(seats.take(ActorId::System).is_some());
        drop(second);
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
