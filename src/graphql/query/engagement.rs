//! Reading engagements and steps.

use async_graphql::{Context, ID, Object};

use crate::{
    app,
    auth::permission::Permission,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        id,
        payload::{Nullable, nullable},
        types::{
            engagement::{Engagement, EngagementConnection, EngagementFilter},
            pipeline::Pipeline,
            raci::RaciMatrix,
            step::{StepConnection, StepFilter},
        },
    },
};

/// Reads engagements and steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngagementQuery;

#[Object]
impl EngagementQuery {
    /// The engagement with this id, or null when the caller cannot see one.
    /// Example: `{ engagement(id: "eng_…") { state steps { title state blockedBy { message remedy } } } }`.
    async fn engagement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The engagement's id.")] id: ID,
    ) -> Nullable<Engagement> {
        let found = async {
            let Some(id) = id::find(&id) else { return Ok(None) };
            Ok(app::engagement::find(ctx.app(), ctx.actor()?, id).await?.map(Engagement::from))
        };
        nullable(found.await)
    }

    /// The engagements the caller may see, newest first.
    /// Example: `{ engagements(filter: { states: [RUNNING] }) { nodes { client { name } targetOn } } }`.
    async fn engagements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which engagements.")] filter: Option<EngagementFilter>,
    ) -> Nullable<EngagementConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let Some(filter) = filter.unwrap_or_default().parse() else {
                return Ok(Some(EngagementConnection::empty()));
            };
            let page = app::engagement::list(ctx.app(), actor, &filter, &window).await?.map(Engagement::from);
            let total = total(ctx, app::engagement::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(EngagementConnection::new(page, total)))
        };
        nullable(found.await)
    }

    /// The work queue: the steps of engagements under way, those due first at the front, those without a due date behind them.
    /// Example: `{ steps(filter: { isMine: true, isBlocked: false }) { nodes { title dueAt engagement { client { name } } } } }`.
    async fn steps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which steps.")] filter: Option<StepFilter>,
    ) -> Nullable<StepConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let filter = filter.unwrap_or_default().parse(actor.id.user(), ctx.app().now());
            let Some(filter) = filter else { return Ok(Some(StepConnection::empty())) };
            let page = app::step::list(ctx.app(), actor, &filter, &window).await?.map(Into::into);
            let total = total(ctx, app::step::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(StepConnection::new(page, total)))
        };
        nullable(found.await)
    }

    /// How all the work stands that the caller may see, in numbers.
    /// Example: `{ pipeline { clients { stage count } overdueSteps blockedSteps openExceptions } }`.
    async fn pipeline(&self, ctx: &Context<'_>) -> Nullable<Pipeline> {
        nullable(ctx.actor().and_then(|actor| actor.require(Permission::Pipeline)).map(|()| Some(Pipeline)))
    }

    /// Who is what to which step of an engagement, or null when the caller cannot see one.
    /// Example: `{ raciMatrix(engagementId: "eng_…") { steps { title } rows { stakeholder { name } cells } } }`.
    async fn raci_matrix(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The engagement's id.")] engagement_id: ID,
    ) -> Nullable<RaciMatrix> {
        let found = async {
            let actor = ctx.actor()?;
            actor.require(Permission::RaciMatrix)?;
            let Some(id) = id::find(&engagement_id) else { return Ok(None) };
            let engagement = app::engagement::find(ctx.app(), actor, id).await?;
            Ok(engagement.map(|engagement| RaciMatrix::of(engagement.into())))
        };
        nullable(found.await)
    }
}
