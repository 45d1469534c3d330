//! What lies below a folder, as far as it can be destroyed; and how it is looked at afterwards.

use futures_util::{StreamExt, TryStreamExt};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FsWord, OFlags, Stat},
};

use super::{LocalFiles, Root, fault, off_the_runtime, read::kind_of};
use crate::ports::{
    eraser::{Ground, Item, Survey, Surveyed},
    storage::{Entry, EntryKind, Fault, FaultKind, Listed, ObjectPath, ObjectSource, Result},
};

/// File systems by the number in their first block, and their names.
type FileSystems = &'static [(FsWord, &'static str)];

/// File systems on which overwriting does not reach what was there: what is written goes elsewhere, and snapshots or the
/// layer below keep the old blocks.
const COPYING: FileSystems =
    &[(0x9123_683e, "btrfs"), (0x2fc1_2fc1, "zfs"), (0x794c_7630, "overlayfs"), (0xca45_1a4e, "bcachefs")];

/// File systems whose medium another machine holds.
const REMOTE: FileSystems = &[(0x6969, "nfs"), (0xff53_4d42, "cifs"), (0xfe53_4d42, "smb2"), (0x6573_5546, "fuse")];

/// File systems in which files may share blocks with clones of them.
const SHARING: FileSystems = &[(0x5846_5342, "xfs")];

/// Which root it is: the device and the number of its folder.
pub(super) fn identity(root: &Root) -> Result<String> {
    let stat = rustix::fs::fstat(&root.folder).map_err(|errno| fault("measure", &ObjectPath::ROOT, errno))?;
    Ok(inode(&stat))
}

/// What lies beneath `folder`.
pub(super) fn ground(root: &Root, folder: &ObjectPath) -> Result<Ground> {
    let say = |errno| fault("measure", folder, errno);
    let opened = root.resolve(folder, OFlags::RDONLY | OFlags::DIRECTORY).map_err(say)?;
    let kind = rustix::fs::fstatfs(&opened).map_err(say)?.f_type;
    let known = |list: FileSystems| list.iter().find(|(word, _)| *word == kind).map(|(_, name)| *name);
    let mut limits = vec![
        "Overwritten through the file system: spare blocks of the medium, its journal and copies made elsewhere are not reached."
            .to_owned(),
    ];
    if let Some(name) = known(COPYING) {
        limits.push(format!(
            "The file system is {name}, which writes to new blocks: older ones and snapshots keep the content until they are reused."
        ));
    }
    if let Some(name) = known(SHARING) {
        limits.push(format!("The file system is {name}: a clone of a file made elsewhere keeps the content."));
    }
    if let Some(name) = known(REMOTE) {
        limits
            .push(format!("The file system is {name}: what its server does with the blocks cannot be seen from here."));
    }
    Ok(Ground { root: identity(root)?, limits })
}

/// Everything at and below `folder`, itself first.
pub(super) fn survey(store: &LocalFiles, folder: &ObjectPath) -> Survey {
    let (root, at) = (store.root.clone(), folder.clone());
    let own = futures_util::stream::once(off_the_runtime("survey", move || {
        let item = item(&root, &at, ObjectPath::ROOT)?;
        if item.kind == EntryKind::Directory {
            return Ok(vec![Surveyed::Item(item)]);
        }
        Err(Fault::new(FaultKind::Unsupported, "survey", at.to_string(), "is not a folder"))
    }));
    let (root, at) = (store.root.clone(), folder.clone());
    let below = store.list(folder).and_then(move |page| {
        let (root, at) = (root.clone(), at.clone());
        off_the_runtime("survey", move || {
            Ok(page.into_iter().filter_map(|listed| surveyed(&root, &at, listed)).collect())
        })
    });
    // What is said of the folder itself is what the listing would say of it: it stops at the first fault.
    own.chain(below).boxed()
}

/// The line for what was listed; none when it went away meanwhile.
fn surveyed(root: &Root, folder: &ObjectPath, listed: Listed) -> Option<Surveyed> {
    let (path, found) = match listed {
        Listed::Entry(Entry { path, .. }) => {
            let below = ObjectPath::from_bytes(path.below(folder).unwrap_or_default());
            (below.clone(), item(root, &path, below))
        }
        Listed::Unreadable { path, fault, .. } => {
            (ObjectPath::from_bytes(path.below(folder).unwrap_or_default()), Err(fault))
        }
    };
    match found {
        Ok(item) => Some(Surveyed::Item(item)),
        Err(fault) if fault.kind == FaultKind::NotFound => None,
        Err(fault) => Some(Surveyed::Hidden { path, fault }),
    }
}

fn item(root: &Root, path: &ObjectPath, below: ObjectPath) -> Result<Item> {
    let stat = looked_at(root, path).map_err(|errno| fault("survey", path, errno))?;
    let kind = kind_of(&stat);
    let is_file = kind == EntryKind::File;
    let size = if is_file { u64::try_from(stat.st_size).unwrap_or_default() } else { 0 };
    Ok(Item { path: below, kind, size, state: state(&stat), names: if is_file { names(&stat) } else { 1 } })
}

fn looked_at(root: &Root, path: &ObjectPath) -> rustix::io::Result<Stat> {
    if path.is_root() {
        return rustix::fs::fstat(&root.folder);
    }
    let parent: OwnedFd = root.resolve(&path.parent(), OFlags::PATH | OFlags::DIRECTORY)?;
    rustix::fs::statat(&parent, path.file_name(), AtFlags::SYMLINK_NOFOLLOW)
}

/// What tells one state of an entry from another. A folder is the same whatever comes and goes in it.
pub(super) fn state(stat: &Stat) -> String {
    if kind_of(stat) == EntryKind::Directory {
        return inode(stat);
    }
    format!("{}:{:x}:{:x}.{:x}", inode(stat), stat.st_size, stat.st_mtime, stat.st_mtime_nsec)
}

/// Which file it is, whatever is in it.
pub(super) fn inode(stat: &Stat) -> String {
    format!("{:x}-{:x}", stat.st_dev, stat.st_ino)
}

/// How many names a file has. Their number has 64 bits on some systems and fewer on others.
pub(super) fn names(stat: &Stat) -> u64 {
    u64::try_from(i128::from(stat.st_nlink)).unwrap_or(u64::MAX)
}
