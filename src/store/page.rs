//! One page of a table, found by comparing keys.

use chrono::DateTime;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use crate::{
    domain::page::{End, Key, Page, Window},
    error::Result,
};

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Newest first.
    Newest,
    /// Oldest first.
    #[expect(dead_code, reason = "lists that are worked through from the start come with their nouns")]
    Oldest,
}

/// The rows of `select` in `window`, ordered by the instant column `at` and the id column `id`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fetch<E, A, I, C>(
    db: &C,
    select: Select<E>,
    (at, id): (A, I),
    sort: Sort,
    window: &Window,
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    A: ColumnTrait,
    I: ColumnTrait,
    C: ConnectionTrait,
{
    let descending = (sort == Sort::Newest) != (window.end == End::Last);
    let order = if descending { Order::Desc } else { Order::Asc };
    let mut select = select.order_by(at, order.clone()).order_by(id, order).limit(u64::from(window.limit) + 1);
    if let Some(key) = window.after {
        select = select.filter(beyond(at, id, key, sort == Sort::Newest));
    }
    if let Some(key) = window.before {
        select = select.filter(beyond(at, id, key, sort != Sort::Newest));
    }
    let mut items = select.all(db).await?;
    let more = items.len() > window.limit as usize;
    items.truncate(window.limit as usize);
    if window.end == End::Last {
        items.reverse();
        return Ok(Page { items, has_next: window.before.is_some(), has_previous: more });
    }
    Ok(Page { items, has_next: more, has_previous: window.after.is_some() })
}

/// Rows that stand beyond `key`: smaller when `is_descending`, greater otherwise.
fn beyond<A: ColumnTrait, I: ColumnTrait>(at: A, id: I, key: Key, is_descending: bool) -> Condition {
    let instant = DateTime::from_timestamp_millis(key.at_ms).unwrap_or_default();
    let (past, tie) = if is_descending { (at.lt(instant), id.lt(key.id)) } else { (at.gt(instant), id.gt(key.id)) };
    Condition::any().add(past).add(Condition::all().add(at.eq(instant)).add(tie))
}

/// How many rows `select` has.
///
/// # Errors
/// Those of the database.
pub(crate) async fn counted<E, C>(db: &C, select: Select<E>) -> Result<u64>
where
    E: EntityTrait,
    E::Model: Sync,
    C: ConnectionTrait,
{
    Ok(select.count(db).await?)
}
