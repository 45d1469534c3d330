//! Reading exceptions: what the caller may see, and what it may do with it.

use crate::{
    app::App,
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        exception::{Exception, ExceptionFilter, ExceptionState},
        page::{Page, Window},
    },
    error::Result,
    ids::{EngagementId, ExceptionId},
    store,
};

/// What one caller may do with an exception now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Whether it may settle what the exception obliges to.
    pub may_settle: bool,
    /// Whether it may close it.
    pub may_close: bool,
    /// Whether it may take it back.
    pub may_withdraw: bool,
}

/// What the caller may do with an exception now.
pub fn permissions(actor: &Actor, exception: &Exception, now: Instant) -> Permissions {
    let state = exception.state_at(now);
    Permissions {
        may_settle: actor.may(Permission::ExceptionActionDone) && state == ExceptionState::Approved,
        may_close: actor.may(Permission::ExceptionClose)
            && state == ExceptionState::Approved
            && exception.close().is_ok(),
        may_withdraw: actor.may(Permission::ExceptionWithdraw)
            && state == ExceptionState::Requested
            && exception.requested_by == actor.id,
    }
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[ExceptionId]) -> Result<Vec<Exception>> {
    actor.require(Permission::Exception)?;
    store::exception::load_many(app.db().read(), &actor.scope, ids).await
}

/// The exceptions raised in these engagements that the caller may see, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_engagements(app: &App, actor: &Actor, engagements: &[EngagementId]) -> Result<Vec<Exception>> {
    actor.require(Permission::Exception)?;
    store::exception::of_engagements(app.db().read(), &actor.scope, engagements).await
}

/// One page of the exceptions the caller may see, newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: &ExceptionFilter, window: &Window) -> Result<Page<Exception>> {
    actor.require(Permission::Exceptions)?;
    store::exception::list(app.db().read(), &actor.scope, filter, app.now(), window).await
}

/// How many exceptions [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &ExceptionFilter) -> Result<u64> {
    actor.require(Permission::Exceptions)?;
    store::exception::count(app.db().read(), &actor.scope, filter, app.now()).await
}
