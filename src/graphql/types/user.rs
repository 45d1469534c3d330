//! People.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    domain::{
        page::{Key, Keyed},
        role::Role,
        user,
    },
    graphql::{
        connection::connection,
        loaders::{ClientKey, load},
        scalars::DateTime,
        types::client::Client,
    },
};

/// A person who signs in.
#[derive(Clone, Debug)]
pub struct User(pub user::User);

impl Keyed for User {
    fn key(&self) -> Key {
        Key { at_ms: self.0.created_at.timestamp_millis(), id: self.0.id.uuid() }
    }
}

connection! {
    /// People, newest first.
    UserConnection, UserEdge, User
}

/// A person who signs in.
#[Object]
impl User {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The name by which tokens name the person: the issuer and its own name for the person, joined by `#`.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// How the person is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where the person reads mail.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// What the person acts as, as last seen in a token.
    async fn roles(&self) -> Vec<Role> {
        self.0.roles.iter().copied().collect()
    }

    /// The one client the person sees; null for people of the provider.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Client>> {
        match self.0.client_id {
            Some(id) => load(ctx, ClientKey(id)).await,
            None => Ok(None),
        }
    }

    /// Whether the person may come in.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    /// Grows with every change; send it back as `expectedRevision`.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// When the person was first seen or entered.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

/// Which people a list holds. Fields left out allow everybody.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UserFilter {
    /// Only people who act as this.
    pub role: Option<Role>,
    /// Only people who may, or may not, come in.
    pub is_active: Option<bool>,
}

impl From<UserFilter> for user::UserFilter {
    fn from(filter: UserFilter) -> Self {
        Self { role: filter.role, is_active: filter.is_active }
    }
}
