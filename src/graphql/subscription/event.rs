//! The log, live.

use async_graphql::{Context, Subscription};
use async_trait::async_trait;
use futures_util::{Stream, StreamExt, TryStreamExt};

use crate::{
    app::{self, App},
    auth::{Actor, permission::Permission},
    domain::event::{self, EventBatch, EventCursor},
    error::{Error, Result, Violation},
    graphql::{
        context::Caller,
        extensions::Resume,
        payload::Nullable,
        types::event::{Event, EventFilter, cursor},
    },
    stream::{Source, Tap},
};

/// Watches the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventSubscription;

#[Subscription]
impl EventSubscription {
    /// Every event the caller may see: first those after `after`, then each as it happens, once and in order.
    /// Without `after`, only what happens from now on. Example:
    /// `subscription { events(filter: { clientId: "cli_…" }) { cursor at kind summary } }`.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events.")] filter: Option<EventFilter>,
        #[graphql(desc = "Go on after the event with this cursor.")] after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = Nullable<Event>> + use<>> {
        let actor = ctx.actor()?;
        actor.require(Permission::Events)?;
        let filter = filter.unwrap_or_default().parse()?;
        let resume = ctx.data_opt::<Resume>().cloned().unwrap_or_default();
        let end = app::log::end(ctx.app()).await?;
        let after = after.as_deref().or(resume.after()).map_or(Ok(end), |text| cursor("after", text))?;
        if after > end {
            let violation = Violation::new("after", "This cursor is of another log: nothing happened there yet.");
            return Err(Error::from(violation.remedy("Begin again without `after`.")).into());
        }
        let tap = ctx.data::<Tap>()?;
        let (scope, wanted) = (actor.scope.clone(), filter.clone());
        let source = Seen { app: ctx.app().clone(), actor: actor.clone(), filter };
        let fits = move |event: &event::Event| scope.sees(event.client_id) && wanted.fits(event);
        let events = tap.follow(source, after, fits).map_ok(move |event| {
            resume.reached(event.cursor().to_string());
            Event(event)
        });
        Ok(events.map(|event: Result<Event>| Some(event.map_err(Into::into))))
    }
}

/// The log as one caller sees it through a filter.
struct Seen {
    app: App,
    actor: Actor,
    filter: event::EventFilter,
}

#[async_trait]
impl Source for Seen {
    async fn end(&self) -> Result<EventCursor> {
        app::log::end(&self.app).await
    }

    async fn read(&self, after: EventCursor, limit: u32) -> Result<EventBatch> {
        app::log::read(&self.app, &self.actor, &self.filter, after, limit).await
    }
}

/// The whole log, for the [`Tap`] that feeds every subscription.
#[derive(Clone, Debug)]
pub struct Everything(pub App);

#[async_trait]
impl Source for Everything {
    async fn end(&self) -> Result<EventCursor> {
        app::log::end(&self.0).await
    }

    async fn read(&self, after: EventCursor, limit: u32) -> Result<EventBatch> {
        app::log::read_all(&self.0, after, limit).await
    }
}
