//! Looking whether any version of anything is left.

use async_trait::async_trait;
use futures_util::TryStreamExt;

use crate::{
    adapters::s3::{S3, versions},
    ports::{
        eraser::{SIGHT_MAX, Sight, Witness},
        storage::{ObjectPath, Result},
    },
};

/// A listing of all versions, markers and unfinished uploads.
#[derive(Clone)]
pub struct Versions {
    bucket: S3,
    tool: String,
}

impl Versions {
    /// It lists `bucket`.
    pub fn of(bucket: S3) -> Self {
        Self { bucket, tool: concat!("gangway ", env!("CARGO_PKG_VERSION"), " listing of versions").to_owned() }
    }

    async fn once(&self, folder: &ObjectPath) -> Result<Sight> {
        let (mut pages, mut sight) = (versions::things(&self.bucket.shared, folder), Sight::default());
        while let Some(page) = pages.try_next().await? {
            for thing in page {
                sight.count += 1;
                if sight.first.len() < SIGHT_MAX {
                    sight.first.push(ObjectPath::from_bytes(thing.key.below(folder).unwrap_or_default()));
                }
            }
        }
        Ok(sight)
    }
}

#[async_trait]
impl Witness for Versions {
    fn tool(&self) -> &str {
        &self.tool
    }

    /// Stores forget things by and by, and may show less than there is meanwhile: nothing has to be seen twice.
    async fn look(&self, folder: &ObjectPath) -> Result<Sight> {
        let sight = self.once(folder).await?;
        if sight.count > 0 { Ok(sight) } else { self.once(folder).await }
    }
}
