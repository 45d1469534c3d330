//! Subscriptions over event streams, taken up again after the last cursor whenever they are cut.

use std::{ops::ControlFlow, time::Duration};

use futures_util::StreamExt;
use reqwest::{Response, header};
use serde_json::Value;

use super::{
    Api, Failure, Refusal,
    sse::{SseEvent, SseReader},
};

/// Attempts in a row that bring nothing before we give up; with the pauses between them about half a minute.
const ATTEMPTS: u32 = 8;
/// The first pause; each later one is twice as long, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// The server shows every 12 seconds that it is alive; three of these missed and the connection is dead.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// What to follow.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// On whose behalf.
    pub token: String,
    /// The document; it takes its cursor as `$after`.
    pub document: &'static str,
    /// Its other variables.
    pub variables: Value,
    /// Behind which event to begin; `None` for the beginning the server chooses.
    pub after: Option<String>,
}

/// How one connection ended.
enum Cut<T> {
    /// The reader has seen enough.
    Enough(T),
    /// There is nothing more to come.
    Complete,
    /// The line broke; whether anything had come before.
    Broken { brought: bool, failure: Failure },
}

impl Api {
    /// Hands every event of `subscription` to `on`, in order, until it breaks or nothing more is to come (`None`).
    ///
    /// # Errors
    /// [`Failure::Refused`] at once; [`Failure::Connection`] when the server stays away.
    pub async fn follow<T>(
        &self,
        mut subscription: Subscription,
        mut on: impl FnMut(Value) -> ControlFlow<T>,
    ) -> Result<Option<T>, Failure> {
        let (mut attempt, mut pause) = (0, PAUSE);
        loop {
            match self.once(&mut subscription, &mut on).await? {
                Cut::Enough(found) => return Ok(Some(found)),
                Cut::Complete => return Ok(None),
                Cut::Broken { brought: true, .. } => (attempt, pause) = (0, PAUSE),
                Cut::Broken { failure, .. } if attempt + 1 >= ATTEMPTS => return Err(failure),
                Cut::Broken { .. } => {}
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn once<T>(
        &self,
        subscription: &mut Subscription,
        on: &mut impl FnMut(Value) -> ControlFlow<T>,
    ) -> Result<Cut<T>, Failure> {
        let mut brought = false;
        let response = match self.connect(subscription).await {
            Ok(response) => response,
            Err(failure @ Failure::Connection { .. }) => return Ok(Cut::Broken { brought, failure }),
            Err(refused) => return Err(refused),
        };
        let (mut bytes, mut reader) = (response.bytes_stream(), SseReader::default());
        loop {
            let chunk = match tokio::time::timeout(SILENCE_MAX, bytes.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Ok(Cut::Broken { brought, failure: self.broken(&error) }),
                Ok(None) | Err(_) => {
                    return Ok(Cut::Broken { brought, failure: self.failure("the stream was cut".to_owned()) });
                }
            };
            for event in reader.read(&chunk) {
                match self.judge(event)? {
                    None => return Ok(Cut::Complete),
                    Some((cursor, value)) => {
                        brought = true;
                        subscription.after = cursor.or(subscription.after.take());
                        if let ControlFlow::Break(found) = on(value) {
                            return Ok(Cut::Enough(found));
                        }
                    }
                }
            }
        }
    }

    async fn connect(&self, subscription: &Subscription) -> Result<Response, Failure> {
        let mut variables = subscription.variables.clone();
        variables["after"] = subscription.after.clone().map_or(Value::Null, Into::into);
        let request = self.request(&subscription.token, subscription.document, &variables);
        let response = request.header(header::ACCEPT, "text/event-stream").send().await;
        let response = response.map_err(|error| self.broken(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let answer: Value = response.json().await.unwrap_or_default();
        match Refusal::first_of(&answer["errors"]) {
            Some(refusal) if status.is_client_error() && status.as_u16() != 429 => Err(Failure::Refused(refusal)),
            _ => Err(self.failure(status.to_string())),
        }
    }

    /// What an event says: its cursor and its one field; `None` at the end.
    fn judge(&self, event: SseEvent) -> Result<Option<(Option<String>, Value)>, Failure> {
        if event.name == "complete" {
            return Ok(None);
        }
        let mut answer: Value =
            serde_json::from_str(&event.data).map_err(|_error| self.failure("an event that is no JSON".to_owned()))?;
        if let Some(refusal) = Refusal::first_of(&answer["errors"]) {
            return Err(Failure::Refused(refusal));
        }
        let field = match answer["data"].take() {
            Value::Object(fields) => fields.into_iter().next().map(|(_, value)| value),
            _ => None,
        };
        Ok(Some((event.id, field.unwrap_or_default())))
    }
}
