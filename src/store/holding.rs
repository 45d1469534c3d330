//! The ledger: rows and queries.

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use entity::holding::{ActiveModel, Column, Entity, Model};

use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::{
        holding::{Holding, HoldingDetails, HoldingFilter, HoldingKind, HoldingState, StoreUri},
        page::{Page, Window},
    },
    error::{Conflict, Error, Result},
    ids::{ClientId, ConnectorId, HoldingId},
    store::{
        self, Sort, Tx,
        room::{self, CLIENT_MAX},
    },
};

const TABLE: &str = "holding";

fn domain(row: Model) -> Result<Holding> {
    Ok(Holding {
        id: row.id.into(),
        client_id: row.client_id.into(),
        state: store::word(TABLE, "state", row.id, &row.state)?,
        name: row.name,
        external_ref: row.external_ref,
        connector_id: row.connector_id.map(Into::into),
        details: store::json(TABLE, "details", row.id, row.details)?,
        retained_clause: row.retained_clause,
        retained_until: row.retained_until,
        decision_id: row.decision_id.map(Into::into),
        exception_id: row.exception_id.map(Into::into),
        last_probed_at: row.last_probed_at,
        acknowledged_at: row.acknowledged_at,
        closed_at: row.closed_at,
        revision: row.revision,
        created_by: store::word(TABLE, "created_by", row.id, &row.created_by)?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn row(holding: &Holding) -> Result<Model> {
    Ok(Model {
        id: holding.id.into(),
        client_id: holding.client_id.into(),
        kind: holding.kind().to_string(),
        state: holding.state.to_string(),
        name: holding.name.clone(),
        external_ref: holding.external_ref.clone(),
        connector_id: holding.connector_id.map(Into::into),
        details: store::to_json(&holding.details)?,
        retained_clause: holding.retained_clause.clone(),
        retained_until: holding.retained_until,
        decision_id: holding.decision_id.map(Into::into),
        exception_id: holding.exception_id.map(Into::into),
        last_probed_at: holding.last_probed_at,
        acknowledged_at: holding.acknowledged_at,
        closed_at: holding.closed_at,
        revision: holding.revision,
        created_by: holding.created_by.to_string(),
        created_at: holding.created_at,
        updated_at: holding.updated_at,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[HoldingId],
) -> Result<Vec<Holding>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// Where all data lies that is not gone, of every client: what one client's plan destroys may be another one's.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn all_data(db: &impl ConnectionTrait) -> Result<Vec<(HoldingId, StoreUri)>> {
    let gone = [HoldingState::Removed, HoldingState::Closed].map(HoldingState::as_str);
    let select = Entity::find()
        .filter(Column::Kind.eq(HoldingKind::Data.as_str()))
        .filter(Column::State.is_not_in(gone))
        .select_only()
        .columns([Column::Id, Column::Details]);
    let mut found = Vec::new();
    for (id, details) in select.into_tuple::<(uuid::Uuid, serde_json::Value)>().all(db).await? {
        if let HoldingDetails::Data(data) = store::json(TABLE, "details", id, details)? {
            found.push((id.into(), data.location));
        }
    }
    Ok(found)
}

/// Those whose store keeps them no longer at `now`, the longest overdue first, `limit` at most.
///
/// # Errors
/// Those of the database.
pub(crate) async fn released(db: &impl ConnectionTrait, now: Instant, limit: u64) -> Result<Vec<HoldingId>> {
    let kept = Entity::find().filter(Column::State.eq(HoldingState::Retained.as_str()));
    let select = kept.filter(Column::RetainedUntil.lte(now)).order_by_asc(Column::RetainedUntil);
    let ids = select.select_only().column(Column::Id).limit(limit).into_tuple::<uuid::Uuid>().all(db).await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

/// The same, locked until the transaction ends. Everybody locks in the order of ids, so nobody waits in a circle.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_many(tx: &Tx, scope: &ClientScope, ids: &[HoldingId]) -> Result<Vec<Holding>> {
    let select = scoped(scope).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::Id).lock_exclusive().all(tx).await?.into_iter().map(domain).collect()
}

/// One of them, locked.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: HoldingId, field: &'static str) -> Result<Holding> {
    lock_many(tx, scope, &[id]).await?.pop().ok_or_else(|| Error::not_found("holding", field))
}

fn residual_states() -> impl Iterator<Item = &'static str> {
    HoldingState::ALL.iter().filter(|state| state.is_residual()).map(|state| state.as_str())
}

fn select(scope: &ClientScope, filter: &HoldingFilter) -> Select<Entity> {
    let mut select = scoped(scope);
    if let Some(client) = filter.client_id {
        select = select.filter(Column::ClientId.eq(client.uuid()));
    }
    if !filter.kinds.is_empty() {
        select = select.filter(Column::Kind.is_in(filter.kinds.iter().map(|kind| kind.as_str())));
    }
    if !filter.states.is_empty() {
        select = select.filter(Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
    }
    if filter.is_residual {
        let kept = Condition::all()
            .add(Column::State.eq(HoldingState::Retained.as_str()))
            .add(Column::RetainedUntil.is_not_null())
            .add(Column::DecisionId.is_null());
        select = select.filter(Condition::any().add(Column::State.is_in(residual_states())).add(kept));
    }
    select
}

/// One page of holdings, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &HoldingFilter,
    window: &Window,
) -> Result<Page<Holding>> {
    let keys = (Column::CreatedAt, Column::Id);
    store::fetch(db, select(scope, filter), keys, Sort::Descending, window).await?.try_map(domain)
}

/// How many holdings match.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope, filter: &HoldingFilter) -> Result<u64> {
    store::counted(db, select(scope, filter)).await
}

/// How many holdings each of `clients` has, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count_each(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    filter: &HoldingFilter,
) -> Result<HashMap<ClientId, u64>> {
    let select = select(scope, filter).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    let counts = store::counted_each(db, select, Column::ClientId).await?;
    Ok(counts.into_iter().map(|(client, count)| (client.into(), count)).collect())
}

/// The same page of each client's holdings, newest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_clients(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    filter: &HoldingFilter,
    window: &Window,
) -> Result<HashMap<ClientId, Page<Holding>>> {
    let select = select(scope, filter).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    let keys = (Column::ClientId, Column::CreatedAt, Column::Id);
    let pages = store::fetch_each(db, select, keys, Sort::Descending, window, |row| row.client_id).await?;
    pages.into_iter().map(|(client, page)| Ok((client.into(), page.try_map(domain)?))).collect()
}

/// Every holding that matches, oldest first, at most `limit`: for a filter that leaves few.
///
/// # Errors
/// Those of the database.
pub(crate) async fn all(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &HoldingFilter,
    limit: u64,
) -> Result<Vec<Holding>> {
    let select = select(scope, filter).order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).limit(limit);
    select.all(db).await?.into_iter().map(domain).collect()
}

/// An external reference that is in use: by whom, of what kind, where it is reached, and the reference.
pub(crate) type TakenRef = (ClientId, String, Option<ConnectorId>, String);

/// The external references that are in use, by `client` or at a connector, out of those named.
///
/// # Errors
/// Those of the database.
pub(crate) async fn taken_refs(tx: &Tx, client: ClientId, refs: &[&str]) -> Result<Vec<TakenRef>> {
    let is_met = Condition::any().add(Column::ClientId.eq(client.uuid())).add(Column::ConnectorId.is_not_null());
    let select = Entity::find().filter(Column::ExternalRef.is_in(refs.iter().copied())).filter(is_met);
    let columns =
        select.select_only().columns([Column::ClientId, Column::Kind, Column::ConnectorId, Column::ExternalRef]);
    let rows = columns.into_tuple::<(uuid::Uuid, String, Option<uuid::Uuid>, String)>().all(tx).await?;
    Ok(rows.into_iter().map(|(client, kind, at, name)| (client.into(), kind, at.map(Into::into), name)).collect())
}

/// Writes new holdings of the client, whose row is locked, in one statement.
///
/// # Errors
/// `Conflict` when the ledger has no room for them or an external reference is taken meanwhile.
pub(crate) async fn insert_many(tx: &Tx, client: ClientId, holdings: impl IntoIterator<Item = &Holding>) -> Result<()> {
    let rows = holdings.into_iter().map(|holding| Ok(row(holding)?.into_active_model()));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    let have = store::counted(tx, Entity::find().filter(Column::ClientId.eq(client.uuid()))).await?;
    let remedy = "Enter lines for groups of like things.";
    room::within(have, rows.len(), CLIENT_MAX, "lines in the ledger", remedy)?;
    match Entity::insert_many(rows).exec_without_returning(tx).await {
        Err(error) if store::is_taken(&error) => Err(Error::Conflict(Conflict::Taken { field: "externalRef" })),
        other => Ok(other.map(drop)?),
    }
}

/// Writes a changed holding that was locked in this transaction. What it is of never changes.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, holding: &Holding) -> Result<()> {
    let mut active: ActiveModel = row(holding)?.into_active_model().reset_all();
    active.client_id = ActiveValue::NotSet;
    active.kind = ActiveValue::NotSet;
    active.created_by = ActiveValue::NotSet;
    active.created_at = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
