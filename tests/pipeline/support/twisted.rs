//! A store in which something happens, around one in which nothing does.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use gangway::ports::storage::{
    Facts, Fault, FaultKind, Go, Listing, ObjectPath, ObjectSource, ObjectStore, Opened, Result, Span, Stored, Upload,
};

/// What happens; nothing, unless it is said.
#[async_trait]
pub(crate) trait Twist: Send + Sync + 'static {
    /// Before an object is opened. A fault is given instead of it.
    fn opening(&self, _path: &ObjectPath) -> Result<()> {
        Ok(())
    }

    /// Before an upload begins.
    async fn beginning(&self, _path: &ObjectPath) {}

    /// With each chunk: what is written of it. A fault is given instead of taking it.
    fn writing(&self, _path: &ObjectPath, chunk: Bytes) -> Result<Bytes> {
        Ok(chunk)
    }

    /// Before an upload shows.
    async fn finishing(&self, _path: &ObjectPath) {}

    /// Whether what interrupted uploads left can be swept away.
    fn sweeps(&self) -> bool {
        true
    }

    /// How many bytes the store says are free.
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

/// `inner`, in which `twist` happens.
pub(crate) fn twisted(inner: &Arc<dyn ObjectStore>, twist: impl Twist) -> Arc<dyn ObjectStore> {
    Arc::new(Twisted { inner: Arc::clone(inner), twist: Arc::new(twist) })
}

struct Twisted<T> {
    inner: Arc<dyn ObjectStore>,
    twist: Arc<T>,
}

#[async_trait]
impl<T: Twist> ObjectSource for Twisted<T> {
    fn list(&self, folder: &ObjectPath) -> Listing {
        self.inner.list(folder)
    }

    async fn stat(&self, path: &ObjectPath) -> Result<Facts> {
        self.inner.stat(path).await
    }

    async fn open(&self, path: &ObjectPath, span: Span) -> Result<Opened> {
        self.twist.opening(path)?;
        self.inner.open(path, span).await
    }
}

#[async_trait]
impl<T: Twist> ObjectStore for Twisted<T> {
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>> {
        self.twist.beginning(path).await;
        let inner = self.inner.begin(path).await?;
        Ok(Box::new(TwistedUpload { inner, path: path.clone(), twist: Arc::clone(&self.twist) }))
    }

    async fn delete(&self, path: &ObjectPath) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn sweep(&self, folder: &ObjectPath, go: Go) -> Result<u64> {
        if self.twist.sweeps() { self.inner.sweep(folder, go).await } else { Ok(0) }
    }

    async fn free_bytes(&self) -> Result<Option<u64>> {
        Ok(self.twist.free_bytes())
    }
}

struct TwistedUpload<T> {
    inner: Box<dyn Upload>,
    path: ObjectPath,
    twist: Arc<T>,
}

#[async_trait]
impl<T: Twist> Upload for TwistedUpload<T> {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let chunk = self.twist.writing(&self.path, chunk)?;
        self.inner.write(chunk).await
    }

    async fn finish(self: Box<Self>) -> Result<Stored> {
        self.twist.finishing(&self.path).await;
        self.inner.finish().await
    }

    async fn abandon(self: Box<Self>) {
        self.inner.abandon().await;
    }
}

/// So many bytes are taken and then no more, until there are more `left`.
pub(crate) struct Flaky {
    pub(crate) left: Arc<AtomicU64>,
    pub(crate) kind: FaultKind,
}

impl Twist for Flaky {
    fn writing(&self, _path: &ObjectPath, chunk: Bytes) -> Result<Bytes> {
        let size = chunk.len() as u64;
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(size)) {
            Ok(_before) => Ok(chunk),
            Err(_left) => Err(Fault::new(self.kind, "write", "", "the test says so")),
        }
    }
}
