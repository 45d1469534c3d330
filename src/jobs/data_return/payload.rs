//! Goes through the frozen inventory and asks for the blocks of the payload: small files many to a block, a
//! large file block by block.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    batch::{Batch, From, Item, fetch, member_name},
    checkpoint::{FileAt, Position},
    fault::{Result, ReturnError},
    file,
    inventory::Lines,
    lane::Lane,
    line::Line,
    order::{Order, Source},
    tally::Tally,
    tarball,
};
use crate::ports::storage::{EntryKind, ObjectPath};

/// Lines of one block at most, so that a block of empty files stays as small in memory as any other.
const MOST_LINES: usize = 1024;

/// The offset that no inventory reaches: up to there is all of it.
pub(super) const TO_THE_END: u64 = u64::MAX;

/// Asks for the payload from `at` on, up to the line at the offset `until`, which is left out.
///
/// # Errors
/// Those of the source and the spool, `Cancelled`, and `Interrupted` when a later stage stopped.
pub(super) fn produce(order: &Arc<Order>, at: Position, until: u64, lane: &Lane, runtime: &Handle) -> Result<()> {
    let (line, file) = match at {
        Position::Start => {
            begin_bag(order, lane)?;
            (0, None)
        }
        Position::Payload { line, file } => (line, file),
        Position::Tags { .. } | Position::End { .. } => return Ok(()),
    };
    let lines = Lines::from(order, line, runtime)?;
    Payload { order, lane, runtime, lines, until, batch: Vec::new(), planned: 0 }.all(file)
}

/// The first block: the bag's folder, its declaration, and the folder of its payload, which may stay empty.
fn begin_bag(order: &Order, lane: &Lane) -> Result<()> {
    let mut block = lane.buffer();
    tarball::folder(&mut block, format!("{}/", order.name).as_bytes());
    super::tags::declaration(order, &mut block);
    tarball::folder(&mut block, format!("{}/data/", order.name).as_bytes());
    lane.ask_for(block, Vec::new(), Tally::default(), Position::Payload { line: 0, file: None })
}

struct Payload<'a> {
    order: &'a Arc<Order>,
    lane: &'a Lane,
    runtime: &'a Handle,
    lines: Lines,
    until: u64,
    batch: Vec<Line>,
    planned: usize,
}

impl Payload<'_> {
    fn all(mut self, mut resumed: Option<FileAt>) -> Result<()> {
        while self.lines.offset() < self.until {
            let before = self.lines.offset();
            let Some(line) = self.lines.next_line()? else { break };
            let is_file = line.kind == EntryKind::File && line.status.is_none();
            let is_large = line.size.is_some_and(|size| size > self.order.small_bytes());
            if is_file && (is_large || resumed.is_some()) {
                self.flush(before)?;
                self.large(line, before, resumed.take())?;
            } else {
                self.small(line, is_file, before)?;
            }
        }
        let end = self.lines.offset();
        self.flush(end)
    }

    fn small(&mut self, line: Line, is_file: bool, before: u64) -> Result<()> {
        if is_file {
            let name = member_name(&self.order.name, line.member());
            let size = usize::try_from(line.size.unwrap_or(0)).unwrap_or(usize::MAX);
            let bytes = tarball::header_len(&name) + tarball::padded(size);
            if self.planned + bytes > self.order.block_bytes() {
                self.flush(before)?;
            }
            self.planned += bytes;
        }
        self.batch.push(line);
        if self.batch.len() >= MOST_LINES {
            let here = self.lines.offset();
            self.flush(here)?;
        }
        Ok(())
    }

    /// Asks for the block of what is gathered; `line` is the offset of the line after it.
    fn flush(&mut self, line: u64) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.planned = 0;
        let batch = Batch {
            name: self.order.name.clone(),
            items: self.items()?,
            growth_bytes: self.order.block_bytes(),
            at: Position::Payload { line, file: None },
        };
        self.lane.ask(|worker| batch.pack(worker))
    }

    fn items(&mut self) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(self.batch.len());
        // What is fetched ahead lies in memory: all of a block's files together may grow by one block.
        let growth = self.order.block_bytes() / self.batch.len().max(1);
        let mut to_fetch: Vec<(usize, Source, ObjectPath, usize)> = Vec::new();
        for line in std::mem::take(&mut self.batch) {
            let mut from = None;
            if line.kind == EntryKind::File && line.status.is_none() {
                let (source, path) = locate(self.order, &line)?;
                if let Some(blocking) = source.store.clone().blocking() {
                    from = Some(From::Open(blocking, path));
                } else {
                    let planned = usize::try_from(line.size.unwrap_or(0)).unwrap_or(usize::MAX);
                    to_fetch.push((items.len(), source.clone(), path, planned.saturating_add(growth)));
                }
            }
            items.push(Item { line, from });
        }
        self.fetch(&mut items, to_fetch);
        Ok(items)
    }

    /// Sets off the fetches of one block, source by source.
    fn fetch(&self, items: &mut [Item], mut wanted: Vec<(usize, Source, ObjectPath, usize)>) {
        while let Some((_, first, ..)) = wanted.first() {
            let (store, label) = (first.store.clone(), first.label.clone());
            let (these, others): (Vec<_>, Vec<_>) =
                wanted.into_iter().partition(|(_, source, ..)| source.label == label);
            wanted = others;
            let paths = these.iter().map(|(_, _, path, limit)| (path.clone(), *limit)).collect();
            for ((index, ..), arriving) in these.iter().zip(fetch(&store, paths, self.runtime)) {
                items[*index].from = Some(From::Fetched(arriving));
            }
        }
    }

    fn large(&mut self, line: Line, before: u64, resumed: Option<FileAt>) -> Result<()> {
        let (source, path) = locate(self.order, &line)?;
        let place = file::Place { source: source.store.clone(), path, line: before, next_line: self.lines.offset() };
        file::produce(self.order, self.lane, self.runtime, &place, line, resumed)
    }
}

/// The source and the path in it of an inventoried file.
fn locate<'a>(order: &'a Order, line: &Line) -> Result<(&'a Source, ObjectPath)> {
    let bytes = line.path.as_bytes();
    let cut = bytes.iter().position(|byte| *byte == b'/').unwrap_or(bytes.len());
    let source = order.source(&bytes[..cut]).ok_or(ReturnError::Broken("an inventory line names no source"))?;
    Ok((source, source.folder.join(bytes.get(cut + 1..).unwrap_or_default())))
}
