//! Lines of the log.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    domain::{
        event::{self, EventCursor, EventKind, EventWindow},
        page::Page,
    },
    error::{Error, Result, Violation},
    graphql::{
        connection::{PageInfo, Slice},
        id,
        loaders::{ClientKey, load},
        scalars::{DateTime, JsonObject, Long},
        types::{
            actor::Actor,
            client::Client,
            node::{Node, find},
        },
    },
};

/// Something that happened: a line of the log, which never changes.
#[derive(Clone, Debug)]
pub struct Event(pub Arc<event::Event>);

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Self {
        Self(Arc::new(event))
    }
}

/// Something that happened: a line of the log, which never changes.
#[Object]
impl Event {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The place right after this event, to pass as `after`: the same in `timeline` and `events`.
    async fn cursor(&self) -> String {
        self.0.cursor().to_string()
    }

    /// Its place in the log, counted from 0 without gaps: the index of its leaf in the log's Merkle tree.
    async fn position(&self) -> Long {
        self.0.position.into()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// What happened, as noun, dot and participle: `client.created`. More kinds may come with every release.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Who did it.
    async fn actor(&self) -> Actor {
        self.0.actor.into()
    }

    /// The client it concerns; null for what concerns the provider alone.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Client>> {
        match self.0.client_id {
            Some(client) => load(ctx, ClientKey(client)).await,
            None => Ok(None),
        }
    }

    /// The id of the noun it happened to.
    async fn subject_id(&self) -> ID {
        self.0.subject_id.clone().into()
    }

    /// The noun it happened to; null when it cannot be asked for by its id, or is not for the caller to read.
    async fn subject(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Node>> {
        find(ctx, &self.0.subject_id.as_str().into()).await
    }

    /// The id of the job in whose course it happened.
    async fn job_id(&self) -> Option<ID> {
        self.0.job_id.map(|job| job.to_string().into())
    }

    /// The id of the event that it follows from, of the same deed: the answer that let an exception hold, the start that
    /// changed a client's stage. Null for what was done for its own sake.
    async fn cause_id(&self) -> Option<ID> {
        self.0.cause_id.map(|event| event.to_string().into())
    }

    /// One sentence for people.
    async fn summary(&self) -> &str {
        &self.0.summary
    }

    /// What programs need to know; its fields depend on `kind`.
    async fn payload(&self) -> JsonObject {
        JsonObject(self.0.payload.clone())
    }
}

/// Which events are meant. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct EventFilter {
    /// Only events that concern this client.
    pub client_id: Option<ID>,
    /// Only events that happened to this noun.
    pub subject_id: Option<ID>,
    /// Only events of one of these kinds, up to 50.
    #[graphql(validator(max_items = 50))]
    pub kinds: Option<Vec<String>>,
    /// Only events in the course of this job.
    pub job_id: Option<ID>,
    /// Only events that this person or key did; `system` for Gangway itself.
    pub actor_id: Option<ID>,
    /// Only events that happened at this instant or later.
    pub since: Option<DateTime>,
    /// Only events that happened before this instant.
    pub until: Option<DateTime>,
}

impl EventFilter {
    /// The filter in the domain's words.
    ///
    /// # Errors
    /// `NotFound` for an id that cannot name its noun; `Violation` for a kind that does not exist.
    pub fn parse(self) -> Result<event::EventFilter> {
        let client_id = self.client_id.map(|text| id::get(&text, "client", "filter.clientId")).transpose()?;
        let job_id = self.job_id.map(|text| id::get(&text, "job", "filter.jobId")).transpose()?;
        let actor = self.actor_id.map(|text| id::get(&text, "actor", "filter.actorId")).transpose()?;
        Ok(event::EventFilter {
            client_id,
            subject_id: self.subject_id.map(|id| id.0),
            kinds: self.kinds.unwrap_or_default().iter().enumerate().map(kind).collect::<Result<_>>()?,
            job_id,
            actor,
            since: self.since.map(|instant| instant.0),
            until: self.until.map(|instant| instant.0),
        })
    }
}

fn kind((index, word): (usize, &String)) -> Result<EventKind> {
    word.parse().map_err(|_unknown| {
        let violation = Violation::new(format!("filter.kinds.{index}"), "There is no such kind of event.");
        violation.remedy("A kind is a noun, a dot and a participle, such as `client.created`.").into()
    })
}

/// The cursor in an argument.
///
/// # Errors
/// `Violation` on `field`.
pub fn cursor(field: &str, text: &str) -> Result<EventCursor> {
    text.parse().map_err(|error: event::ParseCursorError| {
        Error::from(Violation::new(field, "This is not a cursor of the log.").remedy(error.to_string()))
    })
}

/// The window that the arguments of a connection describe.
///
/// # Errors
/// `Violation` on `first`, `last`, `after` or `before`.
pub fn window(slice: &Slice) -> Result<EventWindow> {
    let (limit, end) = slice.extent()?;
    let after = slice.after.as_deref().map(|text| cursor("after", text)).transpose()?;
    let before = slice.before.as_deref().map(|text| cursor("before", text)).transpose()?;
    Ok(EventWindow { limit, end, after, before })
}

/// Events, the oldest first.
#[derive(Clone, Debug)]
pub struct EventConnection {
    page: Page<Event>,
    total: u64,
}

/// An event and its place in the log.
#[derive(Clone, Debug, async_graphql::SimpleObject)]
pub struct EventEdge {
    /// The place, to pass as `after` or `before`.
    cursor: String,
    /// The event.
    node: Event,
}

impl EventConnection {
    /// One page, and how long the whole list is.
    pub fn new(page: Page<Event>, total: u64) -> Self {
        Self { page, total }
    }

    fn place(event: &Event) -> String {
        event.0.cursor().to_string()
    }
}

/// Events, the oldest first.
#[Object]
impl EventConnection {
    /// The events of this page with their cursors.
    async fn edges(&self) -> Vec<EventEdge> {
        self.page.items.iter().map(|node| EventEdge { cursor: Self::place(node), node: node.clone() }).collect()
    }

    /// The events of this page.
    async fn nodes(&self) -> Vec<Event> {
        self.page.items.clone()
    }

    /// Which part of the list this is.
    async fn page_info(&self) -> PageInfo {
        PageInfo::of(&self.page, Self::place)
    }

    /// How many there are in the whole list; counted only when selected.
    async fn total_count(&self) -> i32 {
        i32::try_from(self.total).unwrap_or(i32::MAX)
    }
}
