//! Uploaded files: announced first, then stored once and never changed.
//!
//! Invariants: a stored file has exactly the bytes that were announced (their number, and their digest where
//! the uploader gave one); what is said of it (media type, SHA-256) was measured on what arrived, not taken
//! from the uploader.
//!
//! Deliberately absent: versions (a new document is a new file), and refusing kinds of files: what a file is,
//! is told honestly and left to whoever uses it.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::{Invalid, Refused, text::Name},
    ids::{ActorId, ClientId, FileId},
};

mod sniff;

pub use sniff::{BINARY, Sniffer};

words! {
    /// Where an uploaded file stands.
    FileState {
        /// Announced; its bytes have not arrived.
        Pending = "PENDING",
        /// Arrived whole, measured and kept.
        Stored = "STORED",
    }
}

/// How long an announced file is waited for.
///
/// # Source
/// House decision: a day is enough for a slow line and for somebody who comes back in the morning.
pub const WAITED_FOR: TimeDelta = TimeDelta::hours(24);

/// A file as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The file's id.
    pub id: FileId,
    /// Whose it is.
    pub client_id: ClientId,
    /// What the uploader calls it.
    pub name: String,
    /// Its size in bytes, as announced; what arrived is just as long.
    pub byte_count: u64,
    /// The digest that the uploader announced.
    pub announced: Option<Digest>,
    /// Who announced it.
    pub created_by: ActorId,
    /// When it was announced.
    pub created_at: DateTime<Utc>,
    /// Until when its bytes are waited for.
    pub expires_at: DateTime<Utc>,
    /// What arrived, once it has.
    pub arrival: Option<Arrival>,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What its bytes say it is.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Where it lies in the store, below the store's own folder.
    pub storage_key: String,
    /// When it was stored.
    pub at: DateTime<Utc>,
}

impl File {
    /// Where it stands.
    pub fn state(&self) -> FileState {
        if self.arrival.is_some() { FileState::Stored } else { FileState::Pending }
    }

    /// Whether its bytes are still waited for at `now`.
    pub fn is_awaited(&self, now: DateTime<Utc>) -> bool {
        self.arrival.is_none() && now < self.expires_at
    }

    /// The file with what arrived.
    ///
    /// # Errors
    /// [`Refused`] when it arrived before.
    pub fn stored(self, arrival: Arrival) -> Result<Self, Refused> {
        match self.state() {
            FileState::Pending => Ok(Self { arrival: Some(arrival), ..self }),
            FileState::Stored => Err(already_stored()),
        }
    }

    /// Whether what came is what was announced.
    ///
    /// # Errors
    /// [`Invalid`] when the number of bytes or their digest is another one.
    pub fn check(&self, byte_count: u64, sha256: &Digest) -> Result<(), Invalid> {
        if byte_count != self.byte_count {
            let wrong = format!("{byte_count} bytes arrived where {} were announced.", self.byte_count);
            return Err(Invalid::new(wrong).remedy("Send the whole file again, to the same address."));
        }
        if self.announced.as_ref().is_some_and(|announced| announced != sha256) {
            let wrong = format!("What arrived has the SHA-256 {sha256}, which is not the one announced.");
            return Err(Invalid::new(wrong).remedy("Send the announced file, to the same address."));
        }
        Ok(())
    }
}

/// The refusal of a second arrival.
pub fn already_stored() -> Refused {
    Refused::new("This file is stored already; a file is stored once.")
        .remedy("Ask for a new upload with `uploadCreate`.")
}

/// SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl Digest {
    /// The digest with these bytes.
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(hex::encode(bytes))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text.trim(), &mut bytes) {
            Ok(()) => Ok(Self::of(bytes)),
            Err(_) => Err(Invalid::new("This is not a SHA-256.")
                .remedy("Give it as 64 hexadecimal digits, as `sha256sum` prints it, or leave it out.")),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a file: a [`Name`] without a folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// The name.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromStr for FileName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = Name::parse(text)?.into_string();
        if name.contains(['/', '\\']) || matches!(name.as_str(), "." | "..") {
            return Err(Invalid::new("A file's name has no folder in it.").remedy("Give the last part of its path."));
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        File {
            id: uuid::Uuid::nil().into(),
            client_id: uuid::Uuid::nil().into(),
            name: "a.txt".into(),
            byte_count: 3,
            announced: Some(Digest::of([7; 32])),
            created_by: ActorId::System,
            created_at: now,
            expires_at: now + WAITED_FOR,
            arrival: None,
        }
    }

    #[test]
    fn a_file_is_stored_once() {
        let arrival = Arrival {
            media_type: "text/plain".into(),
            sha256: Digest::of([7; 32]),
            storage_key: "uploads/x".into(),
            at: file().created_at,
        };
        assert_eq!(file().state(), FileState::Pending);
        let stored = file().stored(arrival.clone()).unwrap();
        assert_eq!(stored.state(), FileState::Stored);
        assert!(stored.stored(arrival).is_err());
    }

    #[test]
    fn a_file_is_awaited_for_a_day() {
        let file = file();
        assert!(file.is_awaited(file.created_at) && file.is_awaited(file.expires_at - TimeDelta::milliseconds(1)));
        assert!(!file.is_awaited(file.expires_at));
    }

    #[test]
    fn what_arrives_is_what_was_announced() {
        let file = file();
        assert!(file.check(3, &Digest::of([7; 32])).is_ok());
        assert!(file.check(2, &Digest::of([7; 32])).is_err() && file.check(4, &Digest::of([7; 32])).is_err());
        assert!(file.check(3, &Digest::of([8; 32])).is_err());
        assert!(File { announced: None, ..file }.check(3, &Digest::of([8; 32])).is_ok());
    }

    #[test]
    fn digests_read_in_either_case_and_nothing_else_is_one() {
        let digest: Digest = "AB".repeat(32).parse().unwrap();
        assert_eq!(digest.as_str(), "ab".repeat(32));
        for wrong in ["", "ab", &"ab".repeat(33), &"zz".repeat(32)] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_has_no_folder() {
        for good in ["plan.pdf", "Übersicht 2026.xlsx", "..hidden"] {
            assert_eq!(good.parse::<FileName>().unwrap().into_string(), good);
        }
        for bad in ["", "a/b", "a\\b", "..", ".", "a\nb"] {
            assert!(bad.parse::<FileName>().is_err(), "{bad}");
        }
    }
}
