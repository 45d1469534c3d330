//! Uploaded files: announcing one, storing what arrives, reading it, and forgetting what never came.
//!
//! The bytes come and go by signed links ([`crate::auth::link`]), not through the API. The store is asked
//! outside of every transaction; each attempt writes an object of its own below `uploads/CLIENT/FILE/`, and the
//! deed that stores the file says which one counts. So two attempts at once cannot mix: the first to commit wins
//! and takes away what the others left.
//!
//! Deliberately absent: changing and removing a stored file.

use crate::{
    app::{App, Deed, Done, Once, rows::refuse_secret},
    auth::{
        Actor, Links, Permission,
        link::{self, GET_WITHIN, Grant, PUT_WITHIN},
    },
    clock::Instant,
    domain::{
        Refused,
        event::{EventKind, NewEvent},
        file::{Arrival, Digest, File, FileName, WAITED_FOR},
    },
    error::{Error, Result, Violation},
    ids::{ActorId, ClientId, FileId},
    ports::{
        shelves::Shelf,
        storage::{self, ObjectPath, ObjectStore},
    },
    store,
};

mod forget;
mod read;
mod receive;

pub use forget::forget_overdue;
pub use read::{Opened, open};
pub use receive::{Reception, receive};

/// What uploads need of the settings.
#[derive(Clone, Debug)]
pub struct Uploads {
    /// Makes and checks links.
    pub links: Links,
    /// The largest file, in bytes.
    pub limit_bytes: u64,
}

/// A file to announce.
#[derive(Clone, Debug)]
pub struct Announce {
    /// Whose it is.
    pub client_id: ClientId,
    /// What the uploader calls it.
    pub name: FileName,
    /// How many bytes it has.
    pub byte_count: i64,
    /// SHA-256 of its bytes, when the uploader knows it.
    pub sha256: Option<Digest>,
}

/// An announced file, and where to send its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: File,
    /// The address. Whoever has it has the right.
    pub url: String,
    /// Until when sending may begin.
    pub expires_at: Instant,
}

/// Announces a file; its bytes are then sent to the place that is given back. Asked again with the same key, it
/// gives a new address for the same file.
///
/// # Errors
/// `Forbidden`; `NotFound` on `clientId`; `Violation` on `name` or `byteCount`; `Conflict` when what the key
/// announced was forgotten meanwhile.
pub async fn announce(app: &App, actor: &Actor, input: Announce, once: Once) -> Result<Done<Place>> {
    actor.require(Permission::UploadCreate)?;
    let byte_count = check_size(app, input.byte_count)?;
    let name = input.name.into_string();
    refuse_secret("name", &name)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        let file = store::file::load_many(deed.tx(), &actor.scope, &[id]).await?.pop();
        let file = file.filter(|file| file.arrival.is_some() || file.is_awaited(deed.now()));
        return Ok(Done::earlier(place(app, file.ok_or_else(forgotten)?, deed.now())));
    }
    let client = store::client::find(deed.tx(), &actor.scope, input.client_id).await?;
    let client = client.ok_or_else(|| Error::not_found("client", "clientId"))?;
    let file = File {
        id: app.new_id(),
        client_id: client.id,
        name,
        byte_count,
        announced: input.sha256,
        created_by: actor.id,
        created_at: deed.now(),
        expires_at: deed.now() + WAITED_FOR,
        arrival: None,
    };
    store::file::insert(deed.tx(), &file).await?;
    deed.record(event(EventKind::FileRequested, &file, "was announced"));
    deed.answer(file.id);
    let now = deed.now();
    deed.commit().await?;
    Ok(Done::now(place(app, file, now)))
}

fn check_size(app: &App, byte_count: i64) -> Result<u64> {
    let limit = app.parts().uploads.limit_bytes;
    match u64::try_from(byte_count) {
        Ok(size) if (1..=limit).contains(&size) => Ok(size),
        Ok(0) | Err(_) => Err(Violation::new("byteCount", "An empty file proves nothing.")
            .remedy("Give the size of the file in bytes.")
            .into()),
        Ok(_) => Err(Violation::new("byteCount", format!("A file may have up to {limit} bytes here."))
            .remedy("Send it in parts, or ask whoever runs this service to raise GANGWAY_UPLOAD_LIMIT.")
            .into()),
    }
}

fn forgotten() -> Error {
    let refused = Refused::new("The file that this request announced never came and is not waited for any longer.");
    refused.remedy("Announce it again with a new idempotencyKey.").into()
}

fn place(app: &App, file: File, now: Instant) -> Place {
    let expires_at = file.expires_at.min(now + PUT_WITHIN);
    let grant = Grant { deed: link::Deed::Put, file: file.id, expires_at, byte_count: file.byte_count };
    Place { url: app.parts().uploads.links.url(&grant), file, expires_at }
}

/// Where a stored file can be read for the next minutes; none when it has not arrived.
pub fn download_url(app: &App, file: &File) -> Option<String> {
    file.arrival.as_ref()?;
    let expires_at = app.now() + GET_WITHIN;
    let grant = Grant { deed: link::Deed::Get, file: file.id, expires_at, byte_count: file.byte_count };
    Some(app.parts().uploads.links.url(&grant))
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[FileId]) -> Result<Vec<File>> {
    actor.require(Permission::File)?;
    store::file::load_many(app.db().read(), &actor.scope, ids).await
}

/// A file of `client` that arrived whole, with what arrived.
///
/// # Errors
/// `NotFound` on `field` when it is absent, another client's or out of scope; `Violation` on `field` when its
/// bytes have not arrived.
pub(in crate::app) async fn arrived(
    deed: &Deed<'_>,
    client: ClientId,
    id: FileId,
    field: &'static str,
) -> Result<(File, Arrival)> {
    let file = store::file::get(deed.tx(), &deed.actor().scope, id, field).await?;
    if file.client_id != client {
        return Err(Error::not_found("file", field));
    }
    match file.arrival.clone() {
        Some(arrival) => Ok((file, arrival)),
        None => Err(Violation::new(field, "This file has not been uploaded yet.")
            .remedy("Send its bytes to the address that `uploadCreate` gave, then try again.")
            .into()),
    }
}

/// A file that we made ourselves and that lies in its place.
#[derive(Clone, Debug)]
pub(in crate::app) struct Deposit {
    /// Whose it is.
    pub(in crate::app) client_id: ClientId,
    /// What people call it.
    pub(in crate::app) name: String,
    /// What it is.
    pub(in crate::app) media_type: &'static str,
    /// Its size.
    pub(in crate::app) byte_count: u64,
    /// SHA-256 of its bytes.
    pub(in crate::app) sha256: Digest,
    /// Where it lies, below our own folder.
    pub(in crate::app) storage_key: String,
    /// Who had it made.
    pub(in crate::app) created_by: ActorId,
}

/// Enters a file that was never announced.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn deposit(deed: &mut Deed<'_>, deposit: Deposit) -> Result<File> {
    let Deposit { client_id, name, media_type, byte_count, sha256, storage_key, created_by } = deposit;
    let arrival = Arrival { media_type: media_type.to_owned(), sha256, storage_key, at: deed.now() };
    let file = File {
        id: deed.app().new_id(),
        client_id,
        name,
        byte_count,
        announced: None,
        created_by,
        created_at: deed.now(),
        expires_at: deed.now(),
        arrival: Some(arrival),
    };
    store::file::insert(deed.tx(), &file).await?;
    deed.record(event(EventKind::FileStored, &file, "was stored"));
    Ok(file)
}

/// Where Gangway's own files lie.
fn shelf(app: &App) -> &Shelf<dyn ObjectStore> {
    &app.parts().shelves.own
}

/// Where the attempts to send `file` lie.
fn folder(app: &App, file: &File) -> ObjectPath {
    shelf(app).folder.join("uploads").join(file.client_id.to_string()).join(file.id.to_string())
}

/// Takes away what attempts to send `file` left, except the object `keep`. What is still being sent is
/// interrupted by it.
///
/// # Errors
/// Those of the store.
async fn clear(app: &App, file: &File, keep: Option<&ObjectPath>) -> Result<()> {
    let keep = keep.map(|path| path.file_name().to_vec());
    let goes = move |name: &[u8]| keep.as_deref() != Some(name);
    Ok(storage::clear(shelf(app).store.as_ref(), &folder(app, file), goes).await?)
}

fn event(kind: EventKind, file: &File, what: &str) -> NewEvent {
    let event = NewEvent::new(kind, file.id, format!("The file {} {what}.", file.name)).client(file.client_id);
    let event = event.with("name", file.name.clone()).with("byteCount", file.byte_count);
    match &file.arrival {
        Some(arrival) => event.with("sha256", arrival.sha256.as_str()).with("mediaType", arrival.media_type.clone()),
        None => event,
    }
}
