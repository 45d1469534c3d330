//! The log as a whole: whether it holds, what was signed, and proofs.

use async_graphql::SimpleObject;

use crate::{
    app::log::ProvenEvent,
    domain::log::{Defect, Finding, Grown, NodeHash, SignedCheckpoint, Verification, leaf},
    error::{Error, Result},
    graphql::{
        scalars::{DateTime, Long},
        types::event::Event,
    },
};

/// What going through the log, or part of it, showed.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogVerification {
    /// Whether everything that was asked for holds.
    holds: bool,
    /// The first position that was asked for.
    from: Long,
    /// The position after the last one that was asked for.
    to: Long,
    /// How many events hold, counted from `from` up to the first that does not.
    held_count: Long,
    /// How many signed checkpoints were passed on the way and hold.
    checkpoint_count: Long,
    /// The root of the Merkle tree up to the last event that holds, in hexadecimal.
    root: String,
    /// The first position that does not hold, and why; null when everything holds.
    finding: Option<LogFinding>,
}

/// The first position of the log that does not hold, and why.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogFinding {
    /// The position.
    position: Long,
    /// What is wrong there.
    defect: Defect,
    /// The same as a sentence, with what else is known.
    message: String,
}

impl From<Finding> for LogFinding {
    fn from(finding: Finding) -> Self {
        Self { position: finding.position.into(), defect: finding.defect, message: finding.message }
    }
}

impl From<Verification> for LogVerification {
    fn from(verification: Verification) -> Self {
        Self {
            holds: verification.holds(),
            from: verification.from.into(),
            to: verification.to.into(),
            held_count: verification.held.into(),
            checkpoint_count: verification.checkpoints.into(),
            root: verification.root.to_string(),
            finding: verification.finding.map(Into::into),
        }
    }
}

/// The log at one moment, signed. Keep it: whoever holds it sees whether anything before it is touched.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogCheckpoint {
    /// Which log this is.
    origin: String,
    /// How many events it held.
    size: Long,
    /// The root of its Merkle tree, in hexadecimal.
    root: String,
    /// The signed text, in the form of C2SP `tlog-checkpoint`.
    note: String,
    /// When it was signed.
    signed_at: DateTime,
}

impl From<SignedCheckpoint> for LogCheckpoint {
    fn from(signed: SignedCheckpoint) -> Self {
        Self {
            origin: signed.checkpoint.origin,
            size: signed.checkpoint.size.into(),
            root: signed.checkpoint.root.to_string(),
            note: signed.note,
            signed_at: signed.at.into(),
        }
    }
}

/// Proves that an event is in the log, to anybody who has the event and the root, as RFC 9162 section
/// 2.1.3.2 says.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogInclusionProof {
    /// The event.
    event: Event,
    /// The text that is hashed: canonical JSON (RFC 8785) of everything in the event that never changes.
    leaf: String,
    /// SHA-256 of a zero byte and the text, in hexadecimal.
    leaf_hash: String,
    /// The index of the leaf, which is the event's position.
    leaf_index: Long,
    /// The size of the log that the proof is for.
    size: Long,
    /// The root of the log of that size, in hexadecimal.
    root: String,
    /// The hashes beside the way from the leaf up to the root, in hexadecimal.
    path: Vec<String>,
    /// The checkpoint that signs size and root; null while none was signed since the event.
    checkpoint: Option<LogCheckpoint>,
}

impl LogInclusionProof {
    /// The proof as callers see it.
    ///
    /// # Errors
    /// `Internal`, which is a bug.
    pub fn new(proven: ProvenEvent) -> Result<Self> {
        let text = leaf::text(&proven.event).map_err(Error::internal)?;
        Ok(Self {
            leaf: String::from_utf8(text).map_err(Error::internal)?,
            leaf_hash: proven.included.leaf.to_string(),
            leaf_index: proven.included.proof.index.into(),
            size: proven.included.proof.size.into(),
            root: proven.included.root.to_string(),
            path: printed(&proven.included.proof.path),
            checkpoint: proven.checkpoint.map(Into::into),
            event: proven.event.into(),
        })
    }
}

/// Proves that the log only grew between two sizes, as RFC 9162 section 2.1.4.2 says.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogConsistencyProof {
    /// The smaller size.
    from: Long,
    /// The larger size.
    to: Long,
    /// The root of the log of the smaller size, in hexadecimal.
    from_root: String,
    /// The root of the log of the larger size, in hexadecimal.
    to_root: String,
    /// The hashes from which both roots follow, in hexadecimal.
    path: Vec<String>,
}

impl From<Grown> for LogConsistencyProof {
    fn from(grown: Grown) -> Self {
        Self {
            from: grown.proof.old_size.into(),
            to: grown.proof.new_size.into(),
            from_root: grown.old_root.to_string(),
            to_root: grown.new_root.to_string(),
            path: printed(&grown.proof.path),
        }
    }
}

fn printed(path: &[NodeHash]) -> Vec<String> {
    path.iter().map(NodeHash::to_string).collect()
}
