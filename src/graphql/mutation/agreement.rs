//! Recording and signing agreements. The notice that ends them is in [`super::termination`].

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

use crate::{
    app::{
        self,
        agreement::{Record, Sign},
    },
    domain::{
        agreement::{self, AgreementDetails, DataFormat, SignatureMethod},
        text::{Name, Prose},
    },
    error::{Error, Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::Date,
        types::agreement::Agreement,
    },
    ids::FileId,
};

/// Records and signs agreements.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgreementMutation;

/// What was agreed with a client.
#[derive(Clone, Debug, InputObject)]
pub struct AgreementRecordInput {
    /// The client it was agreed with.
    client_id: ID,
    /// What people call it, 1 to 200 characters.
    title: String,
    /// What was agreed.
    details: AgreementDetailsInput,
    /// The paper: a file that was uploaded for this client.
    file_id: Option<ID>,
    /// In force from this day.
    effective_on: Option<Date>,
    /// In force until this day.
    ends_on: Option<Date>,
    /// The caller's name for this request, 8 to 128 characters; the same key never records two agreements.
    idempotency_key: String,
}

/// What was agreed, by kind of paper. A termination notice is recorded by `terminationRecord`.
#[derive(Clone, Debug, OneofObject)]
pub enum AgreementDetailsInput {
    /// The contract itself.
    ServiceAgreement(ServiceAgreementInput),
    /// What is promised, in numbers.
    Sla(SlaInput),
    /// What is to be delivered.
    Sow(SowInput),
}

/// A passage that others refer to.
#[derive(Clone, Debug, InputObject)]
pub struct ClauseInput {
    /// How it is cited: `7.2`, `Annex B`; unique within the agreement.
    reference: String,
    /// What it says, 1 to 4000 characters.
    text: String,
}

/// The contract itself.
#[derive(Clone, Debug, InputObject)]
pub struct ServiceAgreementInput {
    /// Passages that holdings and exceptions cite, up to 200.
    #[graphql(default)]
    clauses: Vec<ClauseInput>,
    /// How many days' notice ends it, 0 to 3650.
    notice_days: Option<i32>,
    /// How the client's data goes back to it. Without this, nothing can be returned.
    data_return: Option<ReturnTermsInput>,
}

/// How a client's data goes back to it.
#[derive(Clone, Debug, InputObject)]
pub struct ReturnTermsInput {
    /// The formats that were agreed, at least one.
    formats: Vec<DataFormat>,
    /// Where it goes, in words: "the client's own bucket".
    destination: String,
}

/// What is promised, in numbers.
#[derive(Clone, Debug, InputObject)]
pub struct SlaInput {
    /// Passages that others cite, up to 200.
    #[graphql(default)]
    clauses: Vec<ClauseInput>,
    /// One line for each priority, most urgent first, up to 200.
    targets: Vec<SlaTargetInput>,
}

/// How soon somebody answers and mends.
#[derive(Clone, Debug, InputObject)]
pub struct SlaTargetInput {
    /// What people call it: `P1`.
    priority: String,
    /// Minutes until somebody answers, 1 to a year.
    respond_within_minutes: i32,
    /// Minutes until it is mended; not sooner than the answer.
    resolve_within_minutes: i32,
}

/// What is to be delivered.
#[derive(Clone, Debug, InputObject)]
pub struct SowInput {
    /// Passages that others cite, up to 200.
    #[graphql(default)]
    clauses: Vec<ClauseInput>,
    /// One line for each deliverable, up to 200.
    lines: Vec<SowLineInput>,
}

/// One deliverable.
#[derive(Clone, Debug, InputObject)]
pub struct SowLineInput {
    /// How it is cited; unique within the statement of work.
    key: String,
    /// What is delivered, 1 to 4000 characters.
    text: String,
    /// How many, 1 to 1,000,000.
    #[graphql(default = 1)]
    quantity: i32,
}

/// That an agreement was signed.
#[derive(Clone, Debug, InputObject)]
pub struct AgreementSignInput {
    /// The agreement.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// The person who signed for the client.
    name: String,
    /// That person's position.
    title: Option<String>,
    /// The day on the paper; not in the future.
    signed_on: Date,
    /// By hand or by a service.
    method: SignatureMethod,
    /// Where the signing service keeps its own proof.
    reference: Option<String>,
    /// The signed paper: a file that was uploaded for this client.
    file_id: Option<ID>,
}

/// The uploaded paper that `fileId` names.
pub(super) fn file(id: Option<&ID>) -> Result<Option<FileId>> {
    id.map(|id| id::get(id, "file", "fileId")).transpose()
}

fn number<T: TryFrom<i32>>(field: &str, number: i32, remedy: &str) -> Result<T> {
    T::try_from(number)
        .map_err(|_outside| -> Error { Violation::new(field, "This number is out of bounds.").remedy(remedy).into() })
}

fn name(field: &str, text: &str) -> Result<String> {
    parse::<Name>(field, text).map(Name::into_string)
}

fn prose(field: &str, text: &str) -> Result<String> {
    parse::<Prose>(field, text).map(Prose::into_string)
}

fn clauses(field: &str, clauses: &[ClauseInput]) -> Result<Vec<agreement::Clause>> {
    let clause = |(index, clause): (usize, &ClauseInput)| {
        Ok(agreement::Clause {
            reference: name(&format!("{field}.clauses.{index}.reference"), &clause.reference)?,
            text: prose(&format!("{field}.clauses.{index}.text"), &clause.text)?,
        })
    };
    clauses.iter().enumerate().map(clause).collect()
}

/// Longer than any notice that was ever agreed on: ten years.
const NOTICE_DAYS_MAX: i32 = 3_650;

impl AgreementDetailsInput {
    fn parse(&self) -> Result<AgreementDetails> {
        match self {
            Self::ServiceAgreement(input) => input.parse().map(AgreementDetails::ServiceAgreement),
            Self::Sla(input) => input.parse().map(AgreementDetails::Sla),
            Self::Sow(input) => input.parse().map(AgreementDetails::Sow),
        }
    }
}

impl ServiceAgreementInput {
    fn parse(&self) -> Result<agreement::ServiceAgreement> {
        const FIELD: &str = "details.serviceAgreement";
        let days = |days: i32| {
            let days = if days > NOTICE_DAYS_MAX { -1 } else { days };
            number(&format!("{FIELD}.noticeDays"), days, "Give 0 to 3650 days.")
        };
        let terms = |terms: &ReturnTermsInput| {
            let destination = prose(&format!("{FIELD}.dataReturn.destination"), &terms.destination)?;
            if terms.formats.is_empty() {
                let missing = Violation::new(format!("{FIELD}.dataReturn.formats"), "No format was agreed.");
                return Err(missing.remedy("Name every format the client accepts, such as BAGIT_TAR_ZSTD.").into());
            }
            Ok::<_, Error>(agreement::ReturnTerms { formats: terms.formats.clone(), destination })
        };
        Ok(agreement::ServiceAgreement {
            clauses: clauses(FIELD, &self.clauses)?,
            notice_days: self.notice_days.map(days).transpose()?,
            data_return: self.data_return.as_ref().map(terms).transpose()?,
        })
    }
}

impl SlaInput {
    fn parse(&self) -> Result<agreement::Sla> {
        const FIELD: &str = "details.sla";
        const REMEDY: &str = "Give 1 or more minutes, up to a year.";
        let target = |(index, target): (usize, &SlaTargetInput)| {
            let field = format!("{FIELD}.targets.{index}");
            let minutes = |which: &str, minutes: i32| number(&format!("{field}.{which}"), minutes, REMEDY);
            Ok(agreement::SlaTarget {
                priority: name(&format!("{field}.priority"), &target.priority)?,
                respond_within_minutes: minutes("respondWithinMinutes", target.respond_within_minutes)?,
                resolve_within_minutes: minutes("resolveWithinMinutes", target.resolve_within_minutes)?,
            })
        };
        let targets = self.targets.iter().enumerate().map(target).collect::<Result<_>>()?;
        Ok(agreement::Sla { clauses: clauses(FIELD, &self.clauses)?, targets })
    }
}

impl SowInput {
    fn parse(&self) -> Result<agreement::Sow> {
        const FIELD: &str = "details.sow";
        let line = |(index, line): (usize, &SowLineInput)| {
            let field = format!("{FIELD}.lines.{index}");
            Ok(agreement::SowLine {
                key: name(&format!("{field}.key"), &line.key)?,
                text: prose(&format!("{field}.text"), &line.text)?,
                quantity: number(&format!("{field}.quantity"), line.quantity, "Give 1 or more.")?,
            })
        };
        let lines = self.lines.iter().enumerate().map(line).collect::<Result<_>>()?;
        Ok(agreement::Sow { clauses: clauses(FIELD, &self.clauses)?, lines })
    }
}

impl AgreementRecordInput {
    fn parse(&self) -> Result<Record> {
        Ok(Record {
            client_id: id::get(&self.client_id, "client", "clientId")?,
            title: parse("title", &self.title)?,
            details: self.details.parse()?,
            file_id: file(self.file_id.as_ref())?,
            effective_on: self.effective_on.map(|date| date.0),
            ends_on: self.ends_on.map(|date| date.0),
        })
    }
}

impl AgreementSignInput {
    fn parse(&self) -> Result<Sign> {
        let perhaps = |field: &str, text: &Option<String>| text.as_deref().map(|text| name(field, text)).transpose();
        let signature = agreement::Signature {
            name: name("name", &self.name)?,
            title: perhaps("title", &self.title)?,
            signed_on: self.signed_on.0,
            method: self.method,
            reference: perhaps("reference", &self.reference)?,
        };
        Ok(Sign {
            id: id::get(&self.id, "agreement", "id")?,
            expected_revision: self.expected_revision,
            signature,
            file_id: file(self.file_id.as_ref())?,
        })
    }
}

payload! {
    /// The recorded agreement.
    once AgreementRecordPayload {
        /// The agreement.
        agreement: Agreement,
    }
}

payload! {
    /// The signed agreement.
    AgreementSignPayload {
        /// The agreement.
        agreement: Agreement,
    }
}

#[Object]
impl AgreementMutation {
    /// Records what was agreed with a client, as a draft.
    /// Example: `mutation { agreementRecord(input: { clientId: "cli_…", title: "Managed services", details: {
    /// serviceAgreement: { noticeDays: 30 } }, idempotencyKey: "msa-2026-001" }) { agreement { id state } userErrors {
    /// message } } }`.
    async fn agreement_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was agreed.")] input: AgreementRecordInput,
    ) -> Nullable<AgreementRecordPayload> {
        let done = async {
            let once = once("agreementRecord", &input.idempotency_key, &input)?;
            let done = app::agreement::record(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(AgreementRecordPayload::done(done.is_replayed, done.made.into()))
        };
        settle(done.await)
    }

    /// Puts an agreement in force: records who signed it for the client, when and how.
    /// Example: `mutation { agreementSign(input: { id: "agr_…", expectedRevision: 1, name: "Nora Pine", signedOn:
    /// "2026-11-02", method: ELECTRONIC }) { agreement { state } userErrors { message } } }`.
    async fn agreement_sign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The signature.")] input: AgreementSignInput,
    ) -> Nullable<AgreementSignPayload> {
        let done = async {
            let agreement = app::agreement::sign(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(AgreementSignPayload::done(agreement.into()))
        };
        settle(done.await)
    }
}
