//! Recipient keys by id and by client.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::recipient_key::RecipientKey,
    },
    ids::{ClientId, RecipientKeyId},
};

/// Asks for the recipient key with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecipientKeyKey(pub RecipientKeyId);

/// Asks for all recipient keys of this client, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecipientKeysOf(pub ClientId);

impl Loader<RecipientKeyKey> for Batch {
    type Value = RecipientKey;
    type Error = Shared;

    async fn load(&self, keys: &[RecipientKeyKey]) -> Result<HashMap<RecipientKeyKey, RecipientKey>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::recipient_key::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|key| (RecipientKeyKey(key.id), key.into())).collect())
    }
}

impl Loader<RecipientKeysOf> for Batch {
    type Value = Vec<RecipientKey>;
    type Error = Shared;

    async fn load(&self, keys: &[RecipientKeysOf]) -> Result<HashMap<RecipientKeysOf, Vec<RecipientKey>>, Shared> {
        let clients: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::recipient_key::of_clients(&self.app, &self.actor, &clients).await.map_err(Arc::new)?;
        Ok(grouped(found, |key| RecipientKeysOf(key.client_id), RecipientKey::from))
    }
}
