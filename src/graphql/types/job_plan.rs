//! What a job would do.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::{
    app::{
        agent,
        data_return::{Delivery, TargetDetails},
        job::{PlanGates, Planned},
        sanitization,
    },
    auth::permission::Permission,
    domain::{
        agreement::DataFormat,
        gate,
        job::{JobKind, Plan, PlannedTarget as Target},
    },
    graphql::{
        context::Caller,
        loaders::{ClientKey, DecisionsAbout, GatesOfPlan, HoldingKey, listed, load, required},
        scalars::DateTime,
        types::{blocker::Blocker, client::Client, decision::Decision, holding::Holding, target_outcome::ScannedData},
    },
};

/// What a job would do, judged before anybody starts it. Send `planHash` back with `jobStart`.
#[derive(Clone, Debug)]
pub struct JobPlan {
    plan: Plan,
    /// As they were just judged; asked for again when the plan is read later.
    blockers: Option<Vec<gate::Blocker>>,
}

impl From<Planned> for JobPlan {
    fn from(planned: Planned) -> Self {
        Self { plan: planned.plan, blockers: Some(planned.blockers) }
    }
}

impl From<Plan> for JobPlan {
    fn from(plan: Plan) -> Self {
        Self { plan, blockers: None }
    }
}

/// Something a job would act on.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct PlannedTarget {
    /// How people call it.
    name: String,
    #[graphql(skip)]
    inner: Target,
}

/// How data is to reach the client.
#[derive(Clone, Debug, SimpleObject)]
pub struct PlannedDelivery {
    /// How it is packed.
    format: DataFormat,
    /// The configured place it goes to, by name.
    destination: String,
    /// Fingerprints of the keys it is encrypted to.
    recipient_fingerprints: Vec<String>,
}

impl PlannedTarget {
    fn data(&self) -> Option<TargetDetails> {
        serde_json::from_value(self.inner.details.clone()).ok()
    }
}

/// What the targets of every kind that is about data have.
#[derive(serde::Deserialize)]
struct Place {
    store: String,
    path: String,
}

#[async_graphql::ComplexObject]
impl PlannedTarget {
    /// Where it lies, as `STORE://PATH`; null when it is no data.
    async fn location(&self) -> Option<String> {
        let place: Place = serde_json::from_value(self.inner.details.clone()).ok()?;
        Some(format!("{}://{}", place.store, place.path))
    }

    /// What its tool calls the device; null when it is no agent.
    async fn endpoint(&self) -> Option<String> {
        let details: agent::TargetDetails = serde_json::from_value(self.inner.details.clone()).ok()?;
        Some(details.endpoint)
    }

    /// How it is to reach the client; null when it is not returned.
    async fn delivery(&self) -> Option<PlannedDelivery> {
        let Delivery { format, destination, recipients } = self.data()?.delivery?;
        Some(PlannedDelivery { format, destination, recipient_fingerprints: recipients })
    }

    /// What a scan found there, of which nothing else is destroyed; null when it is not to be destroyed.
    async fn found(&self) -> Option<ScannedData> {
        let details: sanitization::TargetDetails = serde_json::from_value(self.inner.details.clone()).ok()?;
        Some(details.found.into())
    }

    /// The line of the ledger it is.
    async fn holding(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Holding>> {
        match self.inner.holding_id {
            Some(holding) if ctx.actor()?.may(Permission::Holding) => load(ctx, HoldingKey(holding)).await,
            _ => Ok(None),
        }
    }
}

/// What a job would do, judged before anybody starts it. Send `planHash` back with `jobStart`.
#[Object]
impl JobPlan {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.plan.id.to_string().into()
    }

    /// What the job would do.
    async fn kind(&self) -> JobKind {
        self.plan.kind
    }

    /// SHA-256, in hex, of all that the plan relies on.
    async fn plan_hash(&self) -> &str {
        &self.plan.hash
    }

    /// Until when it may be started.
    async fn expires_at(&self) -> DateTime {
        self.plan.expires_at.into()
    }

    /// For whom.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
        required(ctx, ClientKey(self.plan.client_id)).await
    }

    /// What it would act on.
    async fn targets(&self) -> Vec<PlannedTarget> {
        let target = |inner: &Target| PlannedTarget { name: inner.name.clone(), inner: inner.clone() };
        self.plan.targets.iter().map(target).collect()
    }

    /// What the caller should know.
    async fn warnings(&self) -> &[String] {
        &self.plan.warnings
    }

    /// What stands in its way now, as the provider's own people see it; nothing for others.
    async fn blocked_by(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Blocker>> {
        if !ctx.actor()?.may(Permission::Holding) {
            return Ok(Vec::new());
        }
        let plan = &self.plan;
        let key = PlanGates { client_id: plan.client_id, engagement_id: plan.engagement_id, hash: plan.hash.clone() };
        let blockers = match &self.blockers {
            Some(blockers) => blockers.clone(),
            None => listed(ctx, GatesOfPlan(plan.kind, key)).await?,
        };
        Ok(blockers.into_iter().map(Blocker::from).collect())
    }

    /// What was decided, or is to be decided, about this very plan.
    async fn decisions(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Decision>> {
        listed(ctx, DecisionsAbout(self.plan.id.to_string())).await
    }
}
