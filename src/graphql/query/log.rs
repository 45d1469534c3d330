//! Reading and proving the log.

use async_graphql::{Context, ID, Object};

use crate::{
    app,
    error::{Error, Result},
    graphql::{
        connection::{Slice, total},
        context::Caller,
        id,
        payload::{Nullable, nullable},
        scalars::Long,
        types::{
            event::{EventConnection, EventFilter, window},
            log::{LogCheckpoint, LogConsistencyProof, LogInclusionProof, LogVerification},
        },
    },
};

/// Reads and proves the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogQuery;

fn number(field: &'static str, number: Long) -> Result<u64> {
    u64::try_from(number.0).map_err(|_negative| Error::violation(field, "Positions and sizes count from 0."))
}

#[Object]
impl LogQuery {
    /// What happened, the oldest first; go on live with `events(after:)` and the last cursor. Example:
    /// `{ timeline(last: 20, filter: { clientId: "cli_…" }) { nodes { at kind summary } } }`.
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which events.")] filter: Option<EventFilter>,
    ) -> Nullable<EventConnection> {
        let found = async {
            let actor = ctx.actor()?;
            let window = window(&Slice { first, after, last, before })?;
            let filter = filter.unwrap_or_default().parse()?;
            let page = app::log::timeline(ctx.app(), actor, &filter, &window).await?.map(Into::into);
            let total = total(ctx, app::log::count(ctx.app(), actor, &filter)).await?;
            Ok(Some(EventConnection::new(page, total)))
        };
        nullable(found.await)
    }

    /// Goes through the log and names the first position that does not hold. Reads every event asked for, so ask for
    /// a large log in parts. Example: `{ logVerify { holds finding { position defect message } } }`.
    async fn log_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first position; 0 when left out.")] from: Option<Long>,
        #[graphql(desc = "The position after the last one; the end of the log when left out.")] to: Option<Long>,
    ) -> Nullable<LogVerification> {
        let found = async {
            let from = from.map(|from| number("from", from)).transpose()?;
            let to = to.map(|to| number("to", to)).transpose()?;
            Ok(Some(app::log::verify(ctx.app(), ctx.actor()?, from, to).await?.into()))
        };
        nullable(found.await)
    }

    /// The newest signed checkpoint of the log; null while nothing was signed. Example:
    /// `{ logCheckpoint { size root note } }`.
    async fn log_checkpoint(&self, ctx: &Context<'_>) -> Nullable<LogCheckpoint> {
        let found = async { Ok(app::log::checkpoint(ctx.app(), ctx.actor()?).await?.map(Into::into)) };
        nullable(found.await)
    }

    /// The proof that an event is in the log, for the newest checkpoint that has it. Nothing of other events
    /// shows but hashes. Null when the caller cannot see such an event. Example:
    /// `{ logInclusionProof(eventId: "evt_…") { leaf leafIndex size root path } }`.
    async fn log_inclusion_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event's id.")] event_id: ID,
    ) -> Nullable<LogInclusionProof> {
        let found = async {
            let Some(id) = id::find(&event_id) else { return Ok(None) };
            let proven = app::log::inclusion(ctx.app(), ctx.actor()?, id).await?;
            LogInclusionProof::new(proven).map(Some)
        };
        nullable(found.await)
    }

    /// The proof that the log only grew between two sizes, which checkpoints state. Example:
    /// `{ logConsistencyProof(from: "120", to: "4711") { fromRoot toRoot path } }`.
    async fn log_consistency_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The smaller size.")] from: Long,
        #[graphql(desc = "The larger size.")] to: Long,
    ) -> Nullable<LogConsistencyProof> {
        let found = async {
            let (from, to) = (number("from", from)?, number("to", to)?);
            Ok(Some(app::log::consistency(ctx.app(), ctx.actor()?, from, to).await?.into()))
        };
        nullable(found.await)
    }
}
