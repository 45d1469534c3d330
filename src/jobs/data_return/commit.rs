//! Makes a sealed part count: shown at the destination, its lines spooled, the checkpoint saved. In that order,
//! so that whatever is missing after a crash is made again and nothing counts that is not there.

use tokio::task::JoinHandle;

use super::{
    checkpoint::{Checkpoint, PartRecord, Position, Watch},
    fault::{Result, ReturnError, written},
    order::Order,
    part::PartId,
    seal::Sealed,
    spooled::Head,
};
use crate::ports::storage::{Fault, Upload};

/// Commits `sealed`; moves `checkpoint` behind it.
///
/// # Errors
/// `Destination`, `Spool`, `Checkpoint`. The part may be at the destination then; it does not count.
pub(super) async fn commit(order: &Order, watch: &Watch, checkpoint: &mut Checkpoint, sealed: Sealed) -> Result<()> {
    let part = PartId { number: sealed.record.number, fence: order.fence, edition: checkpoint.edition };
    let Head { record, to, tally, .. } = show(order, watch, part, checkpoint.at.clone(), sealed).await?;
    checkpoint.parts.add(part.fence, part.edition);
    checkpoint.at = to;
    checkpoint.tally.add(&tally);
    checkpoint.plain_bytes += record.plain_bytes;
    checkpoint.stored_bytes += record.bytes;
    watch.sink.save(checkpoint).await.map_err(ReturnError::Checkpoint)
}

/// Lets `sealed` show as `part`, which begins at `from`, and spools its lines. It does not count yet.
///
/// # Errors
/// `Destination`, `Spool`, `Checkpoint`.
pub(super) async fn show(order: &Order, watch: &Watch, part: PartId, from: Position, sealed: Sealed) -> Result<Head> {
    let Sealed { record, upload, lines, tally, at } = sealed;
    let head = Head { record: reveal(watch, record, upload).await?, from, to: at, tally };
    head.keep(order, part, &lines).await?;
    Ok(head)
}

/// Lets what `record` describes show at the destination; gives the record with the destination's mark.
///
/// # Errors
/// `Destination`, `Checkpoint`, `Interrupted`.
pub(super) async fn reveal(
    watch: &Watch,
    record: PartRecord,
    upload: JoinHandle<Result<Box<dyn Upload>, Fault>>,
) -> Result<PartRecord> {
    let upload = match upload.await {
        Ok(upload) => upload.map_err(ReturnError::Destination)?,
        Err(_stopped) => return Err(ReturnError::Interrupted),
    };
    // What a worker lets show that sleeps right here has a name of its own, and counts for nothing.
    if let Err(error) = watch.sink.still_ours().await {
        upload.abandon().await;
        return Err(ReturnError::Checkpoint(error));
    }
    let stored = written(upload.finish().await).map_err(ReturnError::Destination)?;
    Ok(PartRecord { version: stored.version, ..record })
}
