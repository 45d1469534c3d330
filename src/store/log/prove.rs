//! Proofs over the stored tree. Each is checked before it is given away, so a bent row gives an error and
//! never a proof that fails at the caller's.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{EVENT, head, stored, subtree::Hashes};
use crate::{
    domain::log::{ConsistencyProof, Grown, Included, InclusionProof, Node, NodeHash, Plan, proof::ProofError},
    error::{Error, Result, Violation},
    store,
};

use entity::event::{Column, Entity};

/// The root of the tree of the first `size` events, as sealing wrote it.
///
/// # Errors
/// `Inconsistent` when there are fewer.
pub(crate) async fn root_at(db: &impl ConnectionTrait, size: u64) -> Result<NodeHash> {
    let Some(last) = size.checked_sub(1) else { return Ok(NodeHash::empty()) };
    let root: Option<Option<Vec<u8>>> = Entity::find()
        .select_only()
        .column(Column::TreeRoot)
        .filter(Column::Position.eq(stored(last)))
        .into_tuple()
        .one(db)
        .await?;
    let root = root.flatten().and_then(|bytes| NodeHash::try_from(bytes.as_slice()).ok());
    root.ok_or_else(|| store::inconsistent(EVENT, "tree_root", last))
}

async fn within_log(db: &impl ConnectionTrait, field: &'static str, size: u64) -> Result<()> {
    let sealed = head::size(db).await?;
    if size <= sealed {
        return Ok(());
    }
    let violation = Violation::new(field, format!("The log holds {sealed} events."));
    Err(violation.remedy("Ask for a size that a checkpoint states.").into())
}

async fn path(db: &impl ConnectionTrait, plan: &Plan) -> Result<Vec<NodeHash>> {
    let hashes = Hashes::fetch(db, plan.nodes()).await?;
    plan.fill(|node| hashes.get(node))
}

/// Proves that the event at `position` is among the first `size` events.
///
/// # Errors
/// `Violation` on `size` when the log is smaller or the event comes later; `Inconsistent` when the stored
/// hashes do not fit together: `verify` names the row.
pub(crate) async fn inclusion_proof(db: &impl ConnectionTrait, position: u64, size: u64) -> Result<Included> {
    within_log(db, "size", size).await?;
    let plan = Plan::inclusion(position, size).map_err(|_later| {
        let violation = Violation::new("size", "The event comes after the log had that size.");
        Error::from(violation.remedy(format!("Ask for a size of {} or more.", position.saturating_add(1))))
    })?;
    let proof = InclusionProof { index: position, size, path: path(db, &plan).await? };
    let leaf = Hashes::fetch(db, std::iter::once(Node::leaf(position))).await?.get(Node::leaf(position))?;
    let root = root_at(db, size).await?;
    proof.verify(leaf, root).map_err(|error| bent(error, size))?;
    Ok(Included { proof, leaf, root })
}

/// The paths that prove that the events at `positions` are among the first `size` events, in as many statements as for one.
///
/// # Errors
/// `Internal` when one comes later; `Inconsistent` as for [`inclusion_proof`].
pub(crate) async fn inclusion_paths(
    db: &impl ConnectionTrait,
    positions: &[u64],
    size: u64,
) -> Result<Vec<Vec<NodeHash>>> {
    let plans = positions.iter().map(|position| Plan::inclusion(*position, size));
    let plans: Vec<_> = plans.collect::<Result<_, _>>().map_err(Error::internal)?;
    // Ways up to one root have most of their subtrees in common.
    let nodes: BTreeSet<_> = plans.iter().flat_map(Plan::nodes).map(|node| (node.level, node.index)).collect();
    let nodes = nodes.into_iter().map(|(level, index)| Node { level, index });
    let hashes = Hashes::fetch(db, nodes.chain(positions.iter().map(|position| Node::leaf(*position)))).await?;
    let root = root_at(db, size).await?;
    let proven = |(plan, position): (&Plan, &u64)| {
        let path = plan.fill(|node| hashes.get(node))?;
        let proof = InclusionProof { index: *position, size, path };
        proof.verify(hashes.get(Node::leaf(*position))?, root).map_err(|error| bent(error, size))?;
        Ok(proof.path)
    };
    plans.iter().zip(positions).map(proven).collect()
}

/// Proves that the first `old` events are the beginning of the first `new` events.
///
/// # Errors
/// `Violation` on `to` when the log is smaller, on `from` when that is the larger one; `Inconsistent` as
/// for [`inclusion_proof`].
pub(crate) async fn consistency_proof(db: &impl ConnectionTrait, old: u64, new: u64) -> Result<Grown> {
    within_log(db, "to", new).await?;
    let plan = Plan::consistency(old, new)
        .map_err(|_larger| Error::violation("from", "`from` is the smaller of the two sizes."))?;
    let proof = ConsistencyProof { old_size: old, new_size: new, path: path(db, &plan).await? };
    let (old_root, new_root) = (root_at(db, old).await?, root_at(db, new).await?);
    proof.verify(old_root, new_root).map_err(|error| bent(error, new))?;
    Ok(Grown { proof, old_root, new_root })
}

fn bent(error: ProofError, size: u64) -> Error {
    store::inconsistent(EVENT, "leaf_hash", format!("below {size}: {error}"))
}
