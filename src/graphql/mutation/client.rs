//! Entering and changing clients.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{self, client::Create, client::Update},
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::Date,
        types::client::Client,
    },
};

/// Enters and changes clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientMutation;

/// What a new client starts with.
#[derive(Clone, Debug, InputObject)]
pub struct ClientCreateInput {
    /// What people call it, 1 to 200 characters.
    name: String,
    /// Short name in addresses: 2 to 63 lower-case letters, digits and hyphens. Unique, and never changes.
    slug: String,
    /// The IANA zone its dates are meant in, such as `America/New_York`.
    time_zone: String,
    /// The caller's name for this request, 8 to 128 characters; the same key never enters two clients.
    idempotency_key: String,
}

impl ClientCreateInput {
    fn parse(&self) -> Result<Create> {
        Ok(Create {
            slug: parse("slug", &self.slug)?,
            name: parse("name", &self.name)?,
            time_zone: parse("timeZone", &self.time_zone)?,
        })
    }
}

/// What changes about a client; fields left out stay as they are.
#[derive(Clone, Debug, InputObject)]
pub struct ClientUpdateInput {
    /// The client.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// What people call it, 1 to 200 characters.
    name: Option<String>,
    /// The IANA zone its dates are meant in.
    time_zone: Option<String>,
    /// The agreed first day of service.
    service_start_on: Option<Date>,
}

impl ClientUpdateInput {
    fn parse(&self) -> Result<Update> {
        Ok(Update {
            id: id::get(&self.id, "client", "id")?,
            expected_revision: self.expected_revision,
            name: self.name.as_deref().map(|name| parse("name", name)).transpose()?,
            time_zone: self.time_zone.as_deref().map(|zone| parse("timeZone", zone)).transpose()?,
            service_start_on: self.service_start_on.map(|date| date.0),
        })
    }
}

payload! {
    /// The entered client.
    once ClientCreatePayload {
        /// The client.
        client: Client,
    }
}

payload! {
    /// The changed client.
    ClientUpdatePayload {
        /// The client.
        client: Client,
    }
}

#[Object]
impl ClientMutation {
    /// Enters a client as a prospect.
    /// Example: `mutation { clientCreate(input: { name: "Harbor Dental", slug: "harbor-dental", timeZone:
    /// "America/New_York", idempotencyKey: "harbor-dental" }) { client { id stage } userErrors { message } } }`.
    async fn client_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it starts with.")] input: ClientCreateInput,
    ) -> Nullable<ClientCreatePayload> {
        let created = async {
            let once = once("clientCreate", &input.idempotency_key, &input)?;
            let done = app::client::create(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(ClientCreatePayload::done(done.is_replayed, Client(done.made)))
        };
        settle(created.await)
    }

    /// Changes what is entered about a client.
    /// Example: `mutation { clientUpdate(input: { id: "cli_…", expectedRevision: 1, serviceStartOn: "2026-12-01" }) {
    /// client { revision } userErrors { message } } }`.
    async fn client_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: ClientUpdateInput,
    ) -> Nullable<ClientUpdatePayload> {
        let updated = async {
            let client = app::client::update(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(ClientUpdatePayload::done(Client(client)))
        };
        settle(updated.await)
    }
}
