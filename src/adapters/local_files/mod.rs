//! Files below one folder of this machine, or of a file system mounted on it.
//!
//! Invariants:
//! - Nothing outside the root is ever read or written. Every open goes from the root's descriptor through
//!   the kernel's own resolver with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS` ([`beneath`]), so a link or a
//!   `..` that appears *while* we work cannot lead out either.
//! - Names are bytes. Whatever the file system holds is listed and can be opened, in UTF-8 or not, at any depth.
//! - Reading leaves no trace where the system allows it (`O_NOATIME`).
//! - A written file appears whole or not at all: a hidden `.part` beside it, `fdatasync`, rename, `fsync` of
//!   the folder.
//!
//! Deliberately absent: owners, access lists and extended attributes (a return carries contents, names,
//! times and permission bits), hard links as such (each name is a file), watching for changes.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use rustix::{
    fd::OwnedFd,
    fs::{Advice, CWD, Mode, OFlags},
};

use crate::ports::storage::{
    BlockingBody, BlockingSource, Body, Facts, Fault, FaultKind, Go, Listing, ObjectPath, ObjectSource, ObjectStore,
    Opened, Result, Span, Upload,
};

mod beneath;
mod erase;
mod find;
mod names;
mod read;
mod survey;
mod walk;
mod write;

pub use find::Find;

/// One folder and all below it.
#[derive(Clone)]
pub struct LocalFiles {
    root: Arc<Root>,
    names_bytes: usize,
}

/// Bytes of names that a listing holds at most, of all folders together. Half of it has room for 400,000 names of files
/// with 30 bytes each, so nearly every folder is read once.
///
/// # Source
/// Engine goal: a data return stays within 96 MiB, whatever the source looks like.
pub const NAMES_BYTES: usize = 32 * 1024 * 1024;

/// The opened root: if its path is replaced later, this still is the folder that was configured.
struct Root {
    folder: OwnedFd,
    mounts: Mounts,
    /// Set once the system refused `O_NOATIME`: it is only granted to a file's owner and to root.
    atime_is_touched: AtomicBool,
}

/// Whether other file systems mounted below the root belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounts {
    /// They do.
    Cross,
    /// They do not: a mount point is listed as unreadable.
    Stay,
}

impl LocalFiles {
    /// Files below `root`, which must be an existing folder. The path to the root itself may hold links.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden` when the folder cannot be opened.
    pub fn open(root: &Path, mounts: Mounts) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, root, flags, Mode::empty())
            .map_err(|errno| fault("open", &ObjectPath::ROOT, errno))?;
        let root = Root { folder, mounts, atime_is_touched: AtomicBool::new(false) };
        Ok(Self { root: Arc::new(root), names_bytes: NAMES_BYTES })
    }

    /// The same, with other than [`NAMES_BYTES`] held while it lists.
    #[must_use]
    pub fn holding(self, names_bytes: usize) -> Self {
        Self { names_bytes, ..self }
    }

    /// As [`open`](Self::open), after making the folder and its parents where they are missing.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Full`.
    pub fn create(root: &Path) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(|error| match error.raw_os_error() {
            Some(code) => fault("create", &ObjectPath::ROOT, rustix::io::Errno::from_raw_os_error(code)),
            None => Fault::new(FaultKind::Permanent, "create", "", error.to_string()),
        })?;
        Self::open(root, Mounts::Cross)
    }
}

impl Root {
    fn open_file(&self, path: &ObjectPath, span: &Span) -> Result<(Facts, File)> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let quietly = !self.atime_is_touched.load(Ordering::Relaxed);
        let opened = match self.resolve(path, if quietly { flags | OFlags::NOATIME } else { flags }) {
            Err(rustix::io::Errno::PERM) if quietly => {
                self.atime_is_touched.store(true, Ordering::Relaxed);
                self.resolve(path, flags)
            }
            other => other,
        };
        let file = File::from(opened.map_err(|errno| fault("open", path, errno))?);
        let facts = read::facts_of(&file, path)?;
        if span.start() > 0 {
            use std::io::{Seek, SeekFrom};
            (&file).seek(SeekFrom::Start(span.start())).map_err(|error| read::io_fault("seek", path, &error))?;
        }
        Ok((facts, file))
    }

    fn resolve(&self, path: &ObjectPath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        beneath::open(&self.folder, path.as_bytes(), flags, Mode::empty(), self.mounts)
    }
}

/// Files longer than this are announced to the kernel as read from front to end.
const READ_AHEAD_FROM: u64 = 1024 * 1024;

impl BlockingSource for LocalFiles {
    fn open_blocking(&self, path: &ObjectPath, span: Span) -> Result<(Facts, Box<dyn BlockingBody>)> {
        let (facts, file) = self.root.open_file(path, &span)?;
        let length = span.len_within(facts.size);
        if length >= READ_AHEAD_FROM {
            // Advice may be refused; reading works without it.
            rustix::fs::fadvise(&file, span.start(), None, Advice::Sequential).unwrap_or_default();
        }
        // Without an end the body also reads what a growing file gained, which is how growth shows.
        let left = if let Span::Part(_) = span { length } else { u64::MAX };
        Ok((facts, Box::new(read::FileBody { file, path: path.clone(), left })))
    }
}

#[async_trait]
impl ObjectSource for LocalFiles {
    fn list(&self, folder: &ObjectPath) -> Listing {
        walk::list(self.root.clone(), folder.clone(), self.names_bytes)
    }

    async fn stat(&self, path: &ObjectPath) -> Result<Facts> {
        let (root, path) = (self.root.clone(), path.clone());
        off_the_runtime("stat", move || root.open_file(&path, &Span::All).map(|(facts, _)| facts)).await
    }

    async fn open(&self, path: &ObjectPath, span: Span) -> Result<Opened> {
        let (store, path) = (self.clone(), path.clone());
        let (facts, body) = off_the_runtime("open", move || store.open_blocking(&path, span)).await?;
        Ok(Opened { facts, body: Body::Blocking(body) })
    }

    fn blocking(self: Arc<Self>) -> Option<Arc<dyn BlockingSource>> {
        Some(self)
    }
}

#[async_trait]
impl ObjectStore for LocalFiles {
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>> {
        let (root, path) = (self.root.clone(), path.clone());
        off_the_runtime("write", move || write::begin(&root, path)).await
    }

    async fn delete(&self, path: &ObjectPath) -> Result<()> {
        let (root, path) = (self.root.clone(), path.clone());
        off_the_runtime("delete", move || write::delete(&root, &path)).await
    }

    async fn sweep(&self, folder: &ObjectPath, go: Go) -> Result<u64> {
        let (root, folder) = (self.root.clone(), folder.clone());
        off_the_runtime("sweep", move || write::sweep(&root, &folder, &go)).await
    }

    async fn free_bytes(&self) -> Result<Option<u64>> {
        let root = self.root.clone();
        off_the_runtime("measure", move || {
            let room =
                rustix::fs::fstatvfs(&root.folder).map_err(|errno| fault("measure", &ObjectPath::ROOT, errno))?;
            Ok(Some(room.f_bavail.saturating_mul(room.f_frsize)))
        })
        .await
    }
}

async fn off_the_runtime<T: Send + 'static>(
    doing: &'static str,
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(stopped) => Err(Fault::new(FaultKind::Transient, doing, "", stopped.to_string())),
    }
}

/// What a system call's refusal means.
fn fault(doing: &'static str, path: &ObjectPath, errno: rustix::io::Errno) -> Fault {
    use rustix::io::Errno;
    let kind = match errno {
        Errno::NOENT | Errno::NOTDIR => FaultKind::NotFound,
        // ELOOP: a link stands in the path. EXDEV: the path leaves the root or the mount.
        Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::LOOP | Errno::XDEV => FaultKind::Forbidden,
        Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => FaultKind::Conflict,
        Errno::NOSPC | Errno::DQUOT => FaultKind::Full,
        Errno::NAMETOOLONG | Errno::INVAL | Errno::NXIO | Errno::OPNOTSUPP => FaultKind::Unsupported,
        Errno::AGAIN
        | Errno::INTR
        | Errno::MFILE
        | Errno::NFILE
        | Errno::NOMEM
        | Errno::BUSY
        | Errno::TIMEDOUT
        | Errno::STALE => FaultKind::Transient,
        _ => FaultKind::Permanent,
    };
    Fault::new(kind, doing, path.to_string(), errno.to_string())
}
