//! A large file: announced with the size it has when it is opened, read once from front to end, hashed as it
//! passes, and able to go on in the middle after a restart.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    batch::member_name,
    checkpoint::{Begun, FileAt, Midstate, Position},
    fault::{Result, ReturnError},
    lane::Lane,
    line::{Change, Line},
    order::Order,
    tally::Tally,
    tarball::{self, Look},
};
use crate::ports::storage::{BlockingBody, Facts, Fault, ObjectPath, ObjectSource, Span};

/// A file that changed while it was read is packed a second time only up to this size. Larger ones that change
/// all the time are images of running machines and databases: a second copy would be as torn as the first.
const SECOND_COPY_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Where a large file lies, and where its line does.
pub(super) struct Place {
    pub(super) source: Arc<dyn ObjectSource>,
    pub(super) path: ObjectPath,
    /// Offset of its line in the frozen inventory.
    pub(super) line: u64,
    /// Offset of the line after it.
    pub(super) next_line: u64,
}

/// Asks for the blocks of one large file.
///
/// # Errors
/// As [`super::payload::produce`].
pub(super) fn produce(
    order: &Order,
    lane: &Lane,
    runtime: &Handle,
    place: &Place,
    line: Line,
    resumed: Option<FileAt>,
) -> Result<()> {
    let FileAt { mut copy, mut begun } = resumed.unwrap_or(FileAt { copy: 1, begun: None });
    let mut large = Large { order, lane, runtime, place, line };
    loop {
        let is_last_copy = copy >= 2;
        match large.copy(copy, begun.take())? {
            Copy::Settled => return Ok(()),
            Copy::Changed if !is_last_copy => copy += 1,
            Copy::Changed => return Err(ReturnError::Broken("a second copy asked for a third")),
        }
    }
}

/// How a copy of a file ended.
enum Copy {
    /// Its line is written: nothing more to do.
    Settled,
    /// It changed, and a second copy follows.
    Changed,
}

struct Large<'a> {
    order: &'a Order,
    lane: &'a Lane,
    runtime: &'a Handle,
    place: &'a Place,
    line: Line,
}

/// A copy being read.
struct Reading {
    body: Option<Box<dyn BlockingBody>>,
    opened: Facts,
    offset: u64,
    hasher: Sha256,
    /// It is not what was announced any more.
    change: Option<Change>,
    fault: Option<Fault>,
}

impl Large<'_> {
    fn copy(&mut self, copy: u8, begun: Option<Begun>) -> Result<Copy> {
        let mut block = self.lane.buffer();
        let mut reading = match begun {
            Some(begun) => self.reopen(begun)?,
            None => match self.open()? {
                Ok(reading) => {
                    let name = member_name(&self.order.name, self.line.member());
                    let look = Look { mode: self.line.mode, modified: reading.opened.modified };
                    tarball::file(&mut block, &name, reading.opened.size, look);
                    reading
                }
                Err(fault) => return self.give_up(copy, block, &fault),
            },
        };
        loop {
            reading.fill(&mut block, self.order.block_bytes())?;
            if reading.offset == reading.opened.size {
                break;
            }
            let begun = Begun {
                offset: reading.offset,
                opened: reading.opened.clone(),
                midstate: Midstate::of(&reading.hasher),
            };
            let file = Some(FileAt { copy, begun: Some(begun) });
            let at = Position::Payload { line: self.place.line, file };
            self.lane.ask_for(block, Vec::new(), Tally::default(), at)?;
            block = self.lane.buffer();
        }
        block.resize(block.len() + tarball::padding(reading.opened.size), 0);
        self.end(copy, block, reading)
    }

    /// Opens the file; a fault that concerns this file alone is given back inside.
    fn open(&self) -> Result<Result<Reading, Fault>> {
        match self.open_at(0) {
            Ok((opened, body)) => Ok(Ok(Reading {
                body: Some(body),
                opened,
                offset: 0,
                hasher: Sha256::new(),
                change: None,
                fault: None,
            })),
            Err(fault) if fault.concerns_the_store() => Err(ReturnError::Source(fault)),
            Err(fault) => Ok(Err(fault)),
        }
    }

    /// Opens the file again where an earlier run left off.
    fn reopen(&self, begun: Begun) -> Result<Reading> {
        let hasher = begun.midstate.restore().ok_or(ReturnError::Broken("a checkpoint holds no digest state"))?;
        let Begun { offset, opened, .. } = begun;
        let mut reading = Reading { body: None, opened, offset, hasher, change: None, fault: None };
        match self.open_at(offset) {
            Ok((facts, body)) => {
                if facts != reading.opened {
                    reading.change = Some(Change::Torn);
                }
                reading.body = Some(body);
            }
            Err(fault) if fault.concerns_the_store() => return Err(ReturnError::Source(fault)),
            Err(fault) => reading.fail(fault),
        }
        Ok(reading)
    }

    fn open_at(&self, offset: u64) -> Result<(Facts, Box<dyn BlockingBody>), Fault> {
        let span = if offset == 0 { Span::All } else { Span::From(offset) };
        if let Some(blocking) = self.place.source.clone().blocking() {
            return blocking.open_blocking(&self.place.path, span);
        }
        let opened = self.runtime.block_on(self.place.source.open(&self.place.path, span))?;
        let body = opened.body.into_blocking(&opened.facts, self.runtime);
        Ok((opened.facts, body))
    }

    /// The copy is packed: writes its line, or asks for a second copy.
    fn end(&mut self, copy: u8, block: Vec<u8>, mut reading: Reading) -> Result<Copy> {
        reading.look_again()?;
        if reading.change.is_some() && copy == 1 && reading.opened.size <= SECOND_COPY_BYTES {
            let file = Some(FileAt { copy: 2, begun: None });
            let at = Position::Payload { line: self.place.line, file };
            self.lane.ask_for(block, Vec::new(), Tally::default(), at)?;
            return Ok(Copy::Changed);
        }
        let sha256 = reading.hasher.finalize().into();
        self.line.pack(&reading.opened, reading.opened.size, sha256, reading.change);
        if let Some(fault) = &reading.fault {
            self.line.fail(fault);
        }
        self.settle(block)
    }

    /// The file cannot be opened: nothing of it is packed, unless a first copy was.
    fn give_up(&mut self, copy: u8, block: Vec<u8>, fault: &Fault) -> Result<Copy> {
        if copy == 1 {
            self.line.fail(fault);
            return self.settle(block);
        }
        // The first copy is in the tar and must be in the manifest, but its digest is known to nobody any more
        // after a restart. An empty second copy takes its place.
        let mut block = block;
        let name = member_name(&self.order.name, self.line.member());
        tarball::file(&mut block, &name, 0, Look { mode: self.line.mode, modified: None });
        let gone = Facts { size: 0, modified: None, version: None };
        self.line.pack(&gone, 0, Sha256::digest(b"").into(), Some(Change::Cut));
        self.line.fail(fault);
        self.settle(block)
    }

    fn settle(&mut self, block: Vec<u8>) -> Result<Copy> {
        let mut lines = Vec::new();
        let mut tally = Tally::default();
        self.line.write_to(&mut lines);
        tally.count(&self.line, lines.len());
        let at = Position::Payload { line: self.place.next_line, file: None };
        self.lane.ask_for(block, lines, tally, at)?;
        Ok(Copy::Settled)
    }
}

impl Reading {
    /// Fills the block up to `len` bytes or to the announced end, and hashes what it added.
    fn fill(&mut self, block: &mut Vec<u8>, len: usize) -> Result<()> {
        let start = block.len();
        let left = usize::try_from(self.opened.size - self.offset).unwrap_or(usize::MAX);
        let wanted = len.saturating_sub(start).min(left);
        block.reserve(wanted + tarball::RECORD);
        if let Some(body) = &mut self.body {
            match body.read_into(block, wanted) {
                Ok(read) if read < wanted => self.change = Some(Change::Cut),
                Ok(_) => {}
                Err(fault) if fault.concerns_the_store() => return Err(ReturnError::Source(fault)),
                Err(fault) => self.fail(fault),
            }
        }
        // What is missing is zeros, so that the tar stays whole.
        block.resize(start + wanted, 0);
        self.hasher.update(&block[start..]);
        self.offset += wanted as u64;
        Ok(())
    }

    fn fail(&mut self, fault: Fault) {
        self.change = Some(Change::Cut);
        self.fault = Some(fault);
        self.body = None;
    }

    /// Compares the state after the last byte with the one announced.
    fn look_again(&mut self) -> Result<()> {
        let Some(body) = &self.body else { return Ok(()) };
        match body.facts() {
            Ok(now) if now == self.opened => {}
            Ok(now) => {
                let grew = (now.size != self.opened.size).then_some(Change::Cut);
                self.change = self.change.or(grew).or(Some(Change::Torn));
            }
            Err(fault) if fault.concerns_the_store() => return Err(ReturnError::Source(fault)),
            Err(fault) => self.fail(fault),
        }
        Ok(())
    }
}
