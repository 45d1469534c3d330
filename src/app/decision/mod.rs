//! What can be asked about decisions: putting a question, voting, handing a vote on, taking a question back.
//!
//! Whatever changes a decision locks its row first, so its votes take turns and it has one outcome. When a
//! question ends, [`consequence`] does what follows from the answer, in the same deed.
//!
//! To add a kind: a variant of [`DecisionKind`] with its rule, and its arm in [`consequence`]; if another noun
//! opens it, that noun's module calls [`open`] and [`request`] refuses it.

use std::collections::BTreeSet;

use crate::{
    app::{App, Deed, Done, Once, revision::expect_revision},
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        decision::{
            Answers, Decision, DecisionKind, DecisionState, DecisionVerb, Delegation, Rule, Verdict, Vote, awaited,
            outcome,
        },
        event::{EventKind, NewEvent},
        role::Role,
        text::Prose,
    },
    error::{Error, Result, Violation},
    ids::{ActorId, ClientId, DecisionId, EngagementId, UserId},
    store,
};

mod consequence;
mod expiry;
mod read;
mod request;

pub(in crate::app) use expiry::expire;
pub use expiry::expire_due;
pub use read::{Permissions, about, answers, count, find, list, load_many, of_engagements, permissions, voter};
pub use request::{Request, request};

/// A question that a deed puts.
#[derive(Clone, Debug)]
pub struct Open {
    /// The client it concerns; none for a process.
    pub client_id: Option<ClientId>,
    /// The run it is asked in.
    pub engagement_id: Option<EngagementId>,
    /// What is asked.
    pub kind: DecisionKind,
    /// The question, in words.
    pub question: String,
    /// What it is about, as a printed id.
    pub subject_id: String,
    /// What exactly is decided on, when that can change.
    pub subject_hash: Option<String>,
    /// Until when it can be answered; none for as long as it takes.
    pub expires_at: Option<Instant>,
}

/// One person's answer.
#[derive(Clone, Debug)]
pub struct Cast {
    /// The question.
    pub id: DecisionId,
    /// Yes or no.
    pub verdict: Verdict,
    /// Why.
    pub comment: Option<Prose>,
    /// In which role; none lets the rule choose.
    pub role: Option<Role>,
}

/// A right to vote that is handed on.
#[derive(Clone, Copy, Debug)]
pub struct HandOn {
    /// The question.
    pub id: DecisionId,
    /// Who shall vote instead.
    pub delegate: UserId,
    /// In which role; none lets the rule choose.
    pub role: Option<Role>,
}

/// Puts a question in the deed that needs the answer, to those whom its kind asks.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn open(deed: &mut Deed<'_>, question: Open) -> Result<Decision> {
    let rule = question.kind.rule();
    open_under(deed, question, rule).await
}

/// Puts a question in the deed that needs the answer, to those whom `rule` asks.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn open_under(deed: &mut Deed<'_>, question: Open, rule: Rule) -> Result<Decision> {
    let decision = Decision {
        id: deed.app().new_id(),
        client_id: question.client_id,
        engagement_id: question.engagement_id,
        kind: question.kind,
        state: DecisionState::Open,
        question: question.question,
        subject_id: question.subject_id,
        subject_hash: question.subject_hash,
        rule,
        requested_by: deed.actor().id,
        requested_at: deed.now(),
        expires_at: question.expires_at,
        decided_at: None,
        revision: 1,
    };
    let missing = awaited(&decision.rule, decision.requested_by, &[]);
    store::decision::insert(deed.tx(), &decision, &missing).await?;
    let asked: Vec<_> = decision.rule.roles().map(Role::as_str).collect();
    let summary = format!("A {} decision was asked for: {}", decision.kind, decision.question);
    let event = event(&decision, EventKind::DecisionRequested, summary)
        .with("subjectId", decision.subject_id.as_str())
        .with("subjectHash", decision.subject_hash.as_deref())
        .with("roles", asked);
    deed.record(event);
    Ok(decision)
}

/// Casts a vote; the last one that is missing, or any refusal, decides, and what follows from it is done.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Violation` when a refusal says no reason; `Conflict` when the question is closed
/// or this person may not vote.
pub async fn vote(app: &App, actor: &Actor, input: Cast, once: Once) -> Result<Done<Decision>> {
    actor.require(Permission::DecisionVote)?;
    if input.verdict == Verdict::Refuse && input.comment.is_none() {
        let violation = Violation::new("comment", "A refusal needs a reason.");
        return Err(violation.remedy("Say in a sentence why.").into());
    }
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(lock(&deed, id).await?.0));
    }
    let (mut decision, mut answers) = lock(&deed, input.id).await?;
    consequence::may_answer(&deed, &decision).await?;
    let ballot = decision.with(&answers);
    let role = match input.role {
        Some(role) => ballot.may_vote(actor.id, &actor.roles, role, deed.now()).map(|()| role)?,
        None => ballot.voting_role(actor.id, &actor.roles, deed.now())?,
    };
    let comment = input.comment.map(Prose::into_string);
    let vote = Vote { voter: actor.id, role, verdict: input.verdict, comment, voted_at: deed.now() };
    store::decision::insert_vote(deed.tx(), decision.id, answers.votes.len(), &vote).await?;
    let summary = format!("{role} voted {} on: {}", vote.verdict, decision.question);
    let event = event(&decision, EventKind::DecisionVoted, summary);
    deed.record(event.with("role", role.as_str()).with("verdict", vote.verdict.as_str()));
    answers.votes.push(vote);
    match outcome(&decision.rule, decision.requested_by, &answers.votes).verb() {
        Some(verb) => end(&mut deed, &mut decision, verb).await?,
        None => note(&deed, &mut decision, &answers.votes).await?,
    }
    deed.answer(decision.id);
    deed.commit().await?;
    Ok(Done::now(decision))
}

/// Hands the caller's vote in one role to another of the provider's people.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id` or `delegateId`; `Conflict` when the question is closed, or one of the
/// two may not vote.
pub async fn delegate(app: &App, actor: &Actor, input: HandOn, once: Once) -> Result<Done<Decision>> {
    actor.require(Permission::DecisionDelegate)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(lock(&deed, id).await?.0));
    }
    let (mut decision, answers) = lock(&deed, input.id).await?;
    let roles = store::decision::user_roles(deed.tx(), input.delegate).await?;
    let roles = roles.ok_or_else(|| Error::not_found("active colleague", "delegateId"))?;
    if !Permission::DecisionVote.row().roles.iter().any(|role| roles.contains(role)) {
        return Err(Error::violation("delegateId", "None of this person's roles votes on anything."));
    }
    consequence::may_answer(&deed, &decision).await?;
    let ballot = decision.with(&answers);
    let role = match input.role {
        Some(role) => role,
        None => ballot.voting_role(actor.id, &actor.roles, deed.now())?,
    };
    let delegate = ActorId::User(input.delegate);
    ballot.may_delegate(actor.id, &actor.roles, role, delegate, deed.now())?;
    let delegation = Delegation { delegator: actor.id, delegate, role, delegated_at: deed.now() };
    store::decision::insert_delegation(deed.tx(), decision.id, &delegation).await?;
    note(&deed, &mut decision, &answers.votes).await?;
    let summary = format!("A vote as {role} was handed on: {}", decision.question);
    let event = event(&decision, EventKind::DecisionDelegated, summary);
    deed.record(event.with("role", role.as_str()).with("delegate", delegate.to_string()));
    deed.answer(decision.id);
    deed.commit().await?;
    Ok(Done::now(decision))
}

/// Takes a question back, with whatever waits for its answer. Only whoever asked may.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it changed since it was read, is closed, or somebody else asked.
pub async fn withdraw(app: &App, actor: &Actor, id: DecisionId, expected_revision: i32) -> Result<Decision> {
    actor.require(Permission::DecisionWithdraw)?;
    let mut deed = app.begin(actor).await?;
    let (mut decision, _) = lock(&deed, id).await?;
    expect_revision(decision.id, expected_revision, decision.revision)?;
    if decision.requested_by != actor.id {
        return Err(Error::state("Only whoever asked takes a question back."));
    }
    withdraw_locked(&mut deed, &mut decision).await?;
    deed.commit().await?;
    Ok(decision)
}

/// Takes back a question that was locked in this deed.
///
/// # Errors
/// `Conflict` when it is closed.
pub(in crate::app) async fn withdraw_locked(deed: &mut Deed<'_>, decision: &mut Decision) -> Result<()> {
    if decision.state_at(deed.now()) == DecisionState::Expired {
        return Err(Error::state("The time to answer this question is over."));
    }
    end(deed, decision, DecisionVerb::Withdraw).await
}

/// The question and what was answered to it, locked, if the caller sees it.
async fn lock(deed: &Deed<'_>, id: DecisionId) -> Result<(Decision, Answers)> {
    const FIELD: &str = "id";
    let scope = &deed.actor().scope;
    let decision = store::decision::lock(deed.tx(), scope, id, FIELD).await?;
    if !read::sees(deed.actor(), &decision) {
        return Err(Error::not_found("decision", FIELD));
    }
    let mut answers = store::decision::answers(deed.tx(), scope, &[id]).await?;
    Ok((decision, answers.remove(&id).unwrap_or_default()))
}

/// Writes down that something about an open question changed.
async fn note(deed: &Deed<'_>, decision: &mut Decision, votes: &[Vote]) -> Result<()> {
    decision.revision += 1;
    let missing = awaited(&decision.rule, decision.requested_by, votes);
    store::decision::update(deed.tx(), decision, &missing).await
}

/// Ends a question that was locked in this deed, and does what follows.
pub(in crate::app) async fn end(deed: &mut Deed<'_>, decision: &mut Decision, verb: DecisionVerb) -> Result<()> {
    decision.state = decision.state.after(verb)?;
    decision.revision += 1;
    let kind = match verb {
        DecisionVerb::Grant => EventKind::DecisionGranted,
        DecisionVerb::Refuse => EventKind::DecisionRefused,
        DecisionVerb::Withdraw => EventKind::DecisionWithdrawn,
        DecisionVerb::Expire => EventKind::DecisionExpired,
    };
    if matches!(verb, DecisionVerb::Grant | DecisionVerb::Refuse) {
        decision.decided_at = Some(deed.now());
    }
    store::decision::update(deed.tx(), decision, &BTreeSet::new()).await?;
    let summary = format!("This was {verb}: {}", decision.question);
    let ended = deed.record(event(decision, kind, summary).with("subjectId", decision.subject_id.as_str()));
    let before = deed.follow(Some(ended));
    consequence::follow(deed, decision).await?;
    deed.follow(before);
    Ok(())
}

fn event(decision: &Decision, kind: EventKind, summary: String) -> NewEvent {
    let event = NewEvent::new(kind, decision.id, summary).client(decision.client_id);
    let event = event.with("kind", decision.kind.as_str()).with("state", decision.state.as_str());
    match decision.engagement_id {
        Some(engagement) => event.with("engagementId", engagement.to_string()),
        None => event,
    }
}
