//! Giving events their place for ever.

use std::ops::Range;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement, Value,
};
use serde_json::{Value as Json, json};

use super::{head, row, stored};
use crate::{
    domain::log::{Frontier, NodeHash, subtree_is_stored},
    error::Result,
    store::{Db, Tx},
};

use entity::event;

/// Writes everything in one round trip. `$1` is `[sequence, position, leaf hash, tree root]` of every event, `$2` is
/// `[level, number, hash]` of every subtree, hashes in hexadecimal: JSON, so that it is one prepared statement,
/// however many events there are.
const WRITE_POSTGRES: &str = "
    WITH placed AS (
        UPDATE event SET position = sealed.position, leaf_hash = sealed.leaf_hash, tree_root = sealed.tree_root
        FROM (
            SELECT (line ->> 0)::bigint AS sequence, (line ->> 1)::bigint AS position,
                decode(line ->> 2, 'hex') AS leaf_hash, decode(line ->> 3, 'hex') AS tree_root
            FROM jsonb_array_elements($1) AS line
        ) AS sealed
        WHERE event.sequence = sealed.sequence
    ), kept AS (
        INSERT INTO log_subtree (level, number, hash)
        SELECT (line ->> 0)::integer, (line ->> 1)::bigint, decode(line ->> 2, 'hex')
        FROM jsonb_array_elements($2) AS line
    )
    UPDATE log_head SET size = $3, frontier = $4 WHERE id = 1";

/// The same for SQLite, which changes one table in a statement.
const PLACE_SQLITE: &str = "
    UPDATE event SET position = sealed.position, leaf_hash = sealed.leaf_hash, tree_root = sealed.tree_root
    FROM (
        SELECT json_extract(value, '$[0]') AS sequence, json_extract(value, '$[1]') AS position,
            unhex(json_extract(value, '$[2]')) AS leaf_hash, unhex(json_extract(value, '$[3]')) AS tree_root
        FROM json_each(?)
    ) AS sealed
    WHERE event.sequence = sealed.sequence";
const KEEP_SQLITE: &str = "
    INSERT INTO log_subtree (level, number, hash)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), unhex(json_extract(value, '$[2]'))
    FROM json_each(?)";
const GROW_SQLITE: &str = "UPDATE log_head SET size = ?, frontier = ? WHERE id = 1";

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
    write(&tx, lines, subtrees, &frontier).await?;
    tx.commit().await?;
    Ok(from..frontier.size())
}

/// Puts one event at the end of the tree.
fn place(row: event::Model, frontier: &mut Frontier, subtrees: &mut Vec<Json>) -> Result<Json> {
    let (sequence, position) = (row.sequence, frontier.size());
    let leaf: NodeHash = row::leaf_hash(&row::event_at(row, position)?)?;
    frontier.append_and_see(leaf, |node, hash| {
        if subtree_is_stored(node) {
            subtrees.push(json!([node.level, node.index, hash.to_string()]));
        }
    });
    Ok(json!([sequence, position, leaf.to_string(), frontier.root().to_string()]))
}

async fn write(tx: &Tx, lines: Vec<Json>, subtrees: Vec<Json>, frontier: &Frontier) -> Result<()> {
    let (lines, subtrees) = (Json::Array(lines), Json::Array(subtrees));
    let (size, edge) = (stored(frontier.size()), frontier.to_bytes());
    if tx.get_database_backend() == DbBackend::Postgres {
        return run(tx, WRITE_POSTGRES, [lines.into(), subtrees.into(), size.into(), edge.into()]).await;
    }
    run(tx, PLACE_SQLITE, [lines.into()]).await?;
    run(tx, KEEP_SQLITE, [subtrees.into()]).await?;
    run(tx, GROW_SQLITE, [size.into(), edge.into()]).await
}

async fn run<const N: usize>(tx: &Tx, sql: &str, values: [Value; N]) -> Result<()> {
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
