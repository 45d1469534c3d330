//! The hashes of perfect subtrees, from the few that are stored.
//!
//! Leaves are stored with their events, subtrees of 256, 65,536, ... leaves in `log_subtree`. Any other is
//! hashed from at most 128 of the next smaller stored ones. The proof for one event among millions needs
//! some 40 subtrees: two statements, and below a thousand rows of 32 bytes.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::stored;
use crate::{
    domain::log::{Frontier, Node, NodeHash, STORED_LEVELS},
    error::Result,
    store,
};

use entity::{event, log_subtree};

/// Looks up the hashes of subtrees that were fetched.
pub(super) struct Hashes(HashMap<Node, NodeHash>);

/// The stored nodes that `node` is made of.
fn parts(node: Node) -> impl Iterator<Item = Node> {
    let level = node.level - node.level % STORED_LEVELS;
    node.at_level(level).map(move |index| Node { level, index })
}

/// Ranges that one statement asks for.
const RANGES: usize = 64;

/// The same numbers in as few ranges as possible: the ways up from many leaves of one subtree are all of it.
fn merged(mut ranges: Vec<Range<i64>>) -> Vec<Range<i64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<i64>> = Vec::new();
    for range in ranges {
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

fn within(column: impl ColumnTrait, ranges: &[Range<i64>]) -> Condition {
    let is_in = |range: &Range<i64>| Condition::all().add(column.gte(range.start)).add(column.lt(range.end));
    ranges.iter().map(is_in).fold(Condition::any(), Condition::add)
}

impl Hashes {
    /// Everything that the hashes of `nodes` need.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) async fn fetch(db: &impl ConnectionTrait, nodes: impl Iterator<Item = Node>) -> Result<Self> {
        let mut wanted: BTreeMap<u8, Vec<Range<i64>>> = BTreeMap::new();
        for node in nodes {
            let level = node.level - node.level % STORED_LEVELS;
            let range = node.at_level(level);
            wanted.entry(level).or_default().push(stored(range.start)..stored(range.end));
        }
        let mut found = HashMap::new();
        for (level, ranges) in wanted {
            for ranges in merged(ranges).chunks(RANGES) {
                if level == 0 {
                    fetch_leaves(db, within(event::Column::Position, ranges), &mut found).await?;
                } else {
                    let is_level = log_subtree::Column::Level.eq(i32::from(level));
                    let condition = Condition::all().add(is_level).add(within(log_subtree::Column::Number, ranges));
                    fetch_subtrees(db, condition, &mut found).await?;
                }
            }
        }
        Ok(Self(found))
    }

    /// The hash of `node`.
    ///
    /// # Errors
    /// `Inconsistent` when a stored hash that it needs is gone.
    pub(super) fn get(&self, node: Node) -> Result<NodeHash> {
        let mut frontier = Frontier::new();
        for part in parts(node) {
            let hash = self.0.get(&part).ok_or_else(|| missing(part))?;
            frontier.append(*hash);
        }
        Ok(frontier.root())
    }
}

fn missing(node: Node) -> crate::error::Error {
    if node.level == 0 {
        return store::inconsistent(super::EVENT, "position", node.index);
    }
    store::inconsistent("log_subtree", "number", format!("{}/{}", node.level, node.index))
}

async fn fetch_leaves(
    db: &impl ConnectionTrait,
    condition: Condition,
    found: &mut HashMap<Node, NodeHash>,
) -> Result<()> {
    let rows: Vec<(i64, Option<Vec<u8>>)> = event::Entity::find()
        .select_only()
        .columns([event::Column::Position, event::Column::LeafHash])
        .filter(condition)
        .into_tuple()
        .all(db)
        .await?;
    for (position, hash) in rows {
        let hash = hash.and_then(|bytes| NodeHash::try_from(bytes.as_slice()).ok());
        let hash = hash.ok_or_else(|| store::inconsistent(super::EVENT, "leaf_hash", position))?;
        found.insert(Node::leaf(position.unsigned_abs()), hash);
    }
    Ok(())
}

async fn fetch_subtrees(
    db: &impl ConnectionTrait,
    condition: Condition,
    found: &mut HashMap<Node, NodeHash>,
) -> Result<()> {
    for row in log_subtree::Entity::find().filter(condition).all(db).await? {
        let broken = |_misfit| store::inconsistent("log_subtree", "hash", format!("{}/{}", row.level, row.number));
        let level = u8::try_from(row.level).unwrap_or(u8::MAX);
        let hash = NodeHash::try_from(row.hash.as_slice()).map_err(broken)?;
        found.insert(Node { level, index: row.number.unsigned_abs() }, hash);
    }
    Ok(())
}

/// The frontier of the first `size` events.
///
/// # Errors
/// `Inconsistent` when a stored hash is gone.
pub(super) async fn frontier_at(db: &impl ConnectionTrait, size: u64) -> Result<Frontier> {
    let nodes = Node::cover(0..size);
    let hashes = Hashes::fetch(db, nodes.iter().copied()).await?;
    let subtrees = nodes.into_iter().map(|node| hashes.get(node)).collect::<Result<_>>()?;
    Frontier::from_subtrees(size, subtrees).map_err(crate::error::Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_side_by_side_is_one_range() {
        assert_eq!(merged(vec![4..8, 0..2, 2..3, 3..4, 10..12, 11..12]), [0..8, 10..12]);
        assert!(merged(Vec::new()).is_empty());
    }
}
