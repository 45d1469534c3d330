//! Where files lie: the client's data, the place it is returned to, and Gangway's own files.
//!
//! Two traits, so that the type says what may happen: what is only [`ObjectSource`] **cannot be written
//! to**, and that is how a data return holds its sources. [`ObjectStore`] adds writing; nothing shows under
//! its name before [`Upload::finish`] said so.
//!
//! Deliberately absent: rename, copy and append (an object store has none of them), versions and locks (the
//! sanitization's port will ask for those), and following symbolic links (no adapter ever does).
//!
//! To add a kind of store, implement both traits in `adapters/` and run `tests/pipeline` on it.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{TryStreamExt, stream::BoxStream};
use secrecy::SecretString;

pub use fault::{Fault, FaultKind};
pub use path::ObjectPath;

use crate::domain::words;

mod body;
pub mod fault;
pub mod path;

pub use body::{BlockingBody, Body, Reader};

/// The result of a call to a store.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

words! {
    /// What an entry of a listing is.
    EntryKind {
        /// Bytes that can be opened.
        File = "FILE",
        /// A symbolic link. Listed with its target, never followed.
        Symlink = "SYMLINK",
        /// A folder.
        Directory = "DIRECTORY",
        /// A device, a socket, a pipe. Listed, never opened.
        Other = "OTHER",
    }
}

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change, as fine as the store has it.
    pub modified: Option<DateTime<Utc>>,
    /// The store's own mark of this state: an `ETag`; a device and file number for a local file.
    pub version: Option<String>,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies, from the store's root.
    pub path: ObjectPath,
    /// What it is.
    pub kind: EntryKind,
    /// Its state. The size of anything but a file is 0.
    pub facts: Facts,
    /// Unix permission bits, where the store has them.
    pub mode: Option<u32>,
    /// Where a symbolic link points, as written in it.
    pub link: Option<ObjectPath>,
}

/// What a listing found at a place.
#[derive(Clone, Debug)]
pub enum Listed {
    /// Something.
    Entry(Entry),
    /// Something that cannot be looked at or into; the listing goes on beside it.
    Unreadable {
        /// Where.
        path: ObjectPath,
        /// What it seems to be.
        kind: EntryKind,
        /// Why not.
        fault: Fault,
    },
}

/// A listing, page by page. The order is fixed: the same content lists the same way twice.
pub type Listing = BoxStream<'static, Result<Vec<Listed>>>;

/// The bytes to read: all of them, or a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// From the first to the last.
    #[default]
    All,
    /// From this offset to the last.
    From(u64),
    /// These, fewer when the file ends before.
    Part(Range<u64>),
}

impl Span {
    /// The first offset.
    pub fn start(&self) -> u64 {
        match self {
            Self::All => 0,
            Self::From(start) => *start,
            Self::Part(range) => range.start,
        }
    }

    /// The number of bytes of this span in a file of `size` bytes.
    pub fn len_within(&self, size: u64) -> u64 {
        let end = if let Self::Part(range) = self { range.end.min(size) } else { size };
        end.saturating_sub(self.start())
    }
}

/// Something opened for reading.
pub struct Opened {
    /// The state of the whole object, taken from what was opened, not from its name.
    pub facts: Facts,
    /// The bytes of the asked span.
    pub body: Body,
}

/// A place whose files can be listed and read, and not be written to.
#[async_trait]
pub trait ObjectSource: Send + Sync + 'static {
    /// Everything below the folder `folder`, in a fixed order. Folders that cannot be entered are listed as such.
    ///
    /// A folder that is not there is the fault `NotFound`, and never an empty listing.
    fn list(&self, folder: &ObjectPath) -> Listing;

    /// The state of the file at `path`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Unsupported` when it is no file, and the store-wide kinds.
    async fn stat(&self, path: &ObjectPath) -> Result<Facts>;

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// As [`stat`](Self::stat).
    async fn open(&self, path: &ObjectPath, span: Span) -> Result<Opened>;

    /// The same by plain calls that block the thread, when that is what the store's calls are.
    ///
    /// Saves two thread switches per file to whoever already stands on a thread that may block; a tree of a
    /// million small files is what it is for.
    fn blocking(self: Arc<Self>) -> Option<Arc<dyn BlockingSource>> {
        None
    }
}

/// A source whose calls block. Never call it from an async task.
pub trait BlockingSource: Send + Sync {
    /// Opens the file at `path`: its state and its bytes.
    ///
    /// # Errors
    /// As [`ObjectSource::stat`].
    fn open_blocking(&self, path: &ObjectPath, span: Span) -> Result<(Facts, Box<dyn BlockingBody>)>;
}

/// What a store now holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Size in bytes.
    pub size: u64,
    /// The store's mark of what it took, for a receipt.
    pub version: Option<String>,
}

/// A write under way. Nothing shows under the name before `finish`; dropping it abandons the write.
#[async_trait]
pub trait Upload: Send {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The store-wide kinds; the upload is then good for nothing but dropping.
    async fn write(&mut self, chunk: Bytes) -> Result<()>;

    /// Makes it durable and lets it show under its name, replacing what was there, in one step.
    ///
    /// # Errors
    /// As [`write`](Self::write); nothing shows then.
    async fn finish(self: Box<Self>) -> Result<Stored>;

    /// Gives back what the store kept so far. Never fails: a later [`ObjectStore::sweep`] finds what is left.
    async fn abandon(self: Box<Self>);
}

/// What a write test showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Free room in bytes, where the store can tell.
    pub free_bytes: Option<u64>,
}

/// A request somebody else may send to the store in our name, for a while.
pub struct SignedRequest {
    /// `GET` or `PUT`.
    pub method: &'static str,
    /// The address. Whoever has it has the right: keep it out of logs.
    pub url: SecretString,
    /// Headers that must be sent as they are here.
    pub headers: Vec<(String, String)>,
}

/// What a signed upload may carry.
#[derive(Clone, Debug)]
pub struct UploadTerms {
    /// The exact size in bytes.
    pub size: u64,
    /// The media type it will be stored under.
    pub media_type: String,
    /// How long the address works; up to seven days.
    pub expires_in: Duration,
}

/// Says by its file name whether something goes.
pub type Go = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// A place that can be written to.
#[async_trait]
pub trait ObjectStore: ObjectSource {
    /// Begins to write `path`, for any number of bytes.
    ///
    /// # Errors
    /// `Forbidden`, `Unsupported` for a path that cannot be, `Full`, and the store-wide kinds.
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>>;

    /// Writes `path` in one go. For what fits in memory.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    async fn put(&self, path: &ObjectPath, bytes: Bytes) -> Result<Stored> {
        let mut upload = self.begin(path).await?;
        upload.write(bytes).await?;
        upload.finish().await
    }

    /// Takes `path` away. That nothing was there is success.
    ///
    /// # Errors
    /// `Forbidden` and the store-wide kinds.
    async fn delete(&self, path: &ObjectPath) -> Result<()>;

    /// Takes away what interrupted uploads into `folder` left behind, the folder too when nothing else is in it;
    /// gives their number. Only those that `go`, judged by the name they would have got. An upload that is still
    /// under way is interrupted by it.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    async fn sweep(&self, folder: &ObjectPath, go: Go) -> Result<u64>;

    /// Free room in bytes, where the store can tell.
    ///
    /// # Errors
    /// The store-wide kinds.
    async fn free_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// An address under which somebody may upload `path` once, without our credentials. `None` when the
    /// store has no such thing and the bytes must come through us.
    fn sign_upload(&self, _path: &ObjectPath, _terms: &UploadTerms) -> Option<SignedRequest> {
        None
    }

    /// An address under which somebody may download `path` for `expires_in`. `None` as above.
    fn sign_download(&self, _path: &ObjectPath, _expires_in: Duration) -> Option<SignedRequest> {
        None
    }
}

/// Takes away the files directly in `folder` that `go` by their names, and what interrupted uploads of such left. That
/// nothing was there is success.
///
/// # Errors
/// As [`ObjectStore::delete`].
pub async fn clear(
    store: &dyn ObjectStore,
    folder: &ObjectPath,
    go: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
) -> Result<()> {
    let mut pages = store.list(folder);
    let mut found = Vec::new();
    loop {
        match pages.try_next().await {
            Ok(Some(page)) => found.extend(page),
            Ok(None) => break,
            // The folder is made by the first write.
            Err(fault) if fault.kind == FaultKind::NotFound => break,
            Err(fault) => return Err(fault),
        }
    }
    for listed in found {
        if let Listed::Entry(Entry { path, kind: EntryKind::File, .. }) = listed
            && path.parent() == *folder
            && go(path.file_name())
        {
            store.delete(&path).await?;
        }
    }
    store.sweep(folder, Arc::new(go)).await?;
    Ok(())
}

/// Size of the file a write test leaves for a moment.
const PROBE_BYTES: u8 = 255;

/// Shows that `folder` can be written, read and cleared, by doing it with a small file named `name`.
///
/// # Errors
/// Whatever the store answers, and `Lied` when it does not give back what it took.
///
/// # Source
/// Data return, gate "destination write test".
pub async fn probe(store: &dyn ObjectStore, folder: &ObjectPath, name: &str) -> Result<Probe> {
    let path = folder.join(name);
    let sent = (0..=PROBE_BYTES).cycle().take(1024).collect::<Bytes>();
    store.put(&path, sent.clone()).await?;
    let opened = store.open(&path, Span::All).await?;
    let received = opened.body.into_bytes(sent.len() as u64 * 2).await?;
    store.delete(&path).await?;
    if received != sent {
        return Err(Fault::new(FaultKind::Lied, "probe", path.to_string(), "gave back other bytes than it took"));
    }
    match store.stat(&path).await {
        Err(fault) if fault.kind == FaultKind::NotFound => {}
        Err(fault) => return Err(fault),
        Ok(_) => {
            return Err(Fault::new(FaultKind::Lied, "probe", path.to_string(), "is still there after its removal"));
        }
    }
    Ok(Probe { free_bytes: store.free_bytes().await? })
}
