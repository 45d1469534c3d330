//! Exceptions by id and by engagement.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::exception::Exception,
    },
    ids::{EngagementId, ExceptionId},
};

/// Asks for the exception with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExceptionKey(pub ExceptionId);

/// Asks for all exceptions of this engagement, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExceptionsOf(pub EngagementId);

impl Loader<ExceptionKey> for Batch {
    type Value = Exception;
    type Error = Shared;

    async fn load(&self, keys: &[ExceptionKey]) -> Result<HashMap<ExceptionKey, Exception>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::exception::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|exception| (ExceptionKey(exception.id), exception.into())).collect())
    }
}

impl Loader<ExceptionsOf> for Batch {
    type Value = Vec<Exception>;
    type Error = Shared;

    async fn load(&self, keys: &[ExceptionsOf]) -> Result<HashMap<ExceptionsOf, Vec<Exception>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::exception::of_engagements(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(grouped(found, |exception| ExceptionsOf(exception.engagement_id), Exception::from))
    }
}
