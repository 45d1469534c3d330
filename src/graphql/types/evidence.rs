//! Evidence.

use async_graphql::{Context, ID, Interface, SimpleObject};

use crate::{
    domain::{
        evidence::{self, EvidenceDetails, EvidenceKind},
        role::Role,
    },
    graphql::{
        scalars::DateTime,
        types::{
            actor::Actor,
            file::{File, behind},
            kinds::kinds,
        },
    },
};

/// Proof attached to a step or a holding; one type for each kind. It is never changed or removed.
#[derive(Clone, Debug, Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Opaque id."),
    field(name = "kind", ty = "EvidenceKind", desc = "What sort of proof it is."),
    field(name = "label", ty = "&str", desc = "What people call it; photos are numbered."),
    field(name = "recorded_at", ty = "DateTime", desc = "When it was recorded."),
    field(name = "recorded_by", ty = "Actor", desc = "Who recorded it."),
    field(name = "sha256", ty = "Option<&str>", desc = "SHA-256 of the stored file, in hex.")
)]
pub enum Evidence {
    /// A document.
    File(FileEvidence),
    /// A picture.
    Photo(PhotoEvidence),
    /// Somebody's word.
    Attestation(AttestationEvidence),
    /// A meeting.
    Meeting(MeetingEvidence),
}

/// Somebody who belonged in a meeting.
#[derive(Clone, Debug, SimpleObject)]
pub struct Attendee {
    /// The person.
    name: String,
    /// The team the person stands for; null for a guest.
    team: Option<Role>,
    /// Knew of it and could not come.
    is_excused: bool,
}

kinds! {
    evidence::Evidence,
    {
        /// Opaque id.
        pub(super) async fn id(&self) -> ID {
            self.noun.id.to_string().into()
        }

        /// What sort of proof it is.
        async fn kind(&self) -> EvidenceKind {
            self.noun.kind()
        }

        /// What people call it; photos are numbered.
        async fn label(&self) -> &str {
            &self.noun.label
        }

        /// When it was recorded.
        async fn recorded_at(&self) -> DateTime {
            self.noun.recorded_at.into()
        }

        /// Who recorded it.
        async fn recorded_by(&self) -> Actor {
            self.noun.recorded_by.into()
        }

        /// SHA-256 of the stored file, in hex.
        async fn sha256(&self) -> Option<&str> {
            self.noun.sha256.as_deref()
        }
    }

    /// A document.
    FileEvidence(evidence::FileEvidence) {
        /// What it shows.
        async fn description(&self) -> Option<&str> {
            self.details.description.as_deref()
        }

        /// The id of the uploaded file.
        async fn file_id(&self) -> Option<ID> {
            self.noun.file_id.map(|id| id.to_string().into())
        }

        /// The uploaded file itself.
        async fn file(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<File>> {
            behind(ctx, self.noun.file_id).await
        }
    }

    /// A picture.
    PhotoEvidence(evidence::PhotoEvidence) {
        /// What it shows.
        async fn caption(&self) -> Option<&str> {
            self.details.caption.as_deref()
        }

        /// The id of the uploaded file.
        async fn file_id(&self) -> Option<ID> {
            self.noun.file_id.map(|id| id.to_string().into())
        }

        /// The uploaded file itself.
        async fn file(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<File>> {
            behind(ctx, self.noun.file_id).await
        }
    }

    /// Somebody's word, over the name of whoever recorded it.
    AttestationEvidence(evidence::Attestation) {
        /// What is declared to be so.
        async fn statement(&self) -> &str {
            &self.details.statement
        }
    }

    /// A meeting that was held.
    MeetingEvidence(evidence::Meeting) {
        /// When it was held.
        async fn held_at(&self) -> DateTime {
            self.details.held_at.into()
        }

        /// Who was there, or excused, and for which team.
        async fn attendees(&self) -> Vec<Attendee> {
            let attendee = |one: &evidence::Attendee| {
                Attendee { name: one.name.clone(), team: one.team, is_excused: one.is_excused }
            };
            self.details.attendees.iter().map(attendee).collect()
        }

        /// What was said and decided.
        async fn notes(&self) -> &str {
            &self.details.notes
        }
    }
}

impl From<evidence::Evidence> for Evidence {
    fn from(noun: evidence::Evidence) -> Self {
        match noun.details.clone() {
            EvidenceDetails::File(details) => Self::File(FileEvidence { noun, details }),
            EvidenceDetails::Photo(details) => Self::Photo(PhotoEvidence { noun, details }),
            EvidenceDetails::Attestation(details) => Self::Attestation(AttestationEvidence { noun, details }),
            EvidenceDetails::Meeting(details) => Self::Meeting(MeetingEvidence { noun, details }),
        }
    }
}
