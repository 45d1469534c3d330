//! Reading decisions.

use async_graphql::{Context, Object};

use crate::{
    app,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        payload::{Nullable, nullable},
        types::decision::{Decision, DecisionConnection, DecisionFilter},
    },
};

/// Reads decisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionQuery;

#[Object]
impl DecisionQuery {
    /// The decisions the caller may see, newest first; a client's contact sees what its client is asked.
    /// Example: `{ decisions(filter: { awaitsViewer: true }) { nodes { question kind expiresAt } } }`.
    async fn decisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which decisions.")] filter: Option<DecisionFilter>,
    ) -> Nullable<DecisionConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let Some(filter) = filter.unwrap_or_default().parse(actor) else {
                return Ok(Some(DecisionConnection::empty()));
            };
            let page = app::decision::list(ctx.app(), actor, filter.clone(), &window).await?.map(Decision::from);
            let total = total(ctx, app::decision::count(ctx.app(), actor, filter)).await?;
            Ok(Some(DecisionConnection::new(page, total)))
        };
        nullable(found.await)
    }
}
