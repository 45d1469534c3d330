//! One lane of work: blocks are made by several workers side by side and come out in the order they were asked
//! for, a bounded number of them under way.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use tokio_util::sync::CancellationToken;
use zstd::{bulk::Compressor, zstd_safe::CParameter};

use super::{
    checkpoint::Position,
    fault::{Result, ReturnError},
    order::Format,
    tally::Tally,
};

/// Blocks under way for each worker: one being made, one waiting to be sealed or to be made.
const BLOCKS_PER_WORKER: usize = 2;

/// zstd's level: what the command line takes when nothing is asked for.
const LEVEL: i32 = 3;

/// Binary logarithms of the sizes of zstd's two tables, each half of the level's own. Together they are 384 KiB then,
/// which stay in a core's cache beside the block: an eighth less work for a package that is at most 1 % larger.
const TABLES: [CParameter; 2] = [CParameter::HashLog(16), CParameter::ChainLog(15)];

/// A piece of the tar stream, ready to be encrypted.
pub(super) struct Frame {
    /// The piece as it goes on: compressed, where the format compresses.
    pub(super) bytes: Vec<u8>,
    /// Length of the piece in the tar stream.
    pub(super) plain_len: u64,
    /// Finished inventory lines of what ends in it.
    pub(super) lines: Vec<u8>,
    /// Sums over these lines.
    pub(super) tally: Tally,
    /// Where the stream stands after it.
    pub(super) at: Position,
}

/// The making of one frame.
type Job = Box<dyn FnOnce(&mut Worker) -> Result<Frame> + Send>;

/// A job, and where its frame goes.
type Asked = (Job, SyncSender<Result<Frame>>);

/// A frame that is being made.
pub(super) type Slot = Receiver<Result<Frame>>;

/// The producer's end of a lane.
pub(super) struct Lane {
    jobs: SyncSender<Asked>,
    slots: SyncSender<Slot>,
    cancel: CancellationToken,
    buffers: Arc<Buffers>,
}

/// The ends of a lane beside the producer's.
pub(super) struct Ends {
    /// The frames, in order.
    pub(super) slots: Receiver<Slot>,
    /// One for each worker's thread, to [`Workbench::work`] on.
    pub(super) workers: Vec<Workbench>,
    /// Where used buffers go back to.
    pub(super) buffers: Arc<Buffers>,
}

/// A lane with `workers` workers.
pub(super) fn lane(workers: usize, format: Format, cancel: CancellationToken) -> (Lane, Ends) {
    let workers = workers.max(1);
    let (slots, made) = sync_channel(workers * BLOCKS_PER_WORKER);
    let (jobs, asked) = sync_channel(workers * BLOCKS_PER_WORKER);
    let asked = Arc::new(Mutex::new(asked));
    let buffers = Arc::new(Buffers::default());
    let bench = || Workbench { asked: asked.clone(), format, buffers: buffers.clone() };
    let workers = (0..workers).map(|_| bench()).collect();
    (Lane { jobs, slots, cancel, buffers: buffers.clone() }, Ends { slots: made, workers, buffers })
}

impl Lane {
    /// Asks for a frame, to be made when a worker is free. Waits while enough are under way.
    ///
    /// # Errors
    /// `Cancelled`; `Interrupted` when nobody takes frames any more.
    pub(super) fn ask(&self, job: impl FnOnce(&mut Worker) -> Result<Frame> + Send + 'static) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(ReturnError::Cancelled);
        }
        let (answer, slot) = sync_channel(1);
        self.slots.send(slot).map_err(|_closed| ReturnError::Interrupted)?;
        self.jobs.send((Box::new(job), answer)).map_err(|_closed| ReturnError::Interrupted)
    }

    /// Asks for the frame of a block that is already filled.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) fn ask_for(&self, block: Vec<u8>, lines: Vec<u8>, tally: Tally, at: Position) -> Result<()> {
        self.ask(move |worker| worker.frame(block, lines, tally, at))
    }

    /// An empty buffer.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.buffers.take()
    }
}

/// Buffers that were used and will be again: fresh memory for every block would cost more than filling it.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// What a worker's thread needs.
pub(super) struct Workbench {
    asked: Arc<Mutex<Receiver<Asked>>>,
    format: Format,
    buffers: Arc<Buffers>,
}

impl Workbench {
    /// Makes frames until nobody asks any more. Blocks its thread.
    pub(super) fn work(self) -> Result<()> {
        let mut worker = Worker::new(self.format, self.buffers)?;
        loop {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((job, answer)) = asked else { return Ok(()) };
            // A frame nobody waits for any more is simply dropped.
            answer.send(job(&mut worker)).unwrap_or_default();
        }
    }
}

/// What a job may use.
pub(super) struct Worker {
    compressor: Option<Compressor<'static>>,
    buffers: Arc<Buffers>,
}

fn compressor() -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    for table in TABLES {
        compressor.set_parameter(table)?;
    }
    Ok(compressor)
}

impl Worker {
    fn new(format: Format, buffers: Arc<Buffers>) -> Result<Self> {
        let compressor = match format {
            Format::BagitTar => None,
            Format::BagitTarZstd => Some(compressor().map_err(|_error| ReturnError::Broken("zstd does not start"))?),
        };
        Ok(Self { compressor, buffers })
    }

    /// An empty buffer.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.buffers.take()
    }

    /// The frame of a filled block. An empty block makes an empty frame that still carries lines.
    pub(super) fn frame(&mut self, block: Vec<u8>, lines: Vec<u8>, tally: Tally, at: Position) -> Result<Frame> {
        let plain_len = block.len() as u64;
        let bytes = match &mut self.compressor {
            Some(compressor) if plain_len > 0 => {
                let mut out = self.buffers.take();
                out.reserve(zstd::zstd_safe::compress_bound(block.len()));
                compressor
                    .compress_to_buffer(&block, &mut out)
                    .map_err(|_error| ReturnError::Broken("zstd refuses a block"))?;
                self.buffers.give_back(block);
                out
            }
            _ => block,
        };
        Ok(Frame { bytes, plain_len, lines, tally, at })
    }
}
