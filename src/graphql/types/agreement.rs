//! Agreements.

use async_graphql::{Context, ID, Interface, SimpleObject};
use chrono::TimeDelta;

use crate::{
    domain::agreement::{
        self, AgreementDetails, AgreementKind, AgreementState, DataFormat, NoticeChannel, SignatureMethod,
    },
    error::{Error, Result},
    graphql::{
        duration::Duration,
        loaders::{ClientKey, required},
        scalars::{Date, DateTime},
        types::{
            actor::Actor,
            client::Client,
            file::{File, behind},
            kinds::kinds,
        },
    },
};

/// What a client and the provider have agreed in writing; one type for each kind of paper.
#[derive(Clone, Debug, Interface)]
#[expect(clippy::duplicated_attributes, reason = "the fields of an interface may have the same type")]
#[graphql(
    field(name = "id", ty = "ID", desc = "Opaque id."),
    field(name = "client", ty = "Client", desc = "With whom."),
    field(name = "kind", ty = "AgreementKind", desc = "Which paper it is."),
    field(name = "state", ty = "AgreementState", desc = "Where it stands."),
    field(name = "title", ty = "&str", desc = "What people call it."),
    field(name = "clauses", ty = "Vec<Clause>", desc = "The passages that may be cited."),
    field(name = "file_id", ty = "Option<ID>", desc = "The id of the paper, an uploaded file."),
    field(name = "file", ty = "Option<File>", desc = "The paper itself."),
    field(name = "effective_on", ty = "Option<Date>", desc = "In force from this day."),
    field(name = "ends_on", ty = "Option<Date>", desc = "In force until this day."),
    field(name = "signature", ty = "Option<Signature>", desc = "Who put it in force, and how."),
    field(name = "signed_at", ty = "Option<DateTime>", desc = "When the signature was recorded."),
    field(name = "recorded_by", ty = "Actor", desc = "Who recorded it."),
    field(name = "recorded_at", ty = "DateTime", desc = "When it was recorded."),
    field(name = "revision", ty = "i32", desc = "Grows with every change; send it back as `expectedRevision`.")
)]
pub enum Agreement {
    /// The contract itself.
    ServiceAgreement(ServiceAgreement),
    /// What is promised, in numbers.
    Sla(SlaAgreement),
    /// What is to be delivered.
    Sow(SowAgreement),
    /// The word that the service shall end.
    TerminationNotice(TerminationNotice),
}

/// A passage that others refer to.
#[derive(Clone, Debug, SimpleObject)]
pub struct Clause {
    /// How it is cited: `7.2`, `Annex B`.
    reference: String,
    /// What it says.
    text: String,
}

/// Who put an agreement in force, and how.
#[derive(Clone, Debug, SimpleObject)]
pub struct Signature {
    /// The person who signed for the client, or gave notice.
    name: String,
    /// That person's position.
    title: Option<String>,
    /// The day on the paper.
    signed_on: Date,
    /// By hand or by a service.
    method: SignatureMethod,
    /// Where the signing service keeps its own proof.
    reference: Option<String>,
}

/// How a client's data goes back to it.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReturnTerms {
    /// The formats that were agreed; a return picks one of them.
    formats: Vec<DataFormat>,
    /// Where it goes, in words.
    destination: String,
}

/// How soon somebody answers and mends.
#[derive(Clone, Debug, SimpleObject)]
pub struct SlaTarget {
    /// What people call it: `P1`.
    priority: String,
    /// Minutes until somebody answers.
    respond_within_minutes: i32,
    /// Minutes until it is mended.
    resolve_within_minutes: i32,
    /// How long until somebody answers.
    respond_within: Duration,
    /// How long until it is mended.
    resolve_within: Duration,
}

/// One deliverable.
#[derive(Clone, Debug, SimpleObject)]
pub struct SowLine {
    /// How it is cited; unique within the statement of work.
    key: String,
    /// What is delivered.
    text: String,
    /// How many.
    quantity: i32,
}

impl From<&agreement::Clause> for Clause {
    fn from(clause: &agreement::Clause) -> Self {
        Self { reference: clause.reference.clone(), text: clause.text.clone() }
    }
}

impl From<agreement::Signature> for Signature {
    fn from(signature: agreement::Signature) -> Self {
        let agreement::Signature { name, title, signed_on, method, reference } = signature;
        Self { name, title, signed_on: Date(signed_on), method, reference }
    }
}

fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

kinds! {
    agreement::Agreement,
    {
        /// Opaque id.
        pub(super) async fn id(&self) -> ID {
            self.noun.id.to_string().into()
        }

        /// With whom.
        async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
            required(ctx, ClientKey(self.noun.client_id)).await
        }

        /// Which paper it is.
        async fn kind(&self) -> AgreementKind {
            self.noun.kind()
        }

        /// Where it stands.
        async fn state(&self) -> AgreementState {
            self.noun.state
        }

        /// What people call it.
        async fn title(&self) -> &str {
            &self.noun.title
        }

        /// The passages that may be cited.
        async fn clauses(&self) -> Vec<Clause> {
            self.noun.details.clauses().iter().map(Clause::from).collect()
        }

        /// The id of the paper, an uploaded file.
        async fn file_id(&self) -> Option<ID> {
            self.noun.file_id.map(|id| id.to_string().into())
        }

        /// The paper itself.
        async fn file(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<File>> {
            behind(ctx, self.noun.file_id).await
        }

        /// In force from this day.
        async fn effective_on(&self) -> Option<Date> {
            self.noun.effective_on.map(Date)
        }

        /// In force until this day.
        async fn ends_on(&self) -> Option<Date> {
            self.noun.ends_on.map(Date)
        }

        /// Who put it in force, and how.
        async fn signature(&self) -> Option<Signature> {
            self.noun.signature.clone().map(Signature::from)
        }

        /// When the signature was recorded.
        async fn signed_at(&self) -> Option<DateTime> {
            self.noun.signed_at.map(DateTime)
        }

        /// Who recorded it.
        async fn recorded_by(&self) -> Actor {
            self.noun.created_by.into()
        }

        /// When it was recorded.
        async fn recorded_at(&self) -> DateTime {
            self.noun.created_at.into()
        }

        /// Grows with every change; send it back as `expectedRevision`.
        async fn revision(&self) -> i32 {
            self.noun.revision
        }
    }

    /// The contract itself.
    ServiceAgreement(agreement::ServiceAgreement) {
        /// How many days' notice ends it.
        async fn notice_days(&self) -> Option<i32> {
            self.details.notice_days.map(i32::from)
        }

        /// How the client's data goes back to it. Without this, nothing can be returned.
        async fn data_return(&self) -> Option<ReturnTerms> {
            self.details.data_return.clone().map(|terms| {
                ReturnTerms { formats: terms.formats, destination: terms.destination }
            })
        }
    }

    /// What is promised, in numbers.
    SlaAgreement(agreement::Sla) {
        /// One line for each priority, most urgent first.
        async fn targets(&self) -> Vec<SlaTarget> {
            let target = |target: &agreement::SlaTarget| SlaTarget {
                priority: target.priority.clone(),
                respond_within_minutes: int(target.respond_within_minutes),
                resolve_within_minutes: int(target.resolve_within_minutes),
                respond_within: Duration(TimeDelta::minutes(target.respond_within_minutes.into())),
                resolve_within: Duration(TimeDelta::minutes(target.resolve_within_minutes.into())),
            };
            self.details.targets.iter().map(target).collect()
        }
    }

    /// What is to be delivered.
    SowAgreement(agreement::Sow) {
        /// One line for each deliverable.
        async fn lines(&self) -> Vec<SowLine> {
            let line = |line: &agreement::SowLine| {
                SowLine { key: line.key.clone(), text: line.text.clone(), quantity: int(line.quantity) }
            };
            self.details.lines.iter().map(line).collect()
        }
    }

    /// The word that the service shall end.
    TerminationNotice(agreement::TerminationNotice) {
        /// The day it came.
        async fn received_on(&self) -> Date {
            Date(self.details.received_on)
        }

        /// How it came.
        async fn channel(&self) -> NoticeChannel {
            self.details.channel
        }

        /// Days of notice that apply.
        async fn notice_days(&self) -> i32 {
            self.details.notice_days.into()
        }

        /// The last day of service.
        async fn final_service_on(&self) -> Date {
            Date(self.details.final_service_on)
        }

        /// Why the notice is shorter than was agreed, when it is.
        async fn short_notice_reason(&self) -> Option<&str> {
            self.details.short_notice_reason.as_deref()
        }
    }
}

impl From<agreement::Agreement> for Agreement {
    fn from(noun: agreement::Agreement) -> Self {
        match noun.details.clone() {
            AgreementDetails::ServiceAgreement(details) => Self::ServiceAgreement(ServiceAgreement { noun, details }),
            AgreementDetails::Sla(details) => Self::Sla(SlaAgreement { noun, details }),
            AgreementDetails::Sow(details) => Self::Sow(SowAgreement { noun, details }),
            AgreementDetails::TerminationNotice(details) => {
                Self::TerminationNotice(TerminationNotice { noun, details })
            }
        }
    }
}

impl TerminationNotice {
    /// The notice that `noun` is.
    ///
    /// # Errors
    /// `Internal` when it is another paper, which is a bug.
    pub fn of(noun: agreement::Agreement) -> Result<Self> {
        match noun.details.clone() {
            AgreementDetails::TerminationNotice(details) => Ok(Self { noun, details }),
            _ => Err(Error::internal("an agreement is not the notice it was made as")),
        }
    }
}
