//! Facts: rows and queries.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::OnConflict,
};

use crate::{
    auth::ClientScope,
    domain::{
        fact::{Fact, FactKind},
        page::{Page, Window},
    },
    error::Result,
    ids::{ClientId, FactId},
    store::{
        self, Sort, Tx,
        room::{CLIENT_MAX, within},
    },
};

use entity::fact::{Column, Entity, Model};

const TABLE: &str = "fact";

fn domain(row: Model) -> Result<Fact> {
    let verified_by = row.verified_by.as_deref().map(|by| store::word(TABLE, "verified_by", row.id, by)).transpose()?;
    Ok(Fact {
        id: row.id.into(),
        client_id: row.client_id.into(),
        name: row.name,
        source: store::word(TABLE, "source", row.id, &row.source)?,
        state: store::word(TABLE, "state", row.id, &row.state)?,
        details: store::json(TABLE, "details", row.id, row.details)?,
        collected_by: store::word(TABLE, "collected_by", row.id, &row.collected_by)?,
        collected_at: row.collected_at,
        verified_by,
        verified_at: row.verified_at,
        revision: row.revision,
    })
}

fn row(fact: &Fact) -> Result<Model> {
    Ok(Model {
        id: fact.id.into(),
        client_id: fact.client_id.into(),
        kind: fact.kind().to_string(),
        name: fact.name.clone(),
        source: fact.source.to_string(),
        state: fact.state.to_string(),
        details: store::to_json(&fact.details)?,
        collected_by: fact.collected_by.to_string(),
        collected_at: fact.collected_at,
        verified_by: fact.verified_by.map(|by| by.to_string()),
        verified_at: fact.verified_at,
        revision: fact.revision,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

fn of_clients(scope: &ClientScope, clients: &[ClientId], kind: Option<FactKind>) -> Select<Entity> {
    let select = scoped(scope).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    match kind {
        Some(kind) => select.filter(Column::Kind.eq(kind.as_str())),
        None => select,
    }
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[FactId]) -> Result<Vec<Fact>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The same, locked until the transaction ends. Everybody locks in the order of ids, so nobody waits in a circle.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_many(tx: &Tx, scope: &ClientScope, ids: &[FactId]) -> Result<Vec<Fact>> {
    let select = scoped(scope).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::Id).lock_exclusive().all(tx).await?.into_iter().map(domain).collect()
}

/// The facts of a client of this transaction that have one of these names, whatever their kind; locked.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_named(tx: &Tx, client: ClientId, names: &[&str]) -> Result<Vec<Fact>> {
    let select = Entity::find().filter(Column::ClientId.eq(client.uuid()));
    let select = select.filter(Column::Name.is_in(names.iter().copied()));
    select.order_by_asc(Column::Id).lock_exclusive().all(tx).await?.into_iter().map(domain).collect()
}

/// One page of facts for each of `clients`, newest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list_each(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    kind: Option<FactKind>,
    window: &Window,
) -> Result<HashMap<ClientId, Page<Fact>>> {
    let keys = (Column::ClientId, Column::CollectedAt, Column::Id);
    let select = of_clients(scope, clients, kind);
    let pages = store::fetch_each(db, select, keys, Sort::Descending, window, |row| row.client_id).await?;
    pages.into_iter().map(|(client, page)| Ok((client.into(), page.try_map(domain)?))).collect()
}

/// How many facts each of `clients` has, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count_each(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    kind: Option<FactKind>,
) -> Result<HashMap<ClientId, u64>> {
    let counts = store::counted_each(db, of_clients(scope, clients, kind), Column::ClientId).await?;
    Ok(counts.into_iter().map(|(client, count)| (client.into(), count)).collect())
}

/// Refuses `more` new facts about the client, whose row is locked, when there is no room for them.
///
/// # Errors
/// `Conflict`; those of the database.
pub(crate) async fn room(tx: &Tx, client: ClientId, more: usize) -> Result<()> {
    let have = store::counted(tx, Entity::find().filter(Column::ClientId.eq(client.uuid()))).await?;
    within(have, more, CLIENT_MAX, "facts", "Record one fact for a group of like things.")
}

/// Writes facts, new ones and ones that were locked in this transaction, in one statement. Their client,
/// kind and name never change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn write(tx: &Tx, facts: impl IntoIterator<Item = &Fact>) -> Result<()> {
    let rows = facts.into_iter().map(|fact| Ok(row(fact)?.into_active_model())).collect::<Result<Vec<_>>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    let changes = OnConflict::column(Column::Id)
        .update_columns([
            Column::Source,
            Column::State,
            Column::Details,
            Column::CollectedBy,
            Column::CollectedAt,
            Column::VerifiedBy,
            Column::VerifiedAt,
            Column::Revision,
        ])
        .to_owned();
    Entity::insert_many(rows).on_conflict(changes).exec_without_returning(tx).await?;
    Ok(())
}
