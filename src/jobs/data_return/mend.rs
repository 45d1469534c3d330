//! Making again what came back damaged, and only that.
//!
//! A damaged part is packed anew from the source bytes that it held: the spool tells where in the stream it began and
//! where it ended. While the source is what it was, the same bytes of the tar come out, and the new part takes the
//! place of the damaged one. Where files changed meanwhile that the part holds to their end, they are packed in their
//! new state, their lines say so, and the bag's own files, which are made from the spool, are made again as well. Only
//! when the stream does not come back to where the next part goes on (a large file that reaches into it is another one
//! now), or too much is damaged, the package goes back to the damaged part and is packed on from there, as after a
//! restart.
//!
//! What is still to be made again stands in the checkpoint, so a run that dies here is gone on from like any other.

use std::sync::{Arc, mpsc::Receiver};

use tokio::{
    runtime::Handle,
    task::{JoinHandle, JoinSet},
};

use super::{
    checkpoint::{Checkpoint, Position, Watch},
    commit::show,
    fault::{Result, ReturnError},
    lane::{Buffers, Lane, Slot, lane},
    order::Order,
    package::Package,
    part::PartId,
    payload,
    run::flatten,
    seal::{Part, Sealed},
    spooled::{Head, lines_of},
    tags,
    verify::Damage,
};

/// Editions of a package at most: the first, and those in which what came back damaged was made again.
///
/// # Source
/// Engine contract of the data return: a damaged part is sent again twice, then the return stops.
pub const EDITIONS_MAX: u32 = 3;

/// Damaged parts that are made again one by one. More of them are a destination that loses things, and the checkpoint
/// has to stay small: everything from the first one on is packed again.
pub(super) const DAMAGED_MAX: usize = 32;

/// Begins another edition of `package`, in which the next [`pack`](super::pack) makes again what is damaged.
///
/// # Errors
/// `Mismatch` when this was the last edition; `Checkpoint`.
pub async fn condemn(package: &Package, damage: Damage, watch: &Watch) -> Result<Checkpoint> {
    let mut checkpoint = package.packed.clone();
    if checkpoint.edition + 1 >= EDITIONS_MAX {
        return Err(damage.into());
    }
    tracing::warn!(package.edition = checkpoint.edition, damaged = %damage, "what came back damaged is made again");
    checkpoint.edition += 1;
    checkpoint.damaged = damage.parts;
    // Short beside the parts, and perhaps no longer true: it is made anew.
    checkpoint.omissions = None;
    watch.sink.save(&checkpoint).await.map_err(ReturnError::Checkpoint)?;
    Ok(checkpoint)
}

/// Makes again what `checkpoint` says is damaged.
///
/// # Errors
/// As [`pack`](super::pack).
pub(super) async fn mend(order: &Arc<Order>, checkpoint: &mut Checkpoint, watch: &Watch) -> Result<()> {
    while let Some(number) = checkpoint.damaged.first().copied() {
        let part = checkpoint.parts.get(number).ok_or(ReturnError::Broken("a damaged part is none of the package"))?;
        let damaged = Head::of(order, part).await?;
        let is_too_much = checkpoint.damaged.len() > DAMAGED_MAX;
        let sealed = if is_too_much { None } else { again(order, checkpoint, &damaged, watch).await? };
        if let Some(sealed) = sealed {
            put_in_place(order, checkpoint, part, damaged, sealed, watch).await?;
        } else {
            cut(order, checkpoint, number - 1).await?;
            checkpoint.at = damaged.from;
            checkpoint.damaged.clear();
        }
        watch.sink.save(checkpoint).await.map_err(ReturnError::Checkpoint)?;
    }
    Ok(())
}

/// Shows `sealed` and counts it in the place of `damaged`. When it holds something else, the bag's own files go: what
/// they say is no longer true.
async fn put_in_place(
    order: &Order,
    checkpoint: &mut Checkpoint,
    damaged_part: PartId,
    damaged: Head,
    sealed: Sealed,
    watch: &Watch,
) -> Result<()> {
    let is_same = lines_of(order, damaged_part).await? == sealed.lines;
    let part = PartId { fence: order.fence, edition: checkpoint.edition, ..damaged_part };
    let made = show(order, watch, part, damaged.from.clone(), sealed).await?;
    checkpoint.parts.replace(part);
    discount(checkpoint, &damaged);
    checkpoint.tally.add(&made.tally);
    checkpoint.plain_bytes += made.record.plain_bytes;
    checkpoint.stored_bytes += made.record.bytes;
    checkpoint.damaged.retain(|number| *number != part.number);
    if !is_same && let Position::Tags { payload_parts, .. } = first_of_tags(order, checkpoint).await? {
        cut(order, checkpoint, payload_parts).await?;
        checkpoint.at = Position::Tags { payload_parts, offset: 0 };
        checkpoint.damaged.retain(|number| *number <= payload_parts);
    }
    Ok(())
}

/// Where the last part begins, which is among the bag's own files once the package is finished.
async fn first_of_tags(order: &Order, checkpoint: &Checkpoint) -> Result<Position> {
    if !matches!(checkpoint.at, Position::End { .. }) {
        return Ok(checkpoint.at.clone());
    }
    let last = checkpoint.parts.get(checkpoint.parts.count());
    let last = last.ok_or(ReturnError::Broken("a finished package has no parts"))?;
    Ok(Head::of(order, last).await?.from)
}

/// Keeps the first `count` parts.
async fn cut(order: &Order, checkpoint: &mut Checkpoint, count: u32) -> Result<()> {
    for number in count + 1..=checkpoint.parts.count() {
        if let Some(part) = checkpoint.parts.get(number) {
            discount(checkpoint, &Head::of(order, part).await?);
        }
    }
    checkpoint.parts.truncate(count);
    Ok(())
}

fn discount(checkpoint: &mut Checkpoint, gone: &Head) {
    checkpoint.tally.take(&gone.tally);
    checkpoint.plain_bytes = checkpoint.plain_bytes.saturating_sub(gone.record.plain_bytes);
    checkpoint.stored_bytes = checkpoint.stored_bytes.saturating_sub(gone.record.bytes);
}

/// Packs what `damaged` held once more; none when the stream does not come to where it ended.
async fn again(order: &Arc<Order>, from: &Checkpoint, damaged: &Head, watch: &Watch) -> Result<Option<Sealed>> {
    let runtime = Handle::current();
    let (lane, ends) = lane(order.workers, order.format, watch.cancel.clone());
    let one = One {
        order: order.clone(),
        part: PartId { number: damaged.record.number, fence: order.fence, edition: from.edition },
        to: damaged.to.clone(),
        watch: watch.clone(),
        runtime: runtime.clone(),
        buffers: ends.buffers,
    };
    let mut threads = JoinSet::new();
    let (order, from, damaged) = (order.clone(), from.clone(), damaged.clone());
    threads.spawn_blocking(move || produce(&order, &from, damaged, &lane, &runtime));
    for bench in ends.workers {
        threads.spawn_blocking(move || bench.work());
    }
    let sealing = tokio::task::spawn_blocking(move || one.seal(&ends.slots));
    tokio::select! {
        biased;
        () = watch.cancel.cancelled() => { threads.detach_all(); Err(ReturnError::Cancelled) }
        ended = settled(sealing, &mut threads) => ended,
    }
}

fn produce(order: &Arc<Order>, from: &Checkpoint, damaged: Head, lane: &Lane, runtime: &Handle) -> Result<()> {
    let until = match damaged.to {
        Position::Payload { line, file: None } => line,
        Position::Payload { line, file: Some(_) } => line + 1,
        _ => payload::TO_THE_END,
    };
    match damaged.from {
        Position::Tags { payload_parts, offset } => tags::produce(order, from, payload_parts, offset, lane, runtime),
        at => payload::produce(order, at, until, lane, runtime),
    }
}

/// What the sealing came to, or why a stage before it stopped.
async fn settled(
    sealing: JoinHandle<Result<Option<Sealed>>>,
    threads: &mut JoinSet<Result<()>>,
) -> Result<Option<Sealed>> {
    let sealed = flatten(sealing.await);
    let mut first = None;
    while let Some(ended) = threads.join_next().await {
        match flatten(ended) {
            // The sealing has what it wants and takes no more.
            Ok(()) | Err(ReturnError::Interrupted) => {}
            Err(error) => first = first.or(Some(error)),
        }
    }
    match (sealed, first) {
        (Ok(None) | Err(ReturnError::Interrupted), Some(error)) => Err(error),
        (sealed, _) => sealed,
    }
}

/// The sealing of one part.
struct One {
    order: Arc<Order>,
    part: PartId,
    /// Where the stream has to come.
    to: Position,
    watch: Watch,
    runtime: Handle,
    buffers: Arc<Buffers>,
}

impl One {
    /// Seals until the stream stands where it has to come; none when it passes that. Blocks its thread.
    fn seal(self, frames: &Receiver<Slot>) -> Result<Option<Sealed>> {
        let mut part = Part::open(&self.order, self.part, &self.runtime)?;
        while let Ok(slot) = frames.recv() {
            if self.watch.cancel.is_cancelled() {
                return Err(ReturnError::Cancelled);
            }
            let frame = slot.recv().map_err(|_gone| ReturnError::Broken("a worker stopped"))??;
            let at = frame.at.clone();
            self.buffers.give_back(part.add(frame, &self.runtime)?);
            if at == self.to {
                return part.close(&self.runtime).map(Some);
            }
            // A file that became huge since is not for one part.
            if at.is_behind(&self.to) || part.plain_bytes() > 2 * self.order.part_bytes {
                return Ok(None);
            }
        }
        Ok(None)
    }
}
