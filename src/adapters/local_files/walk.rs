//! Listing a tree in a fixed order and in little memory.
//!
//! Order: a folder's own line, then what is not a folder in it by the bytes of the names, then its folders by
//! the bytes of their names, each with all below it. A folder may hold any number of names, so it is read once for each
//! [`Portion`] of them: what is held does not grow with the folder, and a folder of a million files is read some three
//! times, which costs little beside looking at each file. A sort on disk would read it once, and would leave the names
//! of the client's files there when the process dies.
//!
//! What is held at a time is shared out: half for the files of the folder that is listed, an eighth for the folders in
//! it, three eighths for the folders still to be entered on the way down to it. When the way takes more, the folders
//! farthest up are forgotten and read again on the way back. More than a quarter is held below a folder that is
//! forgotten, so what was entered meanwhile pays for reading it again, in a tree that is wide, deep, or both.

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
    names::Portion,
    read::{facts, kind_of},
};
use crate::ports::storage::{Entry, EntryKind, Fault, FaultKind, Listed, Listing, ObjectPath, Result};

/// Entries handed over at once.
const PAGE: usize = 512;

/// Pages made ahead of the reader.
const PAGES_AHEAD: usize = 4;

/// Everything below `folder`, with `names_bytes` of names held at a time.
pub(super) fn list(root: Arc<Root>, folder: ObjectPath, names_bytes: usize) -> Listing {
    let (pages, received) = mpsc::channel(PAGES_AHEAD);
    let walking = tokio::task::spawn_blocking(move || {
        let mut walk = Walk::of(&root, names_bytes, pages);
        if let Err(Stop::Failed(fault)) = walk.tree(&folder) {
            // Nobody may be listening any more, which is fine.
            walk.pages.blocking_send(Err(fault)).unwrap_or_default();
        }
        tracing::debug!(count = walk.readings, bytes = walk.peak, "A tree was listed in so many readings of folders.");
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
    /// Bytes of names that were held on the way down when a folder was entered last.
    way: usize,
    /// The most bytes of names that were held at a time.
    peak: usize,
    /// How often a folder was read from its beginning.
    readings: usize,
}

/// The folders of one folder that are still to be entered.
struct Level {
    /// Length of the path of the folder that holds them.
    path_len: usize,
    folders: Portion,
}

impl<'a> Walk<'a> {
    fn of(root: &'a Root, names_bytes: usize, pages: mpsc::Sender<Result<Vec<Listed>>>) -> Self {
        Self { root, names_bytes, pages, page: Vec::with_capacity(PAGE), way: 0, peak: 0, readings: 0 }
    }

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
            self.make_room(&mut levels);
            let folders = self.enter(&here)?;
            levels.push(Level { path_len: path.len(), folders });
        }
        self.flush()
    }

    /// Forgets names that are held on the way down, from the top, until the rest has room.
    fn make_room(&mut self, levels: &mut [Level]) {
        self.way = levels.iter().map(|level| level.folders.bytes()).sum();
        for level in levels {
            if self.way <= self.names_bytes / 8 * 3 {
                break;
            }
            self.way -= level.folders.bytes();
            level.folders.forget();
        }
    }

    /// Room for the folders in one folder.
    fn folders(&self) -> Portion {
        Portion::of(self.names_bytes / 8)
    }

    /// Tells every name in `folder`, from its beginning, in no order.
    fn read(&mut self, folder: &OwnedFd, tell: impl FnMut(FileType, &[u8])) -> rustix::io::Result<()> {
        self.readings += 1;
        read_names(folder, tell)
    }

    fn held(&mut self, below: usize) {
        self.peak = self.peak.max(self.way + below);
    }

    /// Reads the next folders in `path`.
    fn more_folders(&mut self, path: &ObjectPath, folders: &mut Portion) -> Result<(), Stop> {
        folders.next();
        match self.open(path) {
            // It went away with all that was in it.
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => self.unreadable(path, errno),
            Ok(opened) => {
                let read = self.read(&opened, |kind, name| {
                    if kind == FileType::Directory {
                        folders.offer(name);
                    }
                });
                folders.close();
                self.held(folders.peak());
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
    fn enter(&mut self, path: &ObjectPath) -> Result<Portion, Stop> {
        let opened = self.open(path).and_then(|folder| Ok((rustix::fs::fstat(&folder)?, folder)));
        match opened {
            // It went away after its parent was read: there is nothing to list.
            Err(Errno::NOENT) => Ok(self.folders()),
            Err(errno) => {
                self.unreadable(path, errno)?;
                Ok(self.folders())
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
    fn folder(&mut self, folder: &OwnedFd, path: &ObjectPath) -> Result<Portion, Stop> {
        let (mut others, mut folders) = (Portion::of(self.names_bytes / 2), self.folders());
        let mut read =
            self.read(
                folder,
                |kind, name| {
                    if kind == FileType::Directory { folders.offer(name) } else { others.offer(name) }
                },
            );
        folders.close();
        loop {
            others.close();
            self.held(others.peak() + folders.peak());
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
            read = self.read(folder, |kind, name| {
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
            match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => kind = FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                // What is wrong with it is said where it is looked at; the names beside it must not suffer.
                Err(_) => {}
            }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::adapters::local_files::{LocalFiles, Mounts};

    /// What a walk took.
    struct Effort {
        /// Lines that were listed.
        lines: usize,
        readings: usize,
        peak: usize,
    }

    fn effort(root: &Path, names_bytes: usize) -> Effort {
        let store = LocalFiles::open(root, Mounts::Stay).unwrap();
        let (pages, mut received) = mpsc::channel(PAGES_AHEAD);
        std::thread::scope(|scope| {
            let walking = scope.spawn(|| {
                let mut walk = Walk::of(&store.root, names_bytes, pages);
                assert!(walk.tree(&ObjectPath::ROOT).is_ok());
                (walk.readings, walk.peak)
            });
            let mut lines = 0;
            while let Some(page) = received.blocking_recv() {
                lines += page.unwrap().len();
            }
            let (readings, peak) = walking.join().unwrap();
            Effort { lines, readings, peak }
        })
    }

    /// Bytes of a name of 26 bytes while it is held.
    const NAME: usize = 26 + 8;

    #[test]
    fn a_flat_folder_is_read_once_for_each_portion_of_its_names() {
        let temp = tempfile::tempdir().unwrap();
        for number in 0..800 {
            std::fs::write(temp.path().join(format!("{number:026}")), "").unwrap();
        }
        let budget = 8 * 1024;
        let Effort { lines, readings, peak } = effort(temp.path(), budget);
        assert_eq!(lines, 800);
        // A portion of a folder that is too large is between a quarter of the budget and half of it.
        let (fewest, most) = (800 * NAME / (budget / 2), 800 * NAME / (budget / 4 - NAME) + 1);
        assert!((fewest..=most).contains(&readings), "{readings}");
        assert!((budget / 4..=budget).contains(&peak), "{peak}");
        assert_eq!(effort(temp.path(), 800 * NAME * 2).readings, 1, "there is room for all");
    }

    #[test]
    fn a_wide_folder_of_folders_is_not_read_again_for_each_of_them() {
        let temp = tempfile::tempdir().unwrap();
        for number in 0..200 {
            std::fs::create_dir_all(temp.path().join(format!("{number:026}/below"))).unwrap();
        }
        let budget = 4 * 1024;
        let Effort { lines, readings, peak } = effort(temp.path(), budget);
        assert_eq!(lines, 200 * 2);
        let again = readings - (1 + 200 * 2);
        let (fewest, most) = (200 * NAME / (budget / 8), 200 * NAME / (budget / 16 - NAME) + 1);
        assert!((fewest..=most).contains(&again), "{again}");
        assert!((budget / 16..=budget).contains(&peak), "{peak}");
    }

    /// Makes three folders in `folder`, three in each of them, and so on, `depth` deep.
    fn grow(folder: &Path, depth: usize) {
        for number in 0..3 {
            let folder = folder.join(format!("{number:0250}"));
            std::fs::create_dir(&folder).unwrap();
            if depth > 1 {
                grow(&folder, depth - 1);
            }
        }
    }

    #[test]
    fn a_deep_tree_reads_only_the_folders_far_up_again() {
        let temp = tempfile::tempdir().unwrap();
        grow(temp.path(), 5);
        // The folders in one folder fill their share: the way has room for those of three.
        let budget = 8 * 3 * (250 + 8);
        let Effort { lines, readings, peak } = effort(temp.path(), budget);
        assert_eq!(lines, 3 + 9 + 27 + 81 + 243);
        let again = readings - (1 + lines);
        // Before its second and its third folder the uppermost is read again, and so are the three in it.
        assert_eq!(again, 2 + 3 * 2);
        assert!((budget / 8 * 3..=budget).contains(&peak), "{peak}");
    }
}
