//! Which decisions a list holds, as SQL.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, SelectStatement},
};

use crate::{
    clock::Instant,
    domain::decision::{DecisionFilter, DecisionState, Voter},
    ids::ActorId,
};

use entity::{
    decision::{Column, Entity},
    decision_delegation as delegations, decision_role as roles, decision_vote as votes,
};

/// `select`, narrowed to what `filter` allows at `now`.
pub(super) fn apply(mut select: Select<Entity>, filter: &DecisionFilter, now: Instant) -> Select<Entity> {
    if !filter.states.is_empty() {
        let any = filter.states.iter().map(|state| stands_at(*state, now));
        select = select.filter(any.fold(Condition::any(), Condition::add));
    }
    if !filter.kinds.is_empty() {
        select = select.filter(Column::Kind.is_in(filter.kinds.iter().map(|kind| kind.as_str())));
    }
    if let Some(client) = filter.client_id {
        select = select.filter(Column::ClientId.eq(client.uuid()));
    }
    if let Some(engagement) = filter.engagement_id {
        select = select.filter(Column::EngagementId.eq(engagement.uuid()));
    }
    if !filter.asks.is_empty() {
        let asking = asked().filter(roles::Column::Role.is_in(filter.asks.iter().map(|role| role.as_str())));
        select = select.filter(Column::Id.in_subquery(asking.into_query()));
    }
    match &filter.awaits {
        Some(voter) => select.filter(awaits(voter, now)),
        None => select,
    }
}

/// In `state` at `now`: a question whose time is over is expired before anybody writes that down.
fn stands_at(state: DecisionState, now: Instant) -> Condition {
    let stored = Column::State.eq(state.as_str());
    let is_over = Column::ExpiresAt.lte(now);
    let in_time = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
    match state {
        DecisionState::Open => Condition::all().add(stored).add(in_time),
        DecisionState::Expired => {
            let unwritten = Condition::all().add(Column::State.eq(DecisionState::Open.as_str())).add(is_over);
            Condition::any().add(stored).add(unwritten)
        }
        DecisionState::Granted | DecisionState::Refused | DecisionState::Withdrawn => Condition::all().add(stored),
    }
}

/// The questions whose next vote `voter` may cast, as [`crate::domain::decision::Ballot::awaits`] has it.
fn awaits(voter: &Voter, now: Instant) -> Condition {
    let me = voter.id.to_string();
    if voter.roles.is_empty() {
        return Condition::all().add(Column::Id.is_in(Vec::<uuid::Uuid>::new()));
    }
    let mine = Condition::all()
        .add(roles::Column::Role.is_in(voter.roles.iter().map(|role| role.as_str())))
        .add(Expr::exists(handed(delegations::Column::Delegator, voter.id)).not());
    let is_my_turn = Condition::any().add(mine).add(Expr::exists(handed(delegations::Column::Delegate, voter.id)));
    let turns = asked().filter(roles::Column::IsAwaited.eq(true)).filter(is_my_turn);
    let voted = votes::Entity::find().select_only().column(votes::Column::DecisionId);
    stands_at(DecisionState::Open, now)
        .add(Column::RequestedBy.ne(me.as_str()))
        .add(Column::Id.in_subquery(turns.into_query()))
        .add(Column::Id.not_in_subquery(voted.filter(votes::Column::Voter.eq(me)).into_query()))
}

fn asked() -> Select<roles::Entity> {
    roles::Entity::find().select_only().column(roles::Column::DecisionId)
}

/// The delegations of the decision and role of the `decision_role` row around it in which `person` stands at `end`.
fn handed(end: delegations::Column, person: ActorId) -> SelectStatement {
    let same = |ours: delegations::Column, theirs: roles::Column| {
        Expr::col((delegations::Entity, ours)).equals((roles::Entity, theirs))
    };
    let select = delegations::Entity::find()
        .select_only()
        .column(delegations::Column::DecisionId)
        .filter(same(delegations::Column::DecisionId, roles::Column::DecisionId))
        .filter(same(delegations::Column::Role, roles::Column::Role))
        .filter(end.eq(person.to_string()));
    select.into_query()
}
