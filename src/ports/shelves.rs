//! The places that a provider configured by name: where clients' data lies, and where it may go.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::storage::{ObjectPath, ObjectSource, ObjectStore};

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

/// Every configured place, by name.
#[derive(Clone)]
pub struct Shelves {
    /// Where holdings may lie. Nothing can be written to them.
    pub sources: BTreeMap<String, Shelf<dyn ObjectSource>>,
    /// Where a data return may go.
    pub destinations: BTreeMap<String, Shelf<dyn ObjectStore>>,
    /// Gangway's own files: uploads, and work in progress.
    pub own: Shelf<dyn ObjectStore>,
}

impl fmt::Debug for Shelves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelves")
            .field("sources", &self.sources.keys())
            .field("destinations", &self.destinations.keys())
            .finish_non_exhaustive()
    }
}
