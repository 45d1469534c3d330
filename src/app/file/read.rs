//! Giving a stored file to whoever holds a link to it.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};

use super::shelf;
use crate::{
    app::App,
    auth::{Actor, link},
    domain::file::File,
    error::{Error, Inconsistent, Result},
    ids::FileId,
    ports::storage::{FaultKind, Span},
    store,
};

/// A stored file, opened.
pub struct Opened {
    /// The file.
    pub file: File,
    /// What its bytes say it is.
    pub media_type: String,
    /// Its bytes.
    pub body: BoxStream<'static, Result<Bytes>>,
}

/// Opens the stored file `id` for whoever holds the link with `token`.
///
/// # Errors
/// `Forbidden` when the token does not allow it; `NotFound` on `id` when the file is absent or has not arrived;
/// `Inconsistent` when its bytes are gone or cut; `Unavailable` when the store does not answer.
pub async fn open(app: &App, id: FileId, token: &str) -> Result<Opened> {
    app.parts().uploads.links.verify(token, link::Deed::Get, id, app.now())?;
    // The link is the right, so no caller's scope is asked.
    let file = store::file::get(app.db().read(), &Actor::system().scope, id, "id").await?;
    let Some(arrival) = file.arrival.clone() else { return Err(Error::not_found("file", "id")) };
    let lost = || Error::Inconsistent(Inconsistent { table: "file", column: "storage_key", id: id.to_string() });
    let path = shelf(app).folder.join(&arrival.storage_key);
    let opened = match shelf(app).store.open(&path, Span::All).await {
        Ok(opened) if opened.facts.size == file.byte_count => opened,
        Ok(_) => return Err(lost()),
        Err(fault) if fault.kind == FaultKind::NotFound => return Err(lost()),
        Err(fault) => return Err(fault.into()),
    };
    let body = opened.body.into_stream().map_err(Error::from).boxed();
    Ok(Opened { media_type: arrival.media_type, file, body })
}
