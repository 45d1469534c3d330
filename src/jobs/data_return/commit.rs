//! Makes a sealed part count: shown at the destination, its lines spooled, the checkpoint saved. In that order,
//! so that whatever is missing after a crash is made again and nothing counts that is not there.

use bytes::Bytes;

use super::{
    checkpoint::{Checkpoint, PartRecord, Watch},
    fault::{Result, ReturnError, written},
    order::Order,
    part::PartId,
    seal::Sealed,
};

/// Commits `sealed`; moves `checkpoint` behind it.
///
/// # Errors
/// `Destination`, `Spool`, `Checkpoint`. The part may be at the destination then; it does not count.
pub(super) async fn commit(order: &Order, watch: &Watch, checkpoint: &mut Checkpoint, sealed: Sealed) -> Result<()> {
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

    let spooled = spool_text(&record, &lines)?;
    let part = PartId { number: record.number, fence: order.fence };
    written(order.spool.store.put(&order.spooled(part), spooled).await).map_err(ReturnError::Spool)?;

    checkpoint.parts.add(order.fence);
    checkpoint.at = at;
    checkpoint.tally.add(&tally);
    checkpoint.plain_bytes += record.plain_bytes;
    checkpoint.stored_bytes += record.bytes;
    watch.sink.save(checkpoint, &record).await.map_err(ReturnError::Checkpoint)
}

/// What the spool keeps of a part: its record, then its lines.
fn spool_text(record: &PartRecord, lines: &[u8]) -> Result<Bytes> {
    let mut text = Vec::with_capacity(lines.len() + 512);
    serde_json::to_writer(&mut text, record).map_err(|_error| ReturnError::Broken("a part's record has no text"))?;
    text.push(b'\n');
    text.extend_from_slice(lines);
    Ok(Bytes::from(text))
}
