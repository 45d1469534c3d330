//! Decisions: who must agree, who has, and what the caller may do about it.

use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};

use crate::{
    app,
    domain::{
        decision::{self, DecisionKind, DecisionState, Verdict, tally},
        page::{Key, Keyed},
        role::Role,
    },
    graphql::{
        connection::connection,
        context::Caller,
        loaders::{AnswersOf, ClientKey, EngagementKey, load},
        scalars::DateTime,
        types::{actor::Actor, client::Client, engagement::Engagement},
    },
};

/// A question put to those who may decide it. One refusal refuses; whoever asked never votes; a person votes once.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Decision {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// What is asked.
    kind: DecisionKind,
    /// The question, in words.
    question: String,
    /// What it is about: the id of an exception, a process version, an engagement, a step, a holding, a job plan …
    subject_id: ID,
    /// What exactly is decided on, when that can change: a plan's hash, a content's hash.
    subject_hash: Option<String>,
    /// Who asked, and so decides nothing here.
    requested_by: Actor,
    /// When it was asked.
    requested_at: DateTime,
    /// Until when it can be answered; null for as long as it takes.
    expires_at: Option<DateTime>,
    /// When it was granted or refused.
    decided_at: Option<DateTime>,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
    #[graphql(skip)]
    pub(in crate::graphql) inner: decision::Decision,
}

impl From<decision::Decision> for Decision {
    fn from(inner: decision::Decision) -> Self {
        Self {
            id: inner.id.to_string().into(),
            kind: inner.kind,
            question: inner.question.clone(),
            subject_id: inner.subject_id.clone().into(),
            subject_hash: inner.subject_hash.clone(),
            requested_by: inner.requested_by.into(),
            requested_at: inner.requested_at.into(),
            expires_at: inner.expires_at.map(DateTime),
            decided_at: inner.decided_at.map(DateTime),
            revision: inner.revision,
            inner,
        }
    }
}

impl Keyed for Decision {
    fn key(&self) -> Key {
        Key { at_ms: self.inner.requested_at.timestamp_millis(), id: self.inner.id.uuid() }
    }
}

connection! {
    /// Decisions, newest first.
    DecisionConnection, DecisionEdge, Decision
}

#[ComplexObject]
impl Decision {
    /// Where it stands now: a question whose time is over is EXPIRED at once.
    async fn state(&self, ctx: &Context<'_>) -> DecisionState {
        self.inner.state_at(ctx.app().now())
    }

    /// The client it concerns; null for a process.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Client>> {
        match self.inner.client_id {
            Some(client) => load(ctx, ClientKey(client)).await,
            None => Ok(None),
        }
    }

    /// The engagement it is asked in, when it is asked in one.
    async fn engagement(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Engagement>> {
        match self.inner.engagement_id {
            Some(engagement) => load(ctx, EngagementKey(engagement)).await,
            None => Ok(None),
        }
    }

    /// Who must agree, and how far that has come.
    async fn rule(&self, ctx: &Context<'_>) -> async_graphql::Result<DecisionRule> {
        let answers = load(ctx, AnswersOf(self.inner.id)).await?.unwrap_or_default();
        let counts = tally(&self.inner.rule, self.inner.requested_by, &answers.votes);
        let requirements = self.inner.rule.requirements.iter().zip(counts);
        Ok(DecisionRule {
            is_ordered: self.inner.rule.is_ordered,
            requirements: requirements.map(|(needed, granted)| DecisionRequirement::of(needed, granted)).collect(),
        })
    }

    /// The votes, in the order they were cast.
    async fn votes(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<DecisionVote>> {
        let answers = load(ctx, AnswersOf(self.inner.id)).await?.unwrap_or_default();
        Ok(answers.votes.iter().map(DecisionVote::from).collect())
    }

    /// Who handed a vote to whom.
    async fn delegations(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<DecisionDelegation>> {
        let answers = load(ctx, AnswersOf(self.inner.id)).await?.unwrap_or_default();
        Ok(answers.delegations.iter().map(DecisionDelegation::from).collect())
    }

    /// What the caller may do with it now.
    async fn viewer_can(&self, ctx: &Context<'_>) -> async_graphql::Result<DecisionPermissions> {
        let answers = load(ctx, AnswersOf(self.inner.id)).await?.unwrap_or_default();
        let can = app::decision::permissions(ctx.actor()?, &self.inner, &answers, ctx.app().now());
        Ok(DecisionPermissions {
            vote: can.vote_as.is_some(),
            vote_as: can.vote_as,
            is_awaited: can.is_awaited,
            delegate: can.may_delegate,
            withdraw: can.may_withdraw,
        })
    }
}

/// Who must agree.
#[derive(Clone, Debug, SimpleObject)]
pub struct DecisionRule {
    /// Whether a requirement may be voted on only when those before it are met.
    is_ordered: bool,
    /// All of these must be met.
    requirements: Vec<DecisionRequirement>,
}

/// So many people out of these roles.
#[derive(Clone, Debug, SimpleObject)]
pub struct DecisionRequirement {
    /// Any of these roles will do.
    any_of: Vec<Role>,
    /// How many different people must grant.
    quorum: i32,
    /// How many have.
    granted: i32,
    /// Whether that is enough.
    is_met: bool,
}

impl DecisionRequirement {
    fn of(needed: &decision::Requirement, granted: u8) -> Self {
        Self {
            any_of: needed.any_of.clone(),
            quorum: needed.quorum.into(),
            granted: granted.into(),
            is_met: granted >= needed.quorum,
        }
    }
}

/// One person's answer.
#[derive(Clone, Debug, SimpleObject)]
pub struct DecisionVote {
    /// Who.
    voter: Actor,
    /// In which role.
    role: Role,
    /// Yes or no.
    verdict: Verdict,
    /// Why.
    comment: Option<String>,
    /// When.
    voted_at: DateTime,
}

impl From<&decision::Vote> for DecisionVote {
    fn from(vote: &decision::Vote) -> Self {
        Self {
            voter: vote.voter.into(),
            role: vote.role,
            verdict: vote.verdict,
            comment: vote.comment.clone(),
            voted_at: vote.voted_at.into(),
        }
    }
}

/// A right to vote that was handed on.
#[derive(Clone, Debug, SimpleObject)]
pub struct DecisionDelegation {
    /// Who gave it away, and votes no more in that role.
    delegator: Actor,
    /// Who may vote instead.
    delegate: Actor,
    /// In which role.
    role: Role,
    /// When.
    delegated_at: DateTime,
}

impl From<&decision::Delegation> for DecisionDelegation {
    fn from(delegation: &decision::Delegation) -> Self {
        Self {
            delegator: delegation.delegator.into(),
            delegate: delegation.delegate.into(),
            role: delegation.role,
            delegated_at: delegation.delegated_at.into(),
        }
    }
}

/// What the caller may do with a decision now.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing that may be done")]
pub struct DecisionPermissions {
    /// Whether the caller may vote.
    vote: bool,
    /// In which role it votes unless it names another one.
    vote_as: Option<Role>,
    /// Whether its vote is still missing. One who may vote without being awaited can only refuse to any effect.
    is_awaited: bool,
    /// Whether the caller may hand its vote on.
    delegate: bool,
    /// Whether the caller may take the question back.
    withdraw: bool,
}

/// Which decisions a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct DecisionFilter {
    /// With true, only those whose next vote the caller may cast: the inbox.
    awaits_viewer: Option<bool>,
    /// Only these states, as they are now.
    states: Option<Vec<DecisionState>>,
    /// Only these kinds.
    kinds: Option<Vec<DecisionKind>>,
    /// Only those about this client.
    client_id: Option<ID>,
    /// Only those asked in this engagement.
    engagement_id: Option<ID>,
}

impl DecisionFilter {
    /// The filter as `actor` asks, or `None` when it can match nothing.
    pub fn parse(self, actor: &crate::auth::Actor) -> Option<decision::DecisionFilter> {
        Some(decision::DecisionFilter {
            states: self.states.unwrap_or_default(),
            kinds: self.kinds.unwrap_or_default(),
            client_id: self.client_id.map(|id| id.parse()).transpose().ok()?,
            engagement_id: self.engagement_id.map(|id| id.parse()).transpose().ok()?,
            asks: Vec::new(),
            awaits: self.awaits_viewer.unwrap_or_default().then(|| app::decision::voter(actor)),
        })
    }
}
