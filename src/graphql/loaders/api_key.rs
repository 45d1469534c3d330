//! Api keys by id.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::api_key::ApiKey,
    },
    ids::ApiKeyId,
};

/// Asks for the api key with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApiKeyKey(pub ApiKeyId);

impl Loader<ApiKeyKey> for Batch {
    type Value = ApiKey;
    type Error = Shared;

    async fn load(&self, keys: &[ApiKeyKey]) -> Result<HashMap<ApiKeyKey, ApiKey>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::api_key::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|key| (ApiKeyKey(key.id), ApiKey(key))).collect())
    }
}
