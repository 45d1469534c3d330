//! What can be asked about clients.

use crate::{
    app::{App, Deed, Done, Once, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        client::{Client, ClientFilter, ClientOrder, ClientStage, Slug, TimeZoneName},
        event::{EventKind, NewEvent},
        page::{Page, Window},
        text::Name,
    },
    error::Result,
    ids::ClientId,
    store,
};

/// What a new client starts with.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its short name.
    pub slug: Slug,
    /// Its name.
    pub name: Name,
    /// The zone its dates are meant in.
    pub time_zone: TimeZoneName,
}

/// What changes about a client. `None` leaves a field as it is.
#[derive(Clone, Debug)]
pub struct Update {
    /// Which client.
    pub id: ClientId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// Its name.
    pub name: Option<Name>,
    /// The zone its dates are meant in.
    pub time_zone: Option<TimeZoneName>,
    /// The agreed first day of service.
    pub service_start_on: Option<chrono::NaiveDate>,
}

/// Enters a client.
///
/// # Errors
/// `Forbidden`; `Conflict` when the slug is taken.
pub async fn create(app: &App, actor: &Actor, input: Create, once: Once) -> Result<Done<Client>> {
    actor.require(Permission::ClientCreate)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::client::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    let client = Client {
        id: app.new_id(),
        slug: input.slug,
        name: input.name.into_string(),
        stage: ClientStage::Prospect,
        time_zone: input.time_zone,
        service_start_on: None,
        service_started_at: None,
        final_service_on: None,
        revision: 1,
        created_at: deed.now(),
        updated_at: deed.now(),
    };
    store::client::insert(deed.tx(), &client).await?;
    deed.record(
        NewEvent::new(EventKind::ClientCreated, client.id, format!("{} was entered as a client.", client.name))
            .client(client.id)
            .with("slug", client.slug.as_str()),
    );
    deed.answer(client.id);
    deed.commit().await?;
    Ok(Done::now(client))
}

/// Changes what is entered about a client.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when the client changed since it was read.
pub async fn update(app: &App, actor: &Actor, input: Update) -> Result<Client> {
    actor.require(Permission::ClientUpdate)?;
    let mut deed = app.begin(actor).await?;
    let mut client = store::client::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    expect_revision(client.id, input.expected_revision, client.revision)?;
    if let Some(name) = input.name {
        client.name = name.into_string();
    }
    client.time_zone = input.time_zone.unwrap_or(client.time_zone);
    client.service_start_on = input.service_start_on.or(client.service_start_on);
    save(&mut deed, &mut client).await?;
    let summary = format!("{} was changed.", client.name);
    deed.record(NewEvent::new(EventKind::ClientUpdated, client.id, summary).client(client.id));
    deed.commit().await?;
    Ok(client)
}

/// Writes a client that was locked in this deed, one revision on.
pub(in crate::app) async fn save(deed: &mut Deed<'_>, client: &mut Client) -> Result<()> {
    client.revision += 1;
    client.updated_at = deed.now();
    store::client::update(deed.tx(), client).await
}

/// The client, if the caller may see it.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn find(app: &App, actor: &Actor, id: ClientId) -> Result<Option<Client>> {
    actor.require(Permission::Client)?;
    store::client::find(app.db().read(), &actor.scope, id).await
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[ClientId]) -> Result<Vec<Client>> {
    actor.require(Permission::Client)?;
    store::client::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the clients the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(
    app: &App,
    actor: &Actor,
    filter: &ClientFilter,
    order: ClientOrder,
    window: &Window,
) -> Result<Page<Client>> {
    actor.require(Permission::Clients)?;
    store::client::list(app.db().read(), &actor.scope, filter, order, window).await
}

/// How many clients [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &ClientFilter) -> Result<u64> {
    actor.require(Permission::Clients)?;
    store::client::count(app.db().read(), &actor.scope, filter).await
}
