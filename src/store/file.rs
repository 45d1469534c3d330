//! Uploaded files: rows and queries.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::{
    auth::ClientScope,
    error::{Error, Result, Violation},
    ids::{ClientId, FileId},
    store,
};

use entity::file::{Column, Entity};

/// What is told of a file that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// What the uploader called it.
    pub(crate) name: String,
    /// What its first bytes say it is.
    pub(crate) media_type: Option<String>,
    /// SHA-256 of its bytes, in hex.
    pub(crate) sha256: Option<String>,
}

/// A file of `client` that arrived whole.
///
/// # Errors
/// `NotFound` on `field` when it is absent, another client's or out of scope; `Violation` on `field` when its
/// bytes have not arrived.
pub(crate) async fn stored(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    client: ClientId,
    id: FileId,
    field: &'static str,
) -> Result<Stored> {
    let select = store::within(Entity::find(), Column::ClientId, scope).filter(Column::Id.eq(id.uuid()));
    let found = select.filter(Column::ClientId.eq(client.uuid())).one(db).await?;
    let file = found.ok_or_else(|| Error::not_found("file", field))?;
    if file.state == "STORED" {
        return Ok(Stored { name: file.name, media_type: file.media_type, sha256: file.sha256 });
    }
    let missing = Violation::new(field, "This file has not been uploaded yet.");
    Err(missing.remedy("Send its bytes to the address that `uploadCreate` gave, then try again.").into())
}
