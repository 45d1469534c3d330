//! Beginning, pausing, resuming, cancelling and concluding engagements.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{
        self,
        engagement::{Change, Start},
    },
    domain::engagement::EngagementKind,
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::Date,
        types::engagement::Engagement,
    },
};

/// Begins, pauses, resumes, cancels and concludes engagements.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngagementMutation;

/// What an engagement begins with.
#[derive(Clone, Debug, InputObject)]
pub struct EngagementStartInput {
    /// The client.
    client_id: ID,
    /// Onboarding or offboarding.
    kind: EngagementKind,
    /// The process, such as `T-ONB-010`; its approved version is pinned.
    document_number: String,
    /// The day it is meant to be concluded; the agreed or final day of service when left out.
    target_on: Option<Date>,
    /// The caller's name for this request, 8 to 128 characters.
    idempotency_key: String,
}

impl EngagementStartInput {
    fn parse(&self) -> Result<Start> {
        Ok(Start {
            client_id: id::get(&self.client_id, "client", "clientId")?,
            kind: self.kind,
            document_number: parse("documentNumber", &self.document_number)?,
            target_on: self.target_on.map(|date| date.0),
        })
    }
}

/// Which engagement pauses.
#[derive(Clone, Debug, InputObject)]
pub struct EngagementPauseInput {
    /// The engagement.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// Why, 1 to 4,000 characters.
    reason: String,
}

/// Which engagement goes on.
#[derive(Clone, Debug, InputObject)]
pub struct EngagementResumeInput {
    /// The engagement.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

/// Which engagement is given up.
#[derive(Clone, Debug, InputObject)]
pub struct EngagementCancelInput {
    /// The engagement.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// Why, 1 to 4,000 characters.
    reason: String,
}

/// Which engagement ends.
#[derive(Clone, Debug, InputObject)]
pub struct EngagementConcludeInput {
    /// The engagement.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

fn change(id: &ID, expected_revision: i32, reason: Option<&str>) -> Result<Change> {
    let reason = reason.map(|reason| parse("reason", reason)).transpose()?;
    Ok(Change { id: id::get(id, "engagement", "id")?, expected_revision, reason })
}

payload! {
    /// The engagement that began.
    once EngagementStartPayload {
        /// The engagement.
        engagement: Engagement,
    }
}
payload! {
    /// The paused engagement.
    EngagementPausePayload {
        /// The engagement.
        engagement: Engagement,
    }
}
payload! {
    /// The engagement that goes on.
    EngagementResumePayload {
        /// The engagement.
        engagement: Engagement,
    }
}
payload! {
    /// The cancelled engagement.
    EngagementCancelPayload {
        /// The engagement.
        engagement: Engagement,
    }
}
payload! {
    /// The concluded engagement.
    EngagementConcludePayload {
        /// The engagement.
        engagement: Engagement,
    }
}

#[Object]
impl EngagementMutation {
    /// Begins an engagement with the approved version of a process, unless its start gates are closed.
    /// Example: `mutation { engagementStart(input: { clientId: "cli_…", kind: ONBOARDING, documentNumber: "T-ONB-010",
    /// idempotencyKey: "onboard-1" }) { engagement { id } userErrors { message } } }`.
    async fn engagement_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it begins with.")] input: EngagementStartInput,
    ) -> Nullable<EngagementStartPayload> {
        let started = async {
            let once = once("engagementStart", &input.idempotency_key, &input)?;
            let done = app::engagement::start(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(EngagementStartPayload::done(done.is_replayed, done.made.into()))
        };
        settle(started.await)
    }

    /// Stops an engagement for a while: its steps do not move until it is resumed.
    /// Example: `mutation { engagementPause(input: { id: "eng_…", expectedRevision: 3, reason:
    /// "The client moves its office." }) { engagement { state } userErrors { message } } }`.
    async fn engagement_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: EngagementPauseInput,
    ) -> Nullable<EngagementPausePayload> {
        let paused = async {
            let change = change(&input.id, input.expected_revision, Some(&input.reason))?;
            let engagement = app::engagement::pause(ctx.app(), ctx.actor()?, change).await?;
            Ok(EngagementPausePayload::done(engagement.into()))
        };
        settle(paused.await)
    }

    /// Lets a paused engagement go on.
    /// Example: `mutation { engagementResume(input: { id: "eng_…", expectedRevision: 4 }) { engagement { state }
    /// userErrors { message } } }`.
    async fn engagement_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: EngagementResumeInput,
    ) -> Nullable<EngagementResumePayload> {
        let resumed = async {
            let change = change(&input.id, input.expected_revision, None)?;
            let engagement = app::engagement::resume(ctx.app(), ctx.actor()?, change).await?;
            Ok(EngagementResumePayload::done(engagement.into()))
        };
        settle(resumed.await)
    }

    /// Gives an engagement up. Everything it made is kept.
    /// Example: `mutation { engagementCancel(input: { id: "eng_…", expectedRevision: 3, reason:
    /// "The client stays after all." }) { engagement { state } userErrors { message } } }`.
    async fn engagement_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: EngagementCancelInput,
    ) -> Nullable<EngagementCancelPayload> {
        let cancelled = async {
            let change = change(&input.id, input.expected_revision, Some(&input.reason))?;
            let engagement = app::engagement::cancel(ctx.app(), ctx.actor()?, change).await?;
            Ok(EngagementCancelPayload::done(engagement.into()))
        };
        settle(cancelled.await)
    }

    /// Ends an engagement well, when nothing is left open; an offboarding only with an empty ledger.
    /// Example: `mutation { engagementConclude(input: { id: "eng_…", expectedRevision: 9 }) { engagement { state
    /// concludedAt } userErrors { message } } }`.
    async fn engagement_conclude(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: EngagementConcludeInput,
    ) -> Nullable<EngagementConcludePayload> {
        let concluded = async {
            let change = change(&input.id, input.expected_revision, None)?;
            let engagement = app::engagement::conclude(ctx.app(), ctx.actor()?, change).await?;
            Ok(EngagementConcludePayload::done(engagement.into()))
        };
        settle(concluded.await)
    }
}
