//! Reading exceptions.

use async_graphql::{Context, Object};

use crate::{
    app,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        payload::{Nullable, nullable},
        types::exception::{Exception, ExceptionConnection, ExceptionFilter},
    },
};

/// Reads exceptions.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExceptionQuery;

#[Object]
impl ExceptionQuery {
    /// The exceptions the caller may see, newest first: the register of deviations.
    /// Example: `{ exceptions(filter: { states: [APPROVED] }) { nodes { situation expiresAt client { name } } } }`.
    async fn exceptions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which exceptions.")] filter: Option<ExceptionFilter>,
    ) -> Nullable<ExceptionConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let Some(filter) = filter.unwrap_or_default().parse() else {
                return Ok(Some(ExceptionConnection::empty()));
            };
            let page = app::exception::list(ctx.app(), actor, &filter, &window).await?.map(Exception::from);
            let total = total(ctx, app::exception::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(ExceptionConnection::new(page, total)))
        };
        nullable(found.await)
    }
}
