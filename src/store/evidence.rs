//! Evidence: rows and queries. Nothing here changes or removes a row.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use crate::{
    auth::ClientScope,
    domain::evidence::{Evidence, EvidenceKind},
    error::{Error, Result},
    ids::{ClientId, EvidenceId, HoldingId, StepId},
    store::{self, Tx, room::room},
};

use entity::evidence::{Column, Entity, Model};

const TABLE: &str = "evidence";

fn domain(row: Model) -> Result<Evidence> {
    Ok(Evidence {
        id: row.id.into(),
        client_id: row.client_id.into(),
        step_id: row.step_id.map(Into::into),
        holding_id: row.holding_id.map(Into::into),
        label: row.label,
        details: store::json(TABLE, "details", row.id, row.details)?,
        file_id: row.file_id.map(Into::into),
        sha256: row.sha256,
        recorded_by: store::word(TABLE, "recorded_by", row.id, &row.recorded_by)?,
        recorded_at: row.recorded_at,
    })
}

fn row(evidence: &Evidence) -> Result<Model> {
    Ok(Model {
        id: evidence.id.into(),
        client_id: evidence.client_id.into(),
        step_id: evidence.step_id.map(Into::into),
        holding_id: evidence.holding_id.map(Into::into),
        kind: evidence.kind().to_string(),
        label: evidence.label.clone(),
        details: store::to_json(&evidence.details)?,
        file_id: evidence.file_id.map(Into::into),
        sha256: evidence.sha256.clone(),
        recorded_by: evidence.recorded_by.to_string(),
        recorded_at: evidence.recorded_at,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[EvidenceId],
) -> Result<Vec<Evidence>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// What proves these steps, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_steps(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    steps: &[StepId],
) -> Result<Vec<Evidence>> {
    let select = scoped(scope).filter(Column::StepId.is_in(steps.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::Id).all(db).await?.into_iter().map(domain).collect()
}

/// What proves these holdings, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_holdings(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    holdings: &[HoldingId],
) -> Result<Vec<Evidence>> {
    let select = scoped(scope).filter(Column::HoldingId.is_in(holdings.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::Id).all(db).await?.into_iter().map(domain).collect()
}

/// How many photos prove a step, or else a holding, that was locked in this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn photo_count(tx: &Tx, step: Option<StepId>, holding: Option<HoldingId>) -> Result<u64> {
    let photos = Entity::find().filter(Column::Kind.eq(EvidenceKind::Photo.as_str()));
    let subject = match (step, holding) {
        (Some(step), _) => Column::StepId.eq(step.uuid()),
        (None, holding) => Column::HoldingId.eq(holding.map(HoldingId::uuid)),
    };
    Ok(photos.filter(subject).count(tx).await?)
}

/// Whose ledger the holding stands in; the holding is locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock_holding(tx: &Tx, scope: &ClientScope, id: HoldingId, field: &'static str) -> Result<ClientId> {
    use entity::holding::{Column, Entity};
    let select = store::within(Entity::find(), Column::ClientId, scope).filter(Column::Id.eq(id.uuid()));
    let found = select.lock_exclusive().one(tx).await?;
    found.map(|row| row.client_id.into()).ok_or_else(|| Error::not_found("holding", field))
}

/// Writes new evidence.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, evidence: &Evidence) -> Result<()> {
    for (column, subject) in [
        (Column::StepId, evidence.step_id.map(StepId::uuid)),
        (Column::HoldingId, evidence.holding_id.map(HoldingId::uuid)),
    ] {
        if let Some(subject) = subject {
            let list = Entity::find().filter(column.eq(subject));
            room(tx, list, "pieces of evidence", "Put what belongs together into one file.").await?;
        }
    }
    Entity::insert(row(evidence)?.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}
