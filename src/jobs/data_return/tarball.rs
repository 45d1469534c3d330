//! The few bytes around a file in a tar, in the GNU format: names of any bytes and length, sizes of any length.

use chrono::{DateTime, Utc};

/// Everything in a tar is a multiple of this.
pub(super) const RECORD: usize = 512;

/// The end of a tar: two empty records.
pub(super) const END: [u8; 2 * RECORD] = [0; 2 * RECORD];

/// What a header says beside name and size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Permission bits. Only the nine plain ones are kept, and the owner may always read and write: what the
    /// source had is in the inventory.
    pub(super) mode: Option<u32>,
    /// Time of the last change, in whole seconds from 1970 on.
    pub(super) modified: Option<DateTime<Utc>>,
}

/// Length of the header of a member named `name`.
pub(super) fn header_len(name: &[u8]) -> usize {
    if name.len() < NAME_BYTES { RECORD } else { RECORD + padded(name.len() + 1) + RECORD }
}

/// `len` rounded up to whole records.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(RECORD)
}

/// Zeros that follow `len` bytes of content.
pub(super) fn padding(len: u64) -> usize {
    let over = usize::try_from(len % RECORD as u64).unwrap_or_default();
    if over == 0 { 0 } else { RECORD - over }
}

/// Length of the name field; a name of this length or more stands in a record of its own before.
const NAME_BYTES: usize = 100;

/// Appends the header of a file.
pub(super) fn file(out: &mut Vec<u8>, name: &[u8], size: u64, look: Look) {
    header(out, name, size, look, tar::EntryType::Regular);
}

/// Appends the header of a folder; `name` ends in a slash.
pub(super) fn folder(out: &mut Vec<u8>, name: &[u8]) {
    let look = Look { mode: Some(0o755), modified: None };
    header(out, name, 0, look, tar::EntryType::Directory);
}

fn header(out: &mut Vec<u8>, name: &[u8], size: u64, look: Look, kind: tar::EntryType) {
    if name.len() >= NAME_BYTES {
        let plain = Look { mode: Some(0o644), modified: None };
        // The name's record holds the name and one zero.
        record(out, b"././@LongLink", name.len() as u64 + 1, plain, tar::EntryType::GNULongName);
        out.extend_from_slice(name);
        out.resize(out.len() + padded(name.len() + 1) - name.len(), 0);
    }
    record(out, &name[..name.len().min(NAME_BYTES)], size, look, kind);
}

fn record(out: &mut Vec<u8>, name: &[u8], size: u64, look: Look, kind: tar::EntryType) {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_mode((look.mode.unwrap_or(0o644) & 0o777) | 0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    let seconds = look.modified.map_or(0, |time| time.timestamp());
    header.set_mtime(u64::try_from(seconds).unwrap_or(0));
    header.set_entry_type(kind);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}
