//! Api keys, without their secret.

use async_graphql::{ID, Object};

use crate::{
    domain::{
        api_key,
        page::{Key, Keyed},
        role::Role,
    },
    graphql::{connection::connection, scalars::DateTime, types::actor::Actor},
};

/// A key that an integration signs in with.
#[derive(Clone, Debug)]
pub struct ApiKey(pub api_key::ApiKey);

impl Keyed for ApiKey {
    fn key(&self) -> Key {
        Key { at_ms: self.0.created_at.timestamp_millis(), id: self.0.id.uuid() }
    }
}

connection! {
    /// Api keys, newest first.
    ApiKeyConnection, ApiKeyEdge, ApiKey
}

/// A key that an integration signs in with.
#[Object]
impl ApiKey {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The key's last four characters, to recognise it by.
    async fn hint(&self) -> &str {
        &self.0.hint
    }

    /// What it acts as.
    async fn roles(&self) -> Vec<Role> {
        self.0.roles.iter().copied().collect()
    }

    /// The ids of the clients it is for; null means every client.
    async fn client_ids(&self) -> Option<Vec<ID>> {
        let ids = self.0.client_ids.as_ref()?;
        Some(ids.iter().map(|id| id.to_string().into()).collect())
    }

    /// Who made it.
    async fn created_by(&self) -> Actor {
        self.0.created_by.into()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it ends by itself.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }

    /// When somebody ended it.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(Into::into)
    }

    /// When it was last used, to the minute.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(Into::into)
    }
}
