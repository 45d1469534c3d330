//! Giving events their place for ever.

use std::ops::Range;

use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use serde_json::{Value, json};

use super::{HEAD_ID, head, row, stored};
use crate::{
    domain::log::{Frontier, NodeHash, subtree_is_stored},
    error::Result,
    store::{Db, Tx},
};

use entity::{event, log_head, log_subtree};

/// `[sequence, position, leaf hash, tree root]` of every event, hashes in hexadecimal, as one JSON value: one
/// bind, one prepared statement, however many events there are.
const PLACE_POSTGRES: &str = "
    UPDATE event SET position = sealed.position, leaf_hash = sealed.leaf_hash, tree_root = sealed.tree_root
    FROM (
        SELECT (line ->> 0)::bigint AS sequence, (line ->> 1)::bigint AS position,
            decode(line ->> 2, 'hex') AS leaf_hash, decode(line ->> 3, 'hex') AS tree_root
        FROM jsonb_array_elements($1) AS line
    ) AS sealed
    WHERE event.sequence = sealed.sequence";
const PLACE_SQLITE: &str = "
    UPDATE event SET position = sealed.position, leaf_hash = sealed.leaf_hash, tree_root = sealed.tree_root
    FROM (
        SELECT json_extract(value, '$[0]') AS sequence, json_extract(value, '$[1]') AS position,
            unhex(json_extract(value, '$[2]')) AS leaf_hash, unhex(json_extract(value, '$[3]')) AS tree_root
        FROM json_each(?)
    ) AS sealed
    WHERE event.sequence = sealed.sequence";

/// Whether an event waits for its position.
///
/// # Errors
/// Those of the database.
pub(crate) async fn has_unsealed(db: &impl ConnectionTrait) -> Result<bool> {
    let first: Option<i64> = event::Entity::find()
        .select_only()
        .column(event::Column::Sequence)
        .filter(event::Column::Position.is_null())
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok(first.is_some())
}

/// Seals up to `limit` events in one transaction and says which positions they got; an empty range when none
/// waited. Any number of sealers may run at once, on any number of machines: they take turns at the head.
///
/// # Errors
/// Those of the database, and `Inconsistent` when the head or a waiting event is broken. Nothing is sealed then.
pub(crate) async fn seal(db: &Db, limit: u64) -> Result<Range<u64>> {
    let tx = db.begin().await?;
    let mut frontier = head::lock(&tx).await?;
    let from = frontier.size();
    // A statement sees what was committed before it began, so after the lock it sees the last sealer's work.
    let rows = event::Entity::find()
        .filter(event::Column::Position.is_null())
        .order_by_asc(event::Column::Sequence)
        .limit(limit)
        .all(&tx)
        .await?;
    if rows.is_empty() {
        return Ok(from..from);
    }
    let mut lines = Vec::with_capacity(rows.len());
    let mut subtrees = Vec::new();
    for row in rows {
        lines.push(place(row, &mut frontier, &mut subtrees)?);
    }
    write(&tx, lines, &frontier, subtrees).await?;
    tx.commit().await?;
    Ok(from..frontier.size())
}

/// Puts one event at the end of the tree.
fn place(row: event::Model, frontier: &mut Frontier, subtrees: &mut Vec<log_subtree::ActiveModel>) -> Result<Value> {
    let (sequence, position) = (row.sequence, frontier.size());
    let leaf: NodeHash = row::leaf_hash(&row::event_at(row, position)?)?;
    frontier.append_and_see(leaf, |node, hash| {
        if subtree_is_stored(node) {
            subtrees.push(log_subtree::ActiveModel {
                level: ActiveValue::Set(i32::from(node.level)),
                number: ActiveValue::Set(stored(node.index)),
                hash: ActiveValue::Set(hash.as_bytes().to_vec()),
            });
        }
    });
    Ok(json!([sequence, stored(position), leaf.to_string(), frontier.root().to_string()]))
}

async fn write(tx: &Tx, lines: Vec<Value>, frontier: &Frontier, subtrees: Vec<log_subtree::ActiveModel>) -> Result<()> {
    let sql = match tx.get_database_backend() {
        DbBackend::Postgres => PLACE_POSTGRES,
        _ => PLACE_SQLITE,
    };
    let lines = Value::Array(lines);
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, [lines.into()])).await?;
    if !subtrees.is_empty() {
        log_subtree::Entity::insert_many(subtrees).exec_without_returning(tx).await?;
    }
    let head = log_head::ActiveModel {
        id: ActiveValue::Unchanged(HEAD_ID),
        size: ActiveValue::Set(stored(frontier.size())),
        frontier: ActiveValue::Set(frontier.to_bytes()),
    };
    log_head::Entity::update(head).exec(tx).await?;
    Ok(())
}
