//! A store in which something happens before an object is opened.

use async_trait::async_trait;
use gangway::ports::storage::{Facts, Go, Listing, ObjectSource, ObjectStore, Opened, Result, Span, Upload};

use super::*;

/// What happens before an open.
type OnOpen = Box<dyn Fn(&ObjectPath) -> Result<()> + Send + Sync>;

struct Meddled {
    inner: Arc<dyn ObjectStore>,
    on_open: OnOpen,
}

/// `shelf`, with `act` done before each open.
pub(super) fn meddled(
    shelf: &Shelf<dyn ObjectStore>,
    act: impl Fn(&ObjectPath) -> Result<()> + Send + Sync + 'static,
) -> Shelf<dyn ObjectStore> {
    let store = Meddled { inner: Arc::clone(&shelf.store), on_open: Box::new(act) };
    Shelf { store: Arc::new(store), folder: shelf.folder.clone() }
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
        (self.on_open)(path)?;
        self.inner.open(path, span).await
    }
}

#[async_trait]
impl ObjectStore for Meddled {
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>> {
        self.inner.begin(path).await
    }

    async fn delete(&self, path: &ObjectPath) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn sweep(&self, folder: &ObjectPath, go: Go) -> Result<u64> {
        self.inner.sweep(folder, go).await
    }
}
