//! Reading files.

use async_graphql::{Context, ID, Object};

use crate::graphql::{
    id,
    loaders::{FileKey, load},
    types::file::File,
};

/// Reads uploaded files.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileQuery;

#[Object]
impl FileQuery {
    /// The uploaded file with this id, or null when the caller sees no such file.
    /// Example: `{ file(id: "fil_01h455vb4pex5vsknk084sn02q") { name state mediaType sha256 downloadUrl } }`.
    async fn file(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: ID,
    ) -> Option<async_graphql::Result<File>> {
        let key = FileKey(id::find(&id)?);
        load(ctx, key).await.transpose()
    }
}
