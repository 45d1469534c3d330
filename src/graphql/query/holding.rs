//! Reading the ledger.

use async_graphql::{Context, ID, Object};

use crate::{
    app,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        id,
        payload::{Nullable, nullable},
        types::holding::{Holding, HoldingConnection, HoldingFilter},
    },
};

/// Reads the ledger.
#[derive(Clone, Copy, Debug, Default)]
pub struct HoldingQuery;

#[Object]
impl HoldingQuery {
    /// The lines of the ledger the caller may see, newest first.
    /// Example: `{ holdings(filter: { kinds: [DATA], isResidual: true }) { nodes { name state client { name } } } }`.
    async fn holdings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which holdings.")] filter: Option<HoldingFilter>,
    ) -> Nullable<HoldingConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let Some(filter) = filter.unwrap_or_default().parse() else { return Ok(Some(HoldingConnection::empty())) };
            let page = app::holding::list(ctx.app(), actor, &filter, &window).await?.map(Holding::from);
            let total = total(ctx, app::holding::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(HoldingConnection::new(page, total)))
        };
        nullable(found.await)
    }

    /// What stands between a client and a conclusion, oldest first; null when the caller cannot see the client.
    /// An error when there are more than 1,000 lines: read those through
    /// `holdings(filter: { clientId, isResidual: true })`. Example: `{ residuals(clientId: "cli_…") { kind name state } }`.
    async fn residuals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The client's id.")] client_id: ID,
    ) -> Nullable<Vec<Holding>> {
        let found = async {
            let Some(client) = id::find(&client_id) else { return Ok(None) };
            let found = app::holding::residuals(ctx.app(), ctx.actor()?, client).await?;
            Ok(found.map(|holdings| holdings.into_iter().map(Holding::from).collect()))
        };
        nullable(found.await)
    }
}
