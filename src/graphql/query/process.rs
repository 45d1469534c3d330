//! Reading processes.

use async_graphql::{Context, Object};

use crate::{
    app,
    graphql::{
        connection::{Slice, total},
        context::Caller,
        payload::{Nullable, nullable},
        types::process::{Process, ProcessConnection, ProcessFilter},
    },
};

/// Reads processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessQuery;

#[Object]
impl ProcessQuery {
    /// The process with this number, or null. Example: `{ process(documentNumber: "T-ONB-010") { approvedVersion { number } } }`.
    async fn process(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is cited by, such as `T-ONB-010`.")] document_number: String,
    ) -> Nullable<Process> {
        let found = async {
            let Ok(number) = document_number.parse() else { return Ok(None) };
            Ok(app::process::find(ctx.app(), ctx.actor()?, &number).await?.map(Process::from))
        };
        nullable(found.await)
    }

    /// The processes, oldest first. Example: `{ processes { nodes { documentNumber title } } }`.
    async fn processes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which processes.")] filter: Option<ProcessFilter>,
    ) -> Nullable<ProcessConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = Slice { first, after, last, before }.window()?;
            let filter = filter.unwrap_or_default().into();
            let page = app::process::list(ctx.app(), actor, &filter, &window).await?.map(Process::from);
            let total = total(ctx, app::process::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(ProcessConnection::new(page, total)))
        };
        nullable(found.await)
    }
}
