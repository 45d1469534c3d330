//! Sums over inventory lines, kept while they pass.

use serde::{Deserialize, Serialize};

use super::line::{Change, Line, Status};
use crate::ports::storage::EntryKind;

/// Sums over lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Files: in a frozen inventory all of them, in a package those in the bag.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packed files that differ from the frozen inventory.
    pub changed: u64,
    /// Of these, those whose packed copy may not be one whole state: torn or cut.
    pub torn: u64,
    /// Entries that could not be read.
    pub unreadable: u64,
    /// Files that were gone when their turn came.
    pub vanished: u64,
    /// Folders.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Devices, sockets and pipes.
    pub others: u64,
    /// Entries whose path in the bag differs from their path in the source.
    pub renamed: u64,
    /// Entries whose name is not valid UTF-8.
    pub not_utf8: u64,
    /// Length of the bag's manifest of all these.
    pub manifest_bytes: u64,
    /// Length of the inventory of all these.
    pub inventory_bytes: u64,
}

impl Tally {
    /// Counts one line that is `written` bytes long.
    pub(super) fn count(&mut self, line: &Line, written: usize) {
        self.inventory_bytes += written as u64;
        self.manifest_bytes += line.manifest_line().map_or(0, |text| text.len() as u64);
        self.renamed += u64::from(line.packed_as.is_some());
        self.not_utf8 += u64::from(line.path.as_utf8().is_none());
        let is_in_the_bag = line.sha256.is_some() || (line.kind == EntryKind::File && line.status.is_none());
        if is_in_the_bag {
            self.files += 1;
            self.bytes += line.size.unwrap_or(0);
        }
        self.torn += u64::from(matches!(line.change, Some(Change::Torn | Change::Cut)));
        match line.status {
            Some(Status::Changed) => self.changed += 1,
            Some(Status::Unreadable) => self.unreadable += 1,
            Some(Status::Vanished) => self.vanished += 1,
            _ => {}
        }
        match line.kind {
            EntryKind::File => {}
            EntryKind::Directory => self.directories += 1,
            EntryKind::Symlink => self.symlinks += 1,
            EntryKind::Other => self.others += 1,
        }
    }

    /// Adds the sums of more lines.
    pub(super) fn add(&mut self, more: &Self) {
        self.each(more, |sum, more| *sum += more);
    }

    /// Takes off the sums of lines that are in it.
    pub(super) fn take(&mut self, less: &Self) {
        self.each(less, |sum, less| *sum = sum.saturating_sub(less));
    }

    fn each(&mut self, other: &Self, change: fn(&mut u64, u64)) {
        let Self {
            files,
            bytes,
            changed,
            torn,
            unreadable,
            vanished,
            directories,
            symlinks,
            others,
            renamed,
            not_utf8,
            manifest_bytes,
            inventory_bytes,
        } = other;
        change(&mut self.files, *files);
        change(&mut self.bytes, *bytes);
        change(&mut self.changed, *changed);
        change(&mut self.torn, *torn);
        change(&mut self.unreadable, *unreadable);
        change(&mut self.vanished, *vanished);
        change(&mut self.directories, *directories);
        change(&mut self.symlinks, *symlinks);
        change(&mut self.others, *others);
        change(&mut self.renamed, *renamed);
        change(&mut self.not_utf8, *not_utf8);
        change(&mut self.manifest_bytes, *manifest_bytes);
        change(&mut self.inventory_bytes, *inventory_bytes);
    }

    /// Whether everything that was inventoried is in the bag, and as it was at one moment.
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.vanished == 0 && self.torn == 0
    }
}
