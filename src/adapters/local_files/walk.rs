//! Listing a tree in a fixed order and in little memory.
//!
//! Order: a folder's own line, then what is not a folder in it by the bytes of the names, then its folders by
//! the bytes of their names, each with all below it. Names of one folder at a time are held, and the names of
//! the folders still to enter on the way down; a folder of a million files costs some 40 bytes for each name.

use std::sync::Arc;

use futures_util::StreamExt;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Dir, OFlags},
    io::Errno,
};
use tokio::sync::mpsc;

use super::{
    Root, fault,
    read::{facts, kind_of},
};
use crate::ports::storage::{Entry, EntryKind, Fault, FaultKind, Listed, Listing, ObjectPath, Result};

/// Entries handed over at once.
const PAGE: usize = 512;

/// Pages made ahead of the reader.
const PAGES_AHEAD: usize = 4;

/// Everything below `folder`.
pub(super) fn list(root: Arc<Root>, folder: ObjectPath) -> Listing {
    let (pages, received) = mpsc::channel(PAGES_AHEAD);
    let walking = tokio::task::spawn_blocking(move || {
        let mut walk = Walk { root: &root, pages, page: Vec::with_capacity(PAGE) };
        if let Err(Stop::Failed(fault)) = walk.tree(&folder) {
            // Nobody may be listening any more, which is fine.
            walk.pages.blocking_send(Err(fault)).unwrap_or_default();
        }
    });
    // The task ends by itself when the receiver goes; holding it would only delay that.
    drop(walking);
    tokio_stream::wrappers::ReceiverStream::new(received).boxed()
}

/// Why a walk ends early.
enum Stop {
    /// The reader went away.
    Unheard,
    /// The folder to list cannot be opened at all.
    Failed(Fault),
}

struct Walk<'a> {
    root: &'a Root,
    pages: mpsc::Sender<Result<Vec<Listed>>>,
    page: Vec<Listed>,
}

/// The folders of one folder that are still to be entered.
struct Level {
    /// Length of the path of the folder that holds them.
    path_len: usize,
    folders: Names,
    next: usize,
}

impl Walk<'_> {
    fn tree(&mut self, folder: &ObjectPath) -> Result<(), Stop> {
        let mut path = folder.as_bytes().to_vec();
        let opened = self.open(folder).map_err(|errno| Stop::Failed(fault("list", folder, errno)))?;
        let mut levels = vec![Level { path_len: path.len(), folders: self.folder(&opened, folder)?, next: 0 }];
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.folders.get(level.next) else {
                levels.pop();
                continue;
            };
            path.truncate(level.path_len);
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            level.next += 1;
            let here = ObjectPath::from_bytes(path.clone());
            let folders = self.enter(&here)?;
            levels.push(Level { path_len: path.len(), folders, next: 0 });
        }
        self.flush()
    }

    fn open(&self, folder: &ObjectPath) -> rustix::io::Result<OwnedFd> {
        self.root.resolve(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
    }

    /// Lists the folder itself and what is in it; gives the folders in it.
    fn enter(&mut self, path: &ObjectPath) -> Result<Names, Stop> {
        let opened = self.open(path).and_then(|folder| Ok((rustix::fs::fstat(&folder)?, folder)));
        match opened {
            // It went away after its parent was read: there is nothing to list.
            Err(Errno::NOENT) => Ok(Names::default()),
            Err(errno) => {
                let fault = fault("list", path, errno);
                self.add(Listed::Unreadable { path: path.clone(), kind: EntryKind::Directory, fault })?;
                Ok(Names::default())
            }
            Ok((stat, folder)) => {
                self.add(Listed::Entry(Entry {
                    path: path.clone(),
                    kind: EntryKind::Directory,
                    facts: facts(&stat),
                    mode: Some(stat.st_mode & 0o7777),
                    link: None,
                }))?;
                self.folder(&folder, path)
            }
        }
    }

    /// Lists what lies directly in an opened folder, except its folders, which it gives back.
    fn folder(&mut self, folder: &OwnedFd, path: &ObjectPath) -> Result<Names, Stop> {
        let (mut others, mut folders) = (Names::default(), Names::default());
        if let Err(errno) = read_names(folder, &mut others, &mut folders) {
            let fault = fault("list", path, errno);
            self.add(Listed::Unreadable { path: path.clone(), kind: EntryKind::Directory, fault })?;
        }
        others.sort();
        for name in others.iter() {
            if let Some(listed) = look_at(folder, path.join(name), name) {
                self.add(listed)?;
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn add(&mut self, listed: Listed) -> Result<(), Stop> {
        self.page.push(listed);
        if self.page.len() == PAGE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let page = std::mem::replace(&mut self.page, Vec::with_capacity(PAGE));
        if page.is_empty() {
            return Ok(());
        }
        self.pages.blocking_send(Ok(page)).map_err(|_closed| Stop::Unheard)
    }
}

fn read_names(folder: &OwnedFd, others: &mut Names, folders: &mut Names) -> rustix::io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let mut kind = entry.file_type();
        if kind == rustix::fs::FileType::Unknown {
            let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        }
        let names = if kind == rustix::fs::FileType::Directory { &mut *folders } else { &mut *others };
        names.push(name);
    }
    Ok(())
}

/// The line for `name` in `folder`; none when it went away meanwhile.
fn look_at(folder: &OwnedFd, path: ObjectPath, name: &[u8]) -> Option<Listed> {
    let looked = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).and_then(|stat| {
        let kind = kind_of(&stat);
        let link = match kind {
            EntryKind::Symlink => Some(rustix::fs::readlinkat(folder, name, Vec::new())?),
            _ => None,
        };
        Ok((stat, kind, link))
    });
    match looked {
        Err(Errno::NOENT) => None,
        Err(errno) => {
            let fault = fault("stat", &path, errno);
            Some(Listed::Unreadable { path, kind: EntryKind::Other, fault })
        }
        Ok((_, EntryKind::Directory, _)) => {
            // A file made way for a folder between two looks; its content was not listed.
            let fault = Fault::new(FaultKind::Conflict, "list", path.to_string(), "became a folder meanwhile");
            Some(Listed::Unreadable { path, kind: EntryKind::Directory, fault })
        }
        Ok((stat, kind, link)) => Some(Listed::Entry(Entry {
            path,
            kind,
            facts: facts(&stat),
            mode: Some(stat.st_mode & 0o7777),
            link: link.map(|target| ObjectPath::from_bytes(target.into_bytes())),
        })),
    }
}

/// Many names in one piece of memory.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    at: Vec<(u32, u16)>,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        // Names are at most 255 bytes, so neither conversion fails before four gigabytes of names in one folder.
        if let (Ok(start), Ok(len)) = (u32::try_from(self.bytes.len()), u16::try_from(name.len())) {
            self.at.push((start, len));
            self.bytes.extend_from_slice(name);
        }
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, len) = *self.at.get(index)?;
        self.bytes.get(start as usize..start as usize + usize::from(len))
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.at.len()).filter_map(|index| self.get(index))
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        let name = |&(start, len): &(u32, u16)| &bytes[start as usize..start as usize + usize::from(len)];
        self.at.sort_unstable_by(|left, right| name(left).cmp(name(right)));
    }
}
