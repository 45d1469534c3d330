//! Exceptions: deviations with their reasons, risks and what they oblige to.

use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};

use crate::{
    app,
    domain::{
        exception::{self, ActionKind, ActionState, ExceptionState, ExceptionType, RiskKind, RiskLevel},
        page::{Key, Keyed},
    },
    graphql::{
        connection::connection,
        context::Caller,
        loaders::{ClientKey, DecisionKey, EngagementKey, StepKey, load, required},
        scalars::{DateTime, Long},
        types::{actor::Actor, client::Client, decision::Decision, engagement::Engagement, step::Step},
    },
};

/// A deviation from the process: asked for with reasons, decided by management, worked off, closed. It never opens
/// a hard gate.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Exception {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// How the run leaves the process.
    r#type: ExceptionType,
    /// What happened.
    situation: String,
    /// Why the deviation is right.
    justification: String,
    /// What may come of it.
    risks: Vec<ExceptionRisk>,
    /// What it obliges to: one of each kind, settled once it is approved.
    actions: Vec<ExceptionAction>,
    /// The holding that shall stay open, or whose incomplete return is taken as it is, when it is about one.
    holding_id: Option<ID>,
    /// Who asked for it.
    requested_by: Actor,
    /// When.
    requested_at: DateTime,
    /// From then on it allows nothing more.
    expires_at: DateTime,
    /// When it was closed.
    closed_at: Option<DateTime>,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
    #[graphql(skip)]
    pub(in crate::graphql) inner: exception::Exception,
}

impl From<exception::Exception> for Exception {
    fn from(inner: exception::Exception) -> Self {
        Self {
            id: inner.id.to_string().into(),
            r#type: inner.r#type,
            situation: inner.situation.clone(),
            justification: inner.justification.clone(),
            risks: inner.risks.iter().map(ExceptionRisk::from).collect(),
            actions: inner.actions.iter().map(ExceptionAction::from).collect(),
            holding_id: inner.holding_id.map(|id| id.to_string().into()),
            requested_by: inner.requested_by.into(),
            requested_at: inner.requested_at.into(),
            expires_at: inner.expires_at.into(),
            closed_at: inner.closed_at.map(DateTime),
            revision: inner.revision,
            inner,
        }
    }
}

impl Keyed for Exception {
    fn key(&self) -> Key {
        Key { at_ms: self.inner.requested_at.timestamp_millis(), id: self.inner.id.uuid() }
    }
}

connection! {
    /// Exceptions, newest first.
    ExceptionConnection, ExceptionEdge, Exception
}

#[ComplexObject]
impl Exception {
    /// Where it stands now: one whose time is over is EXPIRED at once.
    async fn state(&self, ctx: &Context<'_>) -> ExceptionState {
        self.inner.state_at(ctx.app().now())
    }

    /// Whether it allows now what it was asked for.
    async fn is_in_force(&self, ctx: &Context<'_>) -> bool {
        self.inner.is_in_force(ctx.app().now())
    }

    /// The client it concerns.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
        required(ctx, ClientKey(self.inner.client_id)).await
    }

    /// The engagement that deviates.
    async fn engagement(&self, ctx: &Context<'_>) -> async_graphql::Result<Engagement> {
        required(ctx, EngagementKey(self.inner.engagement_id)).await
    }

    /// The step it is about, when it is about one.
    async fn step(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Step>> {
        match self.inner.step_id {
            Some(step) => load(ctx, StepKey(step)).await,
            None => Ok(None),
        }
    }

    /// Where it is decided.
    async fn decision(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Decision>> {
        match self.inner.decision_id {
            Some(decision) => load(ctx, DecisionKey(decision)).await,
            None => Ok(None),
        }
    }

    /// What the caller may do with it now.
    async fn viewer_can(&self, ctx: &Context<'_>) -> async_graphql::Result<ExceptionPermissions> {
        let can = app::exception::permissions(ctx.actor()?, &self.inner, ctx.app().now());
        Ok(ExceptionPermissions { settle_actions: can.may_settle, close: can.may_close, withdraw: can.may_withdraw })
    }
}

/// What may come of a deviation, and how bad that would be.
#[derive(Clone, Debug, SimpleObject)]
pub struct ExceptionRisk {
    /// What may come.
    kind: RiskKind,
    /// How likely.
    likelihood: RiskLevel,
    /// How bad.
    impact: RiskLevel,
    /// What it may cost.
    penalty: Option<Penalty>,
}

impl From<&exception::Risk> for ExceptionRisk {
    fn from(risk: &exception::Risk) -> Self {
        let penalty = risk
            .penalty
            .as_ref()
            .map(|penalty| Penalty { amount_minor: penalty.amount_minor.into(), currency: penalty.currency.clone() });
        Self { kind: risk.kind, likelihood: risk.likelihood, impact: risk.impact, penalty }
    }
}

/// An amount of money.
#[derive(Clone, Debug, SimpleObject)]
pub struct Penalty {
    /// In the currency's smallest unit, such as cents.
    amount_minor: Long,
    /// ISO 4217 code, such as `USD`.
    currency: String,
}

/// One of the three things a deviation obliges to.
#[derive(Clone, Debug, SimpleObject)]
pub struct ExceptionAction {
    /// Which of the three.
    kind: ActionKind,
    /// Where it stands.
    state: ActionState,
    /// What is planned, what was done, or why nothing.
    note: Option<String>,
    /// Who settled it.
    set_by: Option<Actor>,
    /// When it was settled.
    set_at: Option<DateTime>,
}

impl From<&exception::Action> for ExceptionAction {
    fn from(action: &exception::Action) -> Self {
        Self {
            kind: action.kind,
            state: action.state,
            note: action.note.clone(),
            set_by: action.set_by.map(Actor),
            set_at: action.set_at.map(DateTime),
        }
    }
}

/// What the caller may do with an exception now.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct ExceptionPermissions {
    /// Whether the caller may settle its actions.
    settle_actions: bool,
    /// Whether the caller may close it.
    close: bool,
    /// Whether the caller may take it back.
    withdraw: bool,
}

/// Which exceptions a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ExceptionFilter {
    /// Only these states, as they are now.
    states: Option<Vec<ExceptionState>>,
    /// Only these types.
    types: Option<Vec<ExceptionType>>,
    /// Only those about this client.
    client_id: Option<ID>,
    /// Only those raised in this engagement.
    engagement_id: Option<ID>,
    /// Only those about this step.
    step_id: Option<ID>,
}

impl ExceptionFilter {
    /// The filter, or `None` when it can match nothing.
    pub fn parse(self) -> Option<exception::ExceptionFilter> {
        Some(exception::ExceptionFilter {
            states: self.states.unwrap_or_default(),
            types: self.types.unwrap_or_default(),
            client_id: self.client_id.map(|id| id.parse()).transpose().ok()?,
            engagement_id: self.engagement_id.map(|id| id.parse()).transpose().ok()?,
            step_id: self.step_id.map(|id| id.parse()).transpose().ok()?,
        })
    }
}
