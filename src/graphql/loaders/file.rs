//! Files by id.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::file::File,
    },
    ids::FileId,
};

/// Asks for the file with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileKey(pub FileId);

impl Loader<FileKey> for Batch {
    type Value = File;
    type Error = Shared;

    async fn load(&self, keys: &[FileKey]) -> Result<HashMap<FileKey, File>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::file::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|file| (FileKey(file.id), file.into())).collect())
    }
}
