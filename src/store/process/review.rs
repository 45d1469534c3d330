//! Reviews of process versions.

use std::collections::HashMap;

use sea_orm::{ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use entity::process_review::{ActiveModel, Column, Entity, Model};

use crate::{
    domain::process::ProcessReview,
    error::Result,
    ids::ProcessVersionId,
    store::{self, Tx, room::room},
};

const TABLE: &str = "process_review";

fn domain(row: Model) -> Result<ProcessReview> {
    Ok(ProcessReview {
        process_version_id: row.process_version_id.into(),
        verdict: store::word(TABLE, "verdict", row.id, &row.verdict)?,
        notes: row.notes,
        reviewed_by: store::word(TABLE, "reviewed_by", row.id, &row.reviewed_by)?,
        reviewed_at: row.reviewed_at,
    })
}

/// The reviews of these versions, the oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_versions(
    db: &impl ConnectionTrait,
    versions: &[ProcessVersionId],
) -> Result<HashMap<ProcessVersionId, Vec<ProcessReview>>> {
    let select = Entity::find().filter(Column::ProcessVersionId.is_in(versions.iter().map(|id| id.uuid())));
    let mut lists: HashMap<ProcessVersionId, Vec<ProcessReview>> = HashMap::new();
    for row in select.order_by_asc(Column::ReviewedAt).all(db).await? {
        let review = domain(row)?;
        lists.entry(review.process_version_id).or_default().push(review);
    }
    Ok(lists)
}

/// Writes a new review.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, id: Uuid, review: &ProcessReview) -> Result<()> {
    let list = Entity::find().filter(Column::ProcessVersionId.eq(review.process_version_id.uuid()));
    room(tx, list, "reviews", "Make a new version of the process.").await?;
    let row = ActiveModel {
        id: ActiveValue::Set(id),
        process_version_id: ActiveValue::Set(review.process_version_id.into()),
        verdict: ActiveValue::Set(review.verdict.to_string()),
        notes: ActiveValue::Set(review.notes.clone()),
        reviewed_by: ActiveValue::Set(review.reviewed_by.to_string()),
        reviewed_at: ActiveValue::Set(review.reviewed_at),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}
