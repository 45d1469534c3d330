//! Proofs that a leaf is in a tree, and that one tree is the beginning of another.
//!
//! Making one takes two steps, because hashes live in a database: a [`Plan`] says which perfect subtrees
//! it needs; with their hashes at hand it is filled. A tree of a million leaves needs some 40 of them.
//!
//! # Source
//! RFC 9162 sections 2.1.3 and 2.1.4.

use std::ops::Range;

use super::hash::{Node, NodeHash};

/// Why there is no proof, or why it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The position or the older size is beyond the tree.
    #[error("the tree is smaller than that")]
    OutOfRange,
    /// The path has too many or too few hashes for those sizes.
    #[error("the path has the wrong length")]
    Length,
    /// The hashes lead to another root.
    #[error("the path does not lead to the root")]
    Root,
}

/// What a proof is made of: one hash per entry, each over the perfect subtrees it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan(Vec<Vec<Node>>);

impl Plan {
    /// For the proof that the leaf at `index` is in the tree of `size` leaves.
    ///
    /// # Errors
    /// `OutOfRange` when the tree has no such leaf.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, ProofError> {
        if index >= size {
            return Err(ProofError::OutOfRange);
        }
        let mut path = Vec::new();
        let mut tree = 0..size;
        while tree.end - tree.start > 1 {
            let middle = split(&tree);
            let (ours, other) = if index < middle {
                (tree.start..middle, middle..tree.end)
            } else {
                (middle..tree.end, tree.start..middle)
            };
            path.push(Node::cover(other));
            tree = ours;
        }
        path.reverse();
        Ok(Self(path))
    }

    /// For the proof that the tree of `old` leaves is the beginning of the tree of `new` leaves. Empty when
    /// they are the same or the older one has no leaves.
    ///
    /// # Errors
    /// `OutOfRange` when the older tree is the larger one.
    pub fn consistency(old: u64, new: u64) -> Result<Self, ProofError> {
        if old > new {
            return Err(ProofError::OutOfRange);
        }
        let mut path = Vec::new();
        let mut tree = 0..new;
        // The two trees part at the end of the old one; what it has in common with the new one so far on
        // the left is in the path already, unless the common part is the old tree itself.
        while old != 0 && tree.end != old {
            let middle = split(&tree);
            let (ours, other) = if old <= middle {
                (tree.start..middle, middle..tree.end)
            } else {
                (middle..tree.end, tree.start..middle)
            };
            path.push(Node::cover(other));
            tree = ours;
        }
        if tree.start != 0 {
            path.push(Node::cover(tree));
        }
        path.reverse();
        Ok(Self(path))
    }

    /// Every subtree whose hash is needed.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.0.iter().flatten().copied()
    }

    /// The path of the proof, with the hashes that `look_up` gives.
    ///
    /// # Errors
    /// Those of `look_up`.
    pub fn fill<E>(&self, mut look_up: impl FnMut(Node) -> Result<NodeHash, E>) -> Result<Vec<NodeHash>, E> {
        self.0
            .iter()
            .map(|nodes| {
                let hashes: Vec<_> = nodes.iter().map(|node| look_up(*node)).collect::<Result<_, E>>()?;
                Ok(NodeHash::over(hashes.into_iter()))
            })
            .collect()
    }
}

/// Where the tree over `leaves`, two or more, has its two halves: the left one is the largest perfect
/// tree that leaves something to the right.
fn split(leaves: &Range<u64>) -> u64 {
    leaves.start + (1 << (leaves.end - leaves.start - 1).ilog2())
}

/// Proves that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The position of the leaf.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The hashes beside the way from the leaf up to the root.
    pub path: Vec<NodeHash>,
}

impl InclusionProof {
    /// Whether it proves that `leaf` stands at its index in the tree with `root`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, leaf: NodeHash, root: NodeHash) -> Result<(), ProofError> {
        if self.index >= self.size {
            return Err(ProofError::OutOfRange);
        }
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut hash = leaf;
        for other in &self.path {
            if last == 0 {
                return Err(ProofError::Length);
            }
            if node & 1 == 1 || node == last {
                hash = NodeHash::node(*other, hash);
                skip_single(&mut node, &mut last);
            } else {
                hash = NodeHash::node(hash, *other);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        concluded(last, hash == root)
    }
}

/// Proves that one tree is the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// How many leaves the older tree has.
    pub old_size: u64,
    /// How many leaves the newer tree has.
    pub new_size: u64,
    /// The hashes from which both roots follow.
    pub path: Vec<NodeHash>,
}

impl ConsistencyProof {
    /// Whether it proves that the tree with `old_root` is the beginning of the one with `new_root`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, old_root: NodeHash, new_root: NodeHash) -> Result<(), ProofError> {
        if self.old_size > self.new_size {
            return Err(ProofError::OutOfRange);
        }
        if self.old_size == 0 || self.old_size == self.new_size {
            let holds = if self.old_size == 0 { old_root == NodeHash::empty() } else { old_root == new_root };
            return if self.path.is_empty() { concluded(0, holds) } else { Err(ProofError::Length) };
        }
        let mut path = self.path.iter().copied();
        let (mut node, mut last) = (self.old_size - 1, self.new_size - 1);
        let shared = node.trailing_ones();
        (node, last) = (node >> shared, last >> shared);
        // A perfect older tree is itself where the path starts, so the path leaves it out.
        let first = if self.old_size.is_power_of_two() { old_root } else { path.next().ok_or(ProofError::Length)? };
        let (mut old, mut new) = (first, first);
        for other in path {
            if last == 0 {
                return Err(ProofError::Length);
            }
            if node & 1 == 1 || node == last {
                old = NodeHash::node(other, old);
                new = NodeHash::node(other, new);
                skip_single(&mut node, &mut last);
            } else {
                new = NodeHash::node(new, other);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        concluded(last, old == old_root && new == new_root)
    }
}

/// An event and the proof that it is in the log, with what the proof is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// The proof.
    pub proof: InclusionProof,
    /// The event's leaf hash.
    pub leaf: NodeHash,
    /// The root of the tree of the proof's size.
    pub root: NodeHash,
}

/// The proof that the log only grew between two sizes, with what the proof is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grown {
    /// The proof.
    pub proof: ConsistencyProof,
    /// The root of the older tree.
    pub old_root: NodeHash,
    /// The root of the newer tree.
    pub new_root: NodeHash,
}

/// A node without a right neighbour rises unchanged until it is a right child itself.
fn skip_single(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        (*node, *last) = (*node >> 1, *last >> 1);
    }
}

fn concluded(last: u64, is_root: bool) -> Result<(), ProofError> {
    match (last, is_root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::log::Frontier;

    fn leaf(position: u64) -> NodeHash {
        NodeHash::leaf(&position.to_be_bytes())
    }

    fn root(leaves: Range<u64>) -> NodeHash {
        let mut frontier = Frontier::new();
        leaves.for_each(|position| frontier.append(leaf(position)));
        frontier.root()
    }

    fn fill(plan: &Plan) -> Vec<NodeHash> {
        plan.fill(|node| Ok::<_, Infallible>(root(node.leaves()))).unwrap()
    }

    fn inclusion(index: u64, size: u64) -> InclusionProof {
        InclusionProof { index, size, path: fill(&Plan::inclusion(index, size).unwrap()) }
    }

    fn consistency(old_size: u64, new_size: u64) -> ConsistencyProof {
        ConsistencyProof { old_size, new_size, path: fill(&Plan::consistency(old_size, new_size).unwrap()) }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven() {
        for size in 1..=65 {
            for index in 0..size {
                assert_eq!(inclusion(index, size).verify(leaf(index), root(0..size)), Ok(()), "{index} in {size}");
            }
        }
    }

    #[test]
    fn every_small_tree_is_proven_to_begin_every_larger_one() {
        for new in 0..=65 {
            for old in 0..=new {
                assert_eq!(consistency(old, new).verify(root(0..old), root(0..new)), Ok(()), "{old} in {new}");
            }
        }
    }

    #[test]
    fn what_lies_outside_the_tree_has_no_proof() {
        assert_eq!(Plan::inclusion(0, 0), Err(ProofError::OutOfRange));
        assert_eq!(Plan::inclusion(5, 5), Err(ProofError::OutOfRange));
        assert_eq!(Plan::consistency(6, 5), Err(ProofError::OutOfRange));
        let proof = InclusionProof { index: 5, size: 5, path: vec![] };
        assert_eq!(proof.verify(leaf(5), root(0..5)), Err(ProofError::OutOfRange));
        let proof = ConsistencyProof { old_size: 6, new_size: 5, path: vec![] };
        assert_eq!(proof.verify(root(0..6), root(0..5)), Err(ProofError::OutOfRange));
    }

    #[test]
    fn a_path_is_as_short_as_the_tree_is_high() {
        let nodes = Plan::inclusion(777_777, 1_000_000).unwrap();
        assert!(nodes.0.len() <= 20 && nodes.nodes().count() <= 40, "{}", nodes.nodes().count());
        assert!(Plan::consistency(777_777, 1_000_000).unwrap().nodes().count() <= 40);
        // The largest log a database can number.
        let largest = i64::MAX.unsigned_abs();
        assert!(Plan::inclusion(largest - 1, largest).unwrap().nodes().count() <= 126);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn large_trees_prove_too((index, size) in (2_u64..3_000).prop_flat_map(|size| (0..size, Just(size)))) {
            prop_assert_eq!(inclusion(index, size).verify(leaf(index), root(0..size)), Ok(()));
            prop_assert_eq!(consistency(index, size).verify(root(0..index), root(0..size)), Ok(()));
        }

        #[test]
        fn a_tampered_inclusion_proof_is_refused(
            (index, size) in (2_u64..200).prop_flat_map(|size| (0..size, Just(size))),
            victim in any::<prop::sample::Index>(),
            byte in 0_usize..32,
        ) {
            let (proof, leaf, root) = (inclusion(index, size), leaf(index), root(0..size));
            prop_assert_eq!(proof.verify(flip(leaf, byte), root), Err(ProofError::Root));
            prop_assert_eq!(proof.verify(leaf, flip(root, byte)), Err(ProofError::Root));
            let mut bent = proof.clone();
            let at = victim.index(bent.path.len());
            bent.path[at] = flip(bent.path[at], byte);
            prop_assert_eq!(bent.verify(leaf, root), Err(ProofError::Root));
            let mut cut = proof.clone();
            cut.path.remove(at);
            prop_assert!(cut.verify(leaf, root).is_err());
            let mut grown = proof.clone();
            grown.path.push(leaf);
            prop_assert_eq!(grown.verify(leaf, root), Err(ProofError::Length));
            let moved = InclusionProof { index: (index + 1) % size, ..proof };
            prop_assert!(moved.verify(leaf, root).is_err());
        }

        #[test]
        fn a_tampered_consistency_proof_is_refused(
            (old, new) in (2_u64..200).prop_flat_map(|new| (1..new, Just(new))),
            victim in any::<prop::sample::Index>(),
            byte in 0_usize..32,
        ) {
            let (proof, first, second) = (consistency(old, new), root(0..old), root(0..new));
            prop_assert!(proof.verify(flip(first, byte), second).is_err());
            prop_assert!(proof.verify(first, flip(second, byte)).is_err());
            let mut bent = proof.clone();
            let at = victim.index(bent.path.len());
            bent.path[at] = flip(bent.path[at], byte);
            prop_assert_eq!(bent.verify(first, second), Err(ProofError::Root));
            let mut cut = proof.clone();
            cut.path.remove(at);
            prop_assert!(cut.verify(first, second).is_err());
            let mut grown = proof.clone();
            grown.path.push(first);
            prop_assert_eq!(grown.verify(first, second), Err(ProofError::Length));
            let stretched = ConsistencyProof { old_size: old - 1, ..proof };
            prop_assert!(stretched.verify(first, second).is_err());
        }
    }

    fn flip(hash: NodeHash, byte: usize) -> NodeHash {
        let mut bytes = *hash.as_bytes();
        bytes[byte] ^= 0x40;
        bytes.into()
    }
}
