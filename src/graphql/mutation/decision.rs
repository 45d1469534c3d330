//! Putting questions, and answering them.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{
        self,
        decision::{Cast, HandOn, Request},
    },
    domain::{
        decision::{DecisionKind, Requirement, Rule, Verdict},
        role::Role,
        text::Prose,
    },
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::DateTime,
        types::decision::Decision,
    },
};

/// Puts questions, and answers them.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionMutation;

/// A question to those who decide it.
#[derive(Clone, Debug, InputObject)]
pub struct DecisionRequestInput {
    /// What is asked. Exceptions and process versions put their questions themselves.
    kind: DecisionKind,
    /// The question, 1 to 4,000 characters.
    question: String,
    /// The engagement it is asked in; left out, the subject says it.
    engagement_id: Option<ID>,
    /// What it is about: an engagement, step, piece of evidence, holding, job plan or client. Left out, the engagement.
    subject_id: Option<ID>,
    /// The hash of the job plan that the caller saw; only for a plan.
    subject_hash: Option<String>,
    /// Who must agree, when more people shall than this kind of question asks for anyway.
    rule: Option<DecisionRuleInput>,
    /// Until when it can be answered, at most 366 days from now; left out, for as long as it takes.
    expires_at: Option<DateTime>,
    /// The caller's name for this request, 8 to 128 characters; the same key never asks twice.
    idempotency_key: String,
}

/// Who must agree.
#[derive(Clone, Debug, InputObject)]
pub struct DecisionRuleInput {
    /// All of these must be met; no role may stand in two of them.
    requirements: Vec<DecisionRequirementInput>,
    /// Whether a requirement may be voted on only when those before it are met.
    #[graphql(default)]
    is_ordered: bool,
}

/// So many people out of these roles.
#[derive(Clone, Debug, InputObject)]
pub struct DecisionRequirementInput {
    /// Any of these roles will do.
    any_of: Vec<Role>,
    /// How many different people must grant, 1 to 9.
    #[graphql(default = 1)]
    quorum: i32,
}

impl DecisionRuleInput {
    fn parse(&self) -> Rule {
        let requirement = |needed: &DecisionRequirementInput| Requirement {
            any_of: needed.any_of.clone(),
            // What does not fit is out of bounds, as nobody is.
            quorum: u8::try_from(needed.quorum).unwrap_or_default(),
        };
        Rule { requirements: self.requirements.iter().map(requirement).collect(), is_ordered: self.is_ordered }
    }
}

impl DecisionRequestInput {
    fn parse(&self) -> Result<Request> {
        let engagement = self.engagement_id.as_ref().map(|id| id::get(id, "engagement", "engagementId"));
        Ok(Request {
            kind: self.kind,
            question: parse("question", &self.question)?,
            engagement_id: engagement.transpose()?,
            subject_id: self.subject_id.as_ref().map(|id| id.to_string()),
            subject_hash: self.subject_hash.clone(),
            rule: self.rule.as_ref().map(DecisionRuleInput::parse),
            expires_at: self.expires_at.map(|at| at.0),
        })
    }
}

/// One person's answer.
#[derive(Clone, Debug, InputObject)]
pub struct DecisionVoteInput {
    /// The decision.
    id: ID,
    /// Yes or no.
    verdict: Verdict,
    /// Why, up to 4,000 characters; needed to refuse.
    comment: Option<String>,
    /// In which role, when the caller may vote in several; left out, one whose vote is missing.
    role: Option<Role>,
    /// The caller's name for this request, 8 to 128 characters; the same key never votes twice.
    idempotency_key: String,
}

impl DecisionVoteInput {
    fn parse(&self) -> Result<Cast> {
        let comment = self.comment.as_deref().map(|comment| parse::<Prose>("comment", comment));
        Ok(Cast {
            id: id::get(&self.id, "decision", "id")?,
            verdict: self.verdict,
            comment: comment.transpose()?,
            role: self.role,
        })
    }
}

/// A vote that is handed to somebody else.
#[derive(Clone, Debug, InputObject)]
pub struct DecisionDelegateInput {
    /// The decision.
    id: ID,
    /// The user who shall vote instead.
    delegate_id: ID,
    /// In which role, when the caller may vote in several; left out, one whose vote is missing.
    role: Option<Role>,
    /// The caller's name for this request, 8 to 128 characters; the same key never delegates twice.
    idempotency_key: String,
}

impl DecisionDelegateInput {
    fn parse(&self) -> Result<HandOn> {
        Ok(HandOn {
            id: id::get(&self.id, "decision", "id")?,
            delegate: id::get(&self.delegate_id, "active colleague", "delegateId")?,
            role: self.role,
        })
    }
}

/// Which question is taken back.
#[derive(Clone, Debug, InputObject)]
pub struct DecisionWithdrawInput {
    /// The decision.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

payload! {
    /// The question that was put.
    once DecisionRequestPayload {
        /// The decision.
        decision: Decision,
    }
}
payload! {
    /// The decision with the vote.
    once DecisionVotePayload {
        /// The decision.
        decision: Decision,
    }
}
payload! {
    /// The decision with the delegation.
    once DecisionDelegatePayload {
        /// The decision.
        decision: Decision,
    }
}
payload! {
    /// The question that was taken back.
    DecisionWithdrawPayload {
        /// The decision.
        decision: Decision,
    }
}

#[Object]
impl DecisionMutation {
    /// Puts a question to those who decide it.
    /// Example: `mutation { decisionRequest(input: { kind: COORDINATION_WINDOW, engagementId: "eng_…", question:
    /// "Saturday from 9 to 12?", idempotencyKey: "window-sat" }) { decision { id } userErrors { message } } }`.
    async fn decision_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The question.")] input: DecisionRequestInput,
    ) -> Nullable<DecisionRequestPayload> {
        let asked = async {
            let once = once("decisionRequest", &input.idempotency_key, &input)?;
            let done = app::decision::request(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(DecisionRequestPayload::done(done.is_replayed, done.made.into()))
        };
        settle(asked.await)
    }

    /// Grants or refuses. The last vote that is missing, or any refusal, decides, and what follows is done with it.
    /// Example: `mutation { decisionVote(input: { id: "dec_…", verdict: GRANT, comment: "As agreed.", idempotencyKey:
    /// "vote-0042" }) { decision { state } userErrors { message } } }`.
    async fn decision_vote(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer.")] input: DecisionVoteInput,
    ) -> Nullable<DecisionVotePayload> {
        let voted = async {
            let once = once("decisionVote", &input.idempotency_key, &input)?;
            let done = app::decision::vote(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(DecisionVotePayload::done(done.is_replayed, done.made.into()))
        };
        settle(voted.await)
    }

    /// Hands the caller's vote to another of the provider's people. What was handed on is not handed on again.
    /// Example: `mutation { decisionDelegate(input: { id: "dec_…", delegateId: "usr_…", idempotencyKey: "delegate-07"
    /// }) { decision { state } userErrors { message } } }`.
    async fn decision_delegate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose vote it shall be.")] input: DecisionDelegateInput,
    ) -> Nullable<DecisionDelegatePayload> {
        let delegated = async {
            let once = once("decisionDelegate", &input.idempotency_key, &input)?;
            let done = app::decision::delegate(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(DecisionDelegatePayload::done(done.is_replayed, done.made.into()))
        };
        settle(delegated.await)
    }

    /// Takes an open question back, with whatever waits for its answer. Only whoever asked may.
    /// Example: `mutation { decisionWithdraw(input: { id: "dec_…", expectedRevision: 1 }) { decision { state }
    /// userErrors { message } } }`.
    async fn decision_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DecisionWithdrawInput,
    ) -> Nullable<DecisionWithdrawPayload> {
        let withdrawn = async {
            let id = id::get(&input.id, "decision", "id")?;
            let decision = app::decision::withdraw(ctx.app(), ctx.actor()?, id, input.expected_revision).await?;
            Ok(DecisionWithdrawPayload::done(decision.into()))
        };
        settle(withdrawn.await)
    }
}
