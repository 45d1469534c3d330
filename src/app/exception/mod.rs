//! What can be asked about exceptions: raising one with its decision, settling what it obliges to, closing it,
//! taking it back.
//!
//! An exception and its decision change together: it is approved, rejected, withdrawn and (while it waits) expired by
//! the end of its decision, through [`decided`], and by nothing else. Whoever needs both locks the decision first.

use crate::{
    app::{App, Deed, data_return, decision, gate, holding, revision::expect_revision, step},
    auth::{Actor, permission::Permission},
    domain::{
        decision::{Decision, DecisionState},
        engagement::Engagement,
        event::{EventKind, NewEvent},
        exception::{ActionKind, ActionState, Exception, ExceptionState, ExceptionType, ExceptionVerb},
        gate as gates,
        step::Step,
        text::Remark,
    },
    error::{Error, Result},
    ids::ExceptionId,
    store,
};

mod expiry;
mod raise;
mod read;

pub use expiry::expire_due;
pub use raise::{Raise, raise};
pub use read::{Permissions, count, list, load_many, of_engagements, permissions};

/// What became of one of the three things an exception obliges to.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The exception.
    pub id: ExceptionId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// Which of the three.
    pub action: ActionKind,
    /// Done, or not applicable.
    pub state: ActionState,
    /// What was done, or why nothing.
    pub note: Option<Remark>,
}

/// Settles one of the things an approved exception obliges to.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it changed since it was read, is not approved or its time is over,
/// or an action that does not apply comes without a note.
pub async fn settle(app: &App, actor: &Actor, input: Settle) -> Result<Exception> {
    actor.require(Permission::ExceptionActionDone)?;
    let mut deed = app.begin(actor).await?;
    let mut exception = lock(&deed, input.id, input.expected_revision).await?;
    let note = input.note.map(Remark::into_string).filter(|note| !note.is_empty());
    // What was done as it was planned needs no second note.
    let plan = exception.actions.iter().find(|action| action.kind == input.action && input.state == ActionState::Done);
    let note = note.or_else(|| plan.and_then(|action| action.note.clone()));
    exception.actions = exception.settle(input.action, input.state, note, actor.id, deed.now())?;
    save(&deed, &mut exception).await?;
    let summary = format!("{} was settled as {}: {}", input.action, input.state, exception.situation);
    let event = event(&exception, EventKind::ExceptionActionDone, summary);
    deed.record(event.with("action", input.action.as_str()).with("outcome", input.state.as_str()));
    deed.commit().await?;
    Ok(exception)
}

/// Closes an exception whose actions are all settled.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it changed since it was read, is not approved or its time is over,
/// or an action is open.
pub async fn close(app: &App, actor: &Actor, id: ExceptionId, expected_revision: i32) -> Result<Exception> {
    actor.require(Permission::ExceptionClose)?;
    let mut deed = app.begin(actor).await?;
    let mut exception = lock(&deed, id, expected_revision).await?;
    exception.state = exception.close()?;
    exception.closed_at = Some(deed.now());
    save(&deed, &mut exception).await?;
    let summary = format!("An exception was closed: {}", exception.situation);
    deed.record(event(&exception, EventKind::ExceptionClosed, summary));
    deed.commit().await?;
    Ok(exception)
}

/// Takes an exception back, and the question about it. Only whoever raised it may.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it changed since it was read, no longer waits for its decision, or
/// somebody else raised it.
pub async fn withdraw(app: &App, actor: &Actor, id: ExceptionId, expected_revision: i32) -> Result<Exception> {
    actor.require(Permission::ExceptionWithdraw)?;
    let mut deed = app.begin(actor).await?;
    let found = store::exception::find(deed.tx(), &actor.scope, id).await?;
    let found = found.ok_or_else(|| Error::not_found("exception", "id"))?;
    expect_revision(found.id, expected_revision, found.revision)?;
    found.state.after(ExceptionVerb::Withdraw)?;
    if found.requested_by != actor.id {
        return Err(Error::state("Only whoever raised an exception takes it back."));
    }
    let question = found.decision_id.ok_or_else(|| Error::internal("an exception that waits without a decision"))?;
    let mut question = store::decision::lock(deed.tx(), &actor.scope, question, "id").await?;
    decision::withdraw_locked(&mut deed, &mut question).await?;
    let withdrawn = store::exception::find(deed.tx(), &actor.scope, id).await?;
    deed.commit().await?;
    withdrawn.ok_or_else(|| Error::not_found("exception", "id"))
}

/// Does what the end of its decision means for an exception, in the deed that ended it.
///
/// # Errors
/// `Conflict` when the exception does not wait for that decision.
pub(in crate::app) async fn decided(deed: &mut Deed<'_>, decision: &Decision) -> Result<()> {
    let (verb, kind) = match decision.state {
        DecisionState::Open => return Ok(()),
        DecisionState::Granted => (ExceptionVerb::Approve, EventKind::ExceptionApproved),
        DecisionState::Refused => (ExceptionVerb::Reject, EventKind::ExceptionRejected),
        DecisionState::Withdrawn => (ExceptionVerb::Withdraw, EventKind::ExceptionWithdrawn),
        DecisionState::Expired => (ExceptionVerb::Expire, EventKind::ExceptionExpired),
    };
    let id = store::word("decision", "subject_id", decision.id, &decision.subject_id)?;
    let mut exception = store::exception::lock(deed.tx(), &deed.actor().scope, id, "id").await?;
    exception.state = exception.state.after(verb)?;
    save(deed, &mut exception).await?;
    let summary = format!("An exception was {verb}: {}", exception.situation);
    deed.record(event(&exception, kind, summary));
    if exception.state == ExceptionState::Approved { stand_in(deed, &exception, decision).await } else { Ok(()) }
}

/// Lets an approved exception stand in for the step that is skipped, the holding that stays, or what a return lacks.
/// What went on in the meantime stays as it is: a step that is over, a run that is over.
async fn stand_in(deed: &mut Deed<'_>, exception: &Exception, decision: &Decision) -> Result<()> {
    match (exception.r#type, exception.holding_id) {
        (ExceptionType::Deviation, Some(_)) => return data_return::accept(deed, exception, decision).await,
        (_, Some(kept)) => return holding::excepted(deed, kept, exception.id).await,
        (_, None) => {}
    }
    let (ExceptionType::Skipped, Some(step)) = (exception.r#type, exception.step_id) else { return Ok(()) };
    let run = store::engagement::find(deed.tx(), &deed.actor().scope, exception.engagement_id).await?;
    let step = store::step::lock(deed.tx(), &deed.actor().scope, step, "stepId").await?;
    match run.filter(|run| run.state.is_live() && !step.state.is_terminal()) {
        Some(run) => {
            refuse_at_hard_gates(deed, &run, &step).await?;
            step::except(deed, step.id, &exception.situation).await
        }
        None => Ok(()),
    }
}

/// Hard gates take no exception: a step behind one that is closed cannot be skipped either.
async fn refuse_at_hard_gates(deed: &Deed<'_>, run: &Engagement, step: &Step) -> Result<()> {
    let picture = gate::picture(deed, run).await?;
    let mut closed = picture.blockers(gates::Deed::StartStep(&step.key));
    closed.extend(picture.blockers(gates::Deed::CompleteStep(&step.key)));
    closed.retain(|blocker| blocker.is_hard);
    closed.dedup();
    gate::require(closed)
}

/// The exception, locked, as the caller read it and while its time is not over.
async fn lock(deed: &Deed<'_>, id: ExceptionId, expected_revision: i32) -> Result<Exception> {
    let exception = store::exception::lock(deed.tx(), &deed.actor().scope, id, "id").await?;
    expect_revision(exception.id, expected_revision, exception.revision)?;
    if exception.state_at(deed.now()) == ExceptionState::Expired {
        return Err(Error::state("The time of this exception is over."));
    }
    Ok(exception)
}

/// Writes an exception that was locked in this deed, one revision on.
async fn save(deed: &Deed<'_>, exception: &mut Exception) -> Result<()> {
    exception.revision += 1;
    store::exception::update(deed.tx(), exception).await
}

fn event(exception: &Exception, kind: EventKind, summary: String) -> NewEvent {
    let event = NewEvent::new(kind, exception.id, summary)
        .client(exception.client_id)
        .with("engagementId", exception.engagement_id.to_string())
        .with("type", exception.r#type.as_str())
        .with("state", exception.state.as_str());
    let event = match exception.step_id {
        Some(step) => event.with("stepId", step.to_string()),
        None => event,
    };
    match exception.holding_id {
        Some(holding) => event.with("holdingId", holding.to_string()),
        None => event,
    }
}
