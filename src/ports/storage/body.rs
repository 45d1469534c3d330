//! The bytes of something opened, in either of two shapes: pulled by blocking reads, or arriving as a stream.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use tokio::runtime::Handle;

use super::{Facts, Fault, FaultKind, Result};

/// How much a blocking body is read at a time when it is turned into a stream or a reader.
const CHUNK_BYTES: usize = 256 * 1024;

/// Bytes pulled by calls that block.
pub trait BlockingBody: Send {
    /// Appends the next bytes to `out`: `most`, fewer only at the end. Gives their number.
    ///
    /// # Errors
    /// A fault of the store, `Permanent` when the medium is broken; what came before it is in `out`.
    fn read_into(&mut self, out: &mut Vec<u8>, most: usize) -> Result<usize>;

    /// The state of what is open, as it is now: reading it again after the last byte shows a change meanwhile.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn facts(&self) -> Result<Facts>;
}

/// The bytes of an opened object.
pub enum Body {
    /// Pulled by blocking calls, as from a local file.
    Blocking(Box<dyn BlockingBody>),
    /// Arriving, as from the network. Such a body is one unchanging state of the object.
    Stream(BoxStream<'static, Result<Bytes>>),
}

impl Body {
    /// The bytes as a stream, for async code.
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        match self {
            Self::Stream(stream) => stream,
            Self::Blocking(body) => {
                let chunks = futures_util::stream::try_unfold(body, |body| async move {
                    let (chunk, body) = read_chunk(body).await?;
                    Ok((!chunk.is_empty()).then_some((chunk, body)))
                });
                chunks.boxed()
            }
        }
    }

    /// All bytes at once, for what is known to be small.
    ///
    /// # Errors
    /// A fault of the store; `Unsupported` when there are more than `limit` bytes.
    pub async fn into_bytes(self, limit: u64) -> Result<Bytes> {
        let mut all = BytesMut::new();
        let mut stream = self.into_stream();
        while let Some(chunk) = stream.try_next().await? {
            if (all.len() + chunk.len()) as u64 > limit {
                return Err(Fault::new(FaultKind::Unsupported, "read", "", format!("is longer than {limit} bytes")));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// The bytes by blocking calls, for a thread that may block. `facts` is what the open told.
    pub fn into_blocking(self, facts: &Facts, runtime: &Handle) -> Box<dyn BlockingBody> {
        match self {
            Self::Blocking(body) => body,
            Self::Stream(stream) => {
                let (facts, runtime) = (facts.clone(), runtime.clone());
                Box::new(Arriving { stream, chunk: Bytes::new(), facts, runtime })
            }
        }
    }
}

async fn read_chunk(mut body: Box<dyn BlockingBody>) -> Result<(Bytes, Box<dyn BlockingBody>)> {
    let read = move || {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        body.read_into(&mut chunk, CHUNK_BYTES)?;
        Ok((Bytes::from(chunk), body))
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(stopped) => Err(Fault::new(FaultKind::Transient, "read", "", stopped.to_string())),
    }
}

/// A stream read by blocking calls.
struct Arriving {
    stream: BoxStream<'static, Result<Bytes>>,
    chunk: Bytes,
    facts: Facts,
    runtime: Handle,
}

impl BlockingBody for Arriving {
    fn read_into(&mut self, out: &mut Vec<u8>, most: usize) -> Result<usize> {
        let mut count = 0;
        while count < most {
            if self.chunk.is_empty() {
                match self.runtime.block_on(self.stream.next()) {
                    Some(chunk) => self.chunk = chunk?,
                    None => break,
                }
            }
            let taken = self.chunk.split_to(self.chunk.len().min(most - count));
            out.extend_from_slice(&taken);
            count += taken.len();
        }
        Ok(count)
    }

    fn facts(&self) -> Result<Facts> {
        Ok(self.facts.clone())
    }
}

/// A blocking body as a standard buffered reader. Its errors hold the [`Fault`].
pub struct Reader {
    body: Box<dyn BlockingBody>,
    buffer: Vec<u8>,
    at: usize,
}

impl Reader {
    /// Reads `body` from where it stands.
    pub fn new(body: Box<dyn BlockingBody>) -> Self {
        Self { body, buffer: Vec::new(), at: 0 }
    }

    /// The fault inside an error that a reader gave, or one made from it.
    pub fn fault(error: io::Error) -> Fault {
        let text = error.to_string();
        match error.into_inner().map(<dyn std::error::Error + Send + Sync>::downcast::<Fault>) {
            Some(Ok(fault)) => *fault,
            _ => Fault::new(FaultKind::Permanent, "read", "", text),
        }
    }
}

impl io::BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() {
            self.at = 0;
            self.buffer.clear();
            self.body.read_into(&mut self.buffer, CHUNK_BYTES).map_err(io::Error::other)?;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl io::Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut from = io::BufRead::fill_buf(self)?;
        let count = from.read(out)?;
        io::BufRead::consume(self, count);
        Ok(count)
    }
}
