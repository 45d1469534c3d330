//! Reading clients.

use async_graphql::{Context, ID, Object};

use crate::{
    app,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        id,
        payload::{Nullable, nullable},
        types::client::{Client, ClientConnection, ClientFilter, ClientOrder},
    },
};

/// Reads clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientQuery;

#[Object]
impl ClientQuery {
    /// The client with this id, or null when the caller cannot see one. Example: `{ client(id: "cli_…") { name stage } }`.
    async fn client(&self, ctx: &Context<'_>, #[graphql(desc = "The client's id.")] id: ID) -> Nullable<Client> {
        let found = async {
            let Some(id) = id::find(&id) else { return Ok(None) };
            Ok(app::client::find(ctx.app(), ctx.actor()?, id).await?.map(Client))
        };
        nullable(found.await)
    }

    /// The clients the caller may see, newest first unless `orderBy` says otherwise.
    /// Example: `{ clients(first: 10, orderBy: NAME) { nodes { name stage } } }`.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection, by their names in the schema")]
    async fn clients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which clients.")] filter: Option<ClientFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<ClientOrder>,
    ) -> Nullable<ClientConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let filter = filter.unwrap_or_default().parse()?;
            let order = order_by.map(Into::into).unwrap_or_default();
            let page = app::client::list(ctx.app(), actor, &filter, order, &window).await?.map(Client);
            let total = total(ctx, app::client::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(ClientConnection::new(page, total)))
        };
        nullable(found.await)
    }
}
