//! Clients.

mod list;
mod permissions;

use async_graphql::{Context, ID, Object};

use crate::{
    domain::{
        client::{self, ClientStage},
        fact::FactKind,
        page::{Key, Keyed, Page},
    },
    graphql::{
        connection::{Slice, connection, total},
        context::Caller,
        loaders::{
            AgreementsOf, ContactsOf, EngagementCountOf, EngagementsOf, FactCountOf, FactsOf, HoldingCountOf,
            HoldingsOf, JobCountOf, JobsOf, RecipientKeysOf, counted, listed, load,
        },
        scalars::{Date, DateTime},
        types::{
            agreement::Agreement,
            contact::Contact,
            engagement::EngagementConnection,
            fact::FactConnection,
            holding::{HoldingConnection, HoldingFilter},
            job::{JobConnection, JobFilter},
            recipient_key::RecipientKey,
        },
    },
};

pub use list::{ClientFilter, ClientOrder};
pub use permissions::ClientPermissions;

/// A client of the provider.
#[derive(Clone, Debug)]
pub struct Client(pub client::Client);

impl Keyed for Client {
    fn key(&self) -> Key {
        Key { at_ms: self.0.created_at.timestamp_millis(), id: self.0.id.uuid() }
    }
}

connection! {
    /// Clients.
    ClientConnection, ClientEdge, Client
}

/// A client of the provider.
#[Object]
impl Client {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Short name in addresses and on the command line; unique, and never changes.
    async fn slug(&self) -> &str {
        self.0.slug.as_str()
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it stands, derived from its engagements and its service period.
    async fn stage(&self) -> ClientStage {
        self.0.stage
    }

    /// The IANA zone its dates are meant in.
    async fn time_zone(&self) -> &str {
        self.0.time_zone.as_str()
    }

    /// Grows with every change; send it back as `expectedRevision`.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// The agreed first day of service.
    async fn service_start_on(&self) -> Option<Date> {
        self.0.service_start_on.map(Date)
    }

    /// The confirmed last day of service.
    async fn final_service_on(&self) -> Option<Date> {
        self.0.final_service_on.map(Date)
    }

    /// Who speaks for it, first to call first.
    async fn contacts(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Contact>> {
        listed(ctx, ContactsOf(self.0.id)).await
    }

    /// The keys to which its data is encrypted before it goes back, the oldest first.
    async fn recipient_keys(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<RecipientKey>> {
        listed(ctx, RecipientKeysOf(self.0.id)).await
    }

    /// Its ledger, newest first.
    async fn holdings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which holdings.")] filter: Option<HoldingFilter>,
    ) -> async_graphql::Result<HoldingConnection> {
        let window = Slice { first, after, last, before }.window()?;
        let Some(mut filter) = filter.unwrap_or_default().parse() else { return Ok(HoldingConnection::empty()) };
        if filter.client_id.is_some_and(|client| client != self.0.id) {
            return Ok(HoldingConnection::empty());
        }
        filter.client_id = None;
        let page = load(ctx, HoldingsOf(self.0.id, filter.clone(), window)).await?;
        let total = total(ctx, counted(ctx, HoldingCountOf(self.0.id, filter))).await?;
        Ok(HoldingConnection::new(page.unwrap_or_else(|| Page::empty(&window)), total))
    }

    /// Its jobs, newest first.
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Which jobs.")] filter: Option<JobFilter>,
    ) -> async_graphql::Result<JobConnection> {
        let window = Slice { first, after, last, before }.window()?;
        let Some(mut filter) = filter.unwrap_or_default().parse() else { return Ok(JobConnection::empty()) };
        if filter.client_id.is_some_and(|client| client != self.0.id) {
            return Ok(JobConnection::empty());
        }
        filter.client_id = None;
        let page = load(ctx, JobsOf(self.0.id, filter.clone(), window)).await?;
        let total = total(ctx, counted(ctx, JobCountOf(self.0.id, filter))).await?;
        Ok(JobConnection::new(page.unwrap_or_else(|| Page::empty(&window)), total))
    }

    /// Its engagements, newest first.
    async fn engagements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<EngagementConnection> {
        let window = Slice { first, after, last, before }.window()?;
        let page = load(ctx, EngagementsOf(self.0.id, window)).await?;
        let total = total(ctx, counted(ctx, EngagementCountOf(self.0.id))).await?;
        Ok(EngagementConnection::new(page.unwrap_or_else(|| Page::empty(&window)), total))
    }

    /// What was agreed with it in writing, oldest first.
    async fn agreements(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Agreement>> {
        listed(ctx, AgreementsOf(self.0.id)).await
    }

    /// What discovery found, the latest first.
    async fn facts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what precedes this cursor.")] before: Option<String>,
        #[graphql(desc = "Only facts of this kind.")] kind: Option<FactKind>,
    ) -> async_graphql::Result<FactConnection> {
        let window = Slice { first, after, last, before }.window()?;
        let page = load(ctx, FactsOf(self.0.id, kind, window)).await?;
        let total = total(ctx, counted(ctx, FactCountOf(self.0.id, kind))).await?;
        Ok(FactConnection::new(page.unwrap_or_else(|| Page::empty(&window)), total))
    }

    /// What the caller may do with it now.
    async fn viewer_can(&self, ctx: &Context<'_>) -> async_graphql::Result<ClientPermissions> {
        Ok(ClientPermissions::of(ctx.actor()?, &self.0))
    }

    /// When it was entered.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}
