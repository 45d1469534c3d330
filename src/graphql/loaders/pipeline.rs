//! The numbers of all the work: each is counted once, however often an answer shows it.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app::pipeline,
    domain::client::ClientStage,
    graphql::loaders::{Batch, Shared},
};

/// Asks how many clients stand in each stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StageCounts;

/// Asks for one number of the pipeline; one that is not told is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PipelineCount {
    /// Open steps past their due date.
    OverdueSteps,
    /// Open steps that something stands in the way of.
    BlockedSteps,
    /// Exceptions that are requested or approved.
    OpenExceptions,
}

impl Loader<StageCounts> for Batch {
    type Value = Vec<(ClientStage, u64)>;
    type Error = Shared;

    async fn load(&self, keys: &[StageCounts]) -> Result<HashMap<StageCounts, Self::Value>, Shared> {
        let counts = pipeline::stages(&self.app, &self.actor).await.map_err(Arc::new)?;
        Ok(keys.iter().map(|key| (*key, counts.clone())).collect())
    }
}

impl Loader<PipelineCount> for Batch {
    type Value = u64;
    type Error = Shared;

    async fn load(&self, keys: &[PipelineCount]) -> Result<HashMap<PipelineCount, u64>, Shared> {
        let (app, actor) = (&self.app, &self.actor);
        let mut counts = HashMap::new();
        for key in keys {
            let count = match key {
                PipelineCount::OverdueSteps => pipeline::overdue_steps(app, actor).await.map(Some),
                PipelineCount::BlockedSteps => pipeline::blocked_step_count(app, actor).await,
                PipelineCount::OpenExceptions => pipeline::open_exceptions(app, actor).await.map(Some),
            };
            counts.extend(count.map_err(Arc::new)?.map(|count| (*key, count)));
        }
        Ok(counts)
    }
}
