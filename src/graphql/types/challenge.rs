//! Challenges: what was feared, what came, and what it taught.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};

use crate::{
    domain::stakeholder,
    graphql::{
        loaders::{EngagementKey, required},
        scalars::DateTime,
        types::{actor::Actor, engagement::Engagement},
    },
};

/// A difficulty expected or met in an engagement, and what it taught.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Challenge {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// The difficulty that was expected.
    expected: Option<String>,
    /// The difficulty that came.
    actual: Option<String>,
    /// What to do differently.
    learning: Option<String>,
    /// Who recorded it first.
    recorded_by: Actor,
    /// When it was recorded first.
    recorded_at: DateTime,
    #[graphql(skip)]
    pub(in crate::graphql) inner: stakeholder::Challenge,
}

impl From<stakeholder::Challenge> for Challenge {
    fn from(inner: stakeholder::Challenge) -> Self {
        Self {
            id: inner.id.to_string().into(),
            expected: inner.lesson.expected.clone(),
            actual: inner.lesson.actual.clone(),
            learning: inner.lesson.learning.clone(),
            recorded_by: inner.recorded_by.into(),
            recorded_at: inner.recorded_at.into(),
            inner,
        }
    }
}

#[ComplexObject]
impl Challenge {
    /// The engagement it was met in.
    async fn engagement(&self, ctx: &Context<'_>) -> async_graphql::Result<Engagement> {
        required(ctx, EngagementKey(self.inner.engagement_id)).await
    }
}
