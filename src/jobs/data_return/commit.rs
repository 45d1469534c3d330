//! Makes a sealed part count: shown at the destination, its lines spooled, the checkpoint saved. In that order,
//! so that whatever is missing after a crash is made again and nothing counts that is not there.

use super::{
    checkpoint::{Checkpoint, Position, Watch},
    fault::{Result, ReturnError, written},
    order::Order,
    part::PartId,
    seal::Sealed,
    spooled::Head,
};

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
    let Sealed { mut record, upload, lines, tally, at } = sealed;
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
    record.version = stored.version;
    let head = Head { record, from, to: at, tally };
    head.keep(order, part, &lines).await?;
    Ok(head)
}
