//! The places that a provider configured by name: where clients' data lies, and where it may go.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::StreamExt;

use super::{
    eraser::{Eraser, Witness},
    storage::{
        Facts, Fault, FaultKind, Go, Listing, ObjectPath, ObjectSource, ObjectStore, Opened, Result, Span, Upload,
    },
};

/// A store and the folder of it that belongs to us.
pub struct Shelf<S: ?Sized> {
    /// The store.
    pub store: Arc<S>,
    /// Nothing outside this folder is named by a caller.
    pub folder: ObjectPath,
}

impl<S: ?Sized> Clone for Shelf<S> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), folder: self.folder.clone() }
    }
}

/// A place whose content may be destroyed, and those who look afterwards.
#[derive(Clone)]
pub struct Erasable {
    /// What destroys.
    pub eraser: Arc<dyn Eraser>,
    /// Nothing outside this folder is named by a caller.
    pub folder: ObjectPath,
    /// Whoever looks whether anything is left: another way of reading than the one that destroyed, and another program.
    pub witnesses: Vec<Arc<dyn Witness>>,
}

/// Every configured place, by name.
#[derive(Clone)]
pub struct Shelves {
    /// Where holdings may lie. Nothing can be written to them.
    pub sources: BTreeMap<String, Shelf<dyn ObjectSource>>,
    /// Where a data return may go.
    pub destinations: BTreeMap<String, Shelf<dyn ObjectStore>>,
    /// Sources whose content may be destroyed.
    pub erasable: BTreeMap<String, Erasable>,
    /// Gangway's own files: uploads, and work in progress.
    pub own: Shelf<dyn ObjectStore>,
}

impl fmt::Debug for Shelves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelves")
            .field("sources", &self.sources.keys())
            .field("destinations", &self.destinations.keys())
            .field("erasable", &self.erasable.keys())
            .finish_non_exhaustive()
    }
}

impl Default for Shelves {
    /// No place at all: whoever asks for one is told so.
    fn default() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(Nowhere);
        let own = Shelf { store, folder: ObjectPath::ROOT };
        Self { sources: BTreeMap::new(), destinations: BTreeMap::new(), erasable: BTreeMap::new(), own }
    }
}

/// A store that has nothing and takes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

fn nothing<T>(doing: &'static str) -> Result<T> {
    Err(Fault::new(FaultKind::Unsupported, doing, "", "no store is configured"))
}

#[async_trait]
impl ObjectSource for Nowhere {
    fn list(&self, _folder: &ObjectPath) -> Listing {
        futures_util::stream::iter([nothing("list")]).boxed()
    }

    async fn stat(&self, _path: &ObjectPath) -> Result<Facts> {
        nothing("stat")
    }

    async fn open(&self, _path: &ObjectPath, _span: Span) -> Result<Opened> {
        nothing("open")
    }
}

#[async_trait]
impl ObjectStore for Nowhere {
    async fn begin(&self, _path: &ObjectPath) -> Result<Box<dyn Upload>> {
        nothing("begin")
    }

    async fn delete(&self, _path: &ObjectPath) -> Result<()> {
        nothing("delete")
    }

    async fn sweep(&self, _folder: &ObjectPath, _go: Go) -> Result<u64> {
        nothing("sweep")
    }
}
