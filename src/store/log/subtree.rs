//! The hashes of perfect subtrees, from the few that are stored.
//!
//! Leaves are stored with their events, subtrees of 256, 65,536, ... leaves in `log_subtree`. Any other is
//! hashed from at most 128 of the next smaller stored ones. The proof for one event among millions needs
//! some 40 subtrees: two statements, and below a thousand rows of 32 bytes.

use std::collections::HashMap;

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

impl Hashes {
    /// Everything that the hashes of `nodes` need.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) async fn fetch(db: &impl ConnectionTrait, nodes: impl Iterator<Item = Node>) -> Result<Self> {
        let (mut leaves, mut subtrees) = (Condition::any(), Condition::any());
        for node in nodes {
            let level = node.level - node.level % STORED_LEVELS;
            let range = node.at_level(level);
            let (start, end) = (stored(range.start), stored(range.end));
            if level == 0 {
                let column = event::Column::Position;
                leaves = leaves.add(Condition::all().add(column.gte(start)).add(column.lt(end)));
            } else {
                let (column, number) = (log_subtree::Column::Level, log_subtree::Column::Number);
                let is_level = column.eq(i32::from(level));
                subtrees = subtrees.add(Condition::all().add(is_level).add(number.gte(start)).add(number.lt(end)));
            }
        }
        let mut found = HashMap::new();
        if !leaves.is_empty() {
            fetch_leaves(db, leaves, &mut found).await?;
        }
        if !subtrees.is_empty() {
            fetch_subtrees(db, subtrees, &mut found).await?;
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
