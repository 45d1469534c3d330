//! Writing facts down and checking them.

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

use crate::{
    app::{self, fact::Found, rows},
    domain::{
        fact::{self, Criticality, DeviceType, FactDetails, FactSource},
        text::{Name, Prose, Remark},
    },
    error::{Error, Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::{once, rows::results},
        payload::{Nullable, payload, settle},
        types::fact::{Fact, FactResult},
    },
    ids::FactId,
};

/// Writes facts down and checks them.
#[derive(Clone, Copy, Debug, Default)]
pub struct FactMutation;

/// What was found at one client.
#[derive(Clone, Debug, InputObject)]
pub struct FactsRecordInput {
    /// The client it was found at.
    client_id: ID,
    /// What was found, 1 to 500 rows. Each has its own result; one that is wrong spoils no other.
    facts: Vec<FactInput>,
    /// The caller's name for this request, 8 to 128 characters; the same key never writes twice.
    idempotency_key: String,
}

/// One thing that was found. A fact with the same client, kind and name is replaced, and is unverified again.
#[derive(Clone, Debug, InputObject)]
pub struct FactInput {
    /// What people call it, 1 to 200 characters; unique within client and kind.
    name: String,
    /// How it came to be known.
    source: FactSource,
    /// What is known.
    details: FactDetailsInput,
}

/// What is known, by what it is about.
#[derive(Clone, Debug, OneofObject)]
pub enum FactDetailsInput {
    /// A piece of the infrastructure.
    Device(DeviceFactInput),
    /// A group of people who use the client's systems.
    UserBase(UserBaseFactInput),
    /// A program the client depends on.
    Application(ApplicationFactInput),
    /// Somebody else who serves the client.
    Vendor(VendorFactInput),
    /// A law, standard or wish the client is bound by.
    ComplianceNeed(ComplianceNeedFactInput),
    /// Anything else worth knowing.
    Note(NoteFactInput),
}

/// A piece of the infrastructure.
#[derive(Clone, Debug, InputObject)]
pub struct DeviceFactInput {
    /// What it is.
    device_type: DeviceType,
    /// How it calls itself.
    hostname: Option<String>,
    /// What its maker calls it.
    serial: Option<String>,
    /// What runs on it.
    os: Option<String>,
    /// Where it stands.
    site: Option<String>,
}

/// A group of people who use the client's systems.
#[derive(Clone, Debug, InputObject)]
pub struct UserBaseFactInput {
    /// How many people, up to ten million.
    user_count: i32,
    /// Where they are.
    location: Option<String>,
}

/// A program the client depends on.
#[derive(Clone, Debug, InputObject)]
pub struct ApplicationFactInput {
    /// How much the client depends on it.
    criticality: Criticality,
    /// Minutes it may be down.
    rto_minutes: Option<i32>,
    /// Minutes of work that may be lost.
    rpo_minutes: Option<i32>,
    /// Who answers for it at the client.
    owner: Option<String>,
}

/// Somebody else who serves the client.
#[derive(Clone, Debug, InputObject)]
pub struct VendorFactInput {
    /// What it delivers.
    service: String,
    /// Whom to call.
    contact: Option<String>,
    /// What it calls the client; never a password.
    account_ref: Option<String>,
}

/// A law, standard or wish the client is bound by.
#[derive(Clone, Debug, InputObject)]
pub struct ComplianceNeedFactInput {
    /// Its name: `HIPAA`, `PCI DSS 4`.
    framework: String,
    /// What of the client it covers.
    scope: Option<String>,
}

/// Anything else worth knowing.
#[derive(Clone, Debug, InputObject)]
pub struct NoteFactInput {
    /// What is known, 1 to 4000 characters.
    text: String,
}

/// What was looked at.
#[derive(Clone, Debug, InputObject)]
pub struct FactsVerifyInput {
    /// The facts, 1 to 500 rows. Each has its own result; one that is wrong spoils no other.
    facts: Vec<FactVerifyInput>,
}

/// One fact, as the caller saw it.
#[derive(Clone, Debug, InputObject)]
pub struct FactVerifyInput {
    /// The fact.
    id: ID,
    /// The revision the caller looked at.
    expected_revision: i32,
}

impl FactInput {
    fn parse(&self) -> Result<Found> {
        Ok(Found { name: parse("name", &self.name)?, source: self.source, details: self.details.parse()? })
    }
}

impl FactDetailsInput {
    fn parse(&self) -> Result<FactDetails> {
        match self {
            Self::Device(device) => device.parse().map(FactDetails::Device),
            Self::UserBase(users) => users.parse().map(FactDetails::UserBase),
            Self::Application(application) => application.parse().map(FactDetails::Application),
            Self::Vendor(vendor) => vendor.parse().map(FactDetails::Vendor),
            Self::ComplianceNeed(need) => need.parse().map(FactDetails::ComplianceNeed),
            Self::Note(note) => {
                let text = parse::<Prose>("details.note.text", &note.text)?.into_string();
                Ok(FactDetails::Note(fact::NoteFact { text }))
            }
        }
    }
}

/// A name that may be left out.
fn perhaps(field: &str, text: Option<&String>) -> Result<Option<String>> {
    text.map(|text| parse::<Name>(field, text).map(Name::into_string)).transpose()
}

/// A number that counts something.
fn count(field: &str, number: i32) -> Result<u32> {
    u32::try_from(number).map_err(|_negative| -> Error {
        Violation::new(field, "This is not a number of anything.").remedy("Give 0 or more.").into()
    })
}

impl DeviceFactInput {
    fn parse(&self) -> Result<fact::DeviceFact> {
        Ok(fact::DeviceFact {
            device_type: self.device_type,
            hostname: perhaps("details.device.hostname", self.hostname.as_ref())?,
            serial: perhaps("details.device.serial", self.serial.as_ref())?,
            os: perhaps("details.device.os", self.os.as_ref())?,
            site: perhaps("details.device.site", self.site.as_ref())?,
        })
    }
}

impl UserBaseFactInput {
    fn parse(&self) -> Result<fact::UserBaseFact> {
        Ok(fact::UserBaseFact {
            user_count: count("details.userBase.userCount", self.user_count)?,
            location: perhaps("details.userBase.location", self.location.as_ref())?,
        })
    }
}

impl ApplicationFactInput {
    fn parse(&self) -> Result<fact::ApplicationFact> {
        let minutes = |field: &str, minutes: Option<i32>| minutes.map(|minutes| count(field, minutes)).transpose();
        Ok(fact::ApplicationFact {
            criticality: self.criticality,
            rto_minutes: minutes("details.application.rtoMinutes", self.rto_minutes)?,
            rpo_minutes: minutes("details.application.rpoMinutes", self.rpo_minutes)?,
            owner: perhaps("details.application.owner", self.owner.as_ref())?,
        })
    }
}

impl VendorFactInput {
    fn parse(&self) -> Result<fact::VendorFact> {
        Ok(fact::VendorFact {
            service: parse::<Name>("details.vendor.service", &self.service)?.into_string(),
            contact: perhaps("details.vendor.contact", self.contact.as_ref())?,
            account_ref: perhaps("details.vendor.accountRef", self.account_ref.as_ref())?,
        })
    }
}

impl ComplianceNeedFactInput {
    fn parse(&self) -> Result<fact::ComplianceNeedFact> {
        let scope = self.scope.as_deref().map(|scope| parse::<Remark>("details.complianceNeed.scope", scope));
        Ok(fact::ComplianceNeedFact {
            framework: parse::<Name>("details.complianceNeed.framework", &self.framework)?.into_string(),
            scope: scope.transpose()?.map(Remark::into_string),
        })
    }
}

impl FactVerifyInput {
    fn parse(&self) -> Result<(FactId, i32)> {
        Ok((id::get(&self.id, "fact", "id")?, self.expected_revision))
    }
}

payload! {
    /// What became of each row.
    once FactsRecordPayload {
        /// One result for each row, in the order they were sent.
        results: Vec<FactResult>,
    }
}

payload! {
    /// What became of each row.
    FactsVerifyPayload {
        /// One result for each row, in the order they were sent.
        results: Vec<FactResult>,
    }
}

fn facts(rows: Vec<Result<fact::Fact>>) -> Result<Vec<FactResult>> {
    results("facts", rows, |index, fact, user_errors| FactResult { index, fact: fact.map(Fact::from), user_errors })
}

#[Object]
impl FactMutation {
    /// Writes down what discovery found at a client, up to 500 facts at a time. Valid rows are written, the
    /// others say what is wrong with them.
    /// Example: `mutation { factsRecord(input: { clientId: "cli_…", facts: [{ name: "srv-01", source: SCAN, details: {
    /// device: { deviceType: SERVER, hostname: "srv-01" } } }], idempotencyKey: "scan-nov-26" }) { results { index fact
    /// { id } userErrors { message path } } userErrors { message } } }`.
    async fn facts_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was found.")] input: FactsRecordInput,
    ) -> Nullable<FactsRecordPayload> {
        let done = async {
            let once = once("factsRecord", &input.idempotency_key, &input)?;
            let client = id::get(&input.client_id, "client", "clientId")?;
            rows::check_count("facts", input.facts.len())?;
            let found = input.facts.iter().map(FactInput::parse).collect();
            let done = app::fact::record(ctx.app(), ctx.actor()?, client, found, once).await?;
            Ok(FactsRecordPayload::done(done.is_replayed, facts(done.made)?))
        };
        settle(done.await)
    }

    /// Verifies facts that somebody else collected, up to 500 at a time, each in the revision that was looked at.
    /// Example: `mutation { factsVerify(input: { facts: [{ id: "fac_…", expectedRevision: 1 }] }) { results { index
    /// userErrors { message path } } userErrors { message } } }`.
    async fn facts_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was looked at.")] input: FactsVerifyInput,
    ) -> Nullable<FactsVerifyPayload> {
        let done = async {
            rows::check_count("facts", input.facts.len())?;
            let seen = input.facts.iter().map(FactVerifyInput::parse).collect();
            Ok(FactsVerifyPayload::done(facts(app::fact::verify(ctx.app(), ctx.actor()?, seen).await?)?))
        };
        settle(done.await)
    }
}
