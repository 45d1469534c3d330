//! Who did something.

use async_graphql::{Context, Enum, ID, Object};

use crate::{
    graphql::loaders::{NameOf, load},
    ids::ActorId,
};

/// Who did something.
#[derive(Clone, Copy, Debug)]
pub struct Actor(pub ActorId);

/// What acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ActorKind {
    /// A person.
    User,
    /// An integration, by the key it used.
    ApiKey,
    /// Gangway itself: schedules, jobs and repair.
    System,
}

/// Who did something.
#[Object]
impl Actor {
    /// The person's or key's opaque id, or `system`.
    async fn id(&self) -> ID {
        self.0.to_string().into()
    }

    /// What acted.
    async fn kind(&self) -> ActorKind {
        match self.0 {
            ActorId::User(_) => ActorKind::User,
            ActorId::ApiKey(_) => ActorKind::ApiKey,
            ActorId::System => ActorKind::System,
        }
    }

    /// What it is called; null for the system, and for a person the caller may not know of.
    async fn name(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        match self.0 {
            ActorId::User(_) | ActorId::ApiKey(_) => load(ctx, NameOf(self.0)).await,
            ActorId::System => Ok(None),
        }
    }
}

impl From<ActorId> for Actor {
    fn from(id: ActorId) -> Self {
        Self(id)
    }
}
