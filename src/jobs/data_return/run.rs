//! One run of a return: from a checkpoint, or from nothing, to the finished package or to an error.

use std::sync::Arc;

use futures_util::TryStreamExt;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::{JoinError, JoinSet},
};

use super::{
    checkpoint::{Checkpoint, Position, Watch},
    commit::commit,
    fault::{Result, ReturnError},
    inventory::{self, Frozen},
    lane::{Lane, lane},
    mend::mend,
    omissions,
    order::{Order, Place},
    package::{self, Package},
    payload,
    seal::{Sealed, Sealing},
    tags,
};
use crate::ports::storage::{Fault, FaultKind, Go, Listed, ObjectPath};

/// Sealed parts that may wait to be committed while the next one is made.
const PARTS_AHEAD: usize = 1;

/// Packs the order's sources as `frozen` lists them, beginning at `from` when an earlier run left a checkpoint.
///
/// The package at the destination is finished and described then, and not yet verified: see
/// [`verify`](super::verify()).
///
/// # Errors
/// [`ReturnError`]. After any of them another run can go on from the last checkpoint that was saved.
pub async fn pack(order: &Arc<Order>, frozen: &Frozen, from: Option<Checkpoint>, watch: &Watch) -> Result<Package> {
    let mut checkpoint = from.unwrap_or_default();
    inventory::check(order, frozen).await?;
    // First: what a run left behind that died may be the very room that is missing.
    clear_unfinished(order, &checkpoint, watch).await?;
    if !checkpoint.damaged.is_empty() {
        mend(order, &mut checkpoint, watch).await?;
        clear_unfinished(order, &checkpoint, watch).await?;
    }
    if matches!(checkpoint.at, Position::Start | Position::Payload { .. }) {
        let (order, at) = (order.clone(), checkpoint.at.clone());
        let produce = {
            let order = order.clone();
            move |lane: &Lane, runtime: &Handle| payload::produce(&order, at, payload::TO_THE_END, lane, runtime)
        };
        checkpoint = stage(&order, checkpoint, watch, produce).await?;
        checkpoint.at = Position::Tags { payload_parts: checkpoint.parts.count(), offset: 0 };
    }
    if let Position::Tags { payload_parts, offset } = checkpoint.at {
        let (order_there, from) = (order.clone(), checkpoint.clone());
        let produce = move |lane: &Lane, runtime: &Handle| {
            tags::produce(&order_there, &from, payload_parts, offset, lane, runtime)
        };
        checkpoint = stage(order, checkpoint, watch, produce).await?;
    }
    omissions::write(order, &mut checkpoint, watch).await?;
    ask(watch).await?;
    package::describe(order, frozen, checkpoint).await
}

/// Runs the stages of one lane until the producer has nothing more to ask for.
async fn stage(
    order: &Arc<Order>,
    from: Checkpoint,
    watch: &Watch,
    produce: impl FnOnce(&Lane, &Handle) -> Result<()> + Send + 'static,
) -> Result<Checkpoint> {
    let runtime = Handle::current();
    let (lane, ends) = lane(order.workers, order.format, watch.cancel.clone());
    let (sealed, parts) = mpsc::channel(PARTS_AHEAD);
    let sealing = Sealing {
        order: order.clone(),
        watch: watch.clone(),
        runtime: runtime.clone(),
        buffers: ends.buffers,
        sealed,
        from: from.clone(),
    };
    let mut threads = JoinSet::new();
    threads.spawn_blocking(move || produce(&lane, &runtime));
    threads.spawn_blocking(move || sealing.run(&ends.slots));
    for bench in ends.workers {
        threads.spawn_blocking(move || bench.work());
    }
    tokio::select! {
        biased;
        // The threads see the cancellation too, and end on their own; nobody needs to wait for a slow disk.
        () = watch.cancel.cancelled() => { threads.detach_all(); Err(ReturnError::Cancelled) }
        ended = commit_all(order, watch, from, parts, &mut threads) => ended,
    }
}

async fn commit_all(
    order: &Order,
    watch: &Watch,
    mut checkpoint: Checkpoint,
    mut parts: mpsc::Receiver<Sealed>,
    threads: &mut JoinSet<Result<()>>,
) -> Result<Checkpoint> {
    let mut committed = Ok(());
    while let Some(sealed) = parts.recv().await {
        committed = commit(order, watch, &mut checkpoint, sealed).await;
        if committed.is_err() {
            break;
        }
    }
    // Closing the channel ends the stages before it, one after the other.
    drop(parts);
    let mut first = committed.err();
    while let Some(ended) = threads.join_next().await {
        let error = flatten(ended).err();
        let is_consequence = matches!(first, None | Some(ReturnError::Interrupted));
        if is_consequence && error.is_some() {
            first = error;
        }
    }
    match first {
        None => Ok(checkpoint),
        Some(error) => Err(error),
    }
}

/// What a thread came to.
pub(super) fn flatten<T>(ended: Result<Result<T>, JoinError>) -> Result<T> {
    ended.unwrap_or(Err(ReturnError::Broken("a thread of the return stopped")))
}

/// A worker that lost its job learns it here.
async fn ask(watch: &Watch) -> Result<()> {
    watch.sink.still_ours().await.map_err(ReturnError::Checkpoint)
}

/// Takes away what earlier runs and editions left beside the parts that count. What later runs make meanwhile stays, should
/// this one be held up in here: all that it may interrupt is the writing of a text, which its writer tries again.
async fn clear_unfinished(order: &Arc<Order>, finished: &Checkpoint, watch: &Watch) -> Result<()> {
    ask(watch).await?;
    let list = finished.omissions.as_ref().map(|list| list.object.name.clone());
    let (ours, finished) = (order.clone(), finished.parts.clone());
    let goes: Go = Arc::new(move |name| {
        let Some(name) = str::from_utf8(name).ok().filter(|name| ours.is_of_package(name)) else { return false };
        if let Some(fence) = ours.omissions_by(name) {
            return fence <= ours.fence && list.as_deref() != Some(name);
        }
        ours.part_named(name).is_none_or(|part| part.fence <= ours.fence && !finished.has(part))
    });
    for (place, kind) in
        [(&order.destination, ReturnError::Destination as fn(Fault) -> ReturnError), (&order.spool, ReturnError::Spool)]
    {
        place.store.sweep(&place.folder, goes.clone()).await.map_err(kind)?;
    }
    let is_made = |name: &str| order.part_named(name).is_some() || order.omissions_by(name).is_some();
    let is_made = |path: &ObjectPath| str::from_utf8(path.file_name()).is_ok_and(is_made);
    for path in paths_in(&order.destination).await.map_err(ReturnError::Destination)? {
        if path.parent() == order.destination.folder && is_made(&path) && goes(path.file_name()) {
            order.destination.store.delete(&path).await.map_err(ReturnError::Destination)?;
        }
    }
    Ok(())
}

async fn paths_in(place: &Place) -> Result<Vec<ObjectPath>, crate::ports::storage::Fault> {
    let mut paths = Vec::new();
    let mut pages = place.store.list(&place.folder);
    loop {
        match pages.try_next().await {
            Ok(Some(page)) => paths.extend(page.into_iter().filter_map(|listed| match listed {
                Listed::Entry(entry) => Some(entry.path),
                Listed::Unreadable { .. } => None,
            })),
            Ok(None) => return Ok(paths),
            // The folder is made by the first write.
            Err(fault) if fault.kind == FaultKind::NotFound => return Ok(paths),
            Err(fault) => return Err(fault),
        }
    }
}
