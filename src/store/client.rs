//! Clients: rows and queries.

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, LikeExpr},
};

use crate::{
    auth::ClientScope,
    domain::{
        client::{Client, ClientFilter, ClientOrder, ClientStage},
        page::{Key, Page, Window},
    },
    error::{Conflict, Error, Result},
    ids::ClientId,
    store::{self, Sort, Tx},
};

use entity::client::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "client";

fn domain(row: Model) -> Result<Client> {
    Ok(Client {
        id: row.id.into(),
        slug: store::word(TABLE, "slug", row.id, &row.slug)?,
        name: row.name,
        stage: store::word(TABLE, "stage", row.id, &row.stage)?,
        time_zone: store::word(TABLE, "time_zone", row.id, &row.time_zone)?,
        service_start_on: row.service_start_on,
        service_started_at: row.service_started_at,
        final_service_on: row.final_service_on,
        revision: row.revision,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn row(client: &Client) -> Model {
    Model {
        id: client.id.into(),
        slug: client.slug.to_string(),
        name: client.name.clone(),
        name_search: client.name.to_lowercase(),
        stage: client.stage.to_string(),
        time_zone: client.time_zone.to_string(),
        service_start_on: client.service_start_on,
        service_started_at: client.service_started_at,
        final_service_on: client.final_service_on,
        revision: client.revision,
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::Id, scope)
}

/// The client, if `scope` allows it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(db: &impl ConnectionTrait, scope: &ClientScope, id: ClientId) -> Result<Option<Client>> {
    scoped(scope).filter(Column::Id.eq(id.uuid())).one(db).await?.map(domain).transpose()
}

/// The client, locked until the transaction ends, so that two deeds on one client take turns.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: ClientId, field: &'static str) -> Result<Client> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("client", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[ClientId]) -> Result<Vec<Client>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

fn select(scope: &ClientScope, filter: &ClientFilter) -> Select<Entity> {
    let mut select = scoped(scope);
    if !filter.stages.is_empty() {
        select = select.filter(Column::Stage.is_in(filter.stages.iter().map(|stage: &ClientStage| stage.as_str())));
    }
    if let Some(text) = &filter.name_contains {
        let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        select = select.filter(Column::NameSearch.like(LikeExpr::new(format!("%{escaped}%")).escape('\\')));
    }
    select
}

/// One page of clients.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &ClientFilter,
    order: ClientOrder,
    window: &Window,
) -> Result<Page<Client>> {
    let select = select(scope, filter);
    let age = (Column::CreatedAt, Column::Id);
    let page = match order {
        ClientOrder::Newest => store::fetch(db, select, age, Sort::Descending, window).await?,
        ClientOrder::Oldest => store::fetch(db, select, age, Sort::Ascending, window).await?,
        ClientOrder::Name => {
            let keys = (Column::NameSearch, Column::Id);
            store::fetch_by(db, select, keys, |key| name_of(scope, key), Sort::Ascending, window).await?
        }
    };
    page.try_map(domain)
}

/// The name that a client has by now: what is renamed between two pages moves, and nothing else does.
fn name_of(scope: &ClientScope, key: Key) -> Expr {
    let name = scoped(scope).select_only().column(Column::NameSearch).filter(Column::Id.eq(key.id));
    Expr::SubQuery(None, Box::new(name.into_query().into()))
}

/// How many clients match.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope, filter: &ClientFilter) -> Result<u64> {
    store::counted(db, select(scope, filter)).await
}

/// How many clients stand in each stage, in one statement. A stage without clients is absent.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count_stages(db: &impl ConnectionTrait, scope: &ClientScope) -> Result<HashMap<ClientStage, u64>> {
    let counts = scoped(scope).select_only().column(Column::Stage).column_as(Column::Id.count(), "count");
    let counts = counts.group_by(Column::Stage).into_tuple::<(String, i64)>().all(db).await?;
    let count = |(stage, count): (String, i64)| {
        Ok((store::word(TABLE, "stage", "any", &stage)?, u64::try_from(count).unwrap_or_default()))
    };
    counts.into_iter().map(count).collect()
}

/// Writes a new client.
///
/// # Errors
/// `Conflict` when the slug is taken.
pub(crate) async fn insert(tx: &Tx, client: &Client) -> Result<()> {
    let inserted = Entity::insert(row(client).into_active_model()).exec_without_returning(tx).await;
    match inserted {
        Err(error) if store::is_taken(&error) => Err(Error::Conflict(Conflict::Taken { field: "slug" })),
        other => Ok(other.map(drop)?),
    }
}

/// Writes a changed client that was locked in this transaction. Its slug and creation never change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, client: &Client) -> Result<()> {
    let mut active: ActiveModel = row(client).into_active_model().reset_all();
    active.slug = ActiveValue::NotSet;
    active.created_at = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
