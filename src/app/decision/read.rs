//! Reading decisions: what the caller may see, and what it may do with it.

use std::collections::{BTreeSet, HashMap};

use crate::{
    app::App,
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        decision::{Answers, Decision, DecisionFilter, DecisionState, Voter},
        page::{Page, Window},
        role::Role,
    },
    error::Result,
    ids::{DecisionId, EngagementId},
    store,
};

/// What one caller may do with a question now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// In which role it would vote; none when it may not.
    pub vote_as: Option<Role>,
    /// Whether its vote is missing.
    pub is_awaited: bool,
    /// Whether it may hand its vote on.
    pub may_delegate: bool,
    /// Whether it may take the question back.
    pub may_withdraw: bool,
}

/// Whether `actor` is on the provider's side, and so sees every question in its scope.
fn is_inside(actor: &Actor) -> bool {
    actor.roles.iter().any(|role| *role != Role::ClientContact)
}

/// Whether `actor` sees this question of a client in its scope: a client's contact sees what its client is asked, and
/// not what the provider asks itself about the client.
pub(super) fn sees(actor: &Actor, decision: &Decision) -> bool {
    is_inside(actor) || decision.rule.roles().any(|role| actor.has(role))
}

/// The question, if the caller may see it.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn find(app: &App, actor: &Actor, id: DecisionId) -> Result<Option<Decision>> {
    actor.require(Permission::Decision)?;
    let found = store::decision::find(app.db().read(), &actor.scope, id).await?;
    Ok(found.filter(|decision| sees(actor, decision)))
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[DecisionId]) -> Result<Vec<Decision>> {
    actor.require(Permission::Decision)?;
    let mut found = store::decision::load_many(app.db().read(), &actor.scope, ids).await?;
    found.retain(|decision| sees(actor, decision));
    Ok(found)
}

/// The questions asked in these engagements that the caller may see, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_engagements(app: &App, actor: &Actor, engagements: &[EngagementId]) -> Result<Vec<Decision>> {
    actor.require(Permission::Decision)?;
    let mut found = store::decision::of_engagements(app.db().read(), &actor.scope, engagements).await?;
    found.retain(|decision| sees(actor, decision));
    Ok(found)
}

/// The questions about what these printed ids name that the caller may see, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn about(app: &App, actor: &Actor, subjects: &[&str]) -> Result<Vec<Decision>> {
    actor.require(Permission::Decision)?;
    let mut found = store::decision::about(app.db().read(), &actor.scope, subjects).await?;
    found.retain(|decision| sees(actor, decision));
    Ok(found)
}

/// What was answered to questions the caller was given. One without answers is missing.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn answers(app: &App, actor: &Actor, ids: &[DecisionId]) -> Result<HashMap<DecisionId, Answers>> {
    actor.require(Permission::Decision)?;
    store::decision::answers(app.db().read(), &actor.scope, ids).await
}

/// What the caller may do with a question now.
pub fn permissions(actor: &Actor, decision: &Decision, answers: &Answers, now: Instant) -> Permissions {
    let ballot = decision.with(answers);
    let may_vote = actor.may(Permission::DecisionVote);
    let vote_as = may_vote.then(|| ballot.voting_role(actor.id, &actor.roles, now).ok()).flatten();
    let is_own = |role: Role| actor.has(role) && ballot.may_vote(actor.id, &actor.roles, role, now).is_ok();
    Permissions {
        vote_as,
        is_awaited: may_vote && ballot.awaits(actor.id, &actor.roles, now),
        may_delegate: actor.may(Permission::DecisionDelegate) && decision.rule.roles().any(is_own),
        may_withdraw: actor.may(Permission::DecisionWithdraw)
            && decision.requested_by == actor.id
            && decision.state_at(now) == DecisionState::Open,
    }
}

/// One page of the questions the caller may see, newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: DecisionFilter, window: &Window) -> Result<Page<Decision>> {
    actor.require(Permission::Decisions)?;
    store::decision::list(app.db().read(), &actor.scope, &narrowed(actor, filter), app.now(), window).await
}

/// How many questions [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: DecisionFilter) -> Result<u64> {
    actor.require(Permission::Decisions)?;
    store::decision::count(app.db().read(), &actor.scope, &narrowed(actor, filter), app.now()).await
}

/// `filter`, narrowed to what `actor` sees.
fn narrowed(actor: &Actor, filter: DecisionFilter) -> DecisionFilter {
    if is_inside(actor) {
        return filter;
    }
    DecisionFilter { asks: actor.roles.iter().copied().collect(), ..filter }
}

/// The caller as somebody whose vote may be missing: without roles when it never votes.
pub fn voter(actor: &Actor) -> Voter {
    let votes = actor.id.user().is_some() && actor.may(Permission::DecisionVote);
    let roles = if votes { actor.roles.clone() } else { BTreeSet::new() };
    Voter { id: actor.id, roles }
}
