//! Raising exceptions, and working them off.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{
        self,
        exception::{Raise, Settle},
    },
    domain::{
        exception::{ActionKind, ActionState, ExceptionType, Penalty, Risk, RiskKind, RiskLevel},
        text::{Prose, Remark},
    },
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::{DateTime, Long},
        types::exception::Exception,
    },
};

/// Raises exceptions, and works them off.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExceptionMutation;

/// A deviation as somebody asks for it.
#[derive(Clone, Debug, InputObject)]
pub struct ExceptionRaiseInput {
    /// The engagement that deviates.
    engagement_id: ID,
    /// The step it is about; needed to skip one or to go out of order.
    step_id: Option<ID>,
    /// The holding that shall stay open (SKIPPED), or whose latest return is PARTIAL and taken as it is (DEVIATION): once
    /// that is approved for all holdings of that return, it is concluded.
    holding_id: Option<ID>,
    /// How the run leaves the process.
    r#type: ExceptionType,
    /// What happened, 1 to 200 characters: one of the process's catalogue, or in own words.
    situation: String,
    /// Why the deviation is right, 20 to 2,000 characters.
    justification: String,
    /// What may come of it, 1 to 20 risks.
    risks: Vec<ExceptionRiskInput>,
    /// What is planned for the actions it obliges to; each kind at most once.
    actions: Option<Vec<ExceptionActionInput>>,
    /// From then on it allows nothing more; at most 92 days from now.
    expires_at: DateTime,
    /// The caller's name for this request, 8 to 128 characters; the same key never raises two exceptions.
    idempotency_key: String,
}

/// What may come of a deviation, and how bad that would be.
#[derive(Clone, Debug, InputObject)]
pub struct ExceptionRiskInput {
    /// What may come.
    kind: RiskKind,
    /// How likely.
    likelihood: RiskLevel,
    /// How bad.
    impact: RiskLevel,
    /// What it may cost.
    penalty: Option<PenaltyInput>,
}

/// An amount of money.
#[derive(Clone, Debug, InputObject)]
pub struct PenaltyInput {
    /// In the currency's smallest unit, such as cents; at least 1.
    amount_minor: Long,
    /// ISO 4217 code, such as `USD`.
    currency: String,
}

/// What is planned for one of the actions a deviation obliges to.
#[derive(Clone, Debug, InputObject)]
pub struct ExceptionActionInput {
    /// Which of the three.
    kind: ActionKind,
    /// What is planned, 1 to 4,000 characters.
    note: String,
}

impl ExceptionRiskInput {
    fn parse(&self) -> Risk {
        // A negative amount is out of bounds as zero is, and refused with it.
        let penalty = self.penalty.as_ref().map(|penalty| Penalty {
            amount_minor: u64::try_from(penalty.amount_minor.0).unwrap_or_default(),
            currency: penalty.currency.clone(),
        });
        Risk { kind: self.kind, likelihood: self.likelihood, impact: self.impact, penalty }
    }
}

impl ExceptionRaiseInput {
    fn parse(&self) -> Result<Raise> {
        let plans = self.actions.iter().flatten().enumerate();
        let plans = plans
            .map(|(index, action)| Ok((action.kind, parse::<Prose>(&format!("actions.{index}.note"), &action.note)?)));
        Ok(Raise {
            engagement_id: id::get(&self.engagement_id, "engagement", "engagementId")?,
            step_id: self.step_id.as_ref().map(|id| id::get(id, "step", "stepId")).transpose()?,
            holding_id: self.holding_id.as_ref().map(|id| id::get(id, "holding", "holdingId")).transpose()?,
            r#type: self.r#type,
            situation: parse("situation", &self.situation)?,
            justification: parse("justification", &self.justification)?,
            risks: self.risks.iter().map(ExceptionRiskInput::parse).collect(),
            plans: plans.collect::<Result<_>>()?,
            expires_at: self.expires_at.0,
        })
    }
}

/// What became of one of the actions an exception obliges to.
#[derive(Clone, Debug, InputObject)]
pub struct ExceptionActionDoneInput {
    /// The exception.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// Which of the three.
    action: ActionKind,
    /// DONE, or `NOT_APPLICABLE` with a note.
    #[graphql(default_with = "ActionState::Done")]
    state: ActionState,
    /// What was done, or why nothing; up to 4,000 characters.
    note: Option<String>,
}

impl ExceptionActionDoneInput {
    fn parse(&self) -> Result<Settle> {
        Ok(Settle {
            id: id::get(&self.id, "exception", "id")?,
            expected_revision: self.expected_revision,
            action: self.action,
            state: self.state,
            note: self.note.as_deref().map(|note| parse::<Remark>("note", note)).transpose()?,
        })
    }
}

/// Which exception is closed.
#[derive(Clone, Debug, InputObject)]
pub struct ExceptionCloseInput {
    /// The exception.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

/// Which exception is taken back.
#[derive(Clone, Debug, InputObject)]
pub struct ExceptionWithdrawInput {
    /// The exception.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

payload! {
    /// The exception that was raised.
    once ExceptionRaisePayload {
        /// The exception.
        exception: Exception,
    }
}
payload! {
    /// The exception with the settled action.
    ExceptionActionDonePayload {
        /// The exception.
        exception: Exception,
    }
}
payload! {
    /// The closed exception.
    ExceptionClosePayload {
        /// The exception.
        exception: Exception,
    }
}
payload! {
    /// The exception that was taken back.
    ExceptionWithdrawPayload {
        /// The exception.
        exception: Exception,
    }
}

#[Object]
impl ExceptionMutation {
    /// Asks for a deviation from the process, and puts it to those who decide it.
    /// Example: `mutation { exceptionRaise(input: { engagementId: "eng_…", stepId: "stp_…", type: SKIPPED, situation:
    /// "A laptop is abroad.", justification: "It comes back in May.", risks: [{ kind: SECURITY, likelihood: LOW,
    /// impact: MEDIUM }], expiresAt: "2027-05-31T00:00:00Z", idempotencyKey: "laptop-abroad" }) { exception { id }
    /// userErrors { message } } }`.
    async fn exception_raise(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The deviation.")] input: ExceptionRaiseInput,
    ) -> Nullable<ExceptionRaisePayload> {
        let raised = async {
            let once = once("exceptionRaise", &input.idempotency_key, &input)?;
            let done = app::exception::raise(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(ExceptionRaisePayload::done(done.is_replayed, done.made.into()))
        };
        settle(raised.await)
    }

    /// Settles one of the actions an approved exception obliges to.
    /// Example: `mutation { exceptionActionDone(input: { id: "exc_…", expectedRevision: 2, action: ESCALATE, note:
    /// "Dana knows." }) { exception { state } userErrors { message } } }`.
    async fn exception_action_done(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which action, and what became of it.")] input: ExceptionActionDoneInput,
    ) -> Nullable<ExceptionActionDonePayload> {
        let settled = async {
            let exception = app::exception::settle(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(ExceptionActionDonePayload::done(exception.into()))
        };
        settle(settled.await)
    }

    /// Closes an approved exception whose actions are all settled. What it allowed stays allowed until it expires.
    /// Example: `mutation { exceptionClose(input: { id: "exc_…", expectedRevision: 3 }) { exception { state closedAt }
    /// userErrors { message } } }`.
    async fn exception_close(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ExceptionCloseInput,
    ) -> Nullable<ExceptionClosePayload> {
        let closed = async {
            let id = id::get(&input.id, "exception", "id")?;
            let exception = app::exception::close(ctx.app(), ctx.actor()?, id, input.expected_revision).await?;
            Ok(ExceptionClosePayload::done(exception.into()))
        };
        settle(closed.await)
    }

    /// Takes an exception that still waits for its decision back, and the question with it. Only whoever raised it may.
    /// Example: `mutation { exceptionWithdraw(input: { id: "exc_…", expectedRevision: 1 }) { exception { state }
    /// userErrors { message } } }`.
    async fn exception_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ExceptionWithdrawInput,
    ) -> Nullable<ExceptionWithdrawPayload> {
        let withdrawn = async {
            let id = id::get(&input.id, "exception", "id")?;
            let exception = app::exception::withdraw(ctx.app(), ctx.actor()?, id, input.expected_revision).await?;
            Ok(ExceptionWithdrawPayload::done(exception.into()))
        };
        settle(withdrawn.await)
    }
}
