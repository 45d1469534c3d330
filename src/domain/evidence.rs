//! Proof attached to a step or a holding: one mechanism for every kind of it.
//!
//! Invariants: evidence is never changed or removed; a file is named by the SHA-256 of what was stored,
//! not of what was announced; "Photo n" counts up within a step and is never reused.
//!
//! To add a kind, add a word, a variant of the details and its check. A kind that needs a file says so
//! in [`EvidenceKind::needs_file`].

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Invalid,
        role::Role,
        text::{Name, Prose, Remark},
    },
    ids::{ActorId, ClientId, EvidenceId, FileId, HoldingId, StepId},
};

words! {
    /// What sort of proof it is.
    EvidenceKind {
        /// A document.
        File = "FILE",
        /// A picture, labelled "Photo n".
        Photo = "PHOTO",
        /// Somebody's word, over their name.
        Attestation = "ATTESTATION",
        /// A meeting that was held.
        Meeting = "MEETING",
    }
}

impl EvidenceKind {
    /// Whether it is nothing without a stored file.
    pub const fn needs_file(self) -> bool {
        match self {
            Self::File | Self::Photo => true,
            Self::Attestation | Self::Meeting => false,
        }
    }
}

/// Evidence as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The evidence's id.
    pub id: EvidenceId,
    /// The client it concerns.
    pub client_id: ClientId,
    /// What it proves: a step, a holding or both.
    pub step_id: Option<StepId>,
    /// What it proves: a step, a holding or both.
    pub holding_id: Option<HoldingId>,
    /// What people call it.
    pub label: String,
    /// What it says; its kind is the evidence's kind.
    pub details: EvidenceDetails,
    /// The stored file.
    pub file_id: Option<FileId>,
    /// SHA-256 of the stored file, in hex.
    pub sha256: Option<String>,
    /// Who recorded it.
    pub recorded_by: ActorId,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

impl Evidence {
    /// What sort of proof it is.
    pub fn kind(&self) -> EvidenceKind {
        self.details.kind()
    }
}

/// What a proof says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum EvidenceDetails {
    /// A document.
    #[serde(rename = "FILE")]
    File(FileEvidence),
    /// A picture.
    #[serde(rename = "PHOTO")]
    Photo(PhotoEvidence),
    /// Somebody's word.
    #[serde(rename = "ATTESTATION")]
    Attestation(Attestation),
    /// A meeting that was held.
    #[serde(rename = "MEETING")]
    Meeting(Meeting),
}

/// A document; what matters is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileEvidence {
    /// What it shows.
    pub description: Option<String>,
}

/// A picture; what matters is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhotoEvidence {
    /// What it shows.
    pub caption: Option<String>,
}

/// Somebody's word, over the name of whoever records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// What is declared to be so.
    pub statement: String,
}

/// A meeting that was held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// When it was held.
    pub held_at: DateTime<Utc>,
    /// Who was there, or excused, and for which team.
    pub attendees: Vec<Attendee>,
    /// What was said and decided.
    pub notes: String,
}

/// Somebody who belonged in a meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// The person.
    pub name: String,
    /// The team the person stands for; none for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Role>,
    /// Knew of it and could not come.
    #[serde(default)]
    pub is_excused: bool,
}

/// At most this many people in one meeting.
///
/// # Source
/// House decision: a kickoff with everybody concerned stays well below it.
const ATTENDEES_MAX: usize = 100;

impl EvidenceDetails {
    /// What sort of proof it is.
    pub const fn kind(&self) -> EvidenceKind {
        match self {
            Self::File(_) => EvidenceKind::File,
            Self::Photo(_) => EvidenceKind::Photo,
            Self::Attestation(_) => EvidenceKind::Attestation,
            Self::Meeting(_) => EvidenceKind::Meeting,
        }
    }

    /// Whether everything in it is within bounds, told at `now`.
    ///
    /// # Errors
    /// [`Invalid`] for the first thing that is not.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), Invalid> {
        match self {
            Self::File(FileEvidence { description: text }) | Self::Photo(PhotoEvidence { caption: text }) => {
                text.as_deref().map_or(Ok(()), |text| Remark::parse(text).map(drop))
            }
            Self::Attestation(Attestation { statement }) => Prose::parse(statement).map(drop),
            Self::Meeting(meeting) => meeting.check(now),
        }
    }
}

impl Meeting {
    fn check(&self, now: DateTime<Utc>) -> Result<(), Invalid> {
        Prose::parse(&self.notes)?;
        if self.held_at > now {
            return Err(Invalid::new("A meeting that is still to come proves nothing.")
                .remedy("Record it when it has been held."));
        }
        if self.attendees.is_empty() || self.attendees.len() > ATTENDEES_MAX {
            return Err(Invalid::new(format!("A meeting has 1 to {ATTENDEES_MAX} attendees."))
                .remedy("Name those who spoke for somebody; write the others into the notes."));
        }
        self.attendees.iter().try_for_each(|attendee| Name::parse(&attendee.name).map(drop))
    }
}

/// The label of the photo that joins `existing_count` others on the same step: "Photo 1" is the first.
pub fn photo_label(existing_count: u64) -> String {
    format!("Photo {}", existing_count + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn meeting(teams: &[Role]) -> Meeting {
        let attendee = |team: &Role| Attendee { name: "Ann".into(), team: Some(*team), is_excused: false };
        Meeting { held_at: now(), attendees: teams.iter().map(attendee).collect(), notes: "All agreed.".into() }
    }

    #[test]
    fn bounds_hold_for_every_kind() {
        let long = "x".repeat(5_000);
        let bad = [
            EvidenceDetails::File(FileEvidence { description: Some(long.clone()) }),
            EvidenceDetails::Photo(PhotoEvidence { caption: Some("a\0b".into()) }),
            EvidenceDetails::Attestation(Attestation { statement: "  ".into() }),
            EvidenceDetails::Meeting(Meeting { notes: long, ..meeting(&[Role::Sales]) }),
            EvidenceDetails::Meeting(meeting(&[])),
            EvidenceDetails::Meeting(meeting(&[Role::Sales; ATTENDEES_MAX + 1])),
            EvidenceDetails::Meeting(Meeting {
                held_at: now() + chrono::TimeDelta::days(1),
                ..meeting(&[Role::Sales])
            }),
        ];
        for details in bad {
            assert!(details.check(now()).is_err(), "{details:?}");
        }
        let good = [
            EvidenceDetails::File(FileEvidence::default()),
            EvidenceDetails::Photo(PhotoEvidence::default()),
            EvidenceDetails::Attestation(Attestation { statement: "The balance is zero.".into() }),
            EvidenceDetails::Meeting(meeting(&[Role::Sales])),
        ];
        assert_eq!(good.each_ref().map(EvidenceDetails::kind).as_slice(), EvidenceKind::ALL);
        for details in good {
            assert!(details.check(now()).is_ok(), "{details:?}");
            let json = serde_json::to_value(&details).unwrap();
            assert_eq!(json["kind"], details.kind().as_str());
            assert_eq!(serde_json::from_value::<EvidenceDetails>(json).unwrap(), details);
        }
    }

    #[test]
    fn photos_count_from_one() {
        assert_eq!(photo_label(0), "Photo 1");
        assert_eq!(photo_label(9), "Photo 10");
    }
}
