//! Engagements: rows and queries.

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait, Select, sea_query::SelectStatement,
};

use entity::engagement::{ActiveModel, Column, Entity, Model};

use crate::{
    auth::ClientScope,
    domain::{
        client::EngagementGlimpse,
        engagement::{Engagement, EngagementFilter, EngagementState},
        page::{Page, Window},
    },
    error::{Error, Result},
    ids::{ClientId, EngagementId},
    store::{self, Sort, Tx},
};

const TABLE: &str = "engagement";

fn domain(row: Model) -> Result<Engagement> {
    Ok(Engagement {
        id: row.id.into(),
        client_id: row.client_id.into(),
        kind: store::word(TABLE, "kind", row.id, &row.kind)?,
        state: store::word(TABLE, "state", row.id, &row.state)?,
        process_version_id: row.process_version_id.into(),
        target_on: row.target_on,
        state_reason: row.state_reason,
        started_at: row.started_at,
        concluded_at: row.concluded_at,
        revision: row.revision,
        created_by: store::word(TABLE, "created_by", row.id, &row.created_by)?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn row(engagement: &Engagement) -> Model {
    Model {
        id: engagement.id.into(),
        client_id: engagement.client_id.into(),
        kind: engagement.kind.to_string(),
        state: engagement.state.to_string(),
        process_version_id: engagement.process_version_id.into(),
        target_on: engagement.target_on,
        state_reason: engagement.state_reason.clone(),
        started_at: engagement.started_at,
        concluded_at: engagement.concluded_at,
        revision: engagement.revision,
        created_by: engagement.created_by.to_string(),
        created_at: engagement.created_at,
        updated_at: engagement.updated_at,
    }
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The engagement, if `scope` allows it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    id: EngagementId,
) -> Result<Option<Engagement>> {
    scoped(scope).filter(Column::Id.eq(id.uuid())).one(db).await?.map(domain).transpose()
}

/// The engagement, locked until the transaction ends, so that two deeds on one engagement take turns.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: EngagementId, field: &'static str) -> Result<Engagement> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("engagement", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[EngagementId],
) -> Result<Vec<Engagement>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

fn select(scope: &ClientScope, filter: &EngagementFilter) -> Select<Entity> {
    let mut select = scoped(scope);
    if let Some(client) = filter.client_id {
        select = select.filter(Column::ClientId.eq(client.uuid()));
    }
    if let Some(kind) = filter.kind {
        select = select.filter(Column::Kind.eq(kind.as_str()));
    }
    if !filter.states.is_empty() {
        select = select.filter(Column::State.is_in(filter.states.iter().map(|state: &EngagementState| state.as_str())));
    }
    select
}

/// The ids of the engagements under way, to choose other rows by.
pub(crate) fn under_way() -> SelectStatement {
    let states = EngagementState::ALL.iter().filter(|state| state.is_under_way()).map(|state| state.as_str());
    Entity::find().select_only().column(Column::Id).filter(Column::State.is_in(states)).into_query()
}

/// One page of engagements, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &EngagementFilter,
    window: &Window,
) -> Result<Page<Engagement>> {
    let keys = (Column::CreatedAt, Column::Id);
    store::fetch(db, select(scope, filter), keys, Sort::Descending, window).await?.try_map(domain)
}

/// How many engagements match.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope, filter: &EngagementFilter) -> Result<u64> {
    store::counted(db, select(scope, filter)).await
}

/// How many engagements each of `clients` has, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count_each(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
) -> Result<HashMap<ClientId, u64>> {
    let select = scoped(scope).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    let counts = store::counted_each(db, select, Column::ClientId).await?;
    Ok(counts.into_iter().map(|(client, count)| (client.into(), count)).collect())
}

/// The same page of each client's engagements, newest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_clients(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    window: &Window,
) -> Result<HashMap<ClientId, Page<Engagement>>> {
    let select = scoped(scope).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    let keys = (Column::ClientId, Column::CreatedAt, Column::Id);
    let pages = store::fetch_each(db, select, keys, Sort::Descending, window, |row| row.client_id).await?;
    pages.into_iter().map(|(client, page)| Ok((client.into(), page.try_map(domain)?))).collect()
}

/// What a client's stage is derived from.
///
/// # Errors
/// Those of the database.
pub(crate) async fn glimpses(tx: &Tx, client: ClientId) -> Result<Vec<EngagementGlimpse>> {
    let rows = Entity::find().filter(Column::ClientId.eq(client.uuid())).all(tx).await?;
    let glimpse = |row: Model| {
        let engagement = domain(row)?;
        Ok(EngagementGlimpse {
            kind: engagement.kind,
            state: engagement.state,
            created_at: engagement.created_at,
            concluded_at: engagement.concluded_at,
        })
    };
    rows.into_iter().map(glimpse).collect()
}

/// Writes a new engagement.
///
/// # Errors
/// `Conflict` when the client has a live engagement of this kind.
pub(crate) async fn insert(tx: &Tx, engagement: &Engagement) -> Result<()> {
    let inserted = Entity::insert(row(engagement).into_active_model()).exec_without_returning(tx).await;
    match inserted {
        Err(error) if store::is_taken(&error) => Err(Error::state(format!(
            "This client has a live {} engagement; conclude or cancel it first.",
            engagement.kind.as_str().to_lowercase()
        ))),
        other => Ok(other.map(drop)?),
    }
}

/// Writes a changed engagement that was locked in this transaction. What it is of never changes.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, engagement: &Engagement) -> Result<()> {
    let mut active: ActiveModel = row(engagement).into_active_model().reset_all();
    active.client_id = ActiveValue::NotSet;
    active.kind = ActiveValue::NotSet;
    active.process_version_id = ActiveValue::NotSet;
    active.created_by = ActiveValue::NotSet;
    active.created_at = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
