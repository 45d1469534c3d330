//! Listing a tree in a fixed order and in little memory.
//!
//! Order: a folder's own line, then what is not a folder in it by the bytes of the names, then its folders by
//! the bytes of their names, each with all below it. A folder may hold any number of names, so it is read once for each
//! [`Window`] of them: what is held does not grow with the folder, and a folder of a million files is read some seven
//! times, which costs little beside looking at each file. A sort on disk would read it once, and would leave the names
//! of the client's files there when the process dies.

use std::sync::Arc;

use futures_util::StreamExt;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Dir, FileType, OFlags},
    io::Errno,
};
use tokio::sync::mpsc;

use super::{
    Root, fault,
    names::Window,
    read::{facts, kind_of},
};
use crate::ports::storage::{Entry, EntryKind, Fault, FaultKind, Listed, Listing, ObjectPath, Result};

/// Entries handed over at once.
const PAGE: usize = 512;

/// Pages made ahead of the reader.
const PAGES_AHEAD: usize = 4;

/// Everything below `folder`, with some `names_bytes` of names held at a time.
pub(super) fn list(root: Arc<Root>, folder: ObjectPath, names_bytes: usize) -> Listing {
    let (pages, received) = mpsc::channel(PAGES_AHEAD);
    let walking = tokio::task::spawn_blocking(move || {
        let mut walk = Walk { root: &root, names_bytes, pages, page: Vec::with_capacity(PAGE) };
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
    names_bytes: usize,
    pages: mpsc::Sender<Result<Vec<Listed>>>,
    page: Vec<Listed>,
}

/// The folders of one folder that are still to be entered.
struct Level {
    /// Length of the path of the folder that holds them.
    path_len: usize,
    folders: Window,
}

impl Walk<'_> {
    fn tree(&mut self, folder: &ObjectPath) -> Result<(), Stop> {
        let mut path = folder.as_bytes().to_vec();
        let opened = self.open(folder).map_err(|errno| Stop::Failed(fault("list", folder, errno)))?;
        let mut levels = vec![Level { path_len: path.len(), folders: self.folder(&opened, folder)? }];
        while let Some(level) = levels.last_mut() {
            path.truncate(level.path_len);
            if level.folders.is_empty() && level.folders.is_cut() {
                self.more_folders(&ObjectPath::from_bytes(path.clone()), &mut level.folders)?;
            }
            let Some(name) = level.folders.take() else {
                levels.pop();
                continue;
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            let here = ObjectPath::from_bytes(path.clone());
            let folders = self.enter(&here)?;
            self.make_room(&mut levels);
            levels.push(Level { path_len: path.len(), folders });
        }
        self.flush()
    }

    /// Forgets the names that are held on the way down when they are too many; the folders are read again for them.
    fn make_room(&self, levels: &mut [Level]) {
        let held: usize = levels.iter().map(|level| level.folders.bytes()).sum();
        if held > self.names_bytes {
            for level in levels {
                level.folders.forget();
            }
        }
    }

    /// Reads the next folders in `path`.
    fn more_folders(&mut self, path: &ObjectPath, folders: &mut Window) -> Result<(), Stop> {
        folders.next();
        match self.open(path) {
            // It went away with all that was in it.
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => self.unreadable(path, errno),
            Ok(opened) => {
                let read = read_names(&opened, |kind, name| {
                    if kind == FileType::Directory {
                        folders.offer(name);
                    }
                });
                folders.close();
                read.or_else(|errno| self.unreadable(path, errno))
            }
        }
    }

    fn unreadable(&mut self, path: &ObjectPath, errno: Errno) -> Result<(), Stop> {
        let fault = fault("list", path, errno);
        self.add(Listed::Unreadable { path: path.clone(), kind: EntryKind::Directory, fault })
    }

    fn open(&self, folder: &ObjectPath) -> rustix::io::Result<OwnedFd> {
        self.root.resolve(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
    }

    /// Lists the folder itself and what is in it; gives the folders in it.
    fn enter(&mut self, path: &ObjectPath) -> Result<Window, Stop> {
        let opened = self.open(path).and_then(|folder| Ok((rustix::fs::fstat(&folder)?, folder)));
        match opened {
            // It went away after its parent was read: there is nothing to list.
            Err(Errno::NOENT) => Ok(Window::of(self.names_bytes)),
            Err(errno) => {
                self.unreadable(path, errno)?;
                Ok(Window::of(self.names_bytes))
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
    fn folder(&mut self, folder: &OwnedFd, path: &ObjectPath) -> Result<Window, Stop> {
        let (mut others, mut folders) = (Window::of(self.names_bytes), Window::of(self.names_bytes));
        let mut read =
            read_names(
                folder,
                |kind, name| {
                    if kind == FileType::Directory { folders.offer(name) } else { others.offer(name) }
                },
            );
        folders.close();
        loop {
            others.close();
            while let Some(name) = others.take() {
                if let Some(listed) = look_at(folder, path.join(name), name) {
                    self.add(listed)?;
                }
            }
            if let Err(errno) = read {
                self.unreadable(path, errno)?;
                return Ok(folders);
            }
            if !others.is_cut() {
                return Ok(folders);
            }
            others.next();
            read = read_names(folder, |kind, name| {
                if kind != FileType::Directory {
                    others.offer(name);
                }
            });
        }
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

/// Tells every name in `folder`, from its beginning, in no order.
fn read_names(folder: &OwnedFd, mut tell: impl FnMut(FileType, &[u8])) -> rustix::io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let mut kind = entry.file_type();
        if kind == FileType::Unknown {
            let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            kind = FileType::from_raw_mode(stat.st_mode);
        }
        tell(kind, name);
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
