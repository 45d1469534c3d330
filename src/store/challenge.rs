//! Challenges: rows and queries.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use crate::{
    auth::ClientScope,
    domain::stakeholder::{Challenge, Lesson},
    error::{Error, Result},
    ids::{ChallengeId, EngagementId},
    store::{self, Tx, room::room},
};

use entity::challenge::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "challenge";

fn domain(row: Model) -> Result<Challenge> {
    Ok(Challenge {
        id: row.id.into(),
        engagement_id: row.engagement_id.into(),
        client_id: row.client_id.into(),
        lesson: Lesson { expected: row.expected, actual: row.actual, learning: row.learning },
        recorded_by: store::word(TABLE, "recorded_by", row.id, &row.recorded_by)?,
        recorded_at: row.recorded_at,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The challenge, locked until the transaction ends.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: ChallengeId, field: &'static str) -> Result<Challenge> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("challenge", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[ChallengeId],
) -> Result<Vec<Challenge>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The challenges of these engagements, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_engagements(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    engagements: &[EngagementId],
) -> Result<Vec<Challenge>> {
    let select = scoped(scope).filter(Column::EngagementId.is_in(engagements.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::Id).all(db).await?.into_iter().map(domain).collect()
}

/// Writes a new challenge.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, challenge: &Challenge) -> Result<()> {
    let list = Entity::find().filter(Column::EngagementId.eq(challenge.engagement_id.uuid()));
    room(tx, list, "challenges", "Add to one of them.").await?;
    let row = ActiveModel {
        id: ActiveValue::Set(challenge.id.into()),
        engagement_id: ActiveValue::Set(challenge.engagement_id.into()),
        client_id: ActiveValue::Set(challenge.client_id.into()),
        expected: ActiveValue::Set(challenge.lesson.expected.clone()),
        actual: ActiveValue::Set(challenge.lesson.actual.clone()),
        learning: ActiveValue::Set(challenge.lesson.learning.clone()),
        recorded_by: ActiveValue::Set(challenge.recorded_by.to_string()),
        recorded_at: ActiveValue::Set(challenge.recorded_at),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes what a challenge that was locked in this transaction says now.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, challenge: &Challenge) -> Result<()> {
    let active = ActiveModel {
        id: ActiveValue::Unchanged(challenge.id.into()),
        expected: ActiveValue::Set(challenge.lesson.expected.clone()),
        actual: ActiveValue::Set(challenge.lesson.actual.clone()),
        learning: ActiveValue::Set(challenge.lesson.learning.clone()),
        ..<ActiveModel as Default>::default()
    };
    active.update(tx).await?;
    Ok(())
}
