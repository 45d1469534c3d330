//! People: rows and queries. Somebody restricted to clients sees the provider's people and the contacts of those clients.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, Select,
    sea_query::{Alias, Expr, ExprTrait},
};

use crate::{
    auth::ClientScope,
    domain::{
        page::{Page, Window},
        role::Role,
        user::{User, UserFilter},
    },
    error::{Conflict, Error, Result},
    ids::UserId,
    store::{self, Sort, Tx},
};

use entity::user::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "user";

fn domain(row: Model) -> Result<User> {
    Ok(User {
        id: row.id.into(),
        roles: store::json(TABLE, "roles", row.id, row.roles)?,
        subject: row.subject,
        name: row.name,
        email: row.email,
        client_id: row.client_id.map(Into::into),
        is_active: row.is_active,
        revision: row.revision,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn row(user: &User) -> Result<Model> {
    Ok(Model {
        id: user.id.into(),
        subject: user.subject.clone(),
        name: user.name.clone(),
        email: user.email.clone(),
        roles: store::to_json(&user.roles)?,
        client_id: user.client_id.map(Into::into),
        is_active: user.is_active,
        revision: user.revision,
        created_at: user.created_at,
        updated_at: user.updated_at,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    match scope.restriction() {
        None => Entity::find(),
        Some(clients) => {
            let mine = Column::ClientId.is_in(clients.iter().map(|id| id.uuid()));
            Entity::find().filter(Condition::any().add(Column::ClientId.is_null()).add(mine))
        }
    }
}

/// The person with this subject, if `scope` allows it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find_by_subject(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    subject: &str,
) -> Result<Option<User>> {
    scoped(scope).filter(Column::Subject.eq(subject)).one(db).await?.map(domain).transpose()
}

/// The same, locked until the transaction ends.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_by_subject(tx: &Tx, scope: &ClientScope, subject: &str) -> Result<Option<User>> {
    scoped(scope).filter(Column::Subject.eq(subject)).lock_exclusive().one(tx).await?.map(domain).transpose()
}

/// The person, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: UserId, field: &'static str) -> Result<User> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("user", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[UserId]) -> Result<Vec<User>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The roles column holds a JSON array of words; a word in quotes can only be a whole element.
fn holds(role: Role) -> impl Into<Expr> + sea_orm::sea_query::IntoCondition {
    Expr::col((Entity, Column::Roles)).cast_as(Alias::new("text")).like(format!("%\"{role}\"%"))
}

fn select(scope: &ClientScope, filter: &UserFilter) -> Select<Entity> {
    let mut select = scoped(scope);
    if let Some(role) = filter.role {
        select = select.filter(holds(role));
    }
    if let Some(is_active) = filter.is_active {
        select = select.filter(Column::IsActive.eq(is_active));
    }
    select
}

/// One page of people, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &UserFilter,
    window: &Window,
) -> Result<Page<User>> {
    let keys = (Column::CreatedAt, Column::Id);
    store::fetch(db, select(scope, filter), keys, Sort::Descending, window).await?.try_map(domain)
}

/// How many people match.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, scope: &ClientScope, filter: &UserFilter) -> Result<u64> {
    store::counted(db, select(scope, filter)).await
}

/// Writes a new person.
///
/// # Errors
/// `Conflict` when the subject is taken.
pub(crate) async fn insert(tx: &Tx, user: &User) -> Result<()> {
    let inserted = Entity::insert(row(user)?.into_active_model()).exec_without_returning(tx).await;
    match inserted {
        Err(error) if store::is_taken(&error) => Err(Error::Conflict(Conflict::Taken { field: "subject" })),
        other => Ok(other.map(drop)?),
    }
}

/// Writes a changed person that was locked in this transaction. Subject and creation never change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, user: &User) -> Result<()> {
    let mut active: ActiveModel = row(user)?.into_active_model().reset_all();
    active.subject = ActiveValue::NotSet;
    active.created_at = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
