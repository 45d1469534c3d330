//! Reading one job on its own.

use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use super::job;
use crate::{
    auth::ClientScope,
    domain::job::Job,
    error::{Error, Result},
    ids::JobId,
    store::Tx,
};

/// The job, if it is there and in `scope`. Jobs of the provider itself are seen only without restriction.
///
/// # Errors
/// `NotFound` when it is absent or out of scope; `Inconsistent` for a broken row.
#[cfg_attr(not(test), expect(dead_code, reason = "what callers ask of jobs reaches it"))]
pub(crate) async fn get(db: &impl ConnectionTrait, scope: &ClientScope, id: JobId) -> Result<Job> {
    let row = entity::job::Entity::find_by_id(id.uuid()).one(db).await?;
    visible(scope, row)
}

/// The same, with the row locked for `tx`.
///
/// # Errors
/// As [`get`].
pub(crate) async fn get_locked(tx: &Tx, scope: &ClientScope, id: JobId) -> Result<Job> {
    let row = entity::job::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx).await?;
    visible(scope, row)
}

fn visible(scope: &ClientScope, row: Option<entity::job::Model>) -> Result<Job> {
    let is_visible = |client: Option<uuid::Uuid>| match client {
        Some(client) => scope.allows(client.into()),
        None => scope.restriction().is_none(),
    };
    match row {
        Some(row) if is_visible(row.client_id) => job(row),
        _ => Err(Error::not_found("job", "id")),
    }
}
