//! What a job acts on.

use async_graphql::{Context, ID, Object};

use crate::{
    auth::permission::Permission,
    domain::{
        job::{Target, TargetState},
        page::{Key, Keyed},
    },
    graphql::{
        connection::connection,
        context::Caller,
        loaders::{HoldingKey, load},
        scalars::DateTime,
        types::{
            holding::Holding,
            job::{JobError, int},
            target_outcome::JobTargetOutcome,
        },
    },
};

/// One thing a job acts on: a device, an account, a rule, a store of data.
#[derive(Clone, Debug)]
pub struct JobTarget(pub Target);

impl Keyed for JobTarget {
    /// Targets stand in the order of their places, not of time.
    fn key(&self) -> Key {
        Key { at_ms: i64::from(self.0.position), id: self.0.id.uuid() }
    }
}

connection! {
    /// What a job acts on, in order.
    JobTargetConnection, JobTargetEdge, JobTarget
}

/// One thing a job acts on: a device, an account, a rule, a store of data.
#[Object]
impl JobTarget {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// How people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it stands. SUCCEEDED means that the outcome was verified.
    async fn state(&self) -> TargetState {
        self.0.state
    }

    /// How often work on it began.
    async fn attempt(&self) -> i32 {
        int(self.0.attempt)
    }

    /// The line of the ledger it is, if the caller may see the ledger.
    async fn holding(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Holding>> {
        match self.0.holding_id {
            Some(holding) if ctx.actor()?.may(Permission::Holding) => load(ctx, HoldingKey(holding)).await,
            _ => Ok(None),
        }
    }

    /// What came of it; null before its end, and for kinds of jobs that say so in their `result`.
    async fn outcome(&self) -> Option<JobTargetOutcome> {
        JobTargetOutcome::of(&self.0)
    }

    /// Why it failed or waits.
    async fn error(&self) -> Option<JobError> {
        self.0.error.clone().map(Into::into)
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}
