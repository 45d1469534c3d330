//! Processes and their versions: rows and queries. Processes belong to the provider, not to a client, so
//! no scope applies to them; who may read them is a matter of role. Reviews are in [`review`].

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, JoinType, QueryFilter,
    QueryOrder, QuerySelect,
};

use entity::{process, process_version};

use crate::{
    domain::{
        event::EventKind,
        page::{Page, Window},
        process::{DocumentNumber, Process, ProcessFilter, ProcessVersion, ProcessVersionState},
    },
    error::{Conflict, Error, Result},
    ids::{ActorId, ProcessId, ProcessVersionId},
    store::{self, Sort, Tx, room::room},
};

pub(crate) mod review;

const VERSIONS: &str = "process_version";

fn domain(row: process::Model) -> Result<Process> {
    Ok(Process {
        id: row.id.into(),
        document_number: store::word("process", "document_number", row.id, &row.document_number)?,
        title: row.title,
        kind: store::word("process", "kind", row.id, &row.kind)?,
        created_at: row.created_at,
    })
}

fn version(row: process_version::Model) -> Result<ProcessVersion> {
    let actor = |column, by: &str| store::word(VERSIONS, column, row.id, by);
    Ok(ProcessVersion {
        id: row.id.into(),
        process_id: row.process_id.into(),
        number: row.number,
        state: store::word(VERSIONS, "state", row.id, &row.state)?,
        prepared_by: actor("prepared_by", &row.prepared_by)?,
        approved_by: row.approved_by.as_deref().map(|by| actor("approved_by", by)).transpose()?,
        content: store::json(VERSIONS, "content", row.id, row.content)?,
        content_hash: row.content_hash,
        supersedes_id: row.supersedes_id.map(Into::into),
        prepared_at: row.prepared_at,
        approved_at: row.approved_at,
        next_review_on: row.next_review_on,
        revision: row.revision,
        updated_at: row.updated_at,
    })
}

fn version_row(version: &ProcessVersion) -> Result<process_version::Model> {
    Ok(process_version::Model {
        id: version.id.into(),
        process_id: version.process_id.into(),
        number: version.number,
        state: version.state.to_string(),
        content: store::to_json(&version.content)?,
        content_hash: version.content_hash.clone(),
        supersedes_id: version.supersedes_id.map(Into::into),
        prepared_by: version.prepared_by.to_string(),
        prepared_at: version.prepared_at,
        approved_by: version.approved_by.map(|by| by.to_string()),
        approved_at: version.approved_at,
        next_review_on: version.next_review_on,
        revision: version.revision,
        updated_at: version.updated_at,
    })
}

/// The process with this number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(db: &impl ConnectionTrait, number: &DocumentNumber) -> Result<Option<Process>> {
    let select = process::Entity::find().filter(process::Column::DocumentNumber.eq(number.as_str()));
    select.one(db).await?.map(domain).transpose()
}

/// Those of `ids`, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(db: &impl ConnectionTrait, ids: &[ProcessId]) -> Result<Vec<Process>> {
    let select = process::Entity::find().filter(process::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    select.all(db).await?.into_iter().map(domain).collect()
}

/// One page of processes, oldest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(db: &impl ConnectionTrait, filter: &ProcessFilter, window: &Window) -> Result<Page<Process>> {
    let keys = (process::Column::CreatedAt, process::Column::Id);
    store::fetch(db, select(*filter), keys, Sort::Ascending, window).await?.try_map(domain)
}

/// How many processes match.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(db: &impl ConnectionTrait, filter: &ProcessFilter) -> Result<u64> {
    store::counted(db, select(*filter)).await
}

fn select(filter: ProcessFilter) -> sea_orm::Select<process::Entity> {
    match filter.kind {
        Some(kind) => process::Entity::find().filter(process::Column::Kind.eq(kind.as_str())),
        None => process::Entity::find(),
    }
}

/// Writes a new process.
///
/// # Errors
/// `Conflict` when the document number is taken.
pub(crate) async fn insert(tx: &Tx, process: &Process) -> Result<()> {
    let row = process::Model {
        id: process.id.into(),
        document_number: process.document_number.to_string(),
        title: process.title.clone(),
        kind: process.kind.to_string(),
        created_at: process.created_at,
    };
    match process::Entity::insert(row.into_active_model()).exec_without_returning(tx).await {
        Err(error) if store::is_taken(&error) => Err(Error::Conflict(Conflict::Taken { field: "documentNumber" })),
        other => Ok(other.map(drop)?),
    }
}

/// The approved version of the process with this number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn approved(db: &impl ConnectionTrait, number: &DocumentNumber) -> Result<Option<ProcessVersion>> {
    let join = process_version::Entity::belongs_to(process::Entity)
        .from(process_version::Column::ProcessId)
        .to(process::Column::Id);
    let select = process_version::Entity::find()
        .join(JoinType::InnerJoin, join.into())
        .filter(process::Column::DocumentNumber.eq(number.as_str()))
        .filter(process_version::Column::State.eq(ProcessVersionState::Approved.as_str()));
    select.one(db).await?.map(version).transpose()
}

/// Those of `ids`, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn versions(db: &impl ConnectionTrait, ids: &[ProcessVersionId]) -> Result<Vec<ProcessVersion>> {
    let column = process_version::Column::Id;
    let select = process_version::Entity::find().filter(column.is_in(ids.iter().map(|id| id.uuid())));
    select.all(db).await?.into_iter().map(version).collect()
}

/// Every version of these processes, the newest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn versions_of(db: &impl ConnectionTrait, processes: &[ProcessId]) -> Result<Vec<ProcessVersion>> {
    let column = process_version::Column::ProcessId;
    let select = process_version::Entity::find()
        .filter(column.is_in(processes.iter().map(|id| id.uuid())))
        .order_by_desc(process_version::Column::Number);
    select.all(db).await?.into_iter().map(version).collect()
}

/// The version, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field`.
pub(crate) async fn lock_version(tx: &Tx, id: ProcessVersionId, field: &'static str) -> Result<ProcessVersion> {
    let found = process_version::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx).await?;
    found.map(version).transpose()?.ok_or_else(|| Error::not_found("process version", field))
}

/// Everybody who wrote on a version, as the log knows: the one who drafted it and those who changed it.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn editors(tx: &Tx, version: ProcessVersionId) -> Result<Vec<ActorId>> {
    use entity::event::{Column, Entity};
    let kinds = [EventKind::ProcessDrafted, EventKind::ProcessDuplicated, EventKind::ProcessDraftUpdated];
    let select = Entity::find().filter(Column::SubjectId.eq(version.to_string()));
    let select = select.filter(Column::Kind.is_in(kinds.map(EventKind::as_str)));
    let actors = select.select_only().column(Column::Actor).distinct().into_tuple::<String>().all(tx).await?;
    actors.iter().map(|actor| store::word("event", "actor", version, actor)).collect()
}

/// Writes a new version.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_version(tx: &Tx, version: &ProcessVersion) -> Result<()> {
    let list = process_version::Entity::find().filter(process_version::Column::ProcessId.eq(version.process_id.uuid()));
    room(tx, list, "versions", "Begin a process with a document number of its own.").await?;
    let row = version_row(version)?.into_active_model();
    process_version::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed version that was locked in this transaction. A trigger keeps an approved content as it is.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update_version(tx: &Tx, version: &ProcessVersion) -> Result<()> {
    let mut active = version_row(version)?.into_active_model().reset_all();
    active.process_id = ActiveValue::NotSet;
    active.number = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
