//! Takes frames in order, cuts them into parts, encrypts each part for the recipients, hashes what comes out
//! and hands it to that part's upload.

use std::{
    io::{self, Write},
    sync::{Arc, mpsc::Receiver},
};

use age::{Encryptor, stream::StreamWriter};
use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};

use super::{
    checkpoint::{Checkpoint, PartRecord, Phase, Position, SoFar, Watch},
    fault::{Result, ReturnError, written},
    lane::{Buffers, Frame, Slot},
    order::Order,
    part::PartId,
    tally::Tally,
};
use crate::domain::recipient_key::RecipientKey;
use crate::ports::storage::{Fault, FaultKind, ObjectStore, Upload};

/// Encrypted bytes handed over at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Chunks that may wait for an upload.
const CHUNKS_AHEAD: usize = 2;

/// A part ends early when so many bytes of inventory lines belong to it: they are held until it is durable.
const MOST_LINE_BYTES: usize = 4 * 1024 * 1024;

/// A part whose last byte is on its way.
pub(super) struct Sealed {
    /// What the record will say; the destination's mark is still missing.
    pub(super) record: PartRecord,
    /// The write of it, complete but not yet shown under its name.
    pub(super) upload: Uploading,
    /// Inventory lines of what ends in it.
    pub(super) lines: Vec<u8>,
    /// Sums over these.
    pub(super) tally: Tally,
    /// Where the next part begins.
    pub(super) at: Position,
}

/// What the sealing stage works with.
pub(super) struct Sealing {
    pub(super) order: Arc<Order>,
    pub(super) watch: Watch,
    pub(super) runtime: Handle,
    pub(super) buffers: Arc<Buffers>,
    pub(super) sealed: mpsc::Sender<Sealed>,
    /// Where the stage began.
    pub(super) from: Checkpoint,
}

impl Sealing {
    /// Seals until the last frame. Blocks its thread.
    ///
    /// # Errors
    /// The first error of a frame, `Destination`, `Cancelled`, `Interrupted`.
    pub(super) fn run(self, frames: &Receiver<Slot>) -> Result<()> {
        let mut so_far = SoFar {
            phase: Phase::Packing,
            files: self.from.tally.files,
            bytes: self.from.tally.bytes,
            parts: self.from.parts.count(),
        };
        let mut packed = self.from.tally.clone();
        let mut part: Option<Part> = None;
        while let Ok(slot) = frames.recv() {
            if self.watch.cancel.is_cancelled() {
                return Err(ReturnError::Cancelled);
            }
            let frame = slot.recv().map_err(|_gone| ReturnError::Broken("a worker stopped"))??;
            if let Some(full) = part.take_if(|part| part.is_full_for(&frame, self.order.part_bytes)) {
                self.send(full.close(&self.runtime)?)?;
                so_far.parts += 1;
            }
            packed.add(&frame.tally);
            so_far.files = packed.files;
            so_far.bytes = so_far.bytes.max(packed.bytes + frame.at.bytes_in_file());
            let open = match &mut part {
                Some(open) => open,
                none => none.insert(self.open(so_far.parts + 1)?),
            };
            self.buffers.give_back(open.add(frame, &self.runtime)?);
            self.watch.progress.at(so_far);
        }
        match part {
            Some(last) => self.send(last.close(&self.runtime)?),
            None => Ok(()),
        }
    }

    fn open(&self, number: u32) -> Result<Part> {
        let part = PartId { number, fence: self.order.fence, edition: self.from.edition };
        Part::open(&self.order, part, &self.runtime)
    }

    fn send(&self, sealed: Sealed) -> Result<()> {
        self.sealed.blocking_send(sealed).map_err(|_closed| ReturnError::Interrupted)
    }
}

/// A part being written.
pub(super) struct Part {
    record: PartRecord,
    age: StreamWriter<Outlet>,
    upload: Uploading,
    lines: Vec<u8>,
    tally: Tally,
    at: Position,
}

impl Part {
    /// Begins to write `part`.
    ///
    /// # Errors
    /// `Broken` when nobody could open it; `Interrupted`.
    pub(super) fn open(order: &Order, part: PartId, runtime: &Handle) -> Result<Self> {
        Self::called(order, part.number, order.part_name(part), runtime)
    }

    /// Begins to write an object of this name, for the recipients of `order`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn called(order: &Order, number: u32, name: String, runtime: &Handle) -> Result<Self> {
        let (chunks, received) = mpsc::channel(CHUNKS_AHEAD);
        let (store, path) = (order.destination.store.clone(), order.destination.at(&name));
        let upload = runtime.spawn(async move { written(write(store.as_ref(), &path, received).await) });
        let recipients = order.recipients.iter().map(RecipientKey::as_age);
        let encryptor = Encryptor::with_recipients(recipients.map(|key| key as &dyn age::Recipient))
            .map_err(|_error| ReturnError::Broken("a part needs at least one recipient"))?;
        let outlet = Outlet { chunks, filling: BytesMut::new(), hasher: Sha256::new(), bytes: 0 };
        let age = encryptor.wrap_output(outlet).map_err(|_closed| ReturnError::Interrupted)?;
        let record = PartRecord { number, name, bytes: 0, sha256: String::new(), plain_bytes: 0, version: None };
        Ok(Self { record, age, upload, lines: Vec::new(), tally: Tally::default(), at: Position::Start })
    }

    /// Bytes of the tar stream in it so far.
    pub(super) fn plain_bytes(&self) -> u64 {
        self.record.plain_bytes
    }

    fn is_full_for(&self, frame: &Frame, part_bytes: u64) -> bool {
        self.record.plain_bytes > 0
            && (self.record.plain_bytes + frame.plain_len > part_bytes
                || self.lines.len() + frame.lines.len() > MOST_LINE_BYTES)
    }

    /// Encrypts a frame; gives its buffer back.
    ///
    /// # Errors
    /// `Destination`, `Interrupted`.
    pub(super) fn add(&mut self, frame: Frame, runtime: &Handle) -> Result<Vec<u8>> {
        if self.age.write_all(&frame.bytes).is_err() {
            return Err(why(&mut self.upload, runtime));
        }
        self.record.plain_bytes += frame.plain_len;
        self.lines.extend_from_slice(&frame.lines);
        self.tally.add(&frame.tally);
        self.at = frame.at;
        Ok(frame.bytes)
    }

    /// Ends it; its upload is complete soon, and not shown yet.
    ///
    /// # Errors
    /// `Destination`, `Interrupted`.
    pub(super) fn close(self, runtime: &Handle) -> Result<Sealed> {
        let Self { mut record, age, mut upload, lines, tally, at } = self;
        let outlet = age.finish().and_then(Outlet::finish).map_err(|_closed| why(&mut upload, runtime))?;
        record.bytes = outlet.bytes;
        record.sha256 = hex::encode(outlet.hasher.finalize());
        Ok(Sealed { record, upload, lines, tally, at })
    }
}

type Uploading = JoinHandle<Result<Box<dyn Upload>, Fault>>;

/// The upload takes no more: its own error says why.
fn why(upload: &mut Uploading, runtime: &Handle) -> ReturnError {
    match runtime.block_on(upload) {
        Ok(Err(fault)) => ReturnError::Destination(fault),
        Ok(Ok(_)) | Err(_) => ReturnError::Interrupted,
    }
}

/// What an upload receives.
enum Piece {
    Bytes(Bytes),
    /// There is no more, and nothing is missing. A channel that closes without it was abandoned.
    End,
}

/// Where age writes to: hashes, gathers, hands over.
struct Outlet {
    chunks: mpsc::Sender<Piece>,
    filling: BytesMut,
    hasher: Sha256,
    bytes: u64,
}

impl Outlet {
    fn hand_over(&mut self) -> io::Result<()> {
        let chunk = self.filling.split().freeze();
        self.hasher.update(&chunk);
        self.bytes += chunk.len() as u64;
        self.chunks.blocking_send(Piece::Bytes(chunk)).map_err(|_closed| io::ErrorKind::BrokenPipe.into())
    }

    fn finish(mut self) -> io::Result<Self> {
        self.hand_over()?;
        self.chunks.blocking_send(Piece::End).map_err(|_closed| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(self)
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filling.is_empty() {
            self.filling.reserve(CHUNK_BYTES);
        }
        self.filling.extend_from_slice(bytes);
        // age writes chunks of some 64 KiB; one less than the reserved room is left before it would grow.
        if self.filling.len() + bytes.len() > CHUNK_BYTES {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what arrives; gives the upload back complete, not yet shown.
async fn write(
    store: &dyn ObjectStore,
    path: &crate::ports::storage::ObjectPath,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Box<dyn Upload>, Fault> {
    let mut upload = store.begin(path).await?;
    loop {
        match pieces.recv().await {
            Some(Piece::Bytes(chunk)) => {
                if let Err(fault) = upload.write(chunk).await {
                    upload.abandon().await;
                    return Err(fault);
                }
            }
            Some(Piece::End) => return Ok(upload),
            None => {
                upload.abandon().await;
                return Err(Fault::new(FaultKind::Transient, "write", path.to_string(), "was abandoned"));
            }
        }
    }
}
