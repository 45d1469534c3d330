//! Destroying what lies below a folder.
//!
//! An item is first set aside: renamed, in its own folder, to a name that only its plan and its place in it make. Only
//! then is it looked at once more; what is not as it was surveyed, or took its name in the last moment, gets its name back.
//! Right before it is overwritten it is renamed again. So a run that was stopped finds what it had set aside, which has to be
//! as it was surveyed, and what it had begun to overwrite, which cannot be any more.
//!
//! A file's content is overwritten once it has a single name left. Content that has more names than were surveyed is left
//! alone.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
    time::Instant,
};

use async_trait::async_trait;
use rustix::{
    fd::OwnedFd,
    fs::{Advice, AtFlags, Mode, OFlags, RenameFlags, SeekFrom as Extent, Stat},
    io::Errno,
};

use super::{
    LocalFiles, Root, fault, off_the_runtime,
    read::{io_fault, kind_of},
    survey,
};
use crate::{
    domain::{
        clearance::Clearance,
        sanitization::{Fate, SanitizationMethod},
    },
    ports::{
        eraser::{Batch, Erased, Eraser, Ground, Item, Leave, STANDSTILL, Survey},
        storage::{EntryKind, Fault, FaultKind, ObjectPath, Result},
    },
};

#[cfg(test)]
mod tests;

/// So much is written and read at a time.
const BLOCK: usize = 1024 * 1024;

/// So much is written before it is made durable.
const SYNCED: usize = 64 * BLOCK;

/// What the name of something set aside ends with once its content is being overwritten.
const BEGUN: &[u8] = b"-w";

static ZEROS: [u8; BLOCK] = [0; BLOCK];

#[async_trait]
impl Eraser for LocalFiles {
    fn method(&self) -> SanitizationMethod {
        SanitizationMethod::OverwriteZero
    }

    async fn root(&self) -> Result<String> {
        let root = self.root.clone();
        off_the_runtime("measure", move || survey::identity(&root)).await
    }

    async fn ground(&self, folder: &ObjectPath) -> Result<Ground> {
        let (root, folder) = (self.root.clone(), folder.clone());
        off_the_runtime("measure", move || survey::ground(&root, &folder)).await
    }

    fn survey(&self, folder: &ObjectPath) -> Survey {
        survey::survey(self, folder)
    }

    async fn erase(&self, clearance: Clearance<Batch>) -> Result<Vec<Erased>> {
        let root = Arc::clone(&self.root);
        off_the_runtime("erase", move || erase(&root, clearance)).await
    }
}

fn erase(root: &Root, clearance: Clearance<Batch>) -> Result<Vec<Erased>> {
    let Batch { folder, items, first, tag, method: _, leave } = clearance.spend();
    let mut place = Place { root, opened: None };
    let mut pulse = Pulse::of(&leave);
    let mut fates = Vec::with_capacity(items.len());
    for (number, item) in (first..).zip(&items) {
        let path = folder.join(item.path.as_bytes());
        pulse.beat(&path)?;
        let aside = format!(".gangway-{tag}-{number}").into_bytes();
        let fate = place.of(&path).and_then(|parent| one(parent, &path, item, &aside, &mut pulse));
        fates.push(judged(fate)?);
    }
    place.close()?;
    Ok(fates)
}

/// Looks, often enough, whether destroying may still go on.
struct Pulse<'a> {
    leave: &'a Leave,
    last: Instant,
}

impl<'a> Pulse<'a> {
    fn of(leave: &'a Leave) -> Self {
        Self { leave, last: Instant::now() }
    }

    fn beat(&mut self, path: &ObjectPath) -> Result<()> {
        let stood = std::mem::replace(&mut self.last, Instant::now()).elapsed();
        if self.leave.is_over() || stood > STANDSTILL {
            return Err(Fault::new(FaultKind::Transient, "erase", path.to_string(), "the leave to destroy has ended"));
        }
        Ok(())
    }
}

/// A fault of an item is its fate; one of the whole store stops everything.
fn judged(erased: Result<Fate>) -> Result<Erased> {
    match erased {
        Ok(fate) => Ok(Erased::of(fate)),
        // Somebody else was faster.
        Err(fault) if fault.kind == FaultKind::NotFound => Ok(Erased::of(Fate::Absent)),
        Err(fault) if fault.kind == FaultKind::Conflict => Ok(Erased::not(Fate::Changed, fault)),
        Err(fault) if fault.concerns_the_store() => Err(fault),
        Err(fault) => Ok(Erased::not(Fate::Refused, fault)),
    }
}

/// The folder that is worked in: items of one folder follow each other.
struct Place<'a> {
    root: &'a Root,
    opened: Option<(ObjectPath, OwnedFd)>,
}

impl Place<'_> {
    /// The folder that holds `path`.
    fn of(&mut self, path: &ObjectPath) -> Result<&OwnedFd> {
        let wanted = path.parent();
        if self.opened.as_ref().is_none_or(|(at, _)| *at != wanted) {
            self.close()?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let folder = self.root.resolve(&wanted, flags).map_err(|errno| fault("erase", path, errno))?;
            self.opened = Some((wanted, folder));
        }
        match &self.opened {
            Some((_, folder)) => Ok(folder),
            None => Err(fault("erase", path, Errno::NOENT)),
        }
    }

    /// Makes what went out of the folder durable.
    fn close(&mut self) -> Result<()> {
        let Some((at, folder)) = self.opened.take() else { return Ok(()) };
        rustix::fs::fsync(&folder).map_err(|errno| fault("erase", &at, errno))
    }
}

/// Destroys one item that lies directly in `folder`.
fn one(folder: &OwnedFd, path: &ObjectPath, item: &Item, aside: &[u8], pulse: &mut Pulse<'_>) -> Result<Fate> {
    let name = path.file_name();
    if matches!(name, b"" | b"." | b"..") {
        return Err(fault("erase", path, Errno::XDEV));
    }
    let say = |errno| match errno {
        // A mount point, or a program that runs: this one name cannot go.
        Errno::BUSY | Errno::TXTBSY => Fault::new(FaultKind::Forbidden, "erase", path.to_string(), errno.to_string()),
        errno => fault("erase", path, errno),
    };
    if item.kind == EntryKind::Directory {
        return directory(folder, name, item).map_err(say);
    }
    let begun = [aside, BEGUN].concat();
    match looked_at(folder, &begun).map_err(say)? {
        // Half overwritten by a run that was stopped: nothing is written under any other name.
        Some(stat) if survey::inode(&stat) == item.content() && kind_of(&stat) == item.kind => {}
        Some(_) => return Err(changed(path)),
        None => match set_aside(folder, name, item, aside).map_err(say)? {
            Aside::Absent => return Ok(Fate::Absent),
            Aside::Changed => return Err(changed(path)),
            Aside::Done(stat) if item.kind != EntryKind::File || stat.st_nlink > 1 => {
                remove(folder, aside, path)?;
                return Ok(if item.kind == EntryKind::File { Fate::Unnamed } else { Fate::Removed });
            }
            Aside::Done(_) => {
                rustix::fs::renameat_with(folder, aside, folder, &begun, RenameFlags::NOREPLACE).map_err(say)?;
            }
        },
    }
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(folder, &begun, flags, Mode::empty()).inspect_err(|_refused| {
        // Whoever looks for it finds it where it was.
        rustix::fs::renameat_with(folder, &begun, folder, name, RenameFlags::NOREPLACE).unwrap_or_default();
    });
    content(&File::from(opened.map_err(say)?), item, path, pulse)?;
    remove(folder, &begun, path)?;
    Ok(Fate::Destroyed)
}

/// Takes a name away and looks whether it is gone.
fn remove(folder: &OwnedFd, name: &[u8], path: &ObjectPath) -> Result<()> {
    let say = |errno| fault("erase", path, errno);
    rustix::fs::unlinkat(folder, name, AtFlags::empty()).map_err(say)?;
    match looked_at(folder, name).map_err(say)? {
        None => Ok(()),
        Some(_) => Err(Fault::new(FaultKind::Lied, "erase", path.to_string(), "is still there after its removal")),
    }
}

/// What came of setting something aside.
enum Aside {
    /// It lies there.
    Done(Stat),
    /// There was nothing.
    Absent,
    /// It is something else, and lies where it was.
    Changed,
}

fn set_aside(folder: &OwnedFd, name: &[u8], item: &Item, aside: &[u8]) -> rustix::io::Result<Aside> {
    // A name that somebody gave a file since would keep its content.
    let is_shared = |stat: &Stat| item.kind == EntryKind::File && survey::names(stat) > item.names;
    let is_as_planned = |stat: &Stat| survey::state(stat) == item.state && !is_shared(stat);
    match looked_at(folder, aside)? {
        // By a run that was stopped.
        Some(stat) if is_as_planned(&stat) => return Ok(Aside::Done(stat)),
        Some(stat) if survey::inode(&stat) != item.content() => return Ok(Aside::Changed),
        Some(_) => {}
        None => match looked_at(folder, name)? {
            None => return Ok(Aside::Absent),
            Some(stat) if !is_as_planned(&stat) => return Ok(Aside::Changed),
            Some(_) => {
                rustix::fs::renameat_with(folder, name, folder, aside, RenameFlags::NOREPLACE)?;
                let stat = looked_at(folder, aside)?.ok_or(Errno::NOENT)?;
                if is_as_planned(&stat) {
                    return Ok(Aside::Done(stat));
                }
            }
        },
    }
    // It changed, or another file took the name, in the last moment: it gets it back.
    rustix::fs::renameat_with(folder, aside, folder, name, RenameFlags::NOREPLACE)?;
    Ok(Aside::Changed)
}

fn changed(path: &ObjectPath) -> Fault {
    Fault::new(FaultKind::Conflict, "erase", path.to_string(), "is not what was surveyed")
}

/// A folder goes when nothing is in it.
fn directory(folder: &OwnedFd, name: &[u8], item: &Item) -> rustix::io::Result<Fate> {
    match looked_at(folder, name)? {
        None => return Ok(Fate::Absent),
        Some(stat) if survey::state(&stat) != item.state => return Err(Errno::NOTEMPTY),
        Some(_) => {}
    }
    rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?;
    Ok(Fate::Removed)
}

fn looked_at(folder: &OwnedFd, name: &[u8]) -> rustix::io::Result<Option<Stat>> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Makes the content of a file unreadable.
fn content(file: &File, item: &Item, path: &ObjectPath, pulse: &mut Pulse<'_>) -> Result<()> {
    let say = |error: io::Error| match error.downcast::<Fault>() {
        Ok(fault) => fault,
        Err(error) => io_fault("erase", path, &error),
    };
    let mut beat = || pulse.beat(path).map_err(io::Error::other);
    overwrite(file, &mut beat).map_err(say)?;
    if !is_zero(file, &mut beat).map_err(say)? {
        return Err(Fault::new(FaultKind::Lied, "erase", path.to_string(), "does not read back as zeros"));
    }
    let stat = rustix::fs::fstat(file).map_err(|errno| fault("erase", path, errno))?;
    if u64::try_from(stat.st_size) == Ok(item.size) && stat.st_nlink == 1 {
        return Ok(());
    }
    // Somebody wrote to it, or named it, while it was overwritten.
    Err(changed(path))
}

/// Overwrites whatever of `file` is allocated. A hole has no content, and filling it would need room that may not be
/// there.
fn overwrite(file: &File, beat: &mut impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let mut unsynced = 0;
    each_block(file, |mut file, count| {
        beat()?;
        file.write_all(&ZEROS[..count])?;
        unsynced += count;
        // What is synced in one go takes long on a slow disk, and nobody can be asked meanwhile.
        if unsynced >= SYNCED {
            rustix::fs::fdatasync(file)?;
            unsynced = 0;
        }
        Ok(true)
    })?;
    Ok(rustix::fs::fdatasync(file)?)
}

/// Whether whatever of `file` is allocated reads back as zeros, from the medium as far as the system can be asked for that.
fn is_zero(file: &File, beat: &mut impl FnMut() -> io::Result<()>) -> io::Result<bool> {
    // The pages are clean after the sync, so they are dropped; where they are not, the read is still one.
    rustix::fs::fadvise(file, 0, None, Advice::DontNeed).unwrap_or_default();
    let mut block = vec![0; BLOCK];
    each_block(file, |mut file, count| {
        beat()?;
        file.read_exact(&mut block[..count])?;
        Ok(block[..count] == ZEROS[..count])
    })
}

/// Stands `file` before each allocated block of it, of at most [`BLOCK`] bytes, for as long as `act` says so; gives what it
/// said last. `act` moves the file on by what it is given.
fn each_block(file: &File, mut act: impl FnMut(&File, usize) -> io::Result<bool>) -> io::Result<bool> {
    let size = file.metadata()?.len();
    let mut at = 0;
    while let Some((start, end)) = extent(file, at, size)? {
        let mut seeking = file;
        seeking.seek(SeekFrom::Start(start))?;
        let mut left = end - start;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            if !act(file, count)? {
                return Ok(false);
            }
            left -= count as u64;
        }
        at = end;
    }
    Ok(true)
}

/// The next allocated part of `file` from `at` on.
fn extent(file: &File, at: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    if at >= size {
        return Ok(None);
    }
    let start = match rustix::fs::seek(file, Extent::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        // A file system that cannot tell: all of it counts as allocated.
        Err(Errno::INVAL | Errno::NOTSUP) => return Ok(Some((at, size))),
        Err(errno) => return Err(errno.into()),
    };
    let end = rustix::fs::seek(file, Extent::Hole(start))?.min(size);
    Ok((start < end).then_some((start, end)))
}
