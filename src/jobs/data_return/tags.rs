//! The bag's own files, made from the spool once the payload is durable: the last parts of a package.
//!
//! They are made anew from their first byte by every run; a resumed run skips what is in finished parts. That
//! costs reading the spool again, and spares keeping the state of four files in a checkpoint.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    bag,
    checkpoint::{Checkpoint, Position},
    fault::{Result, ReturnError},
    lane::Lane,
    line::Line,
    order::Order,
    spooled::each_line,
    tally::Tally,
    tarball::{self, Look},
};

/// Appends the bag's declaration, which begins every bag.
pub(super) fn declaration(order: &Order, block: &mut Vec<u8>) {
    let text = bag::DECLARATION_TEXT.as_bytes();
    tarball::file(block, &name(order, bag::DECLARATION), text.len() as u64, LOOK);
    block.extend_from_slice(text);
    block.resize(block.len() + tarball::padding(text.len() as u64), 0);
}

/// How the bag's own files look.
const LOOK: Look = Look { mode: Some(0o644), modified: None };

fn name(order: &Order, file: &str) -> Vec<u8> {
    format!("{}/{file}", order.name).into_bytes()
}

/// Asks for the blocks of the bag's own files from `offset` on, and of the end of the tar. Everything that is packed
/// is counted by `from`, its payload in the first `payload_parts` parts.
///
/// # Errors
/// `Spool`, `Broken` when the spool does not hold what was counted, `Cancelled`, `Interrupted`.
pub(super) fn produce(
    order: &Arc<Order>,
    from: &Checkpoint,
    payload_parts: u32,
    offset: u64,
    lane: &Lane,
    runtime: &Handle,
) -> Result<()> {
    let tally = &from.tally;
    let mut tape = Tape { order, lane, payload_parts, skip: offset, written: 0, block: lane.buffer() };
    let each = |with: &mut dyn FnMut(&[u8]) -> Result<()>| -> Result<()> {
        each_line(order, from.parts.iter().take(payload_parts as usize), runtime, with)
    };
    let manifest = tape.file(bag::MANIFEST, tally.manifest_bytes, |out| {
        each(&mut |text| match Line::parse(text)?.manifest_line() {
            Some(line) => out.write(line.as_bytes()),
            None => Ok(()),
        })
    })?;
    let inventory = tape.file(bag::INVENTORY, tally.inventory_bytes, |out| each(&mut |text| out.write(text)))?;
    let info = bag::info(order, tally);
    let info = tape.text(bag::INFO, &info)?;
    let declaration = hex::encode(Sha256::digest(bag::DECLARATION_TEXT));
    tape.text(
        bag::TAG_MANIFEST,
        &bag::tag_manifest(&[
            (bag::INFO, info),
            (bag::DECLARATION, declaration),
            (bag::INVENTORY, inventory),
            (bag::MANIFEST, manifest.clone()),
        ]),
    )?;
    tape.write(&tarball::END)?;
    tape.end(manifest)
}

/// The end of the tar stream, being written in blocks; the first `skip` bytes are in finished parts already.
struct Tape<'a> {
    order: &'a Order,
    lane: &'a Lane,
    payload_parts: u32,
    skip: u64,
    written: u64,
    block: Vec<u8>,
}

/// The content of one file on the tape.
struct Content<'a, 'b> {
    tape: &'a mut Tape<'b>,
    hasher: Sha256,
    left: u64,
}

impl Content<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(ReturnError::Broken("the spool holds more than was counted"))?;
        self.hasher.update(bytes);
        self.tape.write(bytes)
    }
}

impl Tape<'_> {
    /// Writes a file of `size` bytes; gives its SHA-256 in hex.
    fn file(
        &mut self,
        file: &str,
        size: u64,
        content: impl FnOnce(&mut Content<'_, '_>) -> Result<()>,
    ) -> Result<String> {
        let mut header = Vec::with_capacity(tarball::RECORD);
        tarball::file(&mut header, &name(self.order, file), size, LOOK);
        self.write(&header)?;
        let mut writing = Content { tape: self, hasher: Sha256::new(), left: size };
        content(&mut writing)?;
        let Content { hasher, left, .. } = writing;
        if left > 0 {
            return Err(ReturnError::Broken("the spool holds less than was counted"));
        }
        self.write(&[0; tarball::RECORD][..tarball::padding(size)])?;
        Ok(hex::encode(hasher.finalize()))
    }

    fn text(&mut self, file: &str, text: &str) -> Result<String> {
        self.file(file, text.len() as u64, |out| out.write(text.as_bytes()))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        let mut rest = &bytes[skipped..];
        while !rest.is_empty() {
            let room = self.order.block_bytes() - self.block.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.block.extend_from_slice(now);
            rest = later;
            if self.block.len() == self.order.block_bytes() {
                let position = self.position(self.written - rest.len() as u64);
                self.ask(position)?;
            }
        }
        Ok(())
    }

    fn position(&self, offset: u64) -> Position {
        Position::Tags { payload_parts: self.payload_parts, offset }
    }

    fn ask(&mut self, at: Position) -> Result<()> {
        let block = std::mem::replace(&mut self.block, self.lane.buffer());
        self.lane.ask_for(block, Vec::new(), Tally::default(), at)
    }

    fn end(mut self, manifest_sha256: String) -> Result<()> {
        self.ask(Position::End { manifest_sha256 })
    }
}
