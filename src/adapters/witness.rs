//! Looking whether anything is left, through the port that holdings are read by.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt;

use crate::ports::{
    eraser::{SIGHT_MAX, Sight, Witness},
    storage::{Entry, FaultKind, Listed, ObjectPath, ObjectSource, Result},
};

/// A listing of the store, as a data return would see it.
pub struct Listing {
    source: Arc<dyn ObjectSource>,
    tool: String,
}

impl Listing {
    /// It lists `source`.
    pub fn of(source: Arc<dyn ObjectSource>) -> Self {
        Self { source, tool: concat!("gangway ", env!("CARGO_PKG_VERSION"), " listing").to_owned() }
    }
}

#[async_trait]
impl Witness for Listing {
    fn tool(&self) -> &str {
        &self.tool
    }

    async fn look(&self, folder: &ObjectPath) -> Result<Sight> {
        let mut pages = self.source.list(folder);
        // Whatever can be listed is there itself.
        let mut sight = Sight { count: 1, first: vec![ObjectPath::ROOT] };
        loop {
            let page = match pages.try_next().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(sight),
                Err(fault) if fault.kind == FaultKind::NotFound => return Ok(Sight::default()),
                Err(fault) => return Err(fault),
            };
            for listed in page {
                let (Listed::Entry(Entry { path, .. }) | Listed::Unreadable { path, .. }) = listed;
                sight.count += 1;
                if sight.first.len() < SIGHT_MAX {
                    sight.first.push(ObjectPath::from_bytes(path.below(folder).unwrap_or_default()));
                }
            }
        }
    }
}
