//! How a line of the ledger moves. Every move leaves its event in the deed that made it.

use super::about;
use crate::{
    app::{App, Deed, revision::expect_revision},
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        decision::{DecisionKind, DecisionState},
        event::EventKind,
        holding::{Holding, HoldingState, HoldingVerb},
        text::Name,
    },
    error::{Error, Result, Violation},
    ids::{DecisionId, ExceptionId, HoldingId},
    store,
};

/// Why a line may stay.
#[derive(Clone, Debug)]
pub struct Retain {
    /// The line.
    pub id: HoldingId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// The clause of the contract that lets it stay.
    pub clause: Name,
    /// The granted decision that lets it stay.
    pub decision_id: DecisionId,
}

/// Says that a planned line came into being.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when the line is stale or not planned.
pub async fn activate(app: &App, actor: &Actor, id: HoldingId, expected_revision: i32) -> Result<Holding> {
    actor.require(Permission::HoldingActivate)?;
    let mut deed = app.begin(actor).await?;
    let mut holding = store::holding::lock(deed.tx(), &actor.scope, id, "id").await?;
    expect_revision(holding.id, expected_revision, holding.revision)?;
    step(&mut deed, &mut holding, HoldingVerb::Activate, EventKind::HoldingActivated, "came into being").await?;
    deed.commit().await?;
    Ok(holding)
}

/// Lets a line stay: a clause of the contract and a granted decision about this line say so.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id` or `decisionId`; `Violation` on `decisionId` when it is about something
/// else or not granted, or on `clause` when no agreement in force has it; `Conflict` when the line is stale
/// or not active.
pub async fn retain(app: &App, actor: &Actor, input: Retain) -> Result<Holding> {
    actor.require(Permission::HoldingRetain)?;
    let mut deed = app.begin(actor).await?;
    let mut holding = store::holding::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    expect_revision(holding.id, input.expected_revision, holding.revision)?;
    let decision = store::decision::find(deed.tx(), &actor.scope, input.decision_id).await?;
    let decision = decision.ok_or_else(|| Error::not_found("decision", "decisionId"))?;
    let is_about_it = decision.kind == DecisionKind::ToolRetention && decision.subject_id == holding.id.to_string();
    if !is_about_it || decision.state != DecisionState::Granted {
        let violation = Violation::new("decisionId", "This is no granted decision to retain this holding.");
        return Err(violation.remedy("Ask with `decisionRequest` (TOOL_RETENTION) about the holding.").into());
    }
    is_agreed(&deed, &holding, &input.clause).await?;
    holding.retained_clause = Some(input.clause.into_string());
    holding.decision_id = Some(decision.id);
    step(&mut deed, &mut holding, HoldingVerb::Retain, EventKind::HoldingRetained, "may stay by contract").await?;
    deed.commit().await?;
    Ok(holding)
}

/// Refuses a clause that no agreement in force with the holding's client has.
async fn is_agreed(deed: &Deed<'_>, holding: &Holding, clause: &Name) -> Result<()> {
    let agreed = store::agreement::clauses_in_force(deed.tx(), holding.client_id).await?;
    if agreed.iter().any(|reference| reference == clause.as_str()) {
        return Ok(());
    }
    let violation = Violation::new("clause", "No signed agreement with this client has such a clause.");
    Err(violation.remedy("Cite one as `agreements { clauses { reference } }` of the client gives it.").into())
}

/// Its removal begins.
pub(in crate::app) async fn begin_closing(deed: &mut Deed<'_>, holding: &mut Holding) -> Result<()> {
    step(deed, holding, HoldingVerb::BeginClosing, EventKind::HoldingClosing, "is being closed").await
}

/// The attempt to remove it failed: it is as alive as before.
pub(in crate::app) async fn fail_closing(deed: &mut Deed<'_>, holding: &mut Holding) -> Result<()> {
    step(deed, holding, HoldingVerb::FailClosing, EventKind::HoldingRemovalFailed, "is as alive as before").await
}

/// Its target is away; the removal is not given up.
pub(in crate::app) async fn wait(deed: &mut Deed<'_>, holding: &mut Holding) -> Result<()> {
    step(deed, holding, HoldingVerb::Wait, EventKind::HoldingWaiting, "waits for its target to come back").await
}

/// The attempts to remove these failed or were given up. Safe to repeat: only what is being closed, or waits, is meant.
pub(in crate::app) async fn give_up(deed: &mut Deed<'_>, ids: &[HoldingId]) -> Result<()> {
    for mut holding in store::holding::lock_many(deed.tx(), &deed.actor().scope, ids).await? {
        if matches!(holding.state, HoldingState::Closing | HoldingState::Waiting) {
            fail_closing(deed, &mut holding).await?;
        }
    }
    Ok(())
}

/// Its store keeps what is left of it until then, and nobody can bring that forward.
pub(in crate::app) async fn kept(
    deed: &mut Deed<'_>,
    holding: &mut Holding,
    why: String,
    until: Instant,
) -> Result<()> {
    let what = format!("is kept by its store until {}", until.date_naive());
    holding.retained_clause = Some(why);
    holding.retained_until = Some(until);
    step(deed, holding, HoldingVerb::Keep, EventKind::HoldingRetained, &what).await
}

/// Opens the lines whose store keeps them no longer, `limit` at most, and says how many.
///
/// # Errors
/// Those of the database; what was opened before the error stays so.
pub async fn release_due(app: &App, limit: u64) -> Result<usize> {
    let system = Actor::system();
    let due = store::holding::released(app.db().read(), app.now(), limit).await?;
    for id in &due {
        let mut deed = app.begin(&system).await?;
        let mut holding = store::holding::lock(deed.tx(), &system.scope, *id, "id").await?;
        // Somebody else may have been faster.
        let is_kept = holding.state == HoldingState::Retained;
        if is_kept && holding.retained_until.take().is_some_and(|until| until <= deed.now()) {
            holding.retained_clause = None;
            let what = "is open again: its store keeps it no longer";
            step(&mut deed, &mut holding, HoldingVerb::Release, EventKind::HoldingActivated, what).await?;
            deed.commit().await?;
        }
    }
    Ok(due.len())
}

/// It was removed, and nobody looked yet.
pub(in crate::app) async fn remove(deed: &mut Deed<'_>, holding: &mut Holding) -> Result<()> {
    step(deed, holding, HoldingVerb::Remove, EventKind::HoldingRemoved, "was removed").await
}

/// It was looked for and is gone.
pub(in crate::app) async fn close(deed: &mut Deed<'_>, holding: &mut Holding) -> Result<()> {
    holding.closed_at = Some(deed.now());
    step(deed, holding, HoldingVerb::Verify, EventKind::HoldingClosed, "is closed").await
}

/// It was removed, and somebody says that it is not as it should be.
pub(in crate::app) async fn resurface(deed: &mut Deed<'_>, holding: &mut Holding) -> Result<()> {
    holding.closed_at = None;
    step(deed, holding, HoldingVerb::Resurface, EventKind::HoldingResurfaced, "is open again").await
}

/// Writes a change that does not move it. Whoever calls records why.
pub(in crate::app) async fn touch(deed: &mut Deed<'_>, holding: &mut Holding) -> Result<()> {
    holding.revision += 1;
    holding.updated_at = deed.now();
    store::holding::update(deed.tx(), holding).await
}

/// An approved exception lets it stay.
pub(in crate::app) async fn excepted(deed: &mut Deed<'_>, id: HoldingId, exception: ExceptionId) -> Result<()> {
    let mut holding = store::holding::lock(deed.tx(), &deed.actor().scope, id, "holdingId").await?;
    holding.exception_id = Some(exception);
    step(deed, &mut holding, HoldingVerb::Except, EventKind::HoldingExcepted, "may stay by exception").await
}

/// The exception that let it stay is over.
pub(in crate::app) async fn lapsed(deed: &mut Deed<'_>, id: HoldingId) -> Result<()> {
    let mut holding = store::holding::lock(deed.tx(), &deed.actor().scope, id, "holdingId").await?;
    if holding.state.after(HoldingVerb::Lapse).is_err() {
        return Ok(());
    }
    holding.exception_id = None;
    step(deed, &mut holding, HoldingVerb::Lapse, EventKind::HoldingActivated, "is open again").await
}

async fn step(
    deed: &mut Deed<'_>,
    holding: &mut Holding,
    verb: HoldingVerb,
    kind: EventKind,
    what: &str,
) -> Result<()> {
    holding.state = holding.state.after(verb)?;
    holding.revision += 1;
    holding.updated_at = deed.now();
    store::holding::update(deed.tx(), holding).await?;
    let summary = format!("{} {what}.", holding.name);
    deed.record(about(kind, holding, summary));
    Ok(())
}
