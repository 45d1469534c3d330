//! Small files: read whole, hashed, packed and compressed block by block, each block by one worker.
//!
//! A file is whole in memory before its header is written, so a change while it is read costs a second read
//! and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    checkpoint::Position,
    fault::{Result, ReturnError},
    lane::{Frame, Worker},
    line::{Change, Line},
    order::Slug,
    tally::Tally,
    tarball::{self, Look},
};
use crate::ports::storage::{BlockingSource, Facts, Fault, ObjectPath, ObjectSource, Span};

/// Files of one block that are fetched at the same time from a store that is not local.
const FETCHES: usize = 8;

/// A line of the inventory and, for a file, where its bytes come from.
pub(super) struct Item {
    pub(super) line: Line,
    pub(super) from: Option<From>,
}

/// Where a small file's bytes come from.
pub(super) enum From {
    /// The worker opens it.
    Open(Arc<dyn BlockingSource>, ObjectPath),
    /// They are on their way.
    Fetched(oneshot::Receiver<Result<Fetched, Fault>>),
}

/// A small file that arrived.
pub(super) struct Fetched {
    facts: Facts,
    bytes: Bytes,
    is_whole: bool,
}

/// What a block of small files is made of.
pub(super) struct Batch {
    /// Name of the package, which is the tar's top folder.
    pub(super) name: Slug,
    /// What goes into it, in order.
    pub(super) items: Vec<Item>,
    /// Most bytes that are packed of a file that grew since it was inventoried.
    pub(super) growth_bytes: usize,
    /// Where the stream stands after it.
    pub(super) at: Position,
}

impl Batch {
    /// Packs the batch.
    ///
    /// # Errors
    /// `Source` when the source as a whole is out of reach; a file that cannot be read is written down instead.
    pub(super) fn pack(self, worker: &mut Worker) -> Result<Frame> {
        let Self { name, items, growth_bytes, at } = self;
        let mut block = worker.buffer();
        let mut lines = Vec::with_capacity(items.len() * 256);
        let mut tally = Tally::default();
        for Item { mut line, from } in items {
            if let Some(from) = from {
                Packing { name: &name, out: &mut block, growth_bytes }.file(&mut line, from)?;
            }
            let before = lines.len();
            line.write_to(&mut lines);
            tally.count(&line, lines.len() - before);
        }
        worker.frame(block, lines, tally, at)
    }
}

/// What became of reading a small file to the end of the block.
struct Read {
    facts: Facts,
    size: usize,
    change: Option<Change>,
}

struct Packing<'a> {
    name: &'a Slug,
    out: &'a mut Vec<u8>,
    growth_bytes: usize,
}

impl Packing<'_> {
    fn file(&mut self, line: &mut Line, from: From) -> Result<()> {
        let member = member_name(self.name, line.member());
        let header = self.out.len();
        let start = header + tarball::header_len(&member);
        // Room for the header, which is written when the size is known.
        self.out.resize(start, 0);
        // The block stays within twice its size, however many of its files grew.
        let room = self.growth_bytes.min((2 * self.growth_bytes).saturating_sub(header));
        let limit = room.max(usize::try_from(line.size.unwrap_or(0)).unwrap_or(usize::MAX));
        match self.read(start, from, limit) {
            Ok(read) => {
                let sha256 = Sha256::digest(&self.out[start..start + read.size]).into();
                line.pack(&read.facts, read.size as u64, sha256, read.change);
                self.write_header(header, &member, line, read.size as u64);
                self.out.resize(tarball::padded(start + read.size - header) + header, 0);
                Ok(())
            }
            Err(fault) if fault.concerns_the_store() => Err(ReturnError::Source(fault)),
            Err(fault) => {
                self.out.truncate(header);
                line.fail(&fault);
                Ok(())
            }
        }
    }

    fn write_header(&mut self, at: usize, member: &[u8], line: &Line, size: u64) {
        let mut header = Vec::with_capacity(tarball::RECORD);
        tarball::file(&mut header, member, size, Look { mode: line.mode, modified: line.modified });
        self.out[at..at + header.len()].copy_from_slice(&header);
    }

    fn read(&mut self, start: usize, from: From, limit: usize) -> Result<Read, Fault> {
        match from {
            From::Fetched(arriving) => {
                let gone =
                    |_gone| Fault::new(crate::ports::storage::FaultKind::Transient, "read", "", "the fetch stopped");
                let fetched = arriving.blocking_recv().map_err(gone)??;
                self.out.extend_from_slice(&fetched.bytes);
                let change = (!fetched.is_whole).then_some(Change::Cut);
                Ok(Read { facts: fetched.facts, size: fetched.bytes.len(), change })
            }
            From::Open(source, path) => {
                let first = self.read_once(start, source.as_ref(), &path, limit)?;
                if first.change.is_none() {
                    return Ok(first);
                }
                self.out.truncate(start);
                self.read_once(start, source.as_ref(), &path, limit)
            }
        }
    }

    fn read_once(
        &mut self,
        start: usize,
        source: &dyn BlockingSource,
        path: &ObjectPath,
        limit: usize,
    ) -> Result<Read, Fault> {
        let (opened, mut body) = source.open_blocking(path, Span::All)?;
        // One byte more than may be packed: that there is one shows that the file grew beyond it.
        self.out.reserve(usize::try_from(opened.size).unwrap_or(limit).min(limit) + tarball::RECORD);
        let read = body.read_into(self.out, limit + 1)?;
        let facts = body.facts()?;
        let size = read.min(limit);
        self.out.truncate(start + size);
        let change = if read > limit {
            Some(Change::Cut)
        } else {
            (facts != opened || facts.size != read as u64).then_some(Change::Torn)
        };
        Ok(Read { facts, size, change })
    }
}

/// The name in the tar for `member` of the bag's payload.
pub(super) fn member_name(name: &Slug, member: &ObjectPath) -> Vec<u8> {
    [name.as_str().as_bytes(), b"/data/", member.as_bytes()].concat()
}

/// Fetches small files from a store that is not local, several at a time, in the background.
pub(super) fn fetch(
    store: &Arc<dyn ObjectSource>,
    paths: Vec<(ObjectPath, usize)>,
    runtime: &Handle,
) -> Vec<oneshot::Receiver<Result<Fetched, Fault>>> {
    let (answers, receivers): (Vec<_>, Vec<_>) = paths.iter().map(|_| oneshot::channel()).unzip();
    let store = store.clone();
    runtime.spawn(async move {
        let fetches = futures_util::stream::iter(paths.into_iter().zip(answers));
        fetches
            .for_each_concurrent(FETCHES, |((path, limit), answer)| {
                let store = store.clone();
                async move {
                    // Nobody may be waiting any more.
                    answer.send(fetch_one(store.as_ref(), &path, limit).await).unwrap_or_default();
                }
            })
            .await;
    });
    receivers
}

async fn fetch_one(store: &dyn ObjectSource, path: &ObjectPath, limit: usize) -> Result<Fetched, Fault> {
    let opened = store.open(path, Span::All).await?;
    let mut stream = opened.body.into_stream();
    let mut bytes = Vec::with_capacity(usize::try_from(opened.facts.size).unwrap_or(limit).min(limit));
    while bytes.len() < limit
        && let Some(chunk) = stream.try_next().await?
    {
        bytes.extend_from_slice(&chunk[..chunk.len().min(limit - bytes.len())]);
    }
    let is_whole = bytes.len() as u64 == opened.facts.size;
    Ok(Fetched { facts: opened.facts, bytes: Bytes::from(bytes), is_whole })
}
