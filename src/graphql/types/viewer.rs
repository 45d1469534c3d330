//! Whoever asks.

use async_graphql::{Context, ID, Object};

use crate::{
    auth,
    domain::role::Role,
    graphql::{
        loaders::{UserKey, load},
        scalars::DateTime,
        types::{actor::Actor, user::User},
    },
};

/// Whoever asks, and what it may do.
#[derive(Clone, Debug)]
pub struct Viewer(pub auth::Actor);

/// Whoever asks, and what it may do.
#[Object]
impl Viewer {
    /// Who it is, as everything it does will say.
    async fn actor(&self) -> Actor {
        self.0.id.into()
    }

    /// How it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The person, when it is one whose role may read people.
    async fn user(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<User>> {
        match self.0.id.user() {
            Some(id) if self.0.may(auth::Permission::User) => load(ctx, UserKey(id)).await,
            _ => Ok(None),
        }
    }

    /// What it acts as.
    async fn roles(&self) -> Vec<Role> {
        self.0.roles.iter().copied().collect()
    }

    /// The ids of the only clients it sees; null means every client.
    async fn client_ids(&self) -> Option<Vec<ID>> {
        let clients = self.0.scope.restriction()?;
        Some(clients.iter().map(|id| id.to_string().into()).collect())
    }

    /// The root fields, and the nouns reached through others, that its roles open. What a field allows in a given case
    /// also depends on that case: see `viewerCan` there.
    async fn permissions(&self) -> Vec<&'static str> {
        self.0.permissions().map(auth::Permission::field).collect()
    }

    /// When its token or key ends; null for a key that ends only by hand.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }
}
