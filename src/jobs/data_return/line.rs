//! One line of the inventory: what an entry was when the inventory was frozen, and what became of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::fault::{Result, ReturnError};
use crate::{
    domain::words,
    ports::storage::{Entry, EntryKind, Facts, Fault, FaultKind, Listed, ObjectPath},
};

words! {
    /// What became of an entry.
    Status {
        /// In the bag, as it was when the inventory was frozen.
        Packed = "PACKED",
        /// In the bag, but not as it was when the inventory was frozen; [`Change`] says how.
        Changed = "CHANGED_DURING_RETURN",
        /// It could not be read. Not in the bag, unless a digest stands beside it: then its unread rest is zeros.
        Unreadable = "UNREADABLE",
        /// It was gone when its turn came. Not in the bag.
        Vanished = "VANISHED",
        /// A folder, a link or a device: written down here, never packed.
        Listed = "LISTED",
    }
}

words! {
    /// How a packed file differs from the frozen inventory.
    Change {
        /// It was changed before it was read; the packed copy is one whole later state.
        Newer = "NEWER",
        /// It was being changed while it was read, twice; the packed copy may mix two states.
        Torn = "TORN",
        /// It got shorter or longer while it was read; the packed copy has zeros for what went, or lacks the rest.
        Cut = "CUT",
    }
}

/// One line of the inventory.
///
/// The first seven fields are the entry when the inventory was frozen (of a packed file: as packed); the
/// others are added when its turn has come. Absent fields are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Source label and path in the source.
    pub path: ObjectPath,
    /// What it is.
    pub kind: EntryKind,
    /// Size in bytes, of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Time of its last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<DateTime<Utc>>,
    /// Unix permission bits, as four octal digits in text.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "octal")]
    pub mode: Option<u32>,
    /// Where a link points, as written in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<ObjectPath>,
    /// The source's own mark of this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The path it has in the bag's `data` folder, where it is not `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed_as: Option<ObjectPath>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// How it differs from the frozen inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// A word on why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// SHA-256 of the packed bytes, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Line {
    /// Reads a line from its JSON.
    pub(super) fn parse(text: &[u8]) -> Result<Self> {
        serde_json::from_slice(text).map_err(|_error| ReturnError::Broken("a spooled line is not an inventory line"))
    }

    /// The line for something a listing found, at `path` below the source's label.
    pub(super) fn listed(path: ObjectPath, listed: Listed) -> Self {
        match listed {
            Listed::Entry(entry) => Self::entry(path, entry),
            Listed::Unreadable { kind, fault, .. } => {
                let mut line = Self::bare(path, kind);
                line.fail(&fault);
                line
            }
        }
    }

    fn entry(path: ObjectPath, entry: Entry) -> Self {
        let is_file = entry.kind == EntryKind::File;
        Self {
            size: is_file.then_some(entry.facts.size),
            modified: entry.facts.modified,
            mode: entry.mode,
            link: entry.link,
            version: entry.facts.version,
            status: (!is_file).then_some(Status::Listed),
            ..Self::bare(path, entry.kind)
        }
    }

    fn bare(path: ObjectPath, kind: EntryKind) -> Self {
        Self {
            path,
            kind,
            size: None,
            modified: None,
            mode: None,
            link: None,
            version: None,
            packed_as: None,
            status: None,
            change: None,
            note: None,
            sha256: None,
        }
    }

    /// Its place below the bag's `data` folder.
    pub fn member(&self) -> &ObjectPath {
        self.packed_as.as_ref().unwrap_or(&self.path)
    }

    /// Whether a file of these facts is the one that was inventoried.
    pub(super) fn is_still(&self, facts: &Facts) -> bool {
        self.size == Some(facts.size) && self.modified == facts.modified && self.version == facts.version
    }

    /// Notes that the file is in the bag with these bytes. `change` is what happened while it was read.
    pub(super) fn pack(&mut self, facts: &Facts, size: u64, sha256: [u8; 32], change: Option<Change>) {
        let newer = (!self.is_still(facts)).then_some(Change::Newer);
        self.change = change.or(newer);
        self.status = Some(if self.change.is_some() { Status::Changed } else { Status::Packed });
        self.size = Some(size);
        self.modified = facts.modified;
        self.version.clone_from(&facts.version);
        self.sha256 = Some(hex::encode(sha256));
    }

    /// Notes that it cannot be read.
    pub(super) fn fail(&mut self, fault: &Fault) {
        self.status = Some(if fault.kind == FaultKind::NotFound { Status::Vanished } else { Status::Unreadable });
        self.note = Some(format!("{}: {}", fault.kind, fault.detail));
    }

    /// The line in the bag's manifest, for what is in the bag.
    pub fn manifest_line(&self) -> Option<String> {
        let sha256 = self.sha256.as_ref()?;
        Some(format!("{sha256}  data/{}\n", self.member().to_manifest_text()))
    }

    /// Whether it is not in the bag, or perhaps not as it was at one moment.
    pub fn is_omitted(&self) -> bool {
        matches!(self.status, Some(Status::Unreadable | Status::Vanished))
            || matches!(self.change, Some(Change::Torn | Change::Cut))
    }

    /// Writes the line as JSON with its line feed.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        // A line holds text, numbers and times only: writing it to memory cannot fail.
        serde_json::to_writer(&mut *out, self).unwrap_or_default();
        out.push(b'\n');
    }
}

mod octal {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(mode: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
        match mode {
            Some(mode) => serializer.collect_str(&format_args!("{mode:04o}")),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        u32::from_str_radix(&text, 8).map(Some).map_err(D::Error::custom)
    }
}
