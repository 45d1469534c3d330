//! Reading anything by its id alone.

use async_graphql::{Context, ID, Object};
use futures_util::future::join_all;

use crate::{
    auth::Permission,
    error::{Error, Violation},
    graphql::{
        context::Caller,
        payload::Nullable,
        types::node::{Node, find},
    },
};

/// The most ids of one request.
///
/// # Source
/// Rules of the API, rule 13.
const NODES_MAX: usize = 100;

/// Reads anything by its id.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// What this id names, or null when the caller sees no such thing.
    /// Example: `{ node(id: "cli_01h455vb4pex5vsknk084sn02q") { id ... on Client { name } } }`.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Any noun's id.")] id: ID) -> Nullable<Node> {
        match ctx.actor().and_then(|actor| actor.require(Permission::Node)) {
            Ok(()) => find(ctx, &id).await.transpose(),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// What these ids name, in their order; null in place of each that names nothing the caller sees.
    /// Example: `{ nodes(ids: ["cli_01h455vb4pex5vsknk084sn02q", "eng_01h455vb4pex5vsknk084sn02q"]) { id } }`.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Up to 100 ids of any nouns.")] ids: Vec<ID>,
    ) -> async_graphql::Result<Vec<Nullable<Node>>> {
        ctx.actor()?.require(Permission::Nodes)?;
        if ids.len() > NODES_MAX {
            let message = format!("These are {} ids; a request has up to {NODES_MAX}.", ids.len());
            let wrong = Violation::new("ids", message).remedy("Ask in several requests.");
            return Err(Error::from(wrong).into());
        }
        Ok(join_all(ids.iter().map(|id| find(ctx, id))).await.into_iter().map(Result::transpose).collect())
    }
}
