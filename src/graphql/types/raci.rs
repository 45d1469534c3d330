//! Who is what to which step, as one table.

use async_graphql::{ComplexObject, Context, SimpleObject};

use crate::{
    domain::stakeholder::{self, Raci, RaciByStep},
    graphql::{
        loaders::{StakeholdersOf, StepsOf, listed},
        types::{engagement::Engagement, stakeholder::Stakeholder, step::Step},
    },
};

/// Who is what to which step of an engagement: a row for each stakeholder, a column for each step.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct RaciMatrix {
    /// The engagement.
    engagement: Engagement,
}

/// What one stakeholder is to each step.
#[derive(Clone, Debug, SimpleObject)]
pub struct RaciRow {
    /// Who.
    stakeholder: Stakeholder,
    /// What it is to each of the matrix's steps, in their order; null where a step does not concern it.
    cells: Vec<Option<Raci>>,
}

impl RaciMatrix {
    /// The matrix of `engagement`.
    pub fn of(engagement: Engagement) -> Self {
        Self { engagement }
    }
}

#[ComplexObject]
impl RaciMatrix {
    /// The columns: the engagement's steps in the order of the process.
    async fn steps(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Step>> {
        listed(ctx, StepsOf(self.engagement.inner.id)).await
    }

    /// The rows: the stakeholders in their order.
    async fn rows(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<RaciRow>> {
        let steps = listed(ctx, StepsOf(self.engagement.inner.id)).await?;
        let stakeholders = listed(ctx, StakeholdersOf(self.engagement.inner.id)).await?;
        let row = |stakeholder: Stakeholder| {
            let raci = &stakeholder.inner.raci;
            RaciRow { cells: steps.iter().map(|step| raci.get(&step.inner.key).copied()).collect(), stakeholder }
        };
        Ok(stakeholders.into_iter().map(row).collect())
    }

    /// The steps that not exactly one stakeholder answers for.
    async fn without_one_accountable(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Step>> {
        let mut steps = listed(ctx, StepsOf(self.engagement.inner.id)).await?;
        let stakeholders = listed(ctx, StakeholdersOf(self.engagement.inner.id)).await?;
        let raci: Vec<RaciByStep> = stakeholders.into_iter().map(|stakeholder| stakeholder.inner.raci).collect();
        let keys: Vec<&str> = steps.iter().map(|step| step.inner.key.as_str()).collect();
        let doubtful: Vec<String> =
            stakeholder::without_one_accountable(&keys, &raci).into_iter().map(str::to_owned).collect();
        steps.retain(|step| doubtful.contains(&step.inner.key));
        Ok(steps)
    }
}
