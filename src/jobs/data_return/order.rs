//! What is to be returned, to whom, where, and how: the input of the engine.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::part::{Edition, PartId};
use crate::{
    domain::{recipient_key::RecipientKey, words},
    error::Violation,
    ports::storage::{ObjectPath, ObjectSource, ObjectStore},
};

words! {
    /// How the package is made.
    Format {
        /// A bag in a tar, encrypted.
        BagitTar = "BAGIT_TAR",
        /// The same, compressed before it is encrypted.
        BagitTarZstd = "BAGIT_TAR_ZSTD",
    }
}

impl Format {
    /// What a part's name ends with.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::BagitTar => "tar.age",
            Self::BagitTarZstd => "tar.zst.age",
        }
    }
}

/// A short name that is safe in a path, a key, a shell and a tar: letters, digits, `.`, `_` and `-`, not
/// beginning with a sign, 1 to 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins_well && text.len() <= 80 && text.chars().all(is_safe) {
            return Ok(Self(text.to_owned()));
        }
        Err(Violation::new("name", "A name has 1 to 80 letters, digits, dots, dashes and underscores.")
            .remedy("Begin with a letter or a digit and leave out everything else."))
    }
}

impl TryFrom<String> for Slug {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(|_violation| "not a safe name")
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One tree of files to return.
#[derive(Clone)]
pub struct Source {
    /// The folder it gets in the bag; unique in an order.
    pub label: Slug,
    /// Where it lies. Cannot be written to.
    pub store: Arc<dyn ObjectSource>,
    /// The folder in it.
    pub folder: ObjectPath,
}

/// A folder in a store that may be written to.
#[derive(Clone)]
pub struct Place {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The folder.
    pub folder: ObjectPath,
}

impl Place {
    /// Something in the folder.
    pub fn at(&self, name: impl AsRef<[u8]>) -> ObjectPath {
        self.folder.join(name)
    }
}

/// Text for `bag-info.txt`. Line breaks and other control characters become spaces.
#[derive(Clone, Debug)]
pub struct About {
    /// Who returns the data.
    pub source_organization: String,
    /// The return's own number.
    pub external_identifier: String,
    /// What this is, in a sentence.
    pub external_description: String,
    /// The day the return was started. Fixed for all attempts.
    pub bagged_on: NaiveDate,
    /// The program that began the package, with its version: [`AGENT`](super::bag::AGENT). Another version that goes
    /// on with it says the same.
    pub made_by: String,
}

/// A data return.
#[derive(Clone)]
pub struct Order {
    /// Name of the package; unique in the destination's folder, and another one whenever a return begins anew.
    pub name: Slug,
    /// The fence of this run: later runs have larger ones. It is in the name of every object that not every
    /// run would write alike, so that a run which wakes too late overwrites nothing.
    pub fence: i64,
    /// What is returned, in this order.
    pub sources: Vec<Source>,
    /// How it is packed.
    pub format: Format,
    /// Who can open it. At least one.
    pub recipients: Vec<RecipientKey>,
    /// Where it goes. The folder belongs to this package alone.
    pub destination: Place,
    /// Gangway's own folder for this return alone. Holds file names, no contents.
    pub spool: Place,
    /// Most plain bytes in one part: [`PART_BYTES`] unless a test asks for less.
    pub part_bytes: u64,
    /// Blocks that are packed side by side; the number of cores, or fewer.
    pub workers: usize,
    /// What the bag says of itself.
    pub about: About,
}

/// What the names of the spool's objects end with.
const SPOOLED: &str = "jsonl";

/// What the name of a list of omissions ends with.
const OMISSIONS: &str = ".jsonl.age";

/// Plain bytes in one part: what a restart may have to read again, and what one object at the destination
/// holds. Small against any source, large against the cost of one object.
///
/// # Source
/// Engine goals: a resume after kill -9 hashes at most one part of 64 MiB again.
pub const PART_BYTES: u64 = 64 * 1024 * 1024;

/// The largest part: what stays below the 80 GiB of one object even when nothing can be compressed.
const MOST_PART_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// Plain bytes in one block, which is one zstd frame and what one worker packs at a time. Level 3 looks back
/// over 2 MiB, so longer frames gain nothing, and ten blocks in flight stay within 40 MiB.
const BLOCK_BYTES: u64 = 2 * 1024 * 1024;

impl Order {
    /// Says whether the order can be carried out at all.
    ///
    /// # Errors
    /// A [`Violation`] when nobody could open the package, nothing is to be returned, two sources have one
    /// label, or the parts have an impossible size.
    pub fn check(&self) -> Result<(), Violation> {
        if self.recipients.is_empty() {
            return Err(Violation::new("recipients", "Nobody could open the package.").remedy("Name a recipient key."));
        }
        if self.sources.is_empty() {
            return Err(Violation::new("sources", "Nothing is to be returned.").remedy("Name a source."));
        }
        let labels: BTreeSet<_> = self.sources.iter().map(|source| &source.label).collect();
        if labels.len() < self.sources.len() {
            return Err(Violation::new("sources", "Two sources have the same label.").remedy("Give each its own."));
        }
        if !(4096..=MOST_PART_BYTES).contains(&self.part_bytes) {
            return Err(Violation::new("partBytes", "A part has 4 KiB to 64 GiB.").remedy("Leave it at 64 MiB."));
        }
        Ok(())
    }

    /// Plain bytes in one block of this order, at least 4 KiB.
    pub(super) fn block_bytes(&self) -> usize {
        usize::try_from(self.part_bytes.clamp(4096, BLOCK_BYTES)).unwrap_or(4096)
    }

    /// Files up to this size are read whole before their header is written.
    pub(super) fn small_bytes(&self) -> u64 {
        self.block_bytes() as u64 / 2
    }

    /// The source with this label.
    pub(super) fn source(&self, label: &[u8]) -> Option<&Source> {
        self.sources.iter().find(|source| source.label.as_str().as_bytes() == label)
    }

    /// Name of `part` at the destination.
    pub fn part_name(&self, part: PartId) -> String {
        format!("{}{part}.{}", self.part_prefix(), self.format.extension())
    }

    /// The part that an object at the destination or in the spool is called after.
    pub(super) fn part_named(&self, name: &str) -> Option<PartId> {
        let rest = name.strip_prefix(&self.part_prefix())?;
        let part = [self.format.extension(), SPOOLED].iter().find_map(|kind| rest.strip_suffix(kind))?;
        part.strip_suffix('.')?.parse().ok()
    }

    /// Name of the list of omissions that this run makes for this `edition`.
    pub(super) fn omissions_name(&self, edition: u32) -> String {
        format!("{}{}{}{OMISSIONS}", self.omissions_prefix(), self.fence, Edition(edition))
    }

    /// The fence of the run that made the list of omissions with this name.
    pub(super) fn omissions_by(&self, name: &str) -> Option<i64> {
        let rest = name.strip_prefix(&self.omissions_prefix())?.strip_suffix(OMISSIONS)?;
        rest.split('.').next()?.parse().ok()
    }

    fn omissions_prefix(&self) -> String {
        format!("{}.omissions-", self.name)
    }

    /// Whether an object with this name belongs to the package.
    pub(super) fn is_of_package(&self, name: &str) -> bool {
        name.strip_prefix(self.name.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }

    fn part_prefix(&self) -> String {
        format!("{}.part-", self.name)
    }

    /// What the names of the texts beside the parts begin with in this `edition`: the package's name, and `NAME.v2` in
    /// the second.
    pub(super) fn stem(&self, edition: u32) -> String {
        format!("{}{}", self.name, Edition(edition))
    }

    /// Where the spool keeps what is to be known of `part`.
    pub(super) fn spooled(&self, part: PartId) -> ObjectPath {
        self.spool.at(format!("{}{part}.{SPOOLED}", self.part_prefix()))
    }

    /// Where the spool keeps the frozen inventory.
    pub(super) fn inventory(&self) -> ObjectPath {
        self.spool.at(format!("{}.inventory.jsonl", self.name))
    }
}
