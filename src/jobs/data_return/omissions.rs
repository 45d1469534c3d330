//! The list of what is not in the package, or not whole: the inventory lines of these entries, one JSON text each.
//!
//! It lies beside the parts and not only within them, so that whoever is asked to accept an incomplete return need not
//! unpack it first. It holds names of the client's files, so it is encrypted to the same keys. Encrypting twice gives
//! other bytes each time: the object bears the fence of the run that made it in its name, and counts once the checkpoint
//! names it, as a part does. The package manifest has the digest of both, of the list and of the object.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    checkpoint::{Checkpoint, PartRecord, Position, Watch},
    commit::reveal,
    fault::{Result, ReturnError},
    lane::Frame,
    line::Line,
    order::Order,
    part::Parts,
    seal::{Part, Sealed},
    spooled::each_line,
    tally::Tally,
};

/// So much of the list is encrypted at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// The list of omissions of a package that is not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Omissions {
    /// The entries it lists.
    pub count: u64,
    /// SHA-256 of the list, in hex, as whoever decrypts it computes it.
    pub sha256: String,
    /// The encrypted list as it lies at the destination; its number is 0.
    pub object: PartRecord,
}

/// Writes the list of a finished package beside its parts, unless it is complete or the list lies there already.
///
/// # Errors
/// `Spool`, `Destination`, `Checkpoint`, `Cancelled`, `Interrupted`.
pub(super) async fn write(order: &Arc<Order>, checkpoint: &mut Checkpoint, watch: &Watch) -> Result<()> {
    if checkpoint.tally.is_complete() || checkpoint.omissions.is_some() {
        return Ok(());
    }
    let (name, parts) = (order.omissions_name(checkpoint.edition), checkpoint.parts.clone());
    let writing = Writing { order: order.clone(), watch: watch.clone(), runtime: Handle::current() };
    let sealed = tokio::task::spawn_blocking(move || writing.seal(name, &parts)).await;
    let (count, sha256, sealed) = sealed.map_err(|_stopped| ReturnError::Interrupted)??;
    let object = reveal(watch, sealed.record, sealed.upload).await?;
    checkpoint.omissions = Some(Omissions { count, sha256, object });
    watch.sink.save(checkpoint).await.map_err(ReturnError::Checkpoint)
}

/// The writing of a list.
struct Writing {
    order: Arc<Order>,
    watch: Watch,
    runtime: Handle,
}

impl Writing {
    /// Encrypts the list of what the lines of `parts` say is missing; gives how much that is, and the list's digest.
    /// Blocks its thread.
    fn seal(&self, name: String, parts: &Parts) -> Result<(u64, String, Sealed)> {
        let mut object = Part::called(&self.order, 0, name, &self.runtime)?;
        let (mut count, mut hasher, mut chunk) = (0, Sha256::new(), Vec::new());
        each_line(&self.order, parts.iter(), &self.runtime, &mut |text| {
            if self.watch.cancel.is_cancelled() {
                return Err(ReturnError::Cancelled);
            }
            if !Line::parse(text)?.is_omitted() {
                return Ok(());
            }
            count += 1;
            hasher.update(text);
            chunk.extend_from_slice(text);
            if chunk.len() < CHUNK_BYTES {
                return Ok(());
            }
            object.add(frame(std::mem::take(&mut chunk)), &self.runtime).map(drop)
        })?;
        object.add(frame(chunk), &self.runtime)?;
        Ok((count, hex::encode(hasher.finalize()), object.close(&self.runtime)?))
    }
}

fn frame(bytes: Vec<u8>) -> Frame {
    let plain_len = bytes.len() as u64;
    Frame { bytes, plain_len, lines: Vec::new(), tally: Tally::default(), at: Position::Start }
}
