//! What of an event is hashed.
//!
//! The text is canonical JSON, so anybody who holds an event as the API shows it can rebuild the leaf:
//! one object with exactly these keys, ids in their printed form, absent values as `null`, the instant in
//! UTC with milliseconds. The position is not among them: the tree gives it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use super::NodeHash;
use crate::{
    domain::event::{Event, exact_numbers},
    ids::{ActorId, ClientId, EventId, JobId},
};

#[derive(Serialize)]
struct Text<'a> {
    id: EventId,
    at: String,
    kind: &'a str,
    actor: ActorId,
    client_id: Option<ClientId>,
    subject_id: &'a str,
    job_id: Option<JobId>,
    cause_id: Option<EventId>,
    summary: &'a str,
    payload: &'a Value,
}

/// The canonical text of everything in `event` that never changes.
///
/// # Errors
/// Never for what a database can hold: JSON there has neither doubled keys nor infinite numbers.
pub fn text(event: &Event) -> Result<Vec<u8>, serde_json::Error> {
    // Canonical JSON would print two large whole numbers alike; as text they stay apart.
    let payload = exact_numbers(Value::Object(event.payload.clone()));
    serde_json_canonicalizer::to_vec(&Text {
        id: event.id,
        at: printed(event.at),
        kind: &event.kind,
        actor: event.actor,
        client_id: event.client_id,
        subject_id: &event.subject_id,
        job_id: event.job_id,
        cause_id: event.cause_id,
        summary: &event.summary,
        payload: &payload,
    })
}

/// The hash of the leaf that `event` is.
///
/// # Errors
/// As [`text`].
pub fn hash(event: &Event) -> Result<NodeHash, serde_json::Error> {
    Ok(NodeHash::leaf(&text(event)?))
}

/// With milliseconds, as everything is written. A finer instant can only come from somebody who changed
/// the row, so it shows in full.
fn printed(at: DateTime<Utc>) -> String {
    let is_whole = at.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    at.to_rfc3339_opts(if is_whole { SecondsFormat::Millis } else { SecondsFormat::Nanos }, true)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn event() -> Event {
        Event {
            position: 7,
            id: Uuid::from_u128(1).into(),
            at: DateTime::from_timestamp_millis(1_795_000_000_120).unwrap(),
            kind: "client.created".into(),
            actor: ActorId::System,
            client_id: Some(Uuid::from_u128(2).into()),
            subject_id: "cli_00000000000000000000000002".into(),
            job_id: None,
            cause_id: None,
            summary: "Zoë & Co. was entered.".into(),
            payload: json!({"slug": "zoe", "count": 2, "b": {"z": 1.50, "a": null}}).as_object().unwrap().clone(),
        }
    }

    #[test]
    fn the_text_is_what_anybody_would_rebuild() {
        assert_eq!(
            String::from_utf8(text(&event()).unwrap()).unwrap(),
            concat!(
                r#"{"actor":"system","at":"2026-11-18T11:06:40.120Z","cause_id":null,"#,
                r#""client_id":"cli_00000000000000000000000002","id":"evt_00000000000000000000000001","#,
                r#""job_id":null,"kind":"client.created","payload":{"b":{"a":null,"z":1.5},"count":2,"slug":"zoe"},"#,
                r#""subject_id":"cli_00000000000000000000000002","summary":"Zoë & Co. was entered."}"#
            )
        );
    }

    #[test]
    fn a_change_of_any_field_changes_the_hash() {
        let changes: [fn(&mut Event); 12] = [
            |event| event.id = Uuid::from_u128(9).into(),
            |event| event.at += TimeDelta::milliseconds(1),
            |event| event.at += TimeDelta::microseconds(1),
            |event| event.kind.push('x'),
            |event| event.actor = ActorId::User(Uuid::from_u128(9).into()),
            |event| event.client_id = None,
            |event| event.subject_id.push('x'),
            |event| event.job_id = Some(Uuid::from_u128(9).into()),
            |event| event.cause_id = Some(Uuid::from_u128(9).into()),
            |event| event.summary.push('x'),
            |event| event.payload["count"] = json!(3),
            |event| event.payload["b"]["z"] = json!("1.5"),
        ];
        let before = hash(&event()).unwrap();
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = event();
            change(&mut changed);
            assert_ne!(hash(&changed).unwrap(), before, "change {number}");
        }
    }

    #[test]
    fn numbers_that_doubles_would_merge_stay_apart() {
        let with = |number: u64| {
            let mut event = event();
            event.payload["count"] = json!(number);
            hash(&event).unwrap()
        };
        assert_ne!(with(9_007_199_254_740_992), with(9_007_199_254_740_993));
    }
}
