//! What the spool keeps of each finished part: one object, its [`Head`] as the first line and then the inventory lines
//! of what ends in the part.

use bytes::Bytes;
use futures_util::TryFutureExt;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::{
    checkpoint::{PartRecord, Position},
    fault::{Result, ReturnError, written},
    inventory::Lines,
    order::Order,
    part::PartId,
    tally::Tally,
};
use crate::ports::storage::Span;

/// A finished part, and its place in the stream: whoever has this can make it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    /// The part as it lies at the destination.
    pub(super) record: PartRecord,
    /// Where the stream stood before it.
    pub(super) from: Position,
    /// Where the stream stood behind it.
    pub(super) to: Position,
    /// Sums over its lines.
    pub(super) tally: Tally,
}

impl Head {
    /// Writes it and the `lines` that belong to it down, for `part`.
    ///
    /// # Errors
    /// `Spool`, `Broken`.
    pub(super) async fn keep(&self, order: &Order, part: PartId, lines: &[u8]) -> Result<()> {
        let mut text = Vec::with_capacity(lines.len() + 1024);
        serde_json::to_writer(&mut text, self).map_err(|_error| ReturnError::Broken("a part's record has no text"))?;
        text.push(b'\n');
        text.extend_from_slice(lines);
        written(order.spool.store.put(&order.spooled(part), Bytes::from(text)).await).map_err(ReturnError::Spool)?;
        Ok(())
    }

    /// Reads that of `part`.
    ///
    /// # Errors
    /// `Spool`, `Broken`, `Interrupted`.
    pub(super) async fn of(order: &Order, part: PartId) -> Result<Self> {
        let order = order.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut lines = Lines::of(&order, &order.spooled(part), 0, &Handle::current())?;
            let text = lines.next_text()?.unwrap_or_default();
            serde_json::from_slice(text).map_err(|_error| ReturnError::Broken("a spooled part has no record"))
        });
        read.await.map_err(|_stopped| ReturnError::Interrupted)?
    }
}

/// Gives each inventory line of what ends in `parts`, with its line feed, to `with`. Blocks its thread.
///
/// # Errors
/// `Spool`, `Broken`, and those of `with`.
pub(super) fn each_line(
    order: &Order,
    parts: impl Iterator<Item = PartId>,
    runtime: &Handle,
    with: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    for part in parts {
        let mut lines = Lines::of(order, &order.spooled(part), 0, runtime)?;
        // The head of the object, which is no line of the inventory.
        lines.next_text()?;
        while let Some(text) = lines.next_text()? {
            with(text)?;
        }
    }
    Ok(())
}

/// The lines of `part`, which are few enough to be held.
///
/// # Errors
/// `Spool`.
pub(super) async fn lines_of(order: &Order, part: PartId) -> Result<Vec<u8>> {
    let opened = order.spool.store.open(&order.spooled(part), Span::All).map_err(ReturnError::Spool).await?;
    let limit = opened.facts.size;
    let text = opened.body.into_bytes(limit).await.map_err(ReturnError::Spool)?;
    let head = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1);
    Ok(text[head..].to_vec())
}
