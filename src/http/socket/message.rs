//! The messages of the protocol, read strictly and written as text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::close::Close;
use crate::graphql::extensions::Finished;
use crate::http::{
    ask::{Ask, Named},
    graph::Item,
};

/// An id is repeated in every answer.
const ID_MAX_BYTES: usize = 256;

/// What clients send.
#[derive(Debug)]
pub(super) enum Incoming {
    /// `connection_init`, with the token its payload may hold.
    Init(Option<String>),
    /// `ping`, with its payload as it came.
    Ping(Option<Box<RawValue>>),
    /// `pong`.
    Pong,
    /// `subscribe`.
    Subscribe(String, Box<Ask>),
    /// `complete`.
    Complete(String),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Init {
    #[serde(alias = "Authorization")]
    authorization: Option<String>,
}

impl Incoming {
    /// The message that `text` is.
    ///
    /// # Errors
    /// 4400: it is not JSON, not of the protocol, or lacks what its type needs.
    pub(super) fn read(text: &str) -> Result<Self, Close> {
        let Ok(Envelope { kind, id, payload }) = serde_json::from_str::<Envelope<'_>>(text) else {
            return Err(Close::bad_message("Invalid message: not a JSON object with a `type`"));
        };
        // A payload of null is no payload.
        let payload = payload.filter(|payload| payload.get() != "null");
        match kind.as_ref() {
            "connection_init" => Self::init(payload),
            "ping" => Ok(Self::Ping(object(payload)?.map(ToOwned::to_owned))),
            "pong" => object(payload).map(|_| Self::Pong),
            "subscribe" => {
                let ask = payload.and_then(|payload| Ask::from_json(payload.get().as_bytes()).ok());
                let ask = ask.filter(|ask| ask.document().is_some() || ask.named() != Named::Not);
                let ask = ask.ok_or_else(|| Close::bad_message("Invalid message: `payload` of `subscribe`"))?;
                Ok(Self::Subscribe(operation_id(id)?, Box::new(ask)))
            }
            "complete" => Ok(Self::Complete(operation_id(id)?)),
            _ => Err(Close::bad_message("Invalid message: unknown `type`")),
        }
    }

    fn init(payload: Option<&RawValue>) -> Result<Self, Close> {
        let Some(payload) = payload else { return Ok(Self::Init(None)) };
        match serde_json::from_str::<Init>(payload.get()) {
            Ok(init) if payload.get().starts_with('{') => Ok(Self::Init(init.authorization)),
            _ => Err(Close::bad_message("Invalid message: `payload` of `connection_init`")),
        }
    }
}

fn object(payload: Option<&RawValue>) -> Result<Option<&RawValue>, Close> {
    match payload {
        Some(payload) if !payload.get().starts_with('{') => {
            Err(Close::bad_message("Invalid message: `payload` must be an object"))
        }
        payload => Ok(payload),
    }
}

fn operation_id(id: Option<String>) -> Result<String, Close> {
    id.filter(|id| !id.is_empty() && id.len() <= ID_MAX_BYTES)
        .ok_or_else(|| Close::bad_message(format!("Invalid message: `id` must have 1 to {ID_MAX_BYTES} bytes")))
}

/// `connection_ack`.
pub(super) const ACK: &str = r#"{"type":"connection_ack"}"#;
/// `ping`, without a payload.
pub(super) const PING: &str = r#"{"type":"ping"}"#;

/// `pong`, with the payload of the `ping` it answers.
pub(super) fn pong(payload: Option<&RawValue>) -> String {
    match payload {
        Some(payload) => format!(r#"{{"type":"pong","payload":{}}}"#, payload.get()),
        None => r#"{"type":"pong"}"#.to_owned(),
    }
}

/// `complete`.
pub(super) fn complete(id: &str) -> String {
    format!(r#"{{"id":{},"type":"complete"}}"#, quoted(id))
}

/// `next` with an answer, or `error` with the errors of a request that did not run.
pub(super) fn item(id: &str, item: &Item) -> String {
    match item.finished {
        Finished::Refused(_) => {
            let errors = serde_json::to_string(&item.answer.errors).unwrap_or_default();
            format!(r#"{{"id":{},"type":"error","payload":{errors}}}"#, quoted(id))
        }
        Finished::Ok | Finished::Errors => {
            format!(r#"{{"id":{},"type":"next","payload":{}}}"#, quoted(id), item.json())
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_messages_are_read() {
        assert!(matches!(Incoming::read(r#"{"type":"connection_init"}"#), Ok(Incoming::Init(None))));
        let init = r#"{"type":"connection_init","payload":{"authorization":"Bearer x","other":1}}"#;
        assert!(matches!(Incoming::read(init), Ok(Incoming::Init(Some(token))) if token == "Bearer x"));
        let subscribe = r#"{"id":"1","type":"subscribe","payload":{"query":"{a}","variables":null}}"#;
        assert!(matches!(Incoming::read(subscribe), Ok(Incoming::Subscribe(id, _)) if id == "1"));
        assert!(matches!(Incoming::read(r#"{"id":"1","type":"complete"}"#), Ok(Incoming::Complete(_))));
        assert!(matches!(Incoming::read(r#"{"type":"pong","payload":null}"#), Ok(Incoming::Pong)));
    }

    #[test]
    fn a_ping_comes_back_with_what_it_carried() {
        let Ok(Incoming::Ping(payload)) = Incoming::read(r#"{"type":"ping","payload":{"a" : [1, 2.50]}}"#) else {
            panic!()
        };
        assert_eq!(pong(payload.as_deref()), r#"{"type":"pong","payload":{"a" : [1, 2.50]}}"#);
        assert_eq!(pong(None), r#"{"type":"pong"}"#);
    }

    #[test]
    fn everything_else_is_a_bad_message() {
        let long = format!(r#"{{"id":"{}","type":"complete"}}"#, "x".repeat(257));
        for text in [
            "",
            "x",
            "[]",
            "null",
            r#"{"type":1}"#,
            r#"{"id":"1"}"#,
            r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
            r#"{"type":"connection_init","payload":"x"}"#,
            r#"{"type":"connection_init","payload":[]}"#,
            r#"{"type":"connection_init","payload":{"authorization":1}}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
            r#"{"type":"complete"}"#,
            &long,
        ] {
            assert_eq!(Incoming::read(text).unwrap_err().code, 4400, "{text}");
        }
    }
}
