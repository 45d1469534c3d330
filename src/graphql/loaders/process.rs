//! Processes and versions by id; versions and reviews by what they belong to.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::process::{Process, ProcessReview, ProcessVersion},
    },
    ids::{ProcessId, ProcessVersionId},
};

/// Asks for the process with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessKey(pub ProcessId);

/// Asks for the version with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionKey(pub ProcessVersionId);

/// Asks for every version of this process, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionsOf(pub ProcessId);

/// Asks for the reviews of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReviewsOf(pub ProcessVersionId);

impl Loader<ProcessKey> for Batch {
    type Value = Process;
    type Error = Shared;

    async fn load(&self, keys: &[ProcessKey]) -> Result<HashMap<ProcessKey, Process>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::process::load_many(&self.app, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|process| (ProcessKey(process.id), process.into())).collect())
    }
}

impl Loader<VersionKey> for Batch {
    type Value = ProcessVersion;
    type Error = Shared;

    async fn load(&self, keys: &[VersionKey]) -> Result<HashMap<VersionKey, ProcessVersion>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::process::versions(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|version| (VersionKey(version.id), version.into())).collect())
    }
}

impl Loader<VersionsOf> for Batch {
    type Value = Vec<ProcessVersion>;
    type Error = Shared;

    async fn load(&self, keys: &[VersionsOf]) -> Result<HashMap<VersionsOf, Vec<ProcessVersion>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::process::versions_of(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(grouped(found, |version| VersionsOf(version.process_id), ProcessVersion::from))
    }
}

impl Loader<ReviewsOf> for Batch {
    type Value = Vec<ProcessReview>;
    type Error = Shared;

    async fn load(&self, keys: &[ReviewsOf]) -> Result<HashMap<ReviewsOf, Vec<ProcessReview>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::process::reviews(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        let nodes = |reviews: Vec<_>| reviews.into_iter().map(ProcessReview::from).collect();
        Ok(found.into_iter().map(|(version, reviews)| (ReviewsOf(version), nodes(reviews))).collect())
    }
}
