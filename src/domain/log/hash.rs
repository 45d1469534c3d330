//! Hashes of leaves and nodes, and how a node of the tree is called.

use std::{fmt, ops::Range, str::FromStr};

use sha2::{Digest, Sha256};

/// Bytes in a hash.
pub const HASH_LEN: usize = 32;

/// Keeps a leaf from being taken for a node: a tree is never a leaf of itself.
const LEAF_PREFIX: [u8; 1] = [0];
const NODE_PREFIX: [u8; 1] = [1];

/// The SHA-256 hash of a leaf, of a node, or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeHash([u8; HASH_LEN]);

/// The bytes or the text are not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 32 bytes, printed as 64 hexadecimal digits")]
pub struct NotAHash;

impl NodeHash {
    /// The hash of the leaf whose content is `data`.
    pub fn leaf(data: &[u8]) -> Self {
        Self(Sha256::new().chain_update(LEAF_PREFIX).chain_update(data).finalize().into())
    }

    /// The hash of the node over two subtrees.
    pub fn node(left: Self, right: Self) -> Self {
        Self(Sha256::new().chain_update(NODE_PREFIX).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// The root of the tree without leaves.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The root over perfect subtrees that follow each other, the largest first.
    pub fn over(subtrees: impl DoubleEndedIterator<Item = Self>) -> Self {
        subtrees.rev().reduce(|right, left| Self::node(left, right)).unwrap_or_else(Self::empty)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }
}

impl From<[u8; HASH_LEN]> for NodeHash {
    fn from(bytes: [u8; HASH_LEN]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for NodeHash {
    type Error = NotAHash;

    fn try_from(bytes: &[u8]) -> Result<Self, NotAHash> {
        bytes.try_into().map(Self).ok().ok_or(NotAHash)
    }
}

impl fmt::Display for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; HASH_LEN];
        hex::decode_to_slice(text, &mut bytes).ok().ok_or(NotAHash)?;
        Ok(Self(bytes))
    }
}

/// Every how many levels of the tree the hashes of perfect subtrees are kept: those of 256, 65,536, ...
/// leaves. It costs one row per 255 events and bounds what a proof reads.
///
/// # Source
/// C2SP `tlog-tiles`, which cuts trees at the same levels.
pub const STORED_LEVELS: u8 = 8;

/// Whether the hash of `node` is kept beside the leaves.
pub fn subtree_is_stored(node: Node) -> bool {
    node.level > 0 && node.level.is_multiple_of(STORED_LEVELS)
}

/// A perfect subtree: the `index`-th, counted from 0, of those that have 2^`level` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Its height; 0 is a leaf.
    pub level: u8,
    /// Its place among the subtrees of its height.
    pub index: u64,
}

impl Node {
    /// The leaf at `position`.
    pub fn leaf(position: u64) -> Self {
        Self { level: 0, index: position }
    }

    /// The nodes of height `level` below it, in order.
    ///
    /// # Panics
    /// When `level` is above the node, in debug builds.
    pub fn at_level(self, level: u8) -> Range<u64> {
        debug_assert!(level <= self.level, "a node has nothing above it");
        let height = self.level.saturating_sub(level);
        self.index << height..(self.index + 1) << height
    }

    /// The positions of its leaves.
    pub fn leaves(self) -> Range<u64> {
        self.at_level(0)
    }

    /// The perfect subtrees that make up `leaves`, the largest first.
    ///
    /// `leaves` is a range as the tree cuts it: it starts at a multiple of the largest power of two that
    /// is not greater than its length.
    pub fn cover(leaves: Range<u64>) -> Vec<Self> {
        let mut nodes = Vec::new();
        let mut start = leaves.start;
        while let Some(level) = (leaves.end.saturating_sub(start)).checked_ilog2() {
            nodes.push(Self { level: u8::try_from(level).unwrap_or(u8::MAX), index: start >> level });
            start += 1 << level;
        }
        nodes
    }
}
