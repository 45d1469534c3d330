//! One page of a table, found by comparing keys.

use std::collections::HashMap;

use chrono::DateTime;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Func, Query, WindowStatement},
};
use uuid::Uuid;

use crate::{
    domain::page::{End, Key, Page, Window},
    error::Result,
};

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Newest first, or from Z to A.
    Descending,
    /// Oldest first, or from A to Z.
    Ascending,
}

/// The rows of `select` in `window`, ordered by the instant column `at` and the id column `id`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fetch<E: EntityTrait>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    keys: (impl ColumnTrait, impl ColumnTrait),
    sort: Sort,
    window: &Window,
) -> Result<Page<E::Model>> {
    fetch_by(db, select, keys, instant, sort, window).await
}

/// The rows of `select` in `window`, ordered by any column `by` and the id column `id`. `place` tells from the key
/// of a row what stands in that column.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fetch_by<E: EntityTrait>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    (by, id): (impl ColumnTrait, impl ColumnTrait),
    place: impl Fn(Key) -> Expr,
    sort: Sort,
    window: &Window,
) -> Result<Page<E::Model>> {
    let order = read_order(sort, window);
    let select = between(select, (by, id), place, sort, window).order_by(by, order.clone()).order_by(id, order);
    Ok(paged(select.limit(u64::from(window.limit) + 1).all(db).await?, window))
}

/// The same window of the list of each parent, in one statement: `parent` is the column that names it,
/// `parent_of` reads it from a row. A parent without rows is absent.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fetch_each<E, P, A, I, C>(
    db: &C,
    select: Select<E>,
    keys: (P, A, I),
    sort: Sort,
    window: &Window,
    parent_of: impl Fn(&E::Model) -> Uuid,
) -> Result<HashMap<Uuid, Page<E::Model>>>
where
    E: EntityTrait,
    P: ColumnTrait,
    A: ColumnTrait,
    I: ColumnTrait,
    C: ConnectionTrait,
{
    fetch_each_by(db, select, keys, instant, sort, window, parent_of).await
}

/// The same of lists that are ordered by something else than an instant; `place` is what a key has in that column.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fetch_each_by<E, P, A, I, C>(
    db: &C,
    select: Select<E>,
    (parent, at, id): (P, A, I),
    place: impl Fn(Key) -> Expr,
    sort: Sort,
    window: &Window,
    parent_of: impl Fn(&E::Model) -> Uuid,
) -> Result<HashMap<Uuid, Page<E::Model>>>
where
    E: EntityTrait,
    P: ColumnTrait,
    A: ColumnTrait,
    I: ColumnTrait,
    C: ConnectionTrait,
{
    let order = read_order(sort, window);
    let rank = WindowStatement::partition_by((E::default(), parent))
        .order_by((E::default(), at), order.clone())
        .order_by((E::default(), id), order.clone())
        .take();
    let mut ranked = between(select.clone(), (at, id), place, sort, window).into_query();
    ranked.clear_selects().expr_as(Expr::col((E::default(), id)), "id");
    ranked.expr_window_as(Func::cust("ROW_NUMBER"), rank, "rank");
    let mut chosen = Query::select();
    chosen.column("id").from_subquery(ranked, "ranked").and_where(Expr::col("rank").lte(window.limit + 1));
    let rows = select.filter(id.in_subquery(chosen)).order_by(at, order.clone()).order_by(id, order).all(db).await?;
    let mut lists: HashMap<Uuid, Vec<E::Model>> = HashMap::new();
    for row in rows {
        lists.entry(parent_of(&row)).or_default().push(row);
    }
    Ok(lists.into_iter().map(|(parent, rows)| (parent, paged(rows, window))).collect())
}

/// The order rows are read in: that of the list, or the reverse when a page is taken from its end.
fn read_order(sort: Sort, window: &Window) -> Order {
    if (sort == Sort::Descending) == (window.end == End::First) { Order::Desc } else { Order::Asc }
}

fn between<E: EntityTrait>(
    mut select: Select<E>,
    (by, id): (impl ColumnTrait, impl ColumnTrait),
    place: impl Fn(Key) -> Expr,
    sort: Sort,
    window: &Window,
) -> Select<E> {
    if let Some(key) = window.after {
        select = select.filter(beyond(by, id, (place(key), key.id), sort == Sort::Descending));
    }
    if let Some(key) = window.before {
        select = select.filter(beyond(by, id, (place(key), key.id), sort != Sort::Descending));
    }
    select
}

/// What a list that is ordered by an instant has in that column.
fn instant(key: Key) -> Expr {
    Expr::value(DateTime::from_timestamp_millis(key.at_ms).unwrap_or_default())
}

/// A page from one row more than it holds: the extra row only says that the list goes on.
fn paged<T>(mut items: Vec<T>, window: &Window) -> Page<T> {
    let more = items.len() > window.limit as usize;
    items.truncate(window.limit as usize);
    if window.end == End::Last {
        items.reverse();
        return Page { items, has_next: window.before.is_some(), has_previous: more, stopped_at: None };
    }
    Page { items, has_next: more, has_previous: window.after.is_some(), stopped_at: None }
}

/// Rows that stand beyond a place: smaller when `is_descending`, greater otherwise.
fn beyond(by: impl ColumnTrait, id: impl ColumnTrait, (at, last): (Expr, Uuid), is_descending: bool) -> Condition {
    let column = || Expr::col(by.as_column_ref());
    let (past, tie) =
        if is_descending { (column().lt(at.clone()), id.lt(last)) } else { (column().gt(at.clone()), id.gt(last)) };
    Condition::any().add(past).add(Condition::all().add(column().eq(at)).add(tie))
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

/// How many rows of `select` each parent has, in one statement. A parent without rows is absent.
///
/// # Errors
/// Those of the database.
pub(crate) async fn counted_each<E, P, C>(db: &C, select: Select<E>, parent: P) -> Result<HashMap<Uuid, u64>>
where
    E: EntityTrait,
    P: ColumnTrait,
    C: ConnectionTrait,
{
    let counts = select
        .select_only()
        .column_as(parent, "parent")
        .column_as(Expr::cust("COUNT(*)"), "count")
        .group_by(parent)
        .into_tuple::<(Uuid, i64)>()
        .all(db)
        .await?;
    Ok(counts.into_iter().map(|(parent, count)| (parent, u64::try_from(count).unwrap_or_default())).collect())
}
