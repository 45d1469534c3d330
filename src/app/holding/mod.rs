//! The ledger: registering what was opened, reading what is still open. How a line moves is in [`change`].

use std::collections::{HashMap, HashSet};

use crate::{
    app::{App, Deed, Done, Once, rows::Marks},
    auth::{Actor, permission::Permission},
    domain::{
        event::{EventKind, NewEvent},
        holding::{Holding, HoldingDetails, HoldingFilter, HoldingKind, HoldingState, check_names},
        page::{Page, Window},
    },
    error::{Conflict, Error, Result, Violation, at},
    ids::{ClientId, ConnectorId, HoldingId},
    store,
};

mod change;

pub use change::{Retain, activate, release_due, retain};
pub(in crate::app) use change::{
    begin_closing, close, excepted, fail_closing, give_up, kept, lapsed, remove, resurface, touch, wait,
};

/// The most lines that are listed as residual at once.
const RESIDUALS_MAX: u64 = 1_000;

/// A line to enter.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What people call it.
    pub name: String,
    /// What the outside system calls it.
    pub external_ref: Option<String>,
    /// Where it is reached.
    pub connector_id: Option<ConnectorId>,
    /// Whether it is only planned.
    pub is_planned: bool,
    /// What it is.
    pub details: HoldingDetails,
}

/// Enters lines in a client's ledger. A row that cannot be read, holds a secret, or repeats another is
/// refused alone.
///
/// # Errors
/// `Forbidden`; `NotFound` on `clientId`. A row's own error stands in its place.
pub async fn register(
    app: &App,
    actor: &Actor,
    client: ClientId,
    rows: Vec<Result<Entry>>,
    once: Once,
) -> Result<Done<Vec<Result<Holding>>>> {
    actor.require(Permission::HoldingsRegister)?;
    let rows: Vec<_> = rows.into_iter().map(|row| vet(app, row)).collect();
    let mut deed = app.begin(actor).await?;
    if let Some(marks) = deed.replayed(once).await? {
        return Ok(Done::earlier(recall(&deed, rows, marks).await?));
    }
    store::client::lock(deed.tx(), &actor.scope, client, "clientId").await?;
    let rows = known_connectors(&deed, rows).await?;
    let rows = without_doubles(&deed, client, rows).await?;
    let holdings: Vec<_> = rows.into_iter().map(|row| row.map(|entry| holding(&deed, client, entry))).collect();
    store::holding::insert_many(deed.tx(), client, holdings.iter().flatten()).await?;
    for holding in holdings.iter().flatten() {
        let summary = format!("{} was entered in the ledger.", holding.name);
        deed.record(about(EventKind::HoldingRegistered, holding, summary));
    }
    deed.answer(Marks(holdings.iter().map(|row| row.as_ref().ok().map(|holding| holding.id)).collect()));
    deed.commit().await?;
    Ok(Done::now(holdings))
}

/// Judges a row by itself: bounds, secrets, and that data lies in a place that is configured.
fn vet(app: &App, row: Result<Entry>) -> Result<Entry> {
    let entry = row?;
    check_names(&entry.name, entry.external_ref.as_deref()).map_err(|(field, invalid)| at(field, invalid))?;
    entry.details.check().map_err(|(field, invalid)| at(&input_field(entry.details.kind(), field), invalid))?;
    if let HoldingDetails::Data(data) = &entry.details {
        let sources = &app.parts().shelves.sources;
        if !sources.contains_key(data.location.store()) {
            let known: Vec<_> = sources.keys().map(String::as_str).collect();
            let message = format!("There is no store `{}`.", data.location.store());
            let remedy = format!("Name one of those that are configured: {}.", known.join(", "));
            return Err(Violation::new(input_field(HoldingKind::Data, "location"), message).remedy(remedy).into());
        }
    }
    Ok(entry)
}

/// Where a field of a holding's details stands in the row that a caller sent.
fn input_field(kind: HoldingKind, field: &str) -> String {
    let details = match kind {
        HoldingKind::SystemRecord => "systemRecord",
        HoldingKind::Agent => "agent",
        HoldingKind::Credential => "credential",
        HoldingKind::Config => "config",
        HoldingKind::Data => "data",
    };
    format!("details.{details}.{field}")
}

/// Refuses rows that are reached through a connector that the caller does not see.
async fn known_connectors(deed: &Deed<'_>, rows: Vec<Result<Entry>>) -> Result<Vec<Result<Entry>>> {
    let wanted: Vec<_> = rows.iter().flatten().filter_map(|entry| entry.connector_id).collect();
    if wanted.is_empty() {
        return Ok(rows);
    }
    let found = store::connector::load_many(deed.tx(), &deed.actor().scope, &wanted).await?;
    let is_known = |id: ConnectorId| found.iter().any(|connector| connector.id == id);
    let judge = |row: Result<Entry>| {
        let entry = row?;
        if entry.connector_id.is_none_or(is_known) {
            Ok(entry)
        } else {
            Err(Error::not_found("connector", "connectorId"))
        }
    };
    Ok(rows.into_iter().map(judge).collect())
}

async fn without_doubles(deed: &Deed<'_>, client: ClientId, rows: Vec<Result<Entry>>) -> Result<Vec<Result<Entry>>> {
    let refs: Vec<&str> = rows.iter().flatten().filter_map(|entry| entry.external_ref.as_deref()).collect();
    let (mut own, mut reached) = (HashSet::new(), HashSet::new());
    for (whose, kind, connector, reference) in store::holding::taken_refs(deed.tx(), client, &refs).await? {
        reached.extend(connector.map(|connector| (connector, kind.clone(), reference.clone())));
        own.extend((whose == client).then_some((kind, reference)));
    }
    let judge = |row: Result<Entry>| {
        let entry = row?;
        let Some(reference) = &entry.external_ref else { return Ok(entry) };
        let name = (entry.details.kind().to_string(), reference.clone());
        let is_free = entry.connector_id.is_none_or(|at| reached.insert((at, name.0.clone(), name.1.clone())));
        if own.insert(name) && is_free {
            return Ok(entry);
        }
        Err(Error::Conflict(Conflict::Taken { field: "externalRef" }))
    };
    Ok(rows.into_iter().map(judge).collect())
}

/// The rows of an earlier request as they stand now; those it refused, judged anew.
async fn recall(
    deed: &Deed<'_>,
    rows: Vec<Result<Entry>>,
    Marks(marks): Marks<HoldingId>,
) -> Result<Vec<Result<Holding>>> {
    let ids: Vec<HoldingId> = marks.iter().copied().flatten().collect();
    let found = store::holding::load_many(deed.tx(), &deed.actor().scope, &ids).await?;
    let mut found: HashMap<HoldingId, Holding> = found.into_iter().map(|holding| (holding.id, holding)).collect();
    let row = |(mark, row): (Option<HoldingId>, Result<Entry>)| match mark.and_then(|id| found.remove(&id)) {
        Some(holding) => Ok(holding),
        None => Err(row.err().unwrap_or(Error::Conflict(Conflict::Taken { field: "externalRef" }))),
    };
    Ok(marks.into_iter().zip(rows).map(row).collect())
}

fn holding(deed: &Deed<'_>, client_id: ClientId, entry: Entry) -> Holding {
    Holding {
        id: deed.app().new_id(),
        client_id,
        state: if entry.is_planned { HoldingState::Planned } else { HoldingState::Active },
        name: entry.name.trim().to_owned(),
        external_ref: entry.external_ref,
        connector_id: entry.connector_id,
        details: entry.details,
        retained_clause: None,
        retained_until: None,
        decision_id: None,
        exception_id: None,
        last_probed_at: None,
        acknowledged_at: None,
        closed_at: None,
        revision: 1,
        created_by: deed.actor().id,
        created_at: deed.now(),
        updated_at: deed.now(),
    }
}

fn about(kind: EventKind, holding: &Holding, summary: String) -> NewEvent {
    NewEvent::new(kind, holding.id, summary)
        .client(holding.client_id)
        .with("kind", holding.kind().as_str())
        .with("state", holding.state.as_str())
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[HoldingId]) -> Result<Vec<Holding>> {
    actor.require(Permission::Holding)?;
    store::holding::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the holdings the caller may see, newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: &HoldingFilter, window: &Window) -> Result<Page<Holding>> {
    actor.require(Permission::Holdings)?;
    store::holding::list(app.db().read(), &actor.scope, filter, window).await
}

/// How many holdings [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &HoldingFilter) -> Result<u64> {
    actor.require(Permission::Holdings)?;
    store::holding::count(app.db().read(), &actor.scope, filter).await
}

/// The same page of each client's holdings.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_clients(
    app: &App,
    actor: &Actor,
    clients: &[ClientId],
    filter: &HoldingFilter,
    window: &Window,
) -> Result<HashMap<ClientId, Page<Holding>>> {
    actor.require(Permission::Holding)?;
    store::holding::of_clients(app.db().read(), &actor.scope, clients, filter, window).await
}

/// How many holdings each of `clients` has.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count_each(
    app: &App,
    actor: &Actor,
    clients: &[ClientId],
    filter: &HoldingFilter,
) -> Result<HashMap<ClientId, u64>> {
    actor.require(Permission::Holding)?;
    store::holding::count_each(app.db().read(), &actor.scope, clients, filter).await
}

/// What stands between a client and a conclusion, oldest first; `None` when the caller cannot see the client.
///
/// # Errors
/// `Forbidden`; `Violation` on `clientId` when there are more than [`RESIDUALS_MAX`]; those of the database.
pub async fn residuals(app: &App, actor: &Actor, client: ClientId) -> Result<Option<Vec<Holding>>> {
    actor.require(Permission::Residuals)?;
    if store::client::find(app.db().read(), &actor.scope, client).await?.is_none() {
        return Ok(None);
    }
    let filter = HoldingFilter { client_id: Some(client), is_residual: true, ..HoldingFilter::default() };
    let found = store::holding::all(app.db().read(), &actor.scope, &filter, RESIDUALS_MAX + 1).await?;
    if found.len() as u64 <= RESIDUALS_MAX {
        return Ok(Some(found));
    }
    let message = format!("More than {RESIDUALS_MAX} lines are open, and this list is given whole or not at all.");
    let violation = Violation::new("clientId", message);
    Err(violation.remedy("Page through holdings(filter: { clientId, isResidual: true }).").into())
}
