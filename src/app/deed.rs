//! One transaction that holds a change, its events and its job rows, or none of them.

use std::str::FromStr;

use crate::{
    app::{App, Once},
    auth::Actor,
    clock::Instant,
    domain::event::NewEvent,
    error::Result,
    ids::{EventId, JobId},
    store::{self, Tx, idempotency},
};

/// Something an actor does. Dropped without [`Deed::commit`], it never happened.
pub struct Deed<'a> {
    app: &'a App,
    actor: &'a Actor,
    tx: Tx,
    now: Instant,
    events: Vec<(EventId, NewEvent)>,
    cause: Option<EventId>,
    jobs: Vec<JobId>,
    request: Option<idempotency::Request>,
    answer: Option<String>,
}

impl<'a> Deed<'a> {
    pub(in crate::app) async fn begin(app: &'a App, actor: &'a Actor) -> Result<Self> {
        let tx = app.db().begin().await?;
        let now = app.now();
        let (events, jobs) = (Vec::new(), Vec::new());
        Ok(Self { app, actor, tx, now, events, cause: None, jobs, request: None, answer: None })
    }

    /// The open transaction.
    pub fn tx(&self) -> &Tx {
        &self.tx
    }

    /// Who does it.
    pub fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// When it is done: the same instant in every row and event of the deed.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The application.
    pub fn app(&self) -> &'a App {
        self.app
    }

    /// Whether the same request was answered before: then the id of what it made. Otherwise
    /// the deed goes on, and [`Deed::answer`] says what it made.
    ///
    /// # Errors
    /// `IdempotencyKeyReused` when the key came with another input, `IdempotencyInProgress` when the
    /// first request has not ended.
    pub async fn replayed<T: FromStr>(&mut self, once: Once) -> Result<Option<T>> {
        let request = idempotency::Request {
            actor: self.actor.id,
            mutation: once.mutation,
            key: once.key.as_str().to_owned(),
            input_hash: once.input_hash,
        };
        let earlier = idempotency::find(&self.tx, &request).await?;
        self.request = Some(request);
        earlier.map(|made| store::word("idempotency", "subject_id", self.actor.id, &made)).transpose()
    }

    /// Says what the deed made, for a request that comes again.
    pub fn answer(&mut self, made: impl std::fmt::Display) {
        self.answer = Some(made.to_string());
    }

    /// Writes an event down, and gives its id. It stands in the log when the deed is committed, in the order of the calls.
    pub fn record(&mut self, event: NewEvent) -> EventId {
        let id = self.app.new_id();
        self.events.push((id, NewEvent { cause_id: event.cause_id.or(self.cause), ..event }));
        id
    }

    /// Names the event that whatever is recorded from now on follows from, and gives the one that was named before.
    pub fn follow(&mut self, cause: Option<EventId>) -> Option<EventId> {
        std::mem::replace(&mut self.cause, cause)
    }

    /// Tells workers of `job`, whose row was inserted in this transaction, once it is committed.
    pub fn hint(&mut self, job: JobId) {
        self.jobs.push(job);
    }

    /// Makes it so.
    ///
    /// # Errors
    /// Those of the database; nothing has happened then.
    pub async fn commit(mut self) -> Result<()> {
        let parts = self.app.parts();
        if let (Some(request), Some(answer)) = (self.request.take(), self.answer.take()) {
            idempotency::insert(&self.tx, self.now, request, answer).await?;
        }
        let has_events = !self.events.is_empty();
        store::log::append(&self.tx, self.now, self.actor.id, self.events).await?;
        self.tx.commit().await?;
        if has_events {
            parts.written.notify_one();
        }
        if !self.jobs.is_empty() {
            parts.hints.hint(&self.jobs).await;
        }
        Ok(())
    }
}
