//! Events by id.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::event::Event,
    },
    ids::EventId,
};

/// Asks for the event with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventKey(pub EventId);

impl Loader<EventKey> for Batch {
    type Value = Event;
    type Error = Shared;

    async fn load(&self, keys: &[EventKey]) -> Result<HashMap<EventKey, Event>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::log::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|event| (EventKey(event.id), event.into())).collect())
    }
}
