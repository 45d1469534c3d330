//! Stakeholders, and what each is to each step.

use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};

use crate::{
    domain::stakeholder::{self, Raci},
    graphql::{
        loaders::{EngagementKey, required},
        types::{contact::PhoneNumber, engagement::Engagement},
    },
};

/// Somebody with an interest in an engagement: a person or a team, who need not sign in.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Stakeholder {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// Its place in the list, from 1.
    position: i32,
    /// Person or team.
    name: String,
    /// What it looks after.
    responsibilities: String,
    /// Its telephone number.
    phone: Option<PhoneNumber>,
    /// What it is to each step, by the step's key. Steps that are left out do not concern it.
    raci: Vec<StakeholderRaci>,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
    #[graphql(skip)]
    pub(in crate::graphql) inner: stakeholder::Stakeholder,
}

/// What a stakeholder is to one step.
#[derive(Clone, Debug, SimpleObject)]
pub struct StakeholderRaci {
    /// The step's key.
    step_key: String,
    /// What it is to it.
    raci: Raci,
}

/// What a stakeholder is to one step.
#[derive(Clone, Debug, InputObject)]
pub struct StakeholderRaciInput {
    /// The step's key.
    step_key: String,
    /// What it is to it.
    raci: Raci,
}

impl StakeholderRaciInput {
    /// The step's key, and the letter.
    pub(in crate::graphql) fn into_pair(self) -> (String, Raci) {
        (self.step_key, self.raci)
    }
}

impl StakeholderRaci {
    /// What a stakeholder is to the step `key`.
    pub(super) fn new(key: &str, raci: Raci) -> Self {
        Self { step_key: key.to_owned(), raci }
    }
}

impl From<stakeholder::Stakeholder> for Stakeholder {
    fn from(inner: stakeholder::Stakeholder) -> Self {
        let raci = inner.raci.iter().map(|(key, raci)| StakeholderRaci::new(key, *raci));
        Self {
            id: inner.id.to_string().into(),
            position: inner.position,
            name: inner.name.clone(),
            responsibilities: inner.responsibilities.clone(),
            phone: inner.phone.clone().map(PhoneNumber::from),
            raci: raci.collect(),
            revision: inner.revision,
            inner,
        }
    }
}

#[ComplexObject]
impl Stakeholder {
    /// The engagement it has an interest in.
    async fn engagement(&self, ctx: &Context<'_>) -> async_graphql::Result<Engagement> {
        required(ctx, EngagementKey(self.inner.engagement_id)).await
    }
}
