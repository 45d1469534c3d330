//! Reading which outside systems there are.

use async_graphql::{Context, Object};

use crate::{
    app,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        payload::{Nullable, nullable},
        types::connector::{Connector, ConnectorConnection},
    },
};

/// Reads which outside systems there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectorQuery;

#[Object]
impl ConnectorQuery {
    /// The outside systems that the provider runs, newest first.
    /// Example: `{ connectors { nodes { name kind probe { tool capabilities fault } } } }`.
    async fn connectors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
    ) -> Nullable<ConnectorConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let page = app::connector::list(ctx.app(), actor, &window).await?.map(Connector);
            let total = total(ctx, app::connector::count(ctx.app(), actor)).await?;
            Ok(Some(ConnectorConnection::new(page, total)))
        };
        nullable(found.await)
    }
}
