//! Recipient keys by client.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::recipient_key::RecipientKey,
    },
    ids::ClientId,
};

/// Asks for all recipient keys of this client, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecipientKeysOf(pub ClientId);

impl Loader<RecipientKeysOf> for Batch {
    type Value = Vec<RecipientKey>;
    type Error = Shared;

    async fn load(&self, keys: &[RecipientKeysOf]) -> Result<HashMap<RecipientKeysOf, Vec<RecipientKey>>, Shared> {
        let clients: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::recipient_key::of_clients(&self.app, &self.actor, &clients).await.map_err(Arc::new)?;
        Ok(grouped(found, |key| RecipientKeysOf(key.client_id), RecipientKey::from))
    }
}
