//! A store in which something happens before an object is opened.

use gangway::ports::storage::{ObjectStore, Result};

use super::*;
use crate::twisted::{Twist, twisted};

struct Meddled<F>(F);

impl<F: Fn(&ObjectPath) -> Result<()> + Send + Sync + 'static> Twist for Meddled<F> {
    fn opening(&self, path: &ObjectPath) -> Result<()> {
        (self.0)(path)
    }
}

/// `shelf`, with `act` done before each open.
pub(super) fn meddled(
    shelf: &Shelf<dyn ObjectStore>,
    act: impl Fn(&ObjectPath) -> Result<()> + Send + Sync + 'static,
) -> Shelf<dyn ObjectStore> {
    Shelf { store: twisted(&shelf.store, Meddled(act)), folder: shelf.folder.clone() }
}
