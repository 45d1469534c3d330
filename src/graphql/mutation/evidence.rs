//! Attaching proof.

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

use crate::{
    app::{
        self,
        evidence::{Add, Subject},
    },
    domain::{
        evidence::{Attendee, Attestation, EvidenceDetails, FileEvidence, Meeting, PhotoEvidence},
        role::Role,
        text::{Name, Prose, Remark},
    },
    error::{Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::DateTime,
        types::evidence::Evidence,
    },
    ids::FileId,
};

/// Attaches proof.
#[derive(Clone, Copy, Debug, Default)]
pub struct EvidenceMutation;

/// Proof of a step or of a line of the ledger: give exactly one of `stepId` and `holdingId`.
#[derive(Clone, Debug, InputObject)]
pub struct EvidenceAddInput {
    /// The step it proves.
    step_id: Option<ID>,
    /// The line of the ledger it proves.
    holding_id: Option<ID>,
    /// What people call it, 1 to 200 characters. Left out, it is told from the details; photos are numbered.
    label: Option<String>,
    /// What it says.
    details: EvidenceDetailsInput,
    /// The caller's name for this request, 8 to 128 characters; the same key never attaches two proofs.
    idempotency_key: String,
}

/// What a proof says, by kind.
#[derive(Clone, Debug, OneofObject)]
pub enum EvidenceDetailsInput {
    /// A document.
    File(FileEvidenceInput),
    /// A picture; it is called "Photo n".
    Photo(PhotoEvidenceInput),
    /// The caller's word.
    Attestation(AttestationEvidenceInput),
    /// A meeting that was held.
    Meeting(MeetingEvidenceInput),
}

/// A document.
#[derive(Clone, Debug, InputObject)]
pub struct FileEvidenceInput {
    /// A file that was uploaded for the same client.
    file_id: ID,
    /// What it shows, up to 4000 characters.
    description: Option<String>,
}

/// A picture.
#[derive(Clone, Debug, InputObject)]
pub struct PhotoEvidenceInput {
    /// A picture that was uploaded for the same client.
    file_id: ID,
    /// What it shows, up to 4000 characters.
    caption: Option<String>,
}

/// The caller's word.
#[derive(Clone, Debug, InputObject)]
pub struct AttestationEvidenceInput {
    /// What is declared to be so, 1 to 4000 characters.
    statement: String,
}

/// A meeting that was held.
#[derive(Clone, Debug, InputObject)]
pub struct MeetingEvidenceInput {
    /// When it was held; not in the future.
    held_at: DateTime,
    /// Who was there, or excused: 1 to 100 people.
    attendees: Vec<AttendeeInput>,
    /// What was said and decided, 1 to 4000 characters.
    notes: String,
}

/// Somebody who belonged in a meeting.
#[derive(Clone, Debug, InputObject)]
pub struct AttendeeInput {
    /// The person.
    name: String,
    /// The team the person stands for; left out for a guest.
    team: Option<Role>,
    /// Knew of it and could not come.
    #[graphql(default)]
    is_excused: bool,
}

impl EvidenceDetailsInput {
    fn parse(&self) -> Result<(EvidenceDetails, Option<FileId>)> {
        let remark = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| parse::<Remark>(field, text).map(Remark::into_string)).transpose()
        };
        Ok(match self {
            Self::File(input) => {
                let file = id::get(&input.file_id, "file", "details.file.fileId")?;
                let description = remark("details.file.description", &input.description)?;
                (EvidenceDetails::File(FileEvidence { description }), Some(file))
            }
            Self::Photo(input) => {
                let file = id::get(&input.file_id, "file", "details.photo.fileId")?;
                let caption = remark("details.photo.caption", &input.caption)?;
                (EvidenceDetails::Photo(PhotoEvidence { caption }), Some(file))
            }
            Self::Attestation(input) => {
                let statement = parse::<Prose>("details.attestation.statement", &input.statement)?.into_string();
                (EvidenceDetails::Attestation(Attestation { statement }), None)
            }
            Self::Meeting(input) => (EvidenceDetails::Meeting(input.parse()?), None),
        })
    }
}

impl MeetingEvidenceInput {
    fn parse(&self) -> Result<Meeting> {
        let attendee = |(index, one): (usize, &AttendeeInput)| {
            let name = parse::<Name>(&format!("details.meeting.attendees.{index}.name"), &one.name)?;
            Ok(Attendee { name: name.into_string(), team: one.team, is_excused: one.is_excused })
        };
        Ok(Meeting {
            held_at: self.held_at.0,
            attendees: self.attendees.iter().enumerate().map(attendee).collect::<Result<_>>()?,
            notes: parse::<Prose>("details.meeting.notes", &self.notes)?.into_string(),
        })
    }
}

impl EvidenceAddInput {
    fn parse(&self) -> Result<Add> {
        let subject = match (&self.step_id, &self.holding_id) {
            (Some(step), None) => Subject::Step(id::get(step, "step", "stepId")?),
            (None, Some(holding)) => Subject::Holding(id::get(holding, "holding", "holdingId")?),
            (Some(_), Some(_)) | (None, None) => {
                let wrong = Violation::new("stepId", "Evidence proves one thing.");
                return Err(wrong.remedy("Give either `stepId` or `holdingId`.").into());
            }
        };
        let (details, file_id) = self.details.parse()?;
        let label = self.label.as_deref().map(|label| parse("label", label)).transpose()?;
        Ok(Add { subject, label, details, file_id })
    }
}

payload! {
    /// The attached proof.
    once EvidenceAddPayload {
        /// The proof.
        evidence: Evidence,
    }
}

#[Object]
impl EvidenceMutation {
    /// Attaches proof to a step that is being worked on, or to a line of the ledger.
    /// Example: `mutation { evidenceAdd(input: { stepId: "stp_…", details: { attestation: { statement: "Seen." } },
    /// idempotencyKey: "seen-0001" }) { evidence { id } userErrors { message } } }`.
    async fn evidence_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: EvidenceAddInput,
    ) -> Nullable<EvidenceAddPayload> {
        let done = async {
            let once = once("evidenceAdd", &input.idempotency_key, &input)?;
            let done = app::evidence::add(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(EvidenceAddPayload::done(done.is_replayed, done.made.into()))
        };
        settle(done.await)
    }
}
