//! The mathematics of the one log: what is hashed, how the hashes form a tree, and how little of the
//! tree proves that one event is in it or that it only ever grew.
//!
//! * [`leaf`]: the bytes of an event that are hashed: canonical JSON of everything that never changes.
//! * [`hash`]: leaf and node hashes, and the name of a node in the tree.
//! * [`frontier`]: the right edge of a growing tree; all that has to be kept in order to append and to
//!   know the root.
//! * [`proof`]: inclusion and consistency proofs, made and checked.
//! * [`audit`]: going through a log row by row.
//! * [`note`], [`checkpoint`]: the signed text that fixes size and root at one moment.
//!
//! Positions count from 0; a position is the index of a leaf, so it needs no place in the leaf itself: a
//! reordered log has another root.
//!
//! Deliberately absent: storage, signing keys' origin, and any hash but SHA-256. Another hash would be
//! another log with another origin.
//!
//! # Source
//! RFC 9162 section 2 (the tree of RFC 6962), RFC 8785 (canonical JSON), C2SP `signed-note` and
//! `tlog-checkpoint`.

pub mod audit;
pub mod checkpoint;
pub mod frontier;
pub mod hash;
pub mod leaf;
pub mod note;
pub mod proof;

pub use audit::{Audit, AuditRow, Defect, Finding, Verification};
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use frontier::Frontier;
pub use hash::{Node, NodeHash, STORED_LEVELS, subtree_is_stored};
pub use note::{Keys, Signer, VerifierKey};
pub use proof::{ConsistencyProof, Grown, Included, InclusionProof, Plan};

#[cfg(test)]
mod vectors;
