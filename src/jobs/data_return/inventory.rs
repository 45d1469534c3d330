//! The frozen inventory: what the sources hold when the job begins, written down once.
//!
//! The digest of the frozen inventory is in the package manifest. A run reads the inventory back line by line and
//! packs what it names: a file that came later is not in the return.

use std::io::BufRead;

use bytes::Bytes;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    checkpoint::{Phase, SoFar, Watch},
    fault::{Result, ReturnError, written},
    line::Line,
    order::{Order, Source},
    renaming::Renaming,
    tally::Tally,
};
use crate::ports::storage::{EntryKind, Listed, ObjectPath, Reader, Span, Upload};

/// So much is gathered before it goes to the spool.
const CHUNK_BYTES: usize = 256 * 1024;

/// An inventory that was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frozen {
    /// SHA-256 of its lines, in hex.
    pub sha256: String,
    /// Sums over its lines.
    pub tally: Tally,
}

/// Lists the sources and writes the inventory to the spool, replacing an earlier one.
///
/// # Errors
/// `Order`, `Source` when a source cannot be listed at all, `Spool`, `Cancelled`.
pub async fn freeze(order: &Order, watch: &Watch) -> Result<Frozen> {
    order.check().map_err(ReturnError::Order)?;
    let path = order.inventory();
    let upload = order.spool.store.begin(&path).await.map_err(ReturnError::Spool)?;
    let mut freezing = Freezing { upload, chunk: Vec::new(), hasher: Sha256::new(), tally: Tally::default() };
    for source in &order.sources {
        tokio::select! {
            biased;
            () = watch.cancel.cancelled() => return Err(ReturnError::Cancelled),
            listed = freezing.list(source, watch) => listed?,
        }
    }
    freezing.finish().await
}

struct Freezing {
    upload: Box<dyn Upload>,
    chunk: Vec<u8>,
    hasher: Sha256,
    tally: Tally,
}

impl Freezing {
    async fn list(&mut self, source: &Source, watch: &Watch) -> Result<()> {
        let mut renaming = Renaming::default();
        let mut pages = source.store.list(&source.folder);
        let label = ObjectPath::from(source.label.as_str());
        while let Some(page) = pages.try_next().await.map_err(ReturnError::Source)? {
            for listed in page {
                let path = match &listed {
                    Listed::Entry(entry) => &entry.path,
                    Listed::Unreadable { path, .. } => path,
                };
                let below = path.below(&source.folder).unwrap_or_default().to_vec();
                let mut line = Line::listed(label.join(&below), listed);
                if line.kind == EntryKind::File {
                    line.packed_as = renaming.name_for(source.label.as_str(), &below);
                }
                self.add(&line);
            }
            self.send(CHUNK_BYTES).await?;
            let Tally { files, bytes, .. } = self.tally;
            watch.progress.at(SoFar { phase: Phase::Inventory, files, bytes, parts: 0 });
        }
        Ok(())
    }

    fn add(&mut self, line: &Line) {
        let before = self.chunk.len();
        line.write_to(&mut self.chunk);
        self.hasher.update(&self.chunk[before..]);
        self.tally.count(line, self.chunk.len() - before);
    }

    async fn send(&mut self, when_longer_than: usize) -> Result<()> {
        if self.chunk.len() > when_longer_than {
            let chunk = Bytes::from(std::mem::take(&mut self.chunk));
            written(self.upload.write(chunk).await).map_err(ReturnError::Spool)?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Frozen> {
        self.send(0).await?;
        written(self.upload.finish().await).map_err(ReturnError::Spool)?;
        Ok(Frozen { sha256: hex::encode(self.hasher.finalize()), tally: self.tally })
    }
}

/// Says whether the spool's inventory is the frozen one.
///
/// # Errors
/// `PlanChanged` when it is another, `Spool`.
pub(super) async fn check(order: &Order, frozen: &Frozen) -> Result<()> {
    let path = order.inventory();
    let opened = order.spool.store.open(&path, Span::All).await.map_err(ReturnError::Spool)?;
    let mut chunks = opened.body.into_stream();
    let mut hasher = Sha256::new();
    while let Some(chunk) = chunks.try_next().await.map_err(ReturnError::Spool)? {
        hasher.update(&chunk);
    }
    if hex::encode(hasher.finalize()) == frozen.sha256 { Ok(()) } else { Err(ReturnError::PlanChanged) }
}

/// The frozen lines from some offset on, for a thread that may block.
pub(super) struct Lines {
    reader: Reader,
    offset: u64,
    text: Vec<u8>,
}

impl Lines {
    /// The frozen lines from `offset` on.
    pub(super) fn from(order: &Order, offset: u64, runtime: &Handle) -> Result<Self> {
        Self::of(order, &order.inventory(), offset, runtime)
    }

    /// The lines of a spool object.
    pub(super) fn of(order: &Order, path: &ObjectPath, offset: u64, runtime: &Handle) -> Result<Self> {
        let opened = runtime.block_on(order.spool.store.open(path, Span::From(offset))).map_err(ReturnError::Spool)?;
        let body = opened.body.into_blocking(&opened.facts, runtime);
        Ok(Self { reader: Reader::new(body), offset, text: Vec::new() })
    }

    /// Offset of the next line.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line with its line feed; none at the end.
    pub(super) fn next_text(&mut self) -> Result<Option<&[u8]>> {
        self.text.clear();
        let read = self.reader.read_until(b'\n', &mut self.text);
        let count = read.map_err(|error| ReturnError::Spool(Reader::fault(error)))?;
        self.offset += count as u64;
        match self.text.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.text)),
            Some(_) => Err(ReturnError::Broken("a spool object ends in the middle of a line")),
        }
    }

    /// The next line, parsed; none at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<Line>> {
        let Some(text) = self.next_text()? else { return Ok(None) };
        Line::parse(text).map(Some)
    }
}
