//! Plans: written once, read back.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::{
    auth::ClientScope,
    domain::job::Plan,
    error::Result,
    ids::{EngagementId, JobPlanId, StepId},
    store::{self, Tx, json, to_json, word},
};

use entity::job_plan::{Column, Entity, Model};

const TABLE: &str = "job_plan";

fn domain(row: Model) -> Result<Plan> {
    let id = JobPlanId::from(row.id);
    Ok(Plan {
        id,
        kind: word(TABLE, "kind", id, &row.kind)?,
        client_id: row.client_id.into(),
        engagement_id: row.engagement_id.map(Into::into),
        step_id: row.step_id.map(Into::into),
        options: row.options,
        targets: json(TABLE, "targets", id, row.targets)?,
        warnings: json(TABLE, "warnings", id, row.warnings)?,
        hash: row.plan_hash,
        created_by: word(TABLE, "created_by", id, &row.created_by)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
}

/// The plan, if `scope` allows its client.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find_plan(db: &impl ConnectionTrait, scope: &ClientScope, id: JobPlanId) -> Result<Option<Plan>> {
    let select = store::within(Entity::find_by_id(id.uuid()), Column::ClientId, scope);
    select.one(db).await?.map(domain).transpose()
}

/// Those of `ids` whose client `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_plans(db: &impl ConnectionTrait, scope: &ClientScope, ids: &[JobPlanId]) -> Result<Vec<Plan>> {
    let select = store::within(Entity::find(), Column::ClientId, scope);
    let select = select.filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    select.all(db).await?.into_iter().map(domain).collect()
}

/// Writes a plan down.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_plan(tx: &Tx, plan: &Plan) -> Result<()> {
    let row = Model {
        id: plan.id.uuid(),
        client_id: plan.client_id.into(),
        engagement_id: plan.engagement_id.map(EngagementId::uuid),
        step_id: plan.step_id.map(StepId::uuid),
        kind: plan.kind.to_string(),
        options: plan.options.clone(),
        targets: to_json(&plan.targets)?,
        warnings: to_json(&plan.warnings)?,
        plan_hash: plan.hash.clone(),
        created_by: plan.created_by.to_string(),
        created_at: plan.created_at,
        expires_at: plan.expires_at,
    };
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}
