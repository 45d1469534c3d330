//! What the tests let happen in stores.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use gangway::ports::storage::{
    BlockingBody, BlockingSource, Facts, Listing, ObjectPath, ObjectSource, Opened, Result, Span,
};
use tokio::sync::Notify;

use super::twisted::Twist;

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

/// The third part of the run with fence 1 shows late: once it is let.
pub(crate) struct Late {
    /// Told when it is ready to show.
    pub(crate) ready: Arc<Notify>,
    /// Lets it.
    pub(crate) go: Arc<Notify>,
}

#[async_trait]
impl Twist for Late {
    async fn finishing(&self, path: &ObjectPath) {
        if path.to_string().contains(".part-00003.1.") {
            self.ready.notify_one();
            self.go.notified().await;
        }
    }

    /// As in a store where an upload that is complete cannot be called back any more.
    fn sweeps(&self) -> bool {
        false
    }
}

/// Other bytes are kept than were given, of objects that are named so.
pub(crate) struct Damaging<F>(pub(crate) F);

impl<F: Fn(&str) -> bool + Send + Sync + 'static> Twist for Damaging<F> {
    fn writing(&self, path: &ObjectPath, chunk: Bytes) -> Result<Bytes> {
        let mut chunk = chunk.to_vec();
        if let Some(last) = chunk.last_mut().filter(|_| (self.0)(&path.to_string())) {
            *last ^= 1;
        }
        Ok(chunk.into())
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
