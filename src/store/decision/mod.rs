//! Decisions: rows and queries.
//!
//! A decision's roles stand beside its rule in `decision_role`, so that an inbox is found by an index; they are
//! written with every change of the decision and never read back into it.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Expr,
};

use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::{
        decision::{Decision, DecisionFilter, DecisionKind, DecisionState},
        page::{End, Page, Window},
        role::Role,
    },
    error::{Error, Result},
    ids::{ClientId, DecisionId, EngagementId},
    store::{
        self, Sort, Tx, counted,
        room::{CLIENT_MAX, LIST_MAX, within},
    },
};

use entity::{
    decision::{ActiveModel, Column, Entity, Model},
    decision_role as roles,
};

mod answer;
mod filter;
mod subject;

pub(crate) use answer::{answers, insert_delegation, insert_vote, user_roles};
pub(crate) use subject::subject;

const TABLE: &str = "decision";

fn domain(row: Model) -> Result<Decision> {
    Ok(Decision {
        id: row.id.into(),
        client_id: row.client_id.map(Into::into),
        engagement_id: row.engagement_id.map(Into::into),
        kind: store::word(TABLE, "kind", row.id, &row.kind)?,
        state: store::word(TABLE, "state", row.id, &row.state)?,
        question: row.question,
        subject_id: row.subject_id,
        subject_hash: row.subject_hash,
        rule: store::json(TABLE, "rule", row.id, row.rule)?,
        requested_by: store::word(TABLE, "requested_by", row.id, &row.requested_by)?,
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        decided_at: row.decided_at,
        revision: row.revision,
    })
}

fn row(decision: &Decision) -> Result<Model> {
    Ok(Model {
        id: decision.id.into(),
        client_id: decision.client_id.map(Into::into),
        engagement_id: decision.engagement_id.map(Into::into),
        kind: decision.kind.to_string(),
        state: decision.state.to_string(),
        question: decision.question.clone(),
        subject_id: decision.subject_id.clone(),
        subject_hash: decision.subject_hash.clone(),
        rule: store::to_json(&decision.rule)?,
        requested_by: decision.requested_by.to_string(),
        requested_at: decision.requested_at,
        expires_at: decision.expires_at,
        decided_at: decision.decided_at,
        revision: decision.revision,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// The decision, if `scope` allows it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(db: &impl ConnectionTrait, scope: &ClientScope, id: DecisionId) -> Result<Option<Decision>> {
    scoped(scope).filter(Column::Id.eq(id.uuid())).one(db).await?.map(domain).transpose()
}

/// The decision, locked until the transaction ends: this is what makes its votes take turns. A decision is
/// always locked before the noun it is about, so that two deeds never wait for each other.
///
/// # Errors
/// `NotFound` on `field` when it is absent or out of scope.
pub(crate) async fn lock(tx: &Tx, scope: &ClientScope, id: DecisionId, field: &'static str) -> Result<Decision> {
    let found = scoped(scope).filter(Column::Id.eq(id.uuid())).lock_exclusive().one(tx).await?;
    found.map(domain).transpose()?.ok_or_else(|| Error::not_found("decision", field))
}

/// Those of `ids` that `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[DecisionId],
) -> Result<Vec<Decision>> {
    let ids = ids.iter().map(|id| id.uuid());
    scoped(scope).filter(Column::Id.is_in(ids)).all(db).await?.into_iter().map(domain).collect()
}

/// The decisions asked in these engagements, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_engagements(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    engagements: &[EngagementId],
) -> Result<Vec<Decision>> {
    let select = scoped(scope).filter(Column::EngagementId.is_in(engagements.iter().map(|id| id.uuid())));
    let keys = (Column::EngagementId, Column::RequestedAt, Column::Id);
    let newest = Window { limit: LIST_MAX, end: End::Last, ..Window::default() };
    let pages =
        store::fetch_each(db, select, keys, Sort::Ascending, &newest, |row| row.engagement_id.unwrap_or_default())
            .await?;
    pages.into_values().flat_map(|page| page.items).map(domain).collect()
}

/// The decisions about what these printed ids name, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn about(db: &impl ConnectionTrait, scope: &ClientScope, subjects: &[&str]) -> Result<Vec<Decision>> {
    let select = scoped(scope).filter(Column::SubjectId.is_in(subjects.iter().copied()));
    let rows = select.order_by_asc(Column::RequestedAt).order_by_asc(Column::Id).all(db).await?;
    rows.into_iter().map(domain).collect()
}

/// The decisions about whatever of `clients` has one of these hashes, oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn about_hashes(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    clients: &[ClientId],
    hashes: &[&str],
) -> Result<Vec<Decision>> {
    let select = scoped(scope)
        .filter(Column::ClientId.is_in(clients.iter().map(|id| id.uuid())))
        .filter(Column::SubjectHash.is_in(hashes.iter().copied()));
    let rows = select.order_by_asc(Column::RequestedAt).order_by_asc(Column::Id).all(db).await?;
    rows.into_iter().map(domain).collect()
}

/// The questions of this kind about this subject that nobody has ended, whatever the time.
///
/// # Errors
/// Those of the database.
pub(crate) async fn open_about(tx: &Tx, kind: DecisionKind, subject: &str) -> Result<Vec<Decision>> {
    let rows = Entity::find()
        .filter(Column::SubjectId.eq(subject))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::State.eq(DecisionState::Open.as_str()))
        .all(tx)
        .await?;
    rows.into_iter().map(domain).collect()
}

/// One page of decisions, newest first, as they stand at `now`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &DecisionFilter,
    now: Instant,
    window: &Window,
) -> Result<Page<Decision>> {
    let keys = (Column::RequestedAt, Column::Id);
    store::fetch(db, filter::apply(scoped(scope), filter, now), keys, Sort::Descending, window).await?.try_map(domain)
}

/// How many decisions match at `now`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    filter: &DecisionFilter,
    now: Instant,
) -> Result<u64> {
    store::counted(db, filter::apply(scoped(scope), filter, now)).await
}

/// The open decisions whose time is over at `now`, the longest overdue first, `limit` at most.
///
/// # Errors
/// Those of the database.
pub(crate) async fn due(db: &impl ConnectionTrait, now: Instant, limit: u64) -> Result<Vec<DecisionId>> {
    let select =
        Entity::find().filter(Column::State.eq(DecisionState::Open.as_str())).filter(Column::ExpiresAt.lte(now));
    let ids: Vec<uuid::Uuid> = select
        .select_only()
        .column(Column::Id)
        .order_by_asc(Column::ExpiresAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    Ok(ids.into_iter().map(DecisionId::from).collect())
}

/// Writes a new decision with the roles it asks; `awaited` are those whose votes are missing.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, decision: &Decision, awaited: &BTreeSet<Role>) -> Result<()> {
    if let Some(engagement) = decision.engagement_id {
        let have = counted(tx, Entity::find().filter(Column::EngagementId.eq(engagement.uuid()))).await?;
        // Each exception asks for one, and there are other questions as well.
        within(have, 1, 2 * CLIENT_MAX, "decisions", "Ask once for what the questions have in common.")?;
    }
    Entity::insert(row(decision)?.into_active_model()).exec_without_returning(tx).await?;
    let asked = decision.rule.roles().map(|role| roles::ActiveModel {
        decision_id: ActiveValue::Set(decision.id.into()),
        role: ActiveValue::Set(role.to_string()),
        is_awaited: ActiveValue::Set(awaited.contains(&role)),
    });
    roles::Entity::insert_many(asked).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes a changed decision that was locked in this transaction. Only its state and what follows from it
/// ever change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn update(tx: &Tx, decision: &Decision, awaited: &BTreeSet<Role>) -> Result<()> {
    let active = ActiveModel {
        id: ActiveValue::Unchanged(decision.id.into()),
        state: ActiveValue::Set(decision.state.to_string()),
        decided_at: ActiveValue::Set(decision.decided_at),
        revision: ActiveValue::Set(decision.revision),
        ..<ActiveModel as Default>::default()
    };
    active.update(tx).await?;
    let is_awaited = roles::Column::Role.is_in(awaited.iter().map(|role| role.as_str()));
    roles::Entity::update_many()
        .col_expr(roles::Column::IsAwaited, Expr::expr(is_awaited))
        .filter(roles::Column::DecisionId.eq(decision.id.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}
