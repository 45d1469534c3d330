//! What can be asked about engagements: reading here, changing in [`change`], beginning in [`start`].

use std::collections::HashMap;

use crate::{
    app::{App, Deed},
    auth::{Actor, permission::Permission},
    domain::{
        client::{self, Client},
        engagement::{Engagement, EngagementFilter},
        event::{EventKind, NewEvent},
        page::{Page, Window},
    },
    error::Result,
    ids::{ClientId, EngagementId},
    store,
};

mod change;
mod start;

pub use change::{Change, cancel, conclude, pause, resume};
pub use start::{Start, start};

/// The engagement, if the caller may see it.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn find(app: &App, actor: &Actor, id: EngagementId) -> Result<Option<Engagement>> {
    actor.require(Permission::Engagement)?;
    store::engagement::find(app.db().read(), &actor.scope, id).await
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[EngagementId]) -> Result<Vec<Engagement>> {
    actor.require(Permission::Engagement)?;
    store::engagement::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the engagements the caller may see, newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: &EngagementFilter, window: &Window) -> Result<Page<Engagement>> {
    actor.require(Permission::Engagements)?;
    store::engagement::list(app.db().read(), &actor.scope, filter, window).await
}

/// How many engagements [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &EngagementFilter) -> Result<u64> {
    actor.require(Permission::Engagements)?;
    store::engagement::count(app.db().read(), &actor.scope, filter).await
}

/// The same page of each client's engagements.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_clients(
    app: &App,
    actor: &Actor,
    clients: &[ClientId],
    window: &Window,
) -> Result<HashMap<ClientId, Page<Engagement>>> {
    actor.require(Permission::Engagements)?;
    store::engagement::of_clients(app.db().read(), &actor.scope, clients, window).await
}

/// How many engagements each of `clients` has.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count_each(app: &App, actor: &Actor, clients: &[ClientId]) -> Result<HashMap<ClientId, u64>> {
    actor.require(Permission::Engagements)?;
    store::engagement::count_each(app.db().read(), &actor.scope, clients).await
}

/// Derives the stage of a client that was locked in this deed, and writes the client when it changed.
pub(in crate::app) async fn restage(deed: &mut Deed<'_>, client: &mut Client) -> Result<()> {
    let engagements = store::engagement::glimpses(deed.tx(), client.id).await?;
    let stage = client::stage(&engagements, client.service_started_at);
    if stage == client.stage {
        return Ok(());
    }
    let before = std::mem::replace(&mut client.stage, stage);
    crate::app::client::save(deed, client).await?;
    deed.record(
        NewEvent::new(EventKind::ClientStageChanged, client.id, format!("{} is now {stage}.", client.name))
            .client(client.id)
            .with("from", before.as_str())
            .with("to", stage.as_str()),
    );
    Ok(())
}
