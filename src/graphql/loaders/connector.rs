//! Connectors by id.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::connector::Connector,
    },
    ids::ConnectorId,
};

/// Asks for the connector with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectorKey(pub ConnectorId);

impl Loader<ConnectorKey> for Batch {
    type Value = Connector;
    type Error = Shared;

    async fn load(&self, keys: &[ConnectorKey]) -> Result<HashMap<ConnectorKey, Connector>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::connector::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|found| (ConnectorKey(found.id), Connector(found))).collect())
    }
}
