//! Writing so that a file appears whole or not at all.

use std::{
    fs::File,
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Dir, Mode, OFlags},
    io::Errno,
};

use super::{Root, fault, off_the_runtime, read::io_fault};
use crate::ports::storage::{Facts, Fault, FaultKind, Go, ObjectPath, Result, Stored, Upload};

/// What the name of an unfinished file begins and ends with.
const UNFINISHED: (&[u8], &[u8]) = (b".", b".part");

/// So much of the final name is kept in the unfinished file's name, whose length the file system limits to 255.
const KEPT_NAME_BYTES: usize = 180;

/// Tells apart the uploads of this process.
static UPLOADS: AtomicU64 = AtomicU64::new(0);

/// Begins to write `path`, making the folders on the way.
pub(super) fn begin(root: &Root, path: ObjectPath) -> Result<Box<dyn Upload>> {
    let folder = make_folders(root, &path.parent())?;
    let name = path.file_name();
    if is_no_name(name) {
        return Err(fault("write", &path, Errno::XDEV));
    }
    loop {
        let unfinished = unfinished_name(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&folder, &unfinished, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP) {
            Ok(file) => {
                let part = Part { folder, unfinished, is_open: true };
                return Ok(Box::new(LocalUpload { path, part, file: File::from(file), size: 0 }));
            }
            // Left by a process that had the same number before: take the next name.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(fault("write", &path, errno)),
        }
    }
}

/// What names a folder or nothing, and never a file in the folder before it.
fn is_no_name(name: &[u8]) -> bool {
    matches!(name, b"" | b"." | b"..") || name.contains(&0)
}

fn unfinished_name(name: &[u8]) -> Vec<u8> {
    let number = UPLOADS.fetch_add(1, Ordering::Relaxed);
    let kept = &name[..name.len().min(KEPT_NAME_BYTES)];
    let unique = format!(".{}-{number}", std::process::id());
    [UNFINISHED.0, kept, unique.as_bytes(), UNFINISHED.1].concat()
}

fn make_folders(root: &Root, path: &ObjectPath) -> Result<OwnedFd> {
    let open = OFlags::RDONLY | OFlags::DIRECTORY;
    match root.resolve(path, open) {
        Ok(folder) => return Ok(folder),
        Err(Errno::NOENT) if !path.is_root() => {}
        Err(errno) => return Err(fault("create", path, errno)),
    }
    let parent = make_folders(root, &path.parent())?;
    match rustix::fs::mkdirat(&parent, path.file_name(), Mode::RWXU | Mode::RGRP | Mode::XGRP) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(fault("create", path, errno)),
    }
    root.resolve(path, open).map_err(|errno| fault("create", path, errno))
}

/// A file under its unfinished name; gone with the value unless it was given its final name.
struct Part {
    folder: OwnedFd,
    unfinished: Vec<u8>,
    is_open: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.is_open {
            // What cannot be removed now is found by the next sweep.
            rustix::fs::unlinkat(&self.folder, &self.unfinished, AtFlags::empty()).unwrap_or_default();
        }
    }
}

struct LocalUpload {
    path: ObjectPath,
    part: Part,
    file: File,
    size: u64,
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let mut file = self.file.try_clone().map_err(|error| io_fault("write", &self.path, &error))?;
        let (path, size) = (self.path.clone(), chunk.len() as u64);
        off_the_runtime("write", move || file.write_all(&chunk).map_err(|error| io_fault("write", &path, &error)))
            .await?;
        self.size += size;
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Stored> {
        off_the_runtime("write", move || (*self).publish()).await
    }

    async fn abandon(self: Box<Self>) {
        // Dropping the part removes it; a second look is not needed.
        off_the_runtime("write", move || {
            drop(self);
            Ok(())
        })
        .await
        .unwrap_or_default();
    }
}

impl LocalUpload {
    fn publish(mut self) -> Result<Stored> {
        let say = |errno| fault("write", &self.path, errno);
        rustix::fs::fdatasync(&self.file).map_err(say)?;
        let folder = &self.part.folder;
        rustix::fs::renameat(folder, &self.part.unfinished, folder, self.path.file_name()).map_err(say)?;
        self.part.is_open = false;
        rustix::fs::fsync(&self.part.folder).map_err(say)?;
        let Facts { size, version, .. } = super::read::facts_of(&self.file, &self.path)?;
        if size == self.size {
            Ok(Stored { size, version })
        } else {
            Err(Fault::new(
                FaultKind::Lied,
                "write",
                self.path.to_string(),
                format!("holds {size} of {} bytes", self.size),
            ))
        }
    }
}

/// Takes a file away; that there is none is success.
pub(super) fn delete(root: &Root, path: &ObjectPath) -> Result<()> {
    let folder = match root.resolve(&path.parent(), OFlags::RDONLY | OFlags::DIRECTORY) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(fault("delete", path, errno)),
    };
    if is_no_name(path.file_name()) {
        return Err(fault("delete", path, Errno::XDEV));
    }
    match rustix::fs::unlinkat(&folder, path.file_name(), AtFlags::empty()) {
        Ok(()) => rustix::fs::fsync(&folder).map_err(|errno| fault("delete", path, errno)),
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(fault("delete", path, errno)),
    }
}

/// The final name in that of an unfinished file, as far as it was kept.
fn final_name(unfinished: &[u8]) -> Option<&[u8]> {
    let inner = unfinished.strip_prefix(UNFINISHED.0)?.strip_suffix(UNFINISHED.1)?;
    Some(&inner[..inner.iter().rposition(|&byte| byte == b'.')?])
}

/// Takes away the unfinished files that lie directly in `folder` and `go`, and the folder when nothing else is in it.
pub(super) fn sweep(root: &Root, path: &ObjectPath, go: &Go) -> Result<u64> {
    let say = |errno| fault("sweep", path, errno);
    let folder = match root.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(0),
        Err(errno) => return Err(say(errno)),
    };
    let mut swept = 0;
    for entry in Dir::read_from(&folder).map_err(say)? {
        let entry = entry.map_err(say)?;
        let name = entry.file_name().to_bytes();
        if final_name(name).is_some_and(|name| go(name)) {
            match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
                Ok(()) => swept += 1,
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(say(errno)),
            }
        }
    }
    if !path.is_root() {
        // Refused when something is in it, which is why it stays then.
        let parent = root.resolve(&path.parent(), OFlags::RDONLY | OFlags::DIRECTORY).map_err(say)?;
        rustix::fs::unlinkat(&parent, path.file_name(), AtFlags::REMOVEDIR).unwrap_or_default();
    }
    Ok(swept)
}
