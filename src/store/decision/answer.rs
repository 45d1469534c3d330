//! Votes and delegations: rows and queries.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::SelectStatement,
};

use crate::{
    auth::ClientScope,
    domain::{
        decision::{Answers, Delegation, Vote},
        role::Role,
    },
    error::{Error, Result},
    ids::{DecisionId, UserId},
    store::{self, Tx, room::room},
};

use entity::{decision, decision_delegation as delegations, decision_vote as votes, user};

fn vote(row: votes::Model) -> Result<Vote> {
    const TABLE: &str = "decision_vote";
    Ok(Vote {
        voter: store::word(TABLE, "voter", row.decision_id, &row.voter)?,
        role: store::word(TABLE, "role", row.decision_id, &row.role)?,
        verdict: store::word(TABLE, "verdict", row.decision_id, &row.verdict)?,
        comment: row.comment,
        voted_at: row.voted_at,
    })
}

fn delegation(row: &delegations::Model) -> Result<Delegation> {
    const TABLE: &str = "decision_delegation";
    Ok(Delegation {
        delegator: store::word(TABLE, "delegator", row.decision_id, &row.delegator)?,
        delegate: store::word(TABLE, "delegate", row.decision_id, &row.delegate)?,
        role: store::word(TABLE, "role", row.decision_id, &row.role)?,
        delegated_at: row.delegated_at,
    })
}

/// The ids among `ids` that `scope` allows.
fn visible(scope: &ClientScope, ids: &[DecisionId]) -> SelectStatement {
    let select = super::scoped(scope).filter(decision::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    select.select_only().column(decision::Column::Id).into_query()
}

/// What was answered to those of `ids` that `scope` allows, in two statements. A decision without answers is missing.
///
/// # Errors
/// Those of the database.
pub(crate) async fn answers(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[DecisionId],
) -> Result<HashMap<DecisionId, Answers>> {
    let mut found: HashMap<DecisionId, Answers> = HashMap::new();
    let cast = votes::Entity::find()
        .filter(votes::Column::DecisionId.in_subquery(visible(scope, ids)))
        .order_by_asc(votes::Column::Position);
    for row in cast.all(db).await? {
        found.entry(row.decision_id.into()).or_default().votes.push(vote(row)?);
    }
    let handed = delegations::Entity::find()
        .filter(delegations::Column::DecisionId.in_subquery(visible(scope, ids)))
        .order_by_asc(delegations::Column::DelegatedAt)
        .order_by_asc(delegations::Column::Delegator);
    for row in handed.all(db).await? {
        found.entry(row.decision_id.into()).or_default().delegations.push(delegation(&row)?);
    }
    Ok(found)
}

/// Writes the vote that follows `earlier` votes on a decision that was locked in this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_vote(tx: &Tx, id: DecisionId, earlier: usize, vote: &Vote) -> Result<()> {
    let row = votes::ActiveModel {
        decision_id: ActiveValue::Set(id.into()),
        voter: ActiveValue::Set(vote.voter.to_string()),
        position: ActiveValue::Set(i32::try_from(earlier).map_err(Error::internal)? + 1),
        role: ActiveValue::Set(vote.role.to_string()),
        verdict: ActiveValue::Set(vote.verdict.to_string()),
        comment: ActiveValue::Set(vote.comment.clone()),
        voted_at: ActiveValue::Set(vote.voted_at),
    };
    let list = votes::Entity::find().filter(votes::Column::DecisionId.eq(id.uuid()));
    room(tx, list, "votes", "Ask for another decision.").await?;
    votes::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a delegation of a vote on a decision that was locked in this transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_delegation(tx: &Tx, id: DecisionId, delegation: &Delegation) -> Result<()> {
    let row = delegations::ActiveModel {
        decision_id: ActiveValue::Set(id.into()),
        delegator: ActiveValue::Set(delegation.delegator.to_string()),
        delegate: ActiveValue::Set(delegation.delegate.to_string()),
        role: ActiveValue::Set(delegation.role.to_string()),
        delegated_at: ActiveValue::Set(delegation.delegated_at),
    };
    let list = delegations::Entity::find().filter(delegations::Column::DecisionId.eq(id.uuid()));
    room(tx, list, "delegations", "Ask for another decision.").await?;
    delegations::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The roles of one of the provider's own people, unless there is no such person or its access ended.
///
/// # Errors
/// Those of the database.
pub(crate) async fn user_roles(tx: &Tx, id: UserId) -> Result<Option<BTreeSet<Role>>> {
    let select = user::Entity::find_by_id(id.uuid());
    let found = select.filter(user::Column::IsActive.eq(true)).filter(user::Column::ClientId.is_null()).one(tx).await?;
    found.map(|row| store::json("user", "roles", row.id, row.roles)).transpose()
}
