//! Opening a path so that it cannot leave a folder: no links, no `..`, no absolute paths, at any depth.
//!
//! On Linux the kernel does it in one call (`openat2`). Where that call is missing (other systems, old
//! kernels, sandboxes that hide it) the path is opened component by component with `O_NOFOLLOW`, which
//! refuses the same things in more calls; that way a mount below the root cannot be told from a folder.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{Mode, OFlags},
    io::{Errno, Result},
};

use super::Mounts;

/// The longest piece given to the kernel at once; its own limit is 4096 with the closing zero.
const PIECE_BYTES: usize = 3500;

/// How often an open is repeated when the kernel saw the tree change under it (`EAGAIN`).
const RACES: usize = 16;

/// Opens `path` below `root`.
pub(super) fn open(root: &OwnedFd, path: &[u8], flags: OFlags, mode: Mode, mounts: Mounts) -> Result<OwnedFd> {
    if path.is_empty() {
        return rustix::fs::openat(root, ".", flags | OFlags::CLOEXEC, mode);
    }
    if path.split(|byte| *byte == b'/').any(|name| matches!(name, b"" | b"." | b"..") || name.contains(&0)) {
        return Err(Errno::XDEV);
    }
    let mut rest = path;
    let mut folder: Option<OwnedFd> = None;
    while rest.len() > PIECE_BYTES {
        let Some(cut) = rest[..PIECE_BYTES].iter().rposition(|byte| *byte == b'/') else {
            return Err(Errno::NAMETOOLONG);
        };
        let from = folder.as_ref().unwrap_or(root).as_fd();
        folder = Some(open_piece(from, &rest[..cut], FOLDER, Mode::empty(), mounts)?);
        rest = &rest[cut + 1..];
    }
    open_piece(folder.as_ref().unwrap_or(root).as_fd(), rest, flags, mode, mounts)
}

/// How a folder on the way is opened.
#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
/// How a folder on the way is opened.
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

#[cfg(target_os = "linux")]
fn open_piece(folder: BorrowedFd<'_>, piece: &[u8], flags: OFlags, mode: Mode, mounts: Mounts) -> Result<OwnedFd> {
    use rustix::fs::ResolveFlags;
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    if mounts == Mounts::Stay {
        resolve |= ResolveFlags::NO_XDEV;
    }
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..RACES {
        match rustix::fs::openat2(folder, piece, flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS) if mounts == Mounts::Cross => return open_names(folder, piece, flags, mode),
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(not(target_os = "linux"))]
fn open_piece(folder: BorrowedFd<'_>, piece: &[u8], flags: OFlags, mode: Mode, _mounts: Mounts) -> Result<OwnedFd> {
    open_names(folder, piece, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode)
}

fn open_names(folder: BorrowedFd<'_>, piece: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let mut names = piece.split(|byte| *byte == b'/').peekable();
    let mut held: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        let from = held.as_ref().map_or(folder, AsFd::as_fd);
        if names.peek().is_none() {
            return rustix::fs::openat(from, name, flags, mode);
        }
        held = Some(rustix::fs::openat(from, name, FOLDER | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?);
    }
    Err(Errno::NOENT)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    /// A tree with an inside, an outside, and links of every sort between them; gives the opened root.
    fn tree() -> (tempfile::TempDir, OwnedFd) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "in").unwrap();
        fs::write(temp.path().join("secret"), "out").unwrap();
        symlink("../../secret", root.join("a/out")).unwrap();
        symlink(temp.path().join("secret"), root.join("absolute")).unwrap();
        symlink("b", root.join("a/inside")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        let fd = rustix::fs::open(&root, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
        (temp, fd)
    }

    #[test]
    fn no_link_and_no_dot_dot_is_followed() {
        let (_temp, root) = tree();
        let flags = OFlags::RDONLY;
        for path in
            ["a/out", "absolute", "a/inside/file", "magic/etc/passwd", "../secret", "a/../../secret", "/etc/passwd"]
        {
            let strict = open(&root, path.as_bytes(), flags, Mode::empty(), Mounts::Cross).unwrap_err();
            assert!(matches!(strict, Errno::LOOP | Errno::XDEV), "{path}: {strict}");
        }
        for path in ["a/out", "absolute", "a/inside/file", "magic/etc/passwd"] {
            let by_name =
                open_names(root.as_fd(), path.as_bytes(), flags | OFlags::NOFOLLOW, Mode::empty()).unwrap_err();
            assert!(matches!(by_name, Errno::LOOP | Errno::NOTDIR), "{path}: {by_name}");
        }
        assert!(open(&root, b"a/b/file", flags, Mode::empty(), Mounts::Stay).is_ok());
        assert!(open_names(root.as_fd(), b"a/b/file", flags | OFlags::NOFOLLOW, Mode::empty()).is_ok());
    }

    #[test]
    fn a_path_far_beyond_the_kernels_limit_opens() {
        let (_temp, root) = tree();
        let name = "d".repeat(200);
        let mut path = Vec::new();
        let mut at = rustix::io::dup(&root).unwrap();
        for _ in 0..60 {
            rustix::fs::mkdirat(&at, &name, Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
            path.extend_from_slice(name.as_bytes());
            path.push(b'/');
        }
        path.pop();
        assert!(path.len() > 12_000);
        assert!(open(&root, &path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty(), Mounts::Stay).is_ok());
    }
}
