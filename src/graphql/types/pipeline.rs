//! How all the work of the provider stands.

use async_graphql::{Context, Object, SimpleObject};

use crate::{
    domain::client::ClientStage,
    graphql::{
        loaders::{PipelineCount, StageCounts, counted, listed, load},
        scalars::Long,
    },
};

/// How all the work stands that the caller may see. Each number is counted only when it is selected, and once.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline;

/// How many clients stand in one stage.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct StageCount {
    /// The stage.
    stage: ClientStage,
    /// How many.
    count: Long,
}

/// How all the work stands that the caller may see. Each number is counted only when it is selected.
#[Object]
impl Pipeline {
    /// How many clients stand in each stage, every stage once, in the order of a client's life.
    async fn clients(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<StageCount>> {
        let stages = listed(ctx, StageCounts).await?;
        Ok(stages.into_iter().map(|(stage, count)| StageCount { stage, count: count.into() }).collect())
    }

    /// How many open steps of engagements under way are past their due date.
    async fn overdue_steps(&self, ctx: &Context<'_>) -> async_graphql::Result<Long> {
        Ok(counted(ctx, PipelineCount::OverdueSteps).await?.into())
    }

    /// How many open steps of engagements under way something stands in the way of; null when more than 2,000
    /// engagements are under way.
    async fn blocked_steps(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Long>> {
        Ok(load(ctx, PipelineCount::BlockedSteps).await?.map(Long::from))
    }

    /// How many exceptions are requested or approved, their time not over.
    async fn open_exceptions(&self, ctx: &Context<'_>) -> async_graphql::Result<Long> {
        Ok(counted(ctx, PipelineCount::OpenExceptions).await?.into())
    }
}
