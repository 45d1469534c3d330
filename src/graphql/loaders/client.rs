//! Clients by id.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::client::Client,
    },
    ids::ClientId,
};

/// Asks for the client with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey(pub ClientId);

impl Loader<ClientKey> for Batch {
    type Value = Client;
    type Error = Shared;

    async fn load(&self, keys: &[ClientKey]) -> Result<HashMap<ClientKey, Client>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::client::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|client| (ClientKey(client.id), Client(client))).collect())
    }
}
