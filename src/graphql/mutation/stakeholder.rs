//! Naming and changing stakeholders.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{self, stakeholder::Upsert},
    domain::stakeholder::RaciByStep,
    error::{Error, Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        types::stakeholder::{Stakeholder, StakeholderRaciInput},
    },
    ids::StakeholderId,
};

/// Names and changes stakeholders.
#[derive(Clone, Copy, Debug, Default)]
pub struct StakeholderMutation;

/// A stakeholder as it shall be, whole: what is left out is removed.
#[derive(Clone, Debug, InputObject)]
pub struct StakeholderUpsertInput {
    /// The engagement it has an interest in.
    engagement_id: ID,
    /// The stakeholder to change; left out, a new one is named.
    id: Option<ID>,
    /// The revision the caller read; needed with `id`.
    expected_revision: Option<i32>,
    /// Person or team, 1 to 200 characters.
    name: String,
    /// What it looks after, 1 to 4,000 characters.
    responsibilities: String,
    /// Its telephone number, best with its country: `+1 212 555 0100`. Any other is kept as it is given.
    phone: Option<String>,
    /// What it is to which step; each step at most once. One stakeholder is ACCOUNTABLE for a step.
    raci: Option<Vec<StakeholderRaciInput>>,
    /// The caller's name for this request, 8 to 128 characters; the same key never names two stakeholders.
    idempotency_key: String,
}

impl StakeholderUpsertInput {
    fn existing(&self) -> Result<Option<(StakeholderId, i32)>> {
        let missing = |message: &str, remedy: &str| -> Error {
            Violation::new("expectedRevision", message).remedy(remedy).into()
        };
        match (&self.id, self.expected_revision) {
            (Some(id), Some(revision)) => Ok(Some((id::get(id, "stakeholder", "id")?, revision))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(missing(
                "A change needs the revision that was read.",
                "Send the stakeholder's `revision` as `expectedRevision`.",
            )),
            (None, Some(_)) => Err(missing(
                "A new stakeholder has no revision yet.",
                "Send the stakeholder's `id` as well, or leave `expectedRevision` out.",
            )),
        }
    }

    fn raci(&self) -> Result<RaciByStep> {
        let mut by_step = RaciByStep::new();
        for (index, line) in self.raci.iter().flatten().enumerate() {
            let (key, raci) = line.clone().into_pair();
            if by_step.insert(key, raci).is_some() {
                let violation = Violation::new(format!("raci.{index}.stepKey"), "This step stands here twice.");
                return Err(violation.remedy("Say once what the stakeholder is to it.").into());
            }
        }
        Ok(by_step)
    }

    fn parse(&self) -> Result<Upsert> {
        Ok(Upsert {
            engagement_id: id::get(&self.engagement_id, "engagement", "engagementId")?,
            existing: self.existing()?,
            name: parse("name", &self.name)?,
            responsibilities: parse("responsibilities", &self.responsibilities)?,
            phone: self.phone.as_deref().map(|phone| parse("phone", phone)).transpose()?,
            raci: self.raci()?,
        })
    }
}

payload! {
    /// The named or changed stakeholder.
    once StakeholderUpsertPayload {
        /// The stakeholder.
        stakeholder: Stakeholder,
    }
}

#[Object]
impl StakeholderMutation {
    /// Names a stakeholder of an engagement, or changes one.
    /// Example: `mutation { stakeholderUpsert(input: { engagementId: "eng_…", name: "Technicians", responsibilities:
    /// "Remove agents.", idempotencyKey: "tech-0001" }) { stakeholder { id } userErrors { message } } }`.
    async fn stakeholder_upsert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The stakeholder as it shall be.")] input: StakeholderUpsertInput,
    ) -> Nullable<StakeholderUpsertPayload> {
        let done = async {
            let once = once("stakeholderUpsert", &input.idempotency_key, &input)?;
            let done = app::stakeholder::upsert(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(StakeholderUpsertPayload::done(done.is_replayed, done.made.into()))
        };
        settle(done.await)
    }
}
