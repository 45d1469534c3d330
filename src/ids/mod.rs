//! One newtype per noun: a [`ClientId`] can never be passed where a [`StepId`] is asked for.
//!
//! An id is a `UUIDv7` in the database and a `TypeID` everywhere else: a short prefix that names the
//! noun, an underscore, and the 128 bits in 26 characters of Crockford's base32
//! (`cli_01hf7yat00ft8as9x5kdn7n0z4`). Ids sort by creation time. To callers they are opaque.
//!
//! Deliberately absent: making ids. Only [`crate::clock::IdSource`] does that, so tests can fix them.
//! To add a noun, add one line to the `ids!` call at the end of this file.
//!
//! # Source
//! `TypeID` specification, version 0.3.0; RFC 9562 section 5.7 (`UUIDv7`).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod actor;

pub use actor::{ActorId, ParseActorIdError};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits at 5 bits a character, the first character carrying only 3.
const SUFFIX_LEN: usize = 26;

/// Why a text is not an id of the noun that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// The prefix is missing or belongs to another noun.
    #[error("the prefix must be `{expected}_`")]
    Prefix {
        /// The prefix of the noun that was asked for.
        expected: &'static str,
    },
    /// What follows the prefix is not 26 lower-case base32 characters of a 128-bit number.
    #[error("the part after the prefix must be 26 base32 characters")]
    Suffix,
}

fn encode(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..SUFFIX_LEN)
        .map(|index| {
            let shift = 5 * (SUFFIX_LEN - 1 - index);
            let digit = usize::try_from((bits >> shift) & 31).unwrap_or_default();
            char::from(ALPHABET[digit])
        })
        .collect()
}

fn decode(suffix: &str) -> Result<Uuid, ParseIdError> {
    if suffix.len() != SUFFIX_LEN || suffix.as_bytes()[0] > b'7' {
        return Err(ParseIdError::Suffix);
    }
    let bits = suffix.bytes().try_fold(0_u128, |bits, byte| {
        let digit = ALPHABET.iter().position(|&letter| letter == byte).ok_or(ParseIdError::Suffix)?;
        Ok((bits << 5) | digit as u128)
    })?;
    Ok(Uuid::from_u128(bits))
}

/// The prefix of a printed id, whatever noun it names, or `None` when there is no underscore.
pub fn prefix_of(text: &str) -> Option<&str> {
    text.rsplit_once('_').map(|(prefix, _)| prefix)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The text before the underscore of a printed id.
            pub const PREFIX: &'static str = $prefix;

            /// The 128 bits as the database stores them.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", Self::PREFIX, encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let suffix = text
                    .strip_prefix(Self::PREFIX)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .ok_or(ParseIdError::Prefix { expected: Self::PREFIX })?;
                decode(suffix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+

        #[cfg(test)]
        const PREFIXES: &[&str] = &[$($prefix),+];
    };
}

ids! {
    /// A client of the provider.
    ClientId = "cli";
    /// A person who speaks for a client.
    ContactId = "con";
    /// A service agreement, SLA, statement of work or termination notice.
    AgreementId = "agr";
    /// A process document, whatever its version.
    ProcessId = "pro";
    /// One version of a process document.
    ProcessVersionId = "prv";
    /// One run of a process version for one client.
    EngagementId = "eng";
    /// A person or body with an interest in an engagement.
    StakeholderId = "stk";
    /// A challenge expected or met in an engagement.
    ChallengeId = "cha";
    /// One step of an engagement.
    StepId = "stp";
    /// One line of a step's checklist.
    ChecklistItemId = "chk";
    /// One proof attached to a step or a holding.
    EvidenceId = "evi";
    /// One uploaded file.
    FileId = "fil";
    /// One thing that discovery found at a client.
    FactId = "fac";
    /// A deviation from the process.
    ExceptionId = "exc";
    /// A question put to those who may decide it.
    DecisionId = "dec";
    /// One line of the ledger.
    HoldingId = "hol";
    /// An outside system that the provider runs.
    ConnectorId = "cnn";
    /// A client's public key for data returns.
    RecipientKeyId = "rck";
    /// A frozen description of what a job would do.
    JobPlanId = "pln";
    /// A long-running task.
    JobId = "job";
    /// One device, account, rule or data set that a job acts on.
    JobTargetId = "tgt";
    /// A signed statement.
    CertificateId = "crt";
    /// A line of the log.
    EventId = "evt";
    /// A person who signs in.
    UserId = "usr";
    /// A key an integration signs in with.
    ApiKeyId = "key";
    /// One run of a worker process.
    WorkerId = "wrk";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_specifications_example_reads_and_prints_back() {
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let id = ClientId::from(uuid);
        assert_eq!(id.to_string(), "cli_01h455vb4pex5vsknk084sn02q");
        assert_eq!(id.to_string().parse::<ClientId>().unwrap(), id);
    }

    #[test]
    fn anothers_prefix_is_refused() {
        let step = StepId::from(Uuid::nil()).to_string();
        assert_eq!(step.parse::<ClientId>(), Err(ParseIdError::Prefix { expected: "cli" }));
    }

    #[test]
    fn malformed_suffixes_are_refused() {
        for suffix in ["", "0", "8zzzzzzzzzzzzzzzzzzzzzzzzz", "0000000000000000000000000u", "é1h455vb4pex5vsknk084sn02"]
        {
            assert_eq!(format!("cli_{suffix}").parse::<ClientId>(), Err(ParseIdError::Suffix), "{suffix}");
        }
    }

    #[test]
    fn no_two_nouns_share_a_prefix() {
        assert_eq!(PREFIXES.iter().collect::<HashSet<_>>().len(), PREFIXES.len());
    }
}
