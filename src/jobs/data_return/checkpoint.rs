//! How far a return has come, in a few hundred bytes, and the two small ports to whoever keeps and shows it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{
    Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};
use tokio_util::sync::CancellationToken;

use super::{omissions::Omissions, part::Parts, tally::Tally};
use crate::{domain::words, error::Error, ports::storage::Facts};

words! {
    /// What a return is doing.
    Phase {
        /// Listing the sources.
        Inventory = "INVENTORY",
        /// Reading, packing and sending.
        Packing = "PACKING",
        /// Reading back what was sent.
        Verifying = "VERIFYING",
    }
}

/// The state of a return after its last finished part. Whoever has it and the spool can go on from there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The finished parts.
    pub parts: Parts,
    /// Where the next part begins.
    pub at: Position,
    /// Sums over what is packed so far.
    pub tally: Tally,
    /// Plain bytes of the finished parts.
    pub plain_bytes: u64,
    /// Bytes of the finished parts as they lie at the destination.
    pub stored_bytes: u64,
    /// Which edition of the package this is, from 0. There is another one each time that something of it came back
    /// damaged; what an edition makes bears its number in its name.
    #[serde(default)]
    pub edition: u32,
    /// Numbers of the parts that came back damaged and are still to be made again, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<u32>,
    /// The list of what is missing, of a package that is finished without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omissions: Option<Omissions>,
}

/// A place in the tar stream where a part may begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Position {
    /// Before the first byte.
    #[default]
    Start,
    /// Among the payload.
    Payload {
        /// Offset in the frozen inventory of the line that is next, or being packed.
        line: u64,
        /// The large file being packed, if one is.
        file: Option<FileAt>,
    },
    /// In the bag's own files, which are made anew from the spool up to this offset.
    Tags {
        /// Parts that hold payload.
        payload_parts: u32,
        /// Bytes of the bag's own files that are in finished parts.
        offset: u64,
    },
    /// After the last byte.
    End {
        /// SHA-256 of the bag's payload manifest, in hex.
        manifest_sha256: String,
    },
}

impl Position {
    /// Bytes of an unfinished large file that are packed.
    pub(super) fn bytes_in_file(&self) -> u64 {
        match self {
            Self::Payload { file: Some(FileAt { begun: Some(begun), .. }), .. } => begun.offset,
            _ => 0,
        }
    }

    /// Whether both are among the payload, and this one not before `other`.
    pub(super) fn is_behind(&self, other: &Self) -> bool {
        let place = |at: &Self| match at {
            Self::Start => Some((0, 0, 0)),
            Self::Payload { line, file } => Some(file.as_ref().map_or((*line, 0, 0), |file| {
                (*line, file.copy, file.begun.as_ref().map_or(0, |begun| begun.offset + 1))
            })),
            Self::Tags { .. } | Self::End { .. } => None,
        };
        place(self).zip(place(other)).is_some_and(|(here, there)| here >= there)
    }
}

/// A place in a large file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileAt {
    /// Which copy: 1, or 2 when it changed during the first.
    pub copy: u8,
    /// How far that copy has come; none when its header is still to be written.
    pub begun: Option<Begun>,
}

/// A copy of a large file whose header is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    /// Bytes of it that are packed.
    pub offset: u64,
    /// The facts when it was opened; the header announces this size.
    #[serde(with = "facts_as_map")]
    pub opened: Facts,
    /// SHA-256 over the packed bytes so far.
    pub midstate: Midstate,
}

/// SHA-256 over some bytes, able to go on with more in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Midstate(String);

impl Midstate {
    /// The state of `hasher`.
    pub(super) fn of(hasher: &Sha256) -> Self {
        Self(hex::encode(hasher.serialize()))
    }

    /// A hasher that goes on from here; none when the text is not a state.
    pub(super) fn restore(&self) -> Option<Sha256> {
        let mut state = SerializedState::<Sha256>::default();
        hex::decode_to_slice(&self.0, &mut state).ok()?;
        Sha256::deserialize(&state).ok()
    }
}

/// A finished part as it lies at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartRecord {
    /// Its number, from 1.
    pub number: u32,
    /// Its name in the destination's folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Bytes of the tar stream in it.
    pub plain_bytes: u64,
    /// The destination's mark for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Keeps checkpoints. The job's row does.
#[async_trait]
pub trait CheckpointSink: Send + Sync {
    /// Says whether the job is still ours, by asking its row. Asked before anything is let show at the
    /// destination and before anything there is taken away.
    ///
    /// # Errors
    /// Any error stops the return at once.
    async fn still_ours(&self) -> Result<(), Error>;

    /// Keeps the checkpoint: a part became durable, or came back damaged.
    ///
    /// # Errors
    /// Any error stops the return at once.
    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Error>;
}

/// How far a phase has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoFar {
    /// The phase.
    pub phase: Phase,
    /// Files done with.
    pub files: u64,
    /// Bytes of files done with; in the verification, bytes read back.
    pub bytes: u64,
    /// Parts that are finished, or read back.
    pub parts: u32,
}

/// Is told how far the return has come, some hundred times a second at most. Must not block.
pub trait Progress: Send + Sync {
    /// The return has come so far.
    fn at(&self, so_far: SoFar);
}

/// What accompanies a return.
#[derive(Clone)]
pub struct Watch {
    /// Keeps checkpoints.
    pub sink: Arc<dyn CheckpointSink>,
    /// Is told the progress.
    pub progress: Arc<dyn Progress>,
    /// Stops the return within moments.
    pub cancel: CancellationToken,
}

mod facts_as_map {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::ports::storage::Facts;

    #[derive(Serialize, Deserialize)]
    struct Map {
        size: u64,
        modified: Option<DateTime<Utc>>,
        version: Option<String>,
    }

    pub(super) fn serialize<S: Serializer>(facts: &Facts, serializer: S) -> Result<S::Ok, S::Error> {
        let Facts { size, modified, version } = facts.clone();
        Map { size, modified, version }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Facts, D::Error> {
        let Map { size, modified, version } = Map::deserialize(deserializer)?;
        Ok(Facts { size, modified, version })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest;

    use super::*;

    proptest! {
        #[test]
        fn a_digest_goes_on_after_its_state_was_written_down(first: Vec<u8>, second: Vec<u8>) {
            let mut hasher = Sha256::new();
            hasher.update(&first);
            let mut restored = Midstate::of(&hasher).restore().unwrap();
            restored.update(&second);
            let whole = [first, second].concat();
            prop_assert_eq!(restored.finalize(), Sha256::digest(whole));
        }
    }

    #[test]
    fn a_checkpoint_stays_small_and_comes_back_from_its_text() {
        let begun = Begun {
            offset: u64::MAX / 2,
            opened: Facts {
                size: u64::MAX / 2,
                modified: chrono::DateTime::from_timestamp(1_700_000_000, 123_456_789),
                version: Some("fe01-ffffffff".into()),
            },
            midstate: Midstate::of(&Sha256::new_with_prefix("some bytes")),
        };
        let mut parts = Parts::default();
        for number in 0..10_000 {
            parts.add(1_000_000 + number / 1_000, 0);
        }
        let checkpoint = Checkpoint {
            parts,
            at: Position::Payload { line: 1 << 40, file: Some(FileAt { copy: 2, begun: Some(begun) }) },
            ..Checkpoint::default()
        };
        let text = serde_json::to_string(&checkpoint).unwrap();
        assert!(text.len() < 1280, "{} bytes: {text}", text.len());
        assert_eq!(serde_json::from_str::<Checkpoint>(&text).unwrap(), checkpoint);
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for text in ["", "00", "zz"] {
            assert!(Midstate(text.into()).restore().is_none(), "{text}");
        }
    }
}
