//! Sanitization: how data is made unreadable where it lies, what such a method may claim, and what came of it.
//!
//! Invariants: a certificate never claims more than its method gives ([`SanitizationMethod::category`]); what was not
//! observed is not counted as destroyed; a [`Tally`] that does not add up to what was planned certifies nothing
//! ([`Tally::is_whole`]).
//!
//! # Source
//! NIST SP 800-88: the methods Clear, Purge and Destroy; verification (did the technique complete) and validation (does
//! an authority accept the outcome) are different things in Revision 2.

use serde::{Deserialize, Serialize};

words! {
    /// How data is destroyed.
    SanitizationMethod {
        /// Every allocated byte of a file is overwritten with zeros and read back before its name goes.
        OverwriteZero = "OVERWRITE_ZERO",
        /// Every version of an object, every marker and every unfinished upload is deleted in its bucket by its own id.
        DeleteVersions = "DELETE_OBJECT_VERSIONS",
    }
}

words! {
    /// How much a method achieves.
    ///
    /// # Source
    /// NIST SP 800-88.
    SanitizationCategory {
        /// Out of reach of whatever reads the medium the ordinary way.
        Clear = "CLEAR",
        /// Out of reach of a laboratory.
        Purge = "PURGE",
        /// The medium itself is no more.
        Destroy = "DESTROY",
    }
}

impl SanitizationMethod {
    /// The most that may be claimed for it. On a file system, on flash, and on whatever keeps older versions of a block
    /// elsewhere, overwriting is Clear and no more; so is what a service does that shows nobody its media.
    pub const fn category(self) -> SanitizationCategory {
        match self {
            Self::OverwriteZero | Self::DeleteVersions => SanitizationCategory::Clear,
        }
    }

    /// What it counts as files.
    pub const fn things(self) -> &'static str {
        match self {
            Self::OverwriteZero => "files",
            Self::DeleteVersions => "versions of objects",
        }
    }

    /// What it is done in, as a refusal names it.
    pub const fn medium(self) -> &'static str {
        match self {
            Self::OverwriteZero => "a folder",
            Self::DeleteVersions => "a bucket",
        }
    }
}

words! {
    /// What a scan looks at.
    ScanScope {
        /// Data of the client that is to be destroyed.
        Data = "DATA",
    }
}

words! {
    /// How much a verification looks at.
    VerificationCoverage {
        /// Everything.
        Full = "FULL",
    }
}

words! {
    /// What a certificate says of a sanitization.
    SanitizationVerdict {
        /// All of it is gone, and somebody else looked.
        Sanitized = "SANITIZED",
        /// What is certified is gone; something that was planned is not, and is named.
        SanitizedWithExceptions = "SANITIZED_WITH_EXCEPTIONS",
        /// It is not gone.
        NotSanitized = "NOT_SANITIZED",
    }
}

words! {
    /// What an authority makes of a sanitization that was verified.
    ValidationVerdict {
        /// It is enough for this data.
        Accepted = "ACCEPTED",
        /// It is not.
        Rejected = "REJECTED",
    }
}

/// A standard as it was when something was done by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standard {
    /// Its name.
    pub name: String,
    /// Which edition of it.
    pub revision: String,
    /// When that was published.
    pub published: String,
}

impl Standard {
    /// The edition of NIST SP 800-88 in force.
    pub fn nist() -> Self {
        Self {
            name: "NIST SP 800-88".to_owned(),
            revision: "Revision 2".to_owned(),
            published: "2025-09-26".to_owned(),
        }
    }
}

words! {
    /// What became of one item that was to be destroyed.
    Fate {
        /// Its content was overwritten, read back as zeros, and its name is gone.
        Destroyed = "DESTROYED",
        /// Its name is gone; it has no content of its own: a link, a folder, a pipe.
        Removed = "REMOVED",
        /// Its name is gone; its content has other names, and the last of them decides.
        Unnamed = "UNNAMED",
        /// Nothing was there. Unless a run that was stopped may have destroyed it, that is not what was planned.
        Absent = "ABSENT",
        /// It is not what was planned, or something is in it that was not. It was not touched.
        Changed = "CHANGED",
        /// The store refused. What was there is there.
        Refused = "REFUSED",
        /// The store keeps it until a date that nobody can bring forward.
        Locked = "LOCKED",
    }
}

/// What was found, or what became of it, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// Files whose content was destroyed.
    pub destroyed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Names without content that are gone.
    pub removed: u64,
    /// Names of content with several names.
    pub unnamed: u64,
    /// Names that the destroyed content had beside its last one.
    pub accounted: u64,
    /// What a run that was stopped had destroyed before it could say so.
    pub absent: u64,
    /// What is not what was planned.
    pub changed: u64,
    /// What the store did not let go.
    pub refused: u64,
    /// What the store keeps until a date.
    pub locked: u64,
}

impl Tally {
    /// Counts an item of `bytes` bytes and `names` names.
    pub fn count(&mut self, fate: Fate, bytes: u64, names: u64) {
        match fate {
            Fate::Destroyed => {
                self.destroyed += 1;
                self.bytes += bytes;
                self.accounted += names.saturating_sub(1);
            }
            Fate::Removed => self.removed += 1,
            Fate::Unnamed => self.unnamed += 1,
            Fate::Absent => self.absent += 1,
            Fate::Changed => self.changed += 1,
            Fate::Refused => self.refused += 1,
            Fate::Locked => self.locked += 1,
        }
    }

    /// Names under which content that was to be destroyed lives on outside of the plan: whenever all of a file's names
    /// are in it, its last one is destroyed and accounts for the others.
    pub const fn named_elsewhere(&self) -> u64 {
        self.unnamed.saturating_sub(self.accounted)
    }

    /// How many items it counts.
    pub const fn items(&self) -> u64 {
        self.destroyed + self.removed + self.unnamed + self.absent + self.changed + self.refused + self.locked
    }

    /// Whether all of `planned` items are gone, with everything that was in them.
    pub const fn is_whole(&self, planned: u64) -> bool {
        self.locked == 0 && self.is_done(planned)
    }

    /// Whether all of `planned` items are gone but for those that their store keeps until a date.
    pub const fn is_done(&self, planned: u64) -> bool {
        self.items() == planned && self.changed == 0 && self.refused == 0 && self.named_elsewhere() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_with_several_names_is_gone_with_the_last_of_them() {
        let mut tally = Tally::default();
        for (fate, bytes, names) in
            [(Fate::Unnamed, 5, 3), (Fate::Unnamed, 5, 3), (Fate::Destroyed, 5, 3), (Fate::Removed, 0, 1)]
        {
            assert!(!tally.is_whole(4));
            tally.count(fate, bytes, names);
        }
        assert_eq!((tally.bytes, tally.named_elsewhere(), tally.is_whole(4)), (5, 0, true));
        tally.count(Fate::Unnamed, 7, 2);
        assert_eq!((tally.named_elsewhere(), tally.is_whole(5)), (1, false), "its other name is not in the plan");
    }

    #[test]
    fn whatever_was_left_keeps_it_from_being_whole() {
        for (fate, is_done, is_whole) in [
            (Fate::Destroyed, true, true),
            (Fate::Removed, true, true),
            (Fate::Unnamed, false, false),
            (Fate::Absent, true, true),
            (Fate::Changed, false, false),
            (Fate::Refused, false, false),
            (Fate::Locked, true, false),
        ] {
            let mut tally = Tally::default();
            tally.count(fate, 1, 1);
            assert_eq!((tally.is_done(1), tally.is_whole(1)), (is_done, is_whole), "{fate}");
            assert!(!tally.is_done(2) && !tally.is_whole(2), "{fate}");
        }
    }

    #[test]
    fn no_method_claims_more_than_to_clear() {
        for method in SanitizationMethod::ALL {
            assert_eq!(method.category(), SanitizationCategory::Clear, "{method}");
        }
    }
}
