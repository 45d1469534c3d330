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

macro_rules! change_input {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $reason:ident: $ty:ty)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, InputObject)]
        pub struct $name {
            /// The engagement.
            id: ID,
            /// The revision the caller read.
            expected_revision: i32,
            $($(#[$fdoc])* $reason: $ty,)?
        }

        impl $name {
            fn parse(&self) -> Result<Change> {
                #[expect(unused_mut, unused_assignments, reason = "not every change has a reason")]
                let mut reason = None;
                $(reason = Some(parse("reason", &self.$reason)?);)?
                let id = id::get(&self.id, "engagement", "id")?;
                Ok(Change { id, expected_revision: self.expected_revision, reason })
            }
        }
    };
}

change_input! {
    /// Which engagement pauses.
    EngagementPauseInput {
        /// Why, 1 to 4,000 characters.
        reason: String
    }
}
change_input! {
    /// Which engagement goes on.
    EngagementResumeInput {}
}
change_input! {
    /// Which engagement is given up.
    EngagementCancelInput {
        /// Why, 1 to 4,000 characters.
        reason: String
    }
}
change_input! {
    /// Which engagement ends.
    EngagementConcludeInput {}
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
    async fn engagement_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: EngagementPauseInput,
    ) -> Nullable<EngagementPausePayload> {
        let paused = async {
            let engagement = app::engagement::pause(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(EngagementPausePayload::done(engagement.into()))
        };
        settle(paused.await)
    }

    /// Lets a paused engagement go on.
    async fn engagement_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: EngagementResumeInput,
    ) -> Nullable<EngagementResumePayload> {
        let resumed = async {
            let engagement = app::engagement::resume(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(EngagementResumePayload::done(engagement.into()))
        };
        settle(resumed.await)
    }

    /// Gives an engagement up. Everything it made is kept.
    async fn engagement_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: EngagementCancelInput,
    ) -> Nullable<EngagementCancelPayload> {
        let cancelled = async {
            let engagement = app::engagement::cancel(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(EngagementCancelPayload::done(engagement.into()))
        };
        settle(cancelled.await)
    }

    /// Ends an engagement well, when nothing is left open; an offboarding only with an empty ledger.
    async fn engagement_conclude(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: EngagementConcludeInput,
    ) -> Nullable<EngagementConcludePayload> {
        let concluded = async {
            let engagement = app::engagement::conclude(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(EngagementConcludePayload::done(engagement.into()))
        };
        settle(concluded.await)
    }
}
