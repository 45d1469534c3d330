//! Connectors: rows and queries. They belong to no client, so only somebody who sees every client sees them.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, Select,
};

use entity::connector::{ActiveModel, Column, Entity, Model};

use crate::{
    auth::ClientScope,
    domain::{
        connector::{Address, Connector, ConnectorKind},
        page::{Page, Window},
    },
    error::{Conflict, Error, Inconsistent, Result},
    ids::ConnectorId,
    store::{self, Sort, Tx},
};

const TABLE: &str = "connector";

/// The most connectors of one installation.
///
/// # Source
/// House decision: an order of magnitude beyond what the largest providers run.
const ROOM: usize = 200;

/// A connector and what it is spoken to with, sealed.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// The connector.
    pub(crate) connector: Connector,
    /// The secret.
    pub(crate) sealed_secret: Option<Vec<u8>>,
}

fn domain(row: Model) -> Result<Connector> {
    let kind: ConnectorKind = store::word(TABLE, "kind", row.id, &row.kind)?;
    let broken =
        |_misfit| Error::Inconsistent(Inconsistent { table: TABLE, column: "address", id: row.id.to_string() });
    Ok(Connector {
        id: row.id.into(),
        kind,
        address: Address::parse(kind, &row.address).map_err(broken)?,
        name: row.name,
        username: row.username,
        trusted_certificates: row.trusted_certificates,
        probe: row.probe.map(|probe| store::json(TABLE, "probe", row.id, probe)).transpose()?,
        revision: row.revision,
        created_by: store::word(TABLE, "created_by", row.id, &row.created_by)?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn row(connector: &Connector, sealed_secret: Option<Vec<u8>>) -> Result<Model> {
    Ok(Model {
        id: connector.id.into(),
        kind: connector.kind.to_string(),
        name: connector.name.clone(),
        address: connector.address.url().to_string(),
        username: connector.username.clone(),
        sealed_secret,
        trusted_certificates: connector.trusted_certificates.clone(),
        probe: connector.probe.as_ref().map(store::to_json).transpose()?,
        revision: connector.revision,
        created_by: connector.created_by.to_string(),
        created_at: connector.created_at,
        updated_at: connector.updated_at,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    match scope.restriction() {
        None => Entity::find(),
        Some(_) => Entity::find().filter(Column::Id.is_in(std::iter::empty::<uuid::Uuid>())),
    }
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[ConnectorId],
) -> Result<Vec<Connector>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The connector, with its secret.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(db: &impl ConnectionTrait, scope: &ClientScope, id: ConnectorId) -> Result<Option<Stored>> {
    let Some(mut row) = scoped(scope).filter(Column::Id.eq(id.uuid())).one(db).await? else { return Ok(None) };
    let sealed_secret = row.sealed_secret.take();
    Ok(Some(Stored { connector: domain(row)?, sealed_secret }))
}

/// The connector, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `id` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: ConnectorId) -> Result<Connector> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("connector", "id"))
}

/// One page of connectors, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(db: &impl ConnectionTrait, scope: &ClientScope, window: &Window) -> Result<Page<Connector>> {
    let keys = (Column::CreatedAt, Column::Id);
    store::fetch(db, scoped(scope), keys, Sort::Descending, window).await?.try_map(domain)
}

/// How many connectors there are.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope) -> Result<u64> {
    store::counted(db, scoped(scope)).await
}

/// Writes a new connector.
///
/// # Errors
/// `Conflict` when its name or address is taken or there are too many.
pub(crate) async fn insert(tx: &Tx, connector: &Connector, sealed_secret: Option<Vec<u8>>) -> Result<()> {
    let have = store::counted(tx, Entity::find()).await?;
    store::room::within(have, 1, ROOM, "connectors", "Ask whoever runs this service.")?;
    let address = connector.address.url().as_str();
    let same = Entity::find().filter(Column::Kind.eq(connector.kind.as_str())).filter(Column::Address.eq(address));
    if store::counted(tx, same).await? > 0 {
        return Err(Error::Conflict(Conflict::Taken { field: "address" }));
    }
    let insert = Entity::insert(row(connector, sealed_secret)?.into_active_model());
    match insert.exec_without_returning(tx).await {
        Err(error) if store::is_taken(&error) => Err(Error::Conflict(Conflict::Taken { field: "name" })),
        other => Ok(other.map(drop)?),
    }
}

/// Writes what a probe of a connector, locked in this transaction, found out.
///
/// # Errors
/// Those of the database.
pub(crate) async fn probed(tx: &Tx, connector: &Connector) -> Result<()> {
    let active = ActiveModel {
        id: ActiveValue::Unchanged(connector.id.uuid()),
        probe: ActiveValue::Set(connector.probe.as_ref().map(store::to_json).transpose()?),
        updated_at: ActiveValue::Set(connector.updated_at),
        ..Default::default()
    };
    active.update(tx).await?;
    Ok(())
}
