//! Beginning a package, and taking away what it replaces.

use super::{
    Format, Order, Phase, Place, ReturnError, Watch, freeze,
    mark::{Making, Row, enter},
};
use crate::{
    app::data_return::{self, Args, Best, clear_packages},
    auth::Actor,
    jobs::TaskContext,
    ports::storage::{Fault, FaultKind, probe},
};

/// Step 2. The mark stands before anything of the return does. What earlier runs began goes, unless the job told of it.
pub(super) async fn begin(
    context: &TaskContext,
    order: &Order,
    row: &Row,
    watch: &Watch,
) -> Result<Making, ReturnError> {
    row.change(|mark| mark.begun = None).await.map_err(ReturnError::Checkpoint)?;
    let (fence, left) = (order.fence, row.mark().left);
    clear(context, order, move |begun_by| begun_by < fence && !left.keeps(begun_by)).await?;
    writable(order).await?;
    enter(context, Some(Phase::Inventory), None, None);
    let frozen = freeze(order, watch).await?;
    let begun = Making { fence, made_by: order.about.made_by.clone(), frozen, packed: None };
    row.change(|mark| mark.begun = Some(begun.clone())).await.map_err(ReturnError::Checkpoint)?;
    Ok(begun)
}

/// That the destination can be written, read and cleared is known before terabytes are read.
async fn writable(order: &Order) -> Result<(), ReturnError> {
    let Place { store, folder } = &order.destination;
    probe(store.as_ref(), folder, &format!("{}.write-test", order.name)).await.map_err(ReturnError::Destination)?;
    Ok(())
}

/// So much more room than the payload has the destination to have, in percent.
const ROOM_PERCENT: u64 = 105;

/// What is not compressed needs room that is known beforehand. What is compressed may need far less, so it is tried.
///
/// # Errors
/// `Destination` with `Full`, and what it answers.
pub(super) async fn roomy(order: &Order, payload: u64) -> Result<(), ReturnError> {
    let free = order.destination.store.free_bytes().await.map_err(ReturnError::Destination)?;
    let needed = payload.saturating_mul(ROOM_PERCENT) / 100;
    match free.filter(|_| order.format == Format::BagitTar) {
        Some(free) if free < needed => {
            let detail = format!("{free} bytes are free and {needed} needed");
            let place = order.destination.folder.to_string();
            Err(ReturnError::Destination(Fault::new(FaultKind::Full, "measure", place, detail)))
        }
        _ => Ok(()),
    }
}

/// `package` was read back: the one that the job told of before is not needed any more, unless it lacks less.
pub(super) async fn replace(context: &TaskContext, order: &Order, row: &Row, package: Best) -> Result<(), ReturnError> {
    let before = row.mark().left;
    let left = before.with(package);
    let Some(told_of) = before.told_of.filter(|told_of| *told_of < package.fence) else { return Ok(()) };
    // Asks the fence as well: a run that was held up past its lease takes away nothing that was promised.
    row.change(|mark| mark.left = left).await.map_err(ReturnError::Checkpoint)?;
    let best = left.best.map_or(package.fence, |best| best.fence);
    clear(context, order, move |begun_by| begun_by < package.fence && begun_by != best).await?;
    if told_of != best {
        let actor = Actor::system();
        let mut deed = context.begin(&actor).await.map_err(ReturnError::Checkpoint)?;
        data_return::replaced(&mut deed, context.job());
        deed.commit().await.map_err(ReturnError::Checkpoint)?;
    }
    Ok(())
}

/// Takes away the packages that `go` by the fence of the run that began them, here and there.
async fn clear(
    context: &TaskContext,
    order: &Order,
    go: impl Fn(i64) -> bool + Clone + Send + Sync + 'static,
) -> Result<(), ReturnError> {
    let packages = context.args::<Args>().map_err(ReturnError::Checkpoint)?.packages(context.job().id);
    let Place { store, folder } = &order.destination;
    clear_packages(store.as_ref(), folder, &packages, go.clone()).await.map_err(ReturnError::Destination)?;
    let Place { store, folder } = &order.spool;
    clear_packages(store.as_ref(), folder, &packages, go).await.map_err(ReturnError::Spool)
}
