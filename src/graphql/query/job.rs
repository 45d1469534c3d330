//! Reading jobs and the queue.

use async_graphql::{Context, ID, Object};

use crate::{
    app,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        id,
        payload::{Nullable, nullable},
        types::{
            job::{Job, JobConnection, JobFilter, JobOrder},
            queue::QueueHealth,
        },
    },
};

/// Reads jobs and the queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobQuery;

#[Object]
impl JobQuery {
    /// The job with this id, or null when the caller cannot see one.
    /// Example: `{ job(id: "job_…") { state progress { fraction eta } error { message remedy } } }`.
    async fn job(&self, ctx: &Context<'_>, #[graphql(desc = "The job's id.")] id: ID) -> Nullable<Job> {
        let found = async {
            let Some(id) = id::find(&id) else { return Ok(None) };
            Ok(app::job::find(ctx.app(), ctx.actor()?, id).await?.map(Job))
        };
        nullable(found.await)
    }

    /// The jobs the caller may see, newest first unless `orderBy` says otherwise.
    /// Example: `{ jobs(filter: { states: [FAILED, PARTIAL] }) { nodes { kind client { name } error { message } } } }`.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection, by their names in the schema")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which jobs.")] filter: Option<JobFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<JobOrder>,
    ) -> Nullable<JobConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let Some(filter) = filter.unwrap_or_default().parse() else { return Ok(Some(JobConnection::empty())) };
            let order = order_by.map(Into::into).unwrap_or_default();
            let page = app::job::list(ctx.app(), actor, &filter, order, &window).await?.map(Job);
            let total = total(ctx, app::job::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(JobConnection::new(page, total)))
        };
        nullable(found.await)
    }

    /// How the queue does as a whole.
    /// Example: `{ queueHealth { dueCount oldestWaitingAt workersAlive counts { kind state count } } }`.
    async fn queue_health(&self, ctx: &Context<'_>) -> Nullable<QueueHealth> {
        let found = async { Ok(Some(app::job::health(ctx.app(), ctx.actor()?).await?.into())) };
        nullable(found.await)
    }
}
