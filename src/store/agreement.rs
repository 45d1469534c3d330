//! Agreements: rows and queries.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::{
    auth::ClientScope,
    domain::agreement::{Agreement, AgreementDetails, AgreementKind, AgreementState, ReturnTerms},
    error::{Error, Result},
    ids::{AgreementId, ClientId},
    store::{self, Tx, room::room},
};

use entity::agreement::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "agreement";

fn domain(row: Model) -> Result<Agreement> {
    Ok(Agreement {
        id: row.id.into(),
        client_id: row.client_id.into(),
        state: store::word(TABLE, "state", row.id, &row.state)?,
        title: row.title,
        details: store::json(TABLE, "details", row.id, row.details)?,
        file_id: row.file_id.map(Into::into),
        effective_on: row.effective_on,
        ends_on: row.ends_on,
        signed_at: row.signed_at,
        signature: row.signature.map(|json| store::json(TABLE, "signature", row.id, json)).transpose()?,
        revision: row.revision,
        created_by: store::word(TABLE, "created_by", row.id, &row.created_by)?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn row(agreement: &Agreement) -> Result<Model> {
    Ok(Model {
        id: agreement.id.into(),
        client_id: agreement.client_id.into(),
        kind: agreement.kind().to_string(),
        state: agreement.state.to_string(),
        title: agreement.title.clone(),
        details: store::to_json(&agreement.details)?,
        file_id: agreement.file_id.map(Into::into),
        effective_on: agreement.effective_on,
        ends_on: agreement.ends_on,
        signed_at: agreement.signed_at,
        signed_by_name: agreement.signature.as_ref().map(|signature| signature.name.clone()),
        signature: agreement.signature.as_ref().map(store::to_json).transpose()?,
        revision: agreement.revision,
        created_by: agreement.created_by.to_string(),
        created_at: agreement.created_at,
        updated_at: agreement.updated_at,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The agreement, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: AgreementId, field: &'static str) -> Result<Agreement> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("agreement", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[AgreementId],
) -> Result<Vec<Agreement>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The agreements with those of `clients` that `scope` allows, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_clients(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
) -> Result<Vec<Agreement>> {
    let select = scoped(scope).filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::Id).all(db).await?.into_iter().map(domain).collect()
}

/// What is in force with a client of this transaction, of one kind, oldest first; locked.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_signed(tx: &Tx, client: ClientId, kind: AgreementKind) -> Result<Vec<Agreement>> {
    let select = signed(client, kind).order_by_asc(Column::Id).lock_exclusive();
    select.all(tx).await?.into_iter().map(domain).collect()
}

fn signed(client: ClientId, kind: AgreementKind) -> Select<Entity> {
    Entity::find()
        .filter(Column::ClientId.eq(client.uuid()))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::State.eq(AgreementState::Signed.as_str()))
}

/// How the clauses are cited that are in force with a client of this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn clauses_in_force(tx: &Tx, client: ClientId) -> Result<Vec<String>> {
    let select = Entity::find()
        .filter(Column::ClientId.eq(client.uuid()))
        .filter(Column::State.eq(AgreementState::Signed.as_str()))
        .lock_exclusive();
    let found = select.all(tx).await?.into_iter().map(domain).collect::<Result<Vec<_>>>()?;
    let clauses = found.iter().flat_map(|agreement| agreement.details.clauses());
    Ok(clauses.map(|clause| clause.reference.clone()).collect())
}

/// How the data of a client of this transaction goes back to it: the terms of the latest signed service
/// agreement that has some.
///
/// # Errors
/// Those of the database.
pub(crate) async fn return_terms(db: &impl ConnectionTrait, client: ClientId) -> Result<Option<ReturnTerms>> {
    let select = signed(client, AgreementKind::ServiceAgreement).order_by_desc(Column::SignedAt);
    let found = select.order_by_desc(Column::Id).all(db).await?.into_iter().map(domain).collect::<Result<Vec<_>>>()?;
    let terms = |agreement: Agreement| match agreement.details {
        AgreementDetails::ServiceAgreement(details) => details.data_return,
        AgreementDetails::Sla(_) | AgreementDetails::Sow(_) | AgreementDetails::TerminationNotice(_) => None,
    };
    Ok(found.into_iter().find_map(terms))
}

/// Writes a new agreement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, agreement: &Agreement) -> Result<()> {
    let list = Entity::find().filter(Column::ClientId.eq(agreement.client_id.uuid()));
    room(tx, list, "agreements", "Put what belongs together into one.").await?;
    Entity::insert(row(agreement)?.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed agreement that was locked in this transaction. What was agreed never changes.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, agreement: &Agreement) -> Result<()> {
    let mut active: ActiveModel = row(agreement)?.into_active_model().reset_all();
    active.client_id = ActiveValue::NotSet;
    active.kind = ActiveValue::NotSet;
    active.details = ActiveValue::NotSet;
    active.created_by = ActiveValue::NotSet;
    active.created_at = ActiveValue::NotSet;
    active.update(tx).await?;
    Ok(())
}
