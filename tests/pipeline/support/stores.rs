//! Stores that misbehave on demand, around stores that do not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use gangway::ports::storage::{
    BlockingBody, BlockingSource, Facts, Fault, FaultKind, Go, Listing, ObjectPath, ObjectSource, ObjectStore, Opened,
    Result, Span, Stored, Upload,
};

use tokio::sync::Notify;

/// What happens at an open.
type OnOpen = Box<dyn Fn(&ObjectPath) -> Result<()> + Send + Sync>;

/// What happens after a read.
type OnRead = Arc<dyn Fn(&ObjectPath, u64) -> Result<()> + Send + Sync>;

/// A local source in which something happens while it is read.
pub(crate) struct Meddled {
    inner: Arc<dyn ObjectSource>,
    /// Asked before each open; a fault is given instead of the file.
    on_open: OnOpen,
    /// Told after each read, with the number of bytes read of that opened file so far; a fault is given instead
    /// of what was read.
    on_read: OnRead,
}

impl Meddled {
    pub(crate) fn new(inner: Arc<dyn ObjectSource>) -> Self {
        Self { inner, on_open: Box::new(|_| Ok(())), on_read: Arc::new(|_, _| Ok(())) }
    }

    pub(crate) fn on_open(mut self, act: impl Fn(&ObjectPath) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_open = Box::new(act);
        self
    }

    pub(crate) fn on_read(mut self, act: impl Fn(&ObjectPath, u64) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_read = Arc::new(act);
        self
    }
}

#[async_trait]
impl ObjectSource for Meddled {
    fn list(&self, folder: &ObjectPath) -> Listing {
        self.inner.list(folder)
    }

    async fn stat(&self, path: &ObjectPath) -> Result<Facts> {
        self.inner.stat(path).await
    }

    async fn open(&self, path: &ObjectPath, span: Span) -> Result<Opened> {
        self.inner.open(path, span).await
    }

    fn blocking(self: Arc<Self>) -> Option<Arc<dyn BlockingSource>> {
        Some(self)
    }
}

impl BlockingSource for Meddled {
    fn open_blocking(&self, path: &ObjectPath, span: Span) -> Result<(Facts, Box<dyn BlockingBody>)> {
        (self.on_open)(path)?;
        let (facts, body) = self.inner.clone().blocking().unwrap().open_blocking(path, span)?;
        Ok((facts, Box::new(MeddledBody { body, path: path.clone(), read: 0, on_read: self.on_read.clone() })))
    }
}

struct MeddledBody {
    body: Box<dyn BlockingBody>,
    path: ObjectPath,
    read: u64,
    on_read: OnRead,
}

impl BlockingBody for MeddledBody {
    fn read_into(&mut self, out: &mut Vec<u8>, most: usize) -> Result<usize> {
        let count = self.body.read_into(out, most)?;
        self.read += count as u64;
        (self.on_read)(&self.path, self.read)?;
        Ok(count)
    }

    fn facts(&self) -> Result<Facts> {
        self.body.facts()
    }
}

/// Reading from a store around `inner` is reading from `inner`.
macro_rules! reads_through {
    ($store:ident) => {
        #[async_trait]
        impl ObjectSource for $store {
            fn list(&self, folder: &ObjectPath) -> Listing {
                self.inner.list(folder)
            }

            async fn stat(&self, path: &ObjectPath) -> Result<Facts> {
                self.inner.stat(path).await
            }

            async fn open(&self, path: &ObjectPath, span: Span) -> Result<Opened> {
                self.inner.open(path, span).await
            }
        }
    };
}

/// A store that takes so many bytes and then no more, until it is mended.
pub(crate) struct Flaky {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) left: Arc<AtomicU64>,
    pub(crate) kind: FaultKind,
}

reads_through!(Flaky);

#[async_trait]
impl ObjectStore for Flaky {
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>> {
        let (inner, left) = (self.inner.begin(path).await?, self.left.clone());
        Ok(Box::new(FlakyUpload { inner, left, kind: self.kind }))
    }

    async fn delete(&self, path: &ObjectPath) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn sweep(&self, folder: &ObjectPath, go: Go) -> Result<u64> {
        self.inner.sweep(folder, go).await
    }
}

struct FlakyUpload {
    inner: Box<dyn Upload>,
    left: Arc<AtomicU64>,
    kind: FaultKind,
}

#[async_trait]
impl Upload for FlakyUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let size = chunk.len() as u64;
        let took = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(size));
        if took.is_err() {
            return Err(Fault::new(self.kind, "write", "", "the test says so"));
        }
        self.inner.write(chunk).await
    }

    async fn finish(self: Box<Self>) -> Result<Stored> {
        self.inner.finish().await
    }

    async fn abandon(self: Box<Self>) {
        self.inner.abandon().await;
    }
}

/// A store in which the third part of the run with fence 1 shows late: once it is let.
pub(crate) struct Late {
    pub(crate) inner: Arc<dyn ObjectStore>,
    /// Told when a write is ready to show.
    pub(crate) ready: Arc<Notify>,
    /// Lets it.
    pub(crate) go: Arc<Notify>,
}

reads_through!(Late);

#[async_trait]
impl ObjectStore for Late {
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>> {
        let inner = self.inner.begin(path).await?;
        if !path.to_string().contains(".part-00003.1.") {
            return Ok(inner);
        }
        Ok(Box::new(LateUpload { inner, ready: self.ready.clone(), go: self.go.clone() }))
    }

    async fn delete(&self, path: &ObjectPath) -> Result<()> {
        self.inner.delete(path).await
    }

    /// As in a store where an upload that is complete cannot be called back any more.
    async fn sweep(&self, _folder: &ObjectPath, _go: Go) -> Result<u64> {
        Ok(0)
    }
}

struct LateUpload {
    inner: Box<dyn Upload>,
    ready: Arc<Notify>,
    go: Arc<Notify>,
}

#[async_trait]
impl Upload for LateUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.inner.write(chunk).await
    }

    async fn finish(self: Box<Self>) -> Result<Stored> {
        self.ready.notify_one();
        self.go.notified().await;
        self.inner.finish().await
    }

    async fn abandon(self: Box<Self>) {
        self.inner.abandon().await;
    }
}

/// Does something the first time a condition holds, and never again.
pub(crate) fn once(act: impl FnOnce() + Send + 'static) -> impl Fn() + Send + Sync {
    let act = Mutex::new(Some(act));
    move || {
        let act = act.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
    }
}

/// A store that keeps other bytes than it was given, of objects that are named so.
pub(crate) struct Damaging {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) damages: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

reads_through!(Damaging);

#[async_trait]
impl ObjectStore for Damaging {
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>> {
        let inner = self.inner.begin(path).await?;
        if (self.damages)(&path.to_string()) { Ok(Box::new(DamagingUpload(inner))) } else { Ok(inner) }
    }

    async fn delete(&self, path: &ObjectPath) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn sweep(&self, folder: &ObjectPath, go: Go) -> Result<u64> {
        self.inner.sweep(folder, go).await
    }
}

struct DamagingUpload(Box<dyn Upload>);

#[async_trait]
impl Upload for DamagingUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let mut chunk = chunk.to_vec();
        if let Some(last) = chunk.last_mut() {
            *last ^= 1;
        }
        self.0.write(chunk.into()).await
    }

    async fn finish(self: Box<Self>) -> Result<Stored> {
        self.0.finish().await
    }

    async fn abandon(self: Box<Self>) {
        self.0.abandon().await;
    }
}
