//! Reading who asks and how much more it may, who there is, and which keys there are.

use async_graphql::{Context, Object};

use crate::{
    app,
    auth::Permission,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        extensions::{Meter, Progress},
        payload::{Nullable, nullable},
        types::{
            api_key::{ApiKey, ApiKeyConnection},
            rate_limit::RateLimit,
            user::{User, UserConnection, UserFilter},
            viewer::Viewer,
        },
    },
};

/// Reads who asks, people and keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessQuery;

#[Object]
impl AccessQuery {
    /// Whoever asks. Example: `{ viewer { name roles permissions } }`.
    async fn viewer(&self, ctx: &Context<'_>) -> Nullable<Viewer> {
        let found = async {
            let actor = ctx.actor()?;
            actor.require(Permission::Viewer)?;
            Ok(Some(Viewer(actor.clone())))
        };
        nullable(found.await)
    }

    /// How much the caller may still ask; null while nothing is limited. To ask this costs nothing. A request with
    /// `"extensions": { "cost": true }` gets the same with its answer, as `extensions.cost`.
    /// Example: `{ rateLimit { limit remaining resetAt cost } }`.
    async fn rate_limit(&self, ctx: &Context<'_>) -> Nullable<RateLimit> {
        let found = async {
            ctx.actor()?.require(Permission::RateLimit)?;
            let drawn = ctx.data_opt::<Meter>().and_then(Meter::drawn);
            let cost = ctx.data_opt::<Progress>().map_or(0, Progress::cost);
            Ok(drawn.map(|draw| RateLimit::new(draw, cost, ctx.app().now())))
        };
        nullable(found.await)
    }

    /// The people the caller may see, newest first. Example: `{ users(filter: { role: TECHNICIAN }) { nodes { name } } }`.
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which people.")] filter: Option<UserFilter>,
    ) -> Nullable<UserConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let filter = filter.unwrap_or_default().into();
            let page = app::user::list(ctx.app(), actor, &filter, &window).await?.map(User);
            let total = total(ctx, app::user::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(UserConnection::new(page, total)))
        };
        nullable(found.await)
    }

    /// The api keys, newest first. Example: `{ apiKeys { nodes { name hint lastUsedAt revokedAt } } }`.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
    ) -> Nullable<ApiKeyConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let page = app::api_key::list(ctx.app(), actor, &window).await?.map(ApiKey);
            let total = total(ctx, app::api_key::count(ctx.app(), actor)).await?;
            Ok(Some(ApiKeyConnection::new(page, total)))
        };
        nullable(found.await)
    }
}
