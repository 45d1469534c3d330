//! What can be asked about processes: reading here, writing versions in [`draft`], deciding in `approve`,
//! the documents that ship with the program in [`builtin`].

use std::collections::HashMap;

use crate::{
    app::App,
    auth::{Actor, permission::Permission},
    domain::{
        page::{Page, Window},
        process::{Content, DocumentNumber, Process, ProcessFilter, ProcessReview, ProcessVersion},
    },
    error::{Error, Result},
    ids::{ProcessId, ProcessVersionId},
    store,
};

mod approve;
pub mod builtin;
mod draft;

pub use approve::{Review, review, submit};
pub(in crate::app) use approve::{approved, rejected};
pub use draft::{Draft, Duplicate, UpdateDraft, draft, duplicate, update_draft};

/// The process with this number.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn find(app: &App, actor: &Actor, number: &DocumentNumber) -> Result<Option<Process>> {
    actor.require(Permission::Process)?;
    store::process::find(app.db().read(), number).await
}

/// Those of `ids`. Whoever sees an engagement sees the name of the process it follows.
///
/// # Errors
/// Those of the database.
pub async fn load_many(app: &App, ids: &[ProcessId]) -> Result<Vec<Process>> {
    store::process::load_many(app.db().read(), ids).await
}

/// One page of processes, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: &ProcessFilter, window: &Window) -> Result<Page<Process>> {
    actor.require(Permission::Processes)?;
    store::process::list(app.db().read(), filter, window).await
}

/// How many processes [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &ProcessFilter) -> Result<u64> {
    actor.require(Permission::Processes)?;
    store::process::count(app.db().read(), filter).await
}

/// Those of `ids`. Whoever sees an engagement sees the version it follows.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn versions(app: &App, actor: &Actor, ids: &[ProcessVersionId]) -> Result<Vec<ProcessVersion>> {
    actor.require(Permission::ProcessVersion)?;
    store::process::versions(app.db().read(), ids).await
}

/// Every version of these processes, the newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn versions_of(app: &App, actor: &Actor, processes: &[ProcessId]) -> Result<Vec<ProcessVersion>> {
    actor.require(Permission::Process)?;
    store::process::versions_of(app.db().read(), processes).await
}

/// The reviews of these versions, the oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn reviews(
    app: &App,
    actor: &Actor,
    versions: &[ProcessVersionId],
) -> Result<HashMap<ProcessVersionId, Vec<ProcessReview>>> {
    actor.require(Permission::Process)?;
    store::process::review::of_versions(app.db().read(), versions).await
}

/// SHA-256 of the canonical content, in hex: what an approval approves.
fn hash(content: &Content) -> Result<String> {
    use sha2::Digest;
    let canonical = serde_json_canonicalizer::to_vec(content).map_err(Error::internal)?;
    Ok(hex::encode(sha2::Sha256::digest(canonical)))
}
