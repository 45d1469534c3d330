//! Reading an opened file, and the facts that tell whether it changed.

use std::{
    fs::File,
    io::{self, Read},
};

use chrono::{DateTime, Utc};
use rustix::{
    fs::{FileType, Stat},
    io::Errno,
};

use super::fault;
use crate::ports::storage::{BlockingBody, EntryKind, Facts, Fault, FaultKind, ObjectPath, Result};

/// An open file as a body of at most `left` bytes.
pub(super) struct FileBody {
    pub(super) file: File,
    pub(super) path: ObjectPath,
    pub(super) left: u64,
}

impl BlockingBody for FileBody {
    fn read_into(&mut self, out: &mut Vec<u8>, most: usize) -> Result<usize> {
        let wanted = self.left.min(most as u64);
        // Reads into memory that was never set, and once more at the end, where a growing file shows.
        let read = (&self.file).take(wanted).read_to_end(out);
        let count = read.map_err(|error| io_fault("read", &self.path, &error))?;
        self.left -= count as u64;
        Ok(count)
    }

    fn facts(&self) -> Result<Facts> {
        facts_of(&self.file, &self.path)
    }
}

/// The state of an open regular file.
pub(super) fn facts_of(file: &File, path: &ObjectPath) -> Result<Facts> {
    let stat = rustix::fs::fstat(file).map_err(|errno| fault("stat", path, errno))?;
    if kind_of(&stat) == EntryKind::File {
        Ok(facts(&stat))
    } else {
        Err(Fault::new(FaultKind::Unsupported, "open", path.to_string(), "is not a file"))
    }
}

/// What `stat` tells of a file's state. The device and file number stand for "the same file": a name that
/// was given to another file shows by them.
pub(super) fn facts(stat: &Stat) -> Facts {
    let is_file = kind_of(stat) == EntryKind::File;
    Facts {
        size: if is_file { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
        modified: modified(stat),
        version: is_file.then(|| format!("{:x}-{:x}", stat.st_dev, stat.st_ino)),
    }
}

fn modified(stat: &Stat) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).ok()?)
}

/// What an entry is.
pub(super) fn kind_of(stat: &Stat) -> EntryKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Symlink => EntryKind::Symlink,
        FileType::Directory => EntryKind::Directory,
        _ => EntryKind::Other,
    }
}

/// What an I/O error means.
pub(super) fn io_fault(doing: &'static str, path: &ObjectPath, error: &io::Error) -> Fault {
    match error.raw_os_error() {
        Some(code) => fault(doing, path, Errno::from_raw_os_error(code)),
        None => Fault::new(FaultKind::Permanent, doing, path.to_string(), error.kind().to_string()),
    }
}
