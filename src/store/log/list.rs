//! Reading sealed events within a scope.

use std::collections::HashSet;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::{head, row, stored};
use crate::{
    auth::ClientScope,
    domain::{
        event::{Event, EventBatch, EventCursor, EventFilter, EventKind, EventWindow},
        page::{End, Page},
    },
    error::Result,
    ids::{EventId, JobId},
    store,
};

use entity::event::{Column, Entity};

fn select(scope: &ClientScope, filter: &EventFilter) -> Select<Entity> {
    let mut select = store::within(Entity::find(), Column::ClientId, scope).filter(Column::Position.is_not_null());
    if let Some(client) = filter.client_id {
        select = select.filter(Column::ClientId.eq(client.uuid()));
    }
    if let Some(subject) = &filter.subject_id {
        select = select.filter(Column::SubjectId.eq(subject));
    }
    if !filter.kinds.is_empty() {
        select = select.filter(Column::Kind.is_in(filter.kinds.iter().map(|kind| kind.as_str())));
    }
    if let Some(job) = filter.job_id {
        select = select.filter(Column::JobId.eq(job.uuid()));
    }
    if let Some(actor) = filter.actor {
        select = select.filter(Column::Actor.eq(actor.to_string()));
    }
    if let Some(since) = filter.since {
        select = select.filter(Column::At.gte(since));
    }
    if let Some(until) = filter.until {
        select = select.filter(Column::At.lt(until));
    }
    select
}

/// Whoever left events of these kinds about these jobs, as printed, sealed or not.
///
/// # Errors
/// Those of the database.
pub(crate) async fn actors_of_jobs(
    db: &impl ConnectionTrait,
    jobs: &[JobId],
    kinds: &[EventKind],
) -> Result<HashSet<String>> {
    let select = Entity::find()
        .filter(Column::JobId.is_in(jobs.iter().map(|id| id.uuid())))
        .filter(Column::Kind.is_in(kinds.iter().map(|kind| kind.as_str())));
    let actors: Vec<String> = select.select_only().column(Column::Actor).into_tuple().all(db).await?;
    Ok(actors.into_iter().collect())
}

/// The next events after `after`, up to `limit` of those that the scope allows and the filter fits.
///
/// The size of the log is read first, so everything below it is there: a reader that goes on at
/// [`EventBatch::next`] sees every event once.
///
/// # Errors
/// Those of the database.
pub(crate) async fn read(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &EventFilter,
    after: EventCursor,
    limit: u32,
) -> Result<EventBatch> {
    if scope.restriction().is_none() && *filter == EventFilter::default() {
        return read_whole(db, scope, after, limit).await;
    }
    let size = head::size(db).await?;
    if after.next_position() >= size {
        return Ok(EventBatch { events: Vec::new(), next: after, is_end: true });
    }
    let rows = select(scope, filter)
        .filter(Column::Position.gte(stored(after.next_position())))
        .filter(Column::Position.lt(stored(size)))
        .order_by_asc(Column::Position)
        .limit(u64::from(limit))
        .all(db)
        .await?;
    let is_end = rows.len() < limit as usize;
    let events: Vec<Event> = rows.into_iter().map(row::event).collect::<Result<_>>()?;
    let last = events.last().map_or(after, Event::cursor);
    Ok(EventBatch { events, next: if is_end { EventCursor::end_of(size) } else { last }, is_end })
}

/// As [`read`] for those who see everything, in one statement: nothing is passed over, and what one statement sees of
/// the log has no gap, so the size says nothing more.
async fn read_whole(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    after: EventCursor,
    limit: u32,
) -> Result<EventBatch> {
    let rows = select(scope, &EventFilter::default())
        .filter(Column::Position.gte(stored(after.next_position())))
        .order_by_asc(Column::Position)
        .limit(u64::from(limit))
        .all(db)
        .await?;
    let is_end = rows.len() < limit as usize;
    let events: Vec<Event> = rows.into_iter().map(row::event).collect::<Result<_>>()?;
    Ok(EventBatch { next: events.last().map_or(after, Event::cursor), events, is_end })
}

/// One page of the timeline, the oldest event first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &EventFilter,
    window: &EventWindow,
) -> Result<Page<Event>> {
    let mut select = select(scope, filter).limit(u64::from(window.limit) + 1);
    if let Some(after) = window.after {
        select = select.filter(Column::Position.gte(stored(after.next_position())));
    }
    if let Some(before) = window.before {
        // The cursor stands after its event, which itself is not before it.
        select = select.filter(Column::Position.lt(stored(before.next_position()) - 1));
    }
    let order = if window.end == End::First { Order::Asc } else { Order::Desc };
    let rows = select.order_by(Column::Position, order).all(db).await?;
    let has_more = rows.len() > window.limit as usize;
    let mut items = rows.into_iter().take(window.limit as usize).map(row::event).collect::<Result<Vec<_>>>()?;
    if window.end == End::Last {
        items.reverse();
        return Ok(Page { items, has_next: window.before.is_some(), has_previous: has_more, stopped_at: None });
    }
    Ok(Page { items, has_next: has_more, has_previous: window.after.is_some(), stopped_at: None })
}

/// How many events the timeline has in all.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope, filter: &EventFilter) -> Result<u64> {
    Ok(select(scope, filter).count(db).await?)
}

/// The event, once it is sealed, if `scope` allows it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(db: &impl ConnectionTrait, scope: &ClientScope, id: EventId) -> Result<Option<Event>> {
    let found = select(scope, &EventFilter::default()).filter(Column::Id.eq(id.uuid())).one(db).await?;
    found.map(row::event).transpose()
}

/// Those of `ids` that are sealed and that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[EventId]) -> Result<Vec<Event>> {
    let ids = ids.iter().map(|id| id.uuid());
    let rows = select(scope, &EventFilter::default()).filter(Column::Id.is_in(ids)).all(db).await?;
    rows.into_iter().map(row::event).collect()
}
