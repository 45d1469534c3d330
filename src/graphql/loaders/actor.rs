//! The names of those who did something.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::loaders::{Batch, Shared},
    ids::ActorId,
};

/// Asks what this actor is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameOf(pub ActorId);

impl Loader<NameOf> for Batch {
    type Value = String;
    type Error = Shared;

    async fn load(&self, keys: &[NameOf]) -> Result<HashMap<NameOf, String>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::actor::names(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|(id, name)| (NameOf(id), name)).collect())
    }
}
