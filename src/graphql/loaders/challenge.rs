//! Challenges by id and by engagement.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::challenge::Challenge,
    },
    ids::{ChallengeId, EngagementId},
};

/// Asks for the challenge with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChallengeKey(pub ChallengeId);

/// Asks for all challenges of this engagement, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChallengesOf(pub EngagementId);

impl Loader<ChallengeKey> for Batch {
    type Value = Challenge;
    type Error = Shared;

    async fn load(&self, keys: &[ChallengeKey]) -> Result<HashMap<ChallengeKey, Challenge>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::challenge::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|challenge| (ChallengeKey(challenge.id), challenge.into())).collect())
    }
}

impl Loader<ChallengesOf> for Batch {
    type Value = Vec<Challenge>;
    type Error = Shared;

    async fn load(&self, keys: &[ChallengesOf]) -> Result<HashMap<ChallengesOf, Vec<Challenge>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::challenge::of_engagements(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(grouped(found, |challenge| ChallengesOf(challenge.engagement_id), Challenge::from))
    }
}
