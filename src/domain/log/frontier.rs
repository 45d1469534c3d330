//! The right edge of a growing tree.

use super::hash::{HASH_LEN, Node, NodeHash};

/// The perfect subtrees that a tree of `size` leaves consists of, the largest first. Enough to append
/// and to know the root; 20 hashes for a million leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<NodeHash>,
}

/// The bytes do not belong to a tree of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tree of {size} leaves has {expected} bytes of frontier, not {found}")]
pub struct FrontierError {
    /// How many leaves the tree has.
    pub size: u64,
    /// How many bytes its frontier needs.
    pub expected: usize,
    /// How many there are.
    pub found: usize,
}

impl Frontier {
    /// Of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what [`Frontier::to_bytes`] wrote for a tree of `size` leaves.
    ///
    /// # Errors
    /// When the number of bytes does not fit the size.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, FrontierError> {
        let expected = size.count_ones() as usize * HASH_LEN;
        let error = FrontierError { size, expected, found: bytes.len() };
        if bytes.len() != expected {
            return Err(error);
        }
        let subtrees: Result<_, _> = bytes.chunks_exact(HASH_LEN).map(NodeHash::try_from).collect();
        Ok(Self { size, subtrees: subtrees.ok().ok_or(error)? })
    }

    /// Of the tree whose perfect subtrees, the largest first, are these.
    ///
    /// # Errors
    /// When there are too many or too few of them for that size.
    pub fn from_subtrees(size: u64, subtrees: Vec<NodeHash>) -> Result<Self, FrontierError> {
        let expected = size.count_ones() as usize;
        if subtrees.len() == expected {
            return Ok(Self { size, subtrees });
        }
        Err(FrontierError { size, expected: expected * HASH_LEN, found: subtrees.len() * HASH_LEN })
    }

    /// The hashes one after the other, the largest subtree first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.subtrees.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash of the whole tree.
    pub fn root(&self) -> NodeHash {
        NodeHash::over(self.subtrees.iter().copied())
    }

    /// Adds a leaf by its hash.
    pub fn append(&mut self, leaf: NodeHash) {
        self.append_and_see(leaf, |_, _| ());
    }

    /// Adds a leaf by its hash and shows every perfect subtree which that completes, the smallest first.
    pub fn append_and_see(&mut self, leaf: NodeHash, mut completed: impl FnMut(Node, NodeHash)) {
        let mut node = Node::leaf(self.size);
        let mut hash = leaf;
        while node.index & 1 == 1 {
            let Some(left) = self.subtrees.pop() else { break };
            hash = NodeHash::node(left, hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
            completed(node, hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The definition in RFC 9162 section 2.1.1, word for word.
    fn definition(leaves: &[NodeHash]) -> NodeHash {
        match leaves {
            [] => NodeHash::empty(),
            [leaf] => *leaf,
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                NodeHash::node(definition(&leaves[..k]), definition(&leaves[k..]))
            }
        }
    }

    fn grow(frontier: &mut Frontier, leaves: &[NodeHash]) {
        for leaf in leaves {
            frontier.append(*leaf);
        }
    }

    fn leaves(count: u64) -> Vec<NodeHash> {
        (0..count).map(|n| NodeHash::leaf(&n.to_be_bytes())).collect()
    }

    proptest! {
        #[test]
        fn the_root_is_the_one_of_the_definition_at_every_size(size in 0_u64..600) {
            let leaves = leaves(size);
            let mut frontier = Frontier::new();
            grow(&mut frontier, &leaves);
            prop_assert_eq!(frontier.root(), definition(&leaves));
            prop_assert_eq!(frontier.size(), size);
        }

        #[test]
        fn bytes_read_back_and_appending_goes_on_where_it_stopped(first in 0_u64..300, more in 0_u64..300) {
            let leaves = leaves(first + more);
            let (before, after) = leaves.split_at(usize::try_from(first).unwrap());
            let mut frontier = Frontier::new();
            grow(&mut frontier, before);
            let mut frontier = Frontier::from_bytes(first, &frontier.to_bytes()).unwrap();
            grow(&mut frontier, after);
            prop_assert_eq!(frontier.root(), definition(&leaves));
        }

        #[test]
        fn every_completed_subtree_is_shown_once_with_its_hash(size in 0_u64..300) {
            let leaves = leaves(size);
            let mut seen = HashMap::new();
            let mut frontier = Frontier::new();
            for leaf in &leaves {
                frontier.append_and_see(*leaf, |node, hash| assert!(seen.insert(node, hash).is_none()));
            }
            for level in 1..=8_u8 {
                for index in 0..size >> level {
                    let node = Node { level, index };
                    let range = node.leaves();
                    let part = &leaves[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
                    prop_assert_eq!(seen.remove(&node), Some(definition(part)));
                }
            }
            prop_assert!(seen.keys().all(|node| node.level > 8));
        }
    }

    #[test]
    fn bytes_of_another_size_are_refused() {
        assert!(Frontier::from_bytes(0, &[]).is_ok());
        for (size, len) in [(0, 32), (1, 0), (2, 64), (3, 32), (3, 63)] {
            assert!(Frontier::from_bytes(size, &vec![0; len]).is_err(), "{size} {len}");
        }
    }
}
