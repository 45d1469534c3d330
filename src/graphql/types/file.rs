//! Uploaded files.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};

use crate::{
    app,
    domain::file::{self, FileState},
    graphql::{
        context::Caller,
        loaders::{ClientKey, FileKey, load, required},
        scalars::{DateTime, Long, Url},
        types::{actor::Actor, client::Client},
    },
    ids::FileId,
};

/// An uploaded file: announced with `uploadCreate`, stored once, and never changed.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct File {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// What the uploader calls it.
    name: String,
    /// Whether its bytes have arrived.
    state: FileState,
    /// Its size in bytes, as announced; what is stored has exactly as many.
    byte_count: Long,
    /// What its bytes say it is, whatever its name says; null until it is stored.
    media_type: Option<String>,
    /// SHA-256 of what was stored, in hex; null until it is stored.
    sha256: Option<String>,
    /// When it was announced.
    created_at: DateTime,
    /// When it was stored; null until then.
    stored_at: Option<DateTime>,
    /// Who announced it.
    created_by: Actor,
    #[graphql(skip)]
    inner: file::File,
}

impl From<file::File> for File {
    fn from(inner: file::File) -> Self {
        let arrival = inner.arrival.as_ref();
        Self {
            id: inner.id.to_string().into(),
            name: inner.name.clone(),
            state: inner.state(),
            byte_count: inner.byte_count.into(),
            media_type: arrival.map(|arrival| arrival.media_type.clone()),
            sha256: arrival.map(|arrival| arrival.sha256.to_string()),
            created_at: inner.created_at.into(),
            stored_at: arrival.map(|arrival| arrival.at.into()),
            created_by: inner.created_by.into(),
            inner,
        }
    }
}

#[ComplexObject]
impl File {
    /// Whose it is.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
        required(ctx, ClientKey(self.inner.client_id)).await
    }

    /// Where its bytes can be read for the next 5 minutes, by whoever has the address; null until it is stored.
    async fn download_url(&self, ctx: &Context<'_>) -> Option<Url> {
        app::file::download_url(ctx.app(), &self.inner).map(Url)
    }
}

/// The file behind another noun.
pub(in crate::graphql) async fn behind(ctx: &Context<'_>, id: Option<FileId>) -> async_graphql::Result<Option<File>> {
    match id {
        Some(id) => load(ctx, FileKey(id)).await,
        None => Ok(None),
    }
}
