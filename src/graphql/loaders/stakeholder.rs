//! Stakeholders by id and by engagement.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::stakeholder::Stakeholder,
    },
    ids::{EngagementId, StakeholderId},
};

/// Asks for the stakeholder with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StakeholderKey(pub StakeholderId);

/// Asks for all stakeholders of this engagement, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StakeholdersOf(pub EngagementId);

impl Loader<StakeholderKey> for Batch {
    type Value = Stakeholder;
    type Error = Shared;

    async fn load(&self, keys: &[StakeholderKey]) -> Result<HashMap<StakeholderKey, Stakeholder>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::stakeholder::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|stakeholder| (StakeholderKey(stakeholder.id), stakeholder.into())).collect())
    }
}

impl Loader<StakeholdersOf> for Batch {
    type Value = Vec<Stakeholder>;
    type Error = Shared;

    async fn load(&self, keys: &[StakeholdersOf]) -> Result<HashMap<StakeholdersOf, Vec<Stakeholder>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::stakeholder::of_engagements(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(grouped(found, |stakeholder| StakeholdersOf(stakeholder.engagement_id), Stakeholder::from))
    }
}
