//! A line of the log: what happened, to what, by whom and why.
//!
//! A deed makes a [`NewEvent`]; the log stamps it with an id, an instant and an actor in the deed's own
//! transaction; sealing then gives it a position, and from then on it is an [`Event`] that never changes.
//! A [`EventCursor`] is a place in the log between two events, the same for the timeline, the stream and
//! every other feed.
//!
//! An event says *that* something happened and carries what a reader needs in order to tell the story: ids,
//! states before and after, counts. It carries no secret and no file content, because it can never be
//! removed again.
//!
//! Deliberately absent: kinds for progress and webhook deliveries, which are too many for a log that is
//! kept for ever.
//!
//! To add a kind, add one line to [`EventKind`]: noun, dot, participle. A word that was ever released is
//! never changed or reused.
//!
//! Long because of the one closed list of everything that can happen, a line and its meaning each.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::{
    domain::page::{End, LIMIT_DEFAULT},
    ids::{ActorId, ClientId, EventId, JobId},
};

words! {
    /// What happened, as `noun.participle`.
    EventKind {
        /// A client was entered.
        ClientCreated = "client.created",
        /// A client's own fields were changed.
        ClientUpdated = "client.updated",
        /// A client's derived stage became another one.
        ClientStageChanged = "client.stage_changed",
        /// A contact of a client was entered.
        ContactCreated = "contact.created",
        /// A contact of a client was changed.
        ContactUpdated = "contact.updated",
        /// An agreement was recorded.
        AgreementRecorded = "agreement.recorded",
        /// An agreement was signed.
        AgreementSigned = "agreement.signed",
        /// An agreement ended.
        AgreementEnded = "agreement.ended",
        /// A termination notice with its final service date was recorded.
        TerminationRecorded = "termination.recorded",
        /// A termination notice was taken back.
        TerminationWithdrawn = "termination.withdrawn",
        /// Discovery recorded a fact.
        FactRecorded = "fact.recorded",
        /// A second person verified a fact.
        FactVerified = "fact.verified",

        /// A new version of a process was drafted.
        ProcessDrafted = "process.drafted",
        /// A draft was changed.
        ProcessDraftUpdated = "process.draft_updated",
        /// A draft was put up for approval.
        ProcessSubmitted = "process.submitted",
        /// An approved version was reviewed by a person.
        ProcessReviewed = "process.reviewed",
        /// A version was copied into a new draft.
        ProcessDuplicated = "process.duplicated",
        /// A version was approved and is frozen from now on.
        ProcessApproved = "process.approved",
        /// A version in review was sent back.
        ProcessRejected = "process.rejected",
        /// A newer approved version took a version's place.
        ProcessSuperseded = "process.superseded",
        /// A process is not started any more.
        ProcessRetired = "process.retired",

        /// An engagement was planned.
        EngagementPlanned = "engagement.planned",
        /// An engagement began.
        EngagementStarted = "engagement.started",
        /// An engagement was paused.
        EngagementPaused = "engagement.paused",
        /// A paused engagement went on.
        EngagementResumed = "engagement.resumed",
        /// An engagement was given up; everything it made is kept.
        EngagementCancelled = "engagement.cancelled",
        /// An engagement reached its end with nothing left open.
        EngagementConcluded = "engagement.concluded",
        /// A stakeholder was named.
        StakeholderAdded = "stakeholder.added",
        /// A stakeholder's data or responsibilities were changed.
        StakeholderUpdated = "stakeholder.updated",
        /// A stakeholder was taken off.
        StakeholderRemoved = "stakeholder.removed",
        /// A challenge was entered.
        ChallengeRecorded = "challenge.recorded",
        /// A challenge was overcome.
        ChallengeResolved = "challenge.resolved",

        /// A step was given to somebody.
        StepAssigned = "step.assigned",
        /// Work on a step began.
        StepStarted = "step.started",
        /// A step was done.
        StepCompleted = "step.completed",
        /// A step was found not to apply.
        StepMarkedNotApplicable = "step.marked_not_applicable",
        /// An approved exception stands in for a step.
        StepExcepted = "step.excepted",
        /// A finished step was opened again.
        StepReopened = "step.reopened",
        /// A checklist item was ticked or cleared.
        ChecklistItemSet = "checklist_item.set",
        /// Proof was attached to a step or a holding.
        EvidenceAdded = "evidence.added",
        /// A file was announced, and a place for its bytes was made.
        FileRequested = "file.requested",
        /// A file arrived whole and was measured.
        FileStored = "file.stored",
        /// An announced file never came and is not waited for any longer.
        FileForgotten = "file.forgotten",

        /// A deviation was put up for approval.
        ExceptionRaised = "exception.raised",
        /// A deviation was approved.
        ExceptionApproved = "exception.approved",
        /// A deviation was refused.
        ExceptionRejected = "exception.rejected",
        /// A deviation was taken back by whoever raised it.
        ExceptionWithdrawn = "exception.withdrawn",
        /// A deviation's time ran out.
        ExceptionExpired = "exception.expired",
        /// An action that a deviation asked for was done.
        ExceptionActionDone = "exception.action_done",
        /// A deviation is history.
        ExceptionClosed = "exception.closed",
        /// A question was put to those who may decide it.
        DecisionRequested = "decision.requested",
        /// A vote was cast.
        DecisionVoted = "decision.voted",
        /// A vote was handed to somebody else.
        DecisionDelegated = "decision.delegated",
        /// Every quorum was met.
        DecisionGranted = "decision.granted",
        /// A refusal was cast.
        DecisionRefused = "decision.refused",
        /// A question was taken back.
        DecisionWithdrawn = "decision.withdrawn",
        /// A question's time ran out.
        DecisionExpired = "decision.expired",

        /// A line was entered in the ledger.
        HoldingRegistered = "holding.registered",
        /// A planned holding came into being, or one that was let stay is open again.
        HoldingActivated = "holding.activated",
        /// Removal of a holding began.
        HoldingClosing = "holding.closing",
        /// A removal waits for an absent target.
        HoldingWaiting = "holding.waiting",
        /// A removal failed and the holding is as alive as before.
        HoldingRemovalFailed = "holding.removal_failed",
        /// A holding was removed and is not verified yet.
        HoldingRemoved = "holding.removed",
        /// A probe verified that a holding is gone.
        HoldingClosed = "holding.closed",
        /// A contract clause and a granted decision let a holding stay, or its store keeps it until a date.
        HoldingRetained = "holding.retained",
        /// An approved exception stands in for the removal of a holding.
        HoldingExcepted = "holding.excepted",
        /// A closed holding was found alive.
        HoldingResurfaced = "holding.resurfaced",

        /// A client's public key was entered.
        RecipientKeyRegistered = "recipient_key.registered",
        /// A client was asked to prove that it holds a key.
        RecipientKeyChallenged = "recipient_key.challenged",
        /// A client proved that it holds a key.
        RecipientKeyConfirmed = "recipient_key.confirmed",
        /// A key is not used any more.
        RecipientKeyRevoked = "recipient_key.revoked",

        /// What a job would do was frozen.
        JobPlanned = "job.planned",
        /// A job was ordered.
        JobQueued = "job.queued",
        /// A worker took a job up.
        JobStarted = "job.started",
        /// An attempt failed and another one is due.
        JobRetrying = "job.retrying",
        /// A job waits for absent targets.
        JobWaiting = "job.waiting",
        /// A job's worker died and the job was put back.
        JobRescued = "job.rescued",
        /// A worker that shut down gave a job back.
        JobHandedBack = "job.handed_back",
        /// Every target of a job was done and verified.
        JobSucceeded = "job.succeeded",
        /// Some targets of a job were done and others failed.
        JobPartial = "job.partial",
        /// A job failed for good.
        JobFailed = "job.failed",
        /// Somebody asked a job to stop.
        JobCancelRequested = "job.cancel_requested",
        /// A job stopped because it was asked to.
        JobCancelled = "job.cancelled",
        /// A finished job's failed targets were ordered again.
        JobRequeued = "job.requeued",
        /// A target of a job reached an end.
        JobTargetFinished = "job_target.finished",
        /// A client's data was delivered and read back.
        DataReturnDelivered = "data_return.delivered",
        /// A client accepted its returned data.
        DataReturnAccepted = "data_return.accepted",
        /// A client disputed its returned data.
        DataReturnDisputed = "data_return.disputed",
        /// What a data return left behind was taken away.
        DataReturnCleared = "data_return.cleared",
        /// The destruction of a client's data began: from here on it may be gone.
        DataDestructionBegun = "data.destruction_begun",
        /// A client's data was destroyed, and nothing is left at its place.
        DataDestroyed = "data.destroyed",
        /// An agent was told to take itself off its device.
        AgentDismissed = "agent.dismissed",
        /// An agent's tool was told to forget it.
        AgentForgotten = "agent.forgotten",
        /// An agent was seen to be gone, and to stay away.
        AgentGone = "agent.gone",
        /// A signed statement was issued.
        CertificateIssued = "certificate.issued",

        /// A person was given access.
        UserCreated = "user.created",
        /// A person's roles or client were changed.
        UserUpdated = "user.updated",
        /// A person's access ended.
        UserDeactivated = "user.deactivated",
        /// An api key was made.
        ApiKeyCreated = "api_key.created",
        /// An api key was taken back.
        ApiKeyRevoked = "api_key.revoked",
        /// An outside system was entered.
        ConnectorCreated = "connector.created",
        /// An outside system was looked at, to see what it can do.
        ConnectorProbed = "connector.probed",
    }
}

/// The largest whole number that every JSON reader carries exactly: 2^53 - 1.
///
/// # Source
/// RFC 7493 (I-JSON) section 2.2; RFC 8785 hashes numbers as IEEE doubles, so two larger numbers could
/// hash the same.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Something that happened and is not written down yet.
///
/// ```
/// # use gangway::{domain::event::{EventKind, NewEvent}, ids::ClientId};
/// # let client = ClientId::from(uuid::Uuid::nil());
/// let event = NewEvent::new(EventKind::ClientCreated, client, "Acme was entered.").client(client).with("slug", "acme");
/// assert_eq!(event.payload["slug"], "acme");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventKind,
    /// The noun it happened to, as a printed id.
    pub subject_id: String,
    /// The client it concerns; none for what concerns the provider alone.
    pub client_id: Option<ClientId>,
    /// The job in whose course it happened.
    pub job_id: Option<JobId>,
    /// The event that led to it.
    pub cause_id: Option<EventId>,
    /// One sentence for people.
    pub summary: String,
    /// What programs need to know, flat where possible.
    pub payload: Map<String, Value>,
}

impl NewEvent {
    /// `kind` happened to `subject`, an id; `summary` is one sentence for people.
    pub fn new(kind: EventKind, subject: impl fmt::Display, summary: impl Into<String>) -> Self {
        Self {
            kind,
            subject_id: subject.to_string(),
            client_id: None,
            job_id: None,
            cause_id: None,
            summary: storable(summary.into()),
            payload: Map::new(),
        }
    }

    /// It concerns `client`. Without this, only callers who see every client see the event.
    #[must_use]
    pub fn client(mut self, client: impl Into<Option<ClientId>>) -> Self {
        self.client_id = client.into();
        self
    }

    /// It happened in the course of `job`.
    #[must_use]
    pub fn job(mut self, job: impl Into<Option<JobId>>) -> Self {
        self.job_id = job.into();
        self
    }

    /// Adds `key` to the payload. Whole numbers beyond [`MAX_SAFE_INTEGER`] become text, as in the API,
    /// and characters that `PostgreSQL` cannot store are replaced.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.payload.insert(storable(key.to_owned()), exact_numbers(storable_json(value.into())));
        self
    }
}

/// `text` without the one character that `PostgreSQL` refuses in text.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn storable_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(storable(text)),
        Value::Array(items) => items.into_iter().map(storable_json).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, value)| (storable(key), storable_json(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// `value` with every whole number beyond [`MAX_SAFE_INTEGER`] as text.
pub(crate) fn exact_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) if is_unsafe(&number) => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(exact_numbers).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, exact_numbers(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn is_unsafe(number: &serde_json::Number) -> bool {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|magnitude| magnitude > MAX_SAFE_INTEGER)
}

/// A sealed line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's own id.
    pub id: EventId,
    /// Its place in the log, counted from 0 without gaps: the index of its leaf in the Merkle tree.
    pub position: u64,
    /// When it happened, to the millisecond.
    pub at: DateTime<Utc>,
    /// What happened: a word of [`EventKind`], or one that only a newer version of this program knows.
    pub kind: String,
    /// Who did it.
    pub actor: ActorId,
    /// The client it concerns.
    pub client_id: Option<ClientId>,
    /// The noun it happened to, as a printed id.
    pub subject_id: String,
    /// The job in whose course it happened.
    pub job_id: Option<JobId>,
    /// The event that led to it.
    pub cause_id: Option<EventId>,
    /// One sentence for people.
    pub summary: String,
    /// What programs need to know.
    pub payload: Map<String, Value>,
}

impl Event {
    /// The place right after this event.
    pub fn cursor(&self) -> EventCursor {
        EventCursor::after(self.position)
    }
}

/// A place in the log between two events. Printed, it is opaque to callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor(u64);

/// Why a text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of the log: pass one unchanged as an event gave it")]
pub struct ParseCursorError;

impl EventCursor {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// Right after the event at `position`.
    pub fn after(position: u64) -> Self {
        Self(position.saturating_add(1))
    }

    /// Right after the last event of a log that holds `size` events.
    pub fn end_of(size: u64) -> Self {
        Self(size)
    }

    /// The position of the event that follows, whether it exists yet or not.
    pub fn next_position(self) -> u64 {
        self.0
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()))
    }
}

impl FromStr for EventCursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        let next = bytes.map(u64::from_be_bytes).ok_or(ParseCursorError)?;
        // The databases count in signed 64-bit numbers.
        if i64::try_from(next).is_ok() { Ok(Self(next)) } else { Err(ParseCursorError) }
    }
}

/// Which events are meant. Everything that is set must fit; the empty filter fits every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Those that concern this client.
    pub client_id: Option<ClientId>,
    /// Those that happened to this noun, by its printed id.
    pub subject_id: Option<String>,
    /// Those of one of these kinds; all kinds when empty.
    pub kinds: Vec<EventKind>,
    /// Those that happened in the course of this job.
    pub job_id: Option<JobId>,
    /// Those that this actor did.
    pub actor: Option<ActorId>,
    /// Those that happened at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Those that happened before this instant.
    pub until: Option<DateTime<Utc>>,
}

impl EventFilter {
    /// Whether `event` is meant.
    pub fn fits(&self, event: &Event) -> bool {
        self.client_id.is_none_or(|client| event.client_id == Some(client))
            && self.subject_id.as_ref().is_none_or(|subject| event.subject_id == *subject)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.as_str() == event.kind))
            && self.job_id.is_none_or(|job| event.job_id == Some(job))
            && self.actor.is_none_or(|actor| event.actor == actor)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }
}

/// What part of the timeline is asked for. The timeline runs forward: the oldest event comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWindow {
    /// How many events, from 1 to [`LIMIT_MAX`](crate::domain::page::LIMIT_MAX).
    pub limit: u32,
    /// From which end.
    pub end: End,
    /// Only events after the one with this cursor.
    pub after: Option<EventCursor>,
    /// Only events before the one with this cursor.
    pub before: Option<EventCursor>,
}

impl Default for EventWindow {
    fn default() -> Self {
        Self { limit: LIMIT_DEFAULT, end: End::First, after: None, before: None }
    }
}

/// The next few events of a reader that follows the log.
#[derive(Clone, Debug, PartialEq)]
pub struct EventBatch {
    /// In order; those that the reader's filter leaves out are missing.
    pub events: Vec<Event>,
    /// Where the reader goes on.
    pub next: EventCursor,
    /// Whether the reader has seen everything that was sealed when it asked.
    pub is_end: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_kind_is_a_noun_a_dot_and_a_participle_and_stands_once() {
        let words: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        for word in &words {
            let (noun, verb) = word.split_once('.').unwrap();
            let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain(noun) && plain(verb), "{word}");
        }
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
    }

    #[test]
    fn a_cursor_reads_back_and_stands_after_its_event() {
        for position in [0, 1, 41, 1 << 40] {
            let cursor = EventCursor::after(position);
            assert_eq!(cursor.to_string().parse::<EventCursor>().unwrap(), cursor);
            assert_eq!(cursor.next_position(), position + 1);
        }
        assert_eq!(EventCursor::START.to_string().parse::<EventCursor>().unwrap().next_position(), 0);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "1", "AAAAAAAAAAA=", "AAAAAAAAAA", "_wAAAAAAAAA", "evt_01h455vb4pex5vsknk084sn02q", "é"] {
            assert_eq!(text.parse::<EventCursor>(), Err(ParseCursorError), "{text}");
        }
    }

    #[test]
    fn a_filter_fits_when_everything_that_is_set_does() {
        let (client, other) = (ClientId::from(Uuid::from_u128(1)), ClientId::from(Uuid::from_u128(2)));
        let at = DateTime::from_timestamp_millis(1_000).unwrap();
        let event = Event {
            id: Uuid::nil().into(),
            position: 0,
            at,
            kind: "client.created".to_owned(),
            actor: ActorId::System,
            client_id: Some(client),
            subject_id: client.to_string(),
            job_id: None,
            cause_id: None,
            summary: String::new(),
            payload: Map::new(),
        };
        let fits = |filter: EventFilter| filter.fits(&event);
        let all = EventFilter {
            client_id: Some(client),
            subject_id: Some(client.to_string()),
            kinds: vec![EventKind::ClientUpdated, EventKind::ClientCreated],
            job_id: None,
            actor: Some(ActorId::System),
            since: Some(at),
            until: Some(at + chrono::TimeDelta::milliseconds(1)),
        };
        assert!(fits(EventFilter::default()) && fits(all.clone()));
        assert!(!fits(EventFilter { client_id: Some(other), ..all.clone() }));
        assert!(!fits(EventFilter { subject_id: Some(other.to_string()), ..all.clone() }));
        assert!(!fits(EventFilter { kinds: vec![EventKind::ClientUpdated], ..all.clone() }));
        assert!(!fits(EventFilter { job_id: Some(Uuid::nil().into()), ..all.clone() }));
        assert!(!fits(EventFilter { actor: Some(ActorId::User(Uuid::nil().into())), ..all.clone() }));
        assert!(!fits(EventFilter { since: all.until, ..all.clone() }));
        assert!(!fits(EventFilter { until: all.since, ..all }));
    }

    #[test]
    fn numbers_that_json_readers_would_bend_become_text() {
        let job = JobId::from(Uuid::nil());
        let event = NewEvent::new(EventKind::JobSucceeded, job, "Done.")
            .job(job)
            .with("bytes", u64::MAX)
            .with("nested", json!({"low": i64::MIN, "list": [9_007_199_254_740_991_u64, 0.5]}));
        assert_eq!(event.payload["bytes"], "18446744073709551615");
        assert_eq!(event.payload["nested"]["low"], "-9223372036854775808");
        assert_eq!(event.payload["nested"]["list"], json!([9_007_199_254_740_991_u64, 0.5]));
    }

    #[test]
    fn nul_characters_do_not_reach_the_database() {
        let event = NewEvent::new(EventKind::FactRecorded, "fac_x", "a\0b").with("k\0", json!(["x\0"]));
        assert_eq!(event.summary, "a\u{fffd}b");
        assert_eq!(event.payload["k\u{fffd}"][0], "x\u{fffd}");
    }
}
