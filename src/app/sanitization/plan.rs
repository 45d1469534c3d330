//! What would be destroyed, judged before anybody starts it.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{Args, Options, TargetDetails};
use crate::{
    app::{
        App, Deed,
        job::{Ask, Draft, PlanGates, course, is_offboarding, step_of},
        scan::{self, Found, Spot, VALID_FOR},
    },
    auth::{Actor, ClientScope},
    clock::Instant,
    domain::{
        Refused,
        decision::{Decision, DecisionKind, DecisionState},
        engagement::Engagement,
        gate::{self, Blocker, Missing, Situation},
        holding::Holding,
        job::{Job, JobKind, Plan, PlannedTarget},
        sanitization::SanitizationMethod,
    },
    error::{Error, Result, Violation},
    ids::{ClientId, HoldingId},
    store::{self, Reader},
};

/// The key of the step that destroys data, in every offboarding process.
const STEP: &str = "sanitization";
/// What has to be granted for a plan's very hash.
///
/// # Source
/// Policy 3.2.2: the client's confirmation; two approvals by other people than who asks (operator, designated authority).
const ASKED: [DecisionKind; 2] = [DecisionKind::DestructionConfirmation, DecisionKind::JobPlan];

/// How long a confirmation or an approval of a plan counts.
///
/// # Source
/// House decision: a month later whoever agreed is asked again.
const GRANTED_FOR: TimeDelta = TimeDelta::days(30);

/// Judges what destroying these lines would do. Nothing is written.
///
/// # Errors
/// `NotFound` on `engagementId` or `holdingIds`; `Violation` on `holdingIds` or `filter`, also for a line that was not
/// scanned within a day or shares its place with one that stays, and on `options.sanitization.method`; `Conflict` when the run is no offboarding under way.
pub(in crate::app) async fn draft(
    db: &impl Reader,
    app: &App,
    actor: &Actor,
    ask: &Ask,
    options: &Options,
) -> Result<Draft> {
    let scope = &actor.scope;
    let (engagement, client) = course(db, scope, ask).await?;
    is_offboarding(&engagement, "Data is destroyed")?;
    let lines = scan::destroyable(db, app, scope, &client, ask).await?;
    let spots: Vec<_> = lines.iter().map(|(_, spot)| spot.clone()).collect();
    is_done_so(app, &lines, options.method)?;
    stays_nowhere(db, &spots).await?;
    let scanned = scanned(db, app, scope, lines).await?;
    Ok(Draft {
        client_id: client.id,
        step_id: step_of(db, scope, &engagement, STEP).await?,
        warnings: scanned
            .iter()
            .flat_map(|(holding, details)| warnings(holding, &details.found, options.method))
            .collect(),
        targets: scanned.into_iter().map(target).collect::<Result<_>>()?,
        blockers: blockers(db, scope, app, &engagement).await?,
        fingerprint: String::new(),
        args: serde_json::to_value(Args { engagement_id: engagement.id, method: options.method })
            .map_err(Error::internal)?,
    })
}

/// Refuses a method that is not that of every line's store.
fn is_done_so(app: &App, lines: &[(Holding, Spot)], method: SanitizationMethod) -> Result<()> {
    for (holding, spot) in lines {
        let (erasable, _) = spot.find(&app.parts().shelves.erasable)?;
        let own = erasable.eraser.method();
        if own != method {
            let message = format!("{} lies in {}, where {method} cannot be done.", holding.name, own.medium());
            let remedy = format!("Give {own}, or name in `holdingIds` what {method} is for.");
            return Err(Violation::new("options.sanitization.method", message).remedy(remedy).into());
        }
    }
    Ok(())
}

/// Refuses places that hold, or lie in, that of a line which is not destroyed with them, whoever's it is.
///
/// # Errors
/// `Violation` on `holdingIds`.
pub(super) async fn stays_nowhere(db: &impl Reader, spots: &[Spot]) -> Result<()> {
    let is_planned = |id: &HoldingId| spots.iter().any(|spot| spot.holding_id == *id);
    let others = store::holding::all_data(db).await?.into_iter().filter(|(id, _)| !is_planned(id));
    // A path that nobody can open meets everything in its store.
    let others: Vec<_> = others.map(|(_, other)| (scan::place(other.path()).unwrap_or_default(), other)).collect();
    for spot in spots {
        let own = spot.place()?;
        if others.iter().any(|(place, other)| other.store() == spot.store && own.meets(place)) {
            let message =
                format!("`{}://{}` holds, or lies in, data that is not destroyed with it.", spot.store, spot.path);
            let remedy = "Plan both together, or have the other line returned, moved or retained elsewhere first.";
            return Err(Violation::new("holdingIds", message).remedy(remedy).into());
        }
    }
    Ok(())
}

/// The lines with what their newest scans found.
async fn scanned(
    db: &impl Reader,
    app: &App,
    scope: &ClientScope,
    lines: Vec<(Holding, Spot)>,
) -> Result<Vec<(Holding, TargetDetails)>> {
    let ids: Vec<_> = lines.iter().map(|(holding, _)| holding.id).collect();
    let mut scans = scan::newest(db, scope, &ids, app.now() - VALID_FOR).await?;
    let with_scan = |(holding, spot): (Holding, Spot)| {
        let scan = scans.remove(&holding.id).filter(|scan| scan.is_of(&spot));
        let Some(scan) = scan else {
            let message = format!("{} was not scanned within the last {} hours.", holding.name, VALID_FOR.num_hours());
            let remedy = "Plan and start a DISCOVERY_SCAN of it, and plan its destruction when that has SUCCEEDED.";
            return Err(Violation::new("holdingIds", message).remedy(remedy).into());
        };
        Ok((holding, TargetDetails { spot, found: scan.found }))
    };
    lines.into_iter().map(with_scan).collect()
}

fn target((holding, details): (Holding, TargetDetails)) -> Result<PlannedTarget> {
    let details = serde_json::to_value(details).map_err(Error::internal)?;
    Ok(PlannedTarget { holding_id: Some(holding.id), name: holding.name, details })
}

fn warnings(holding: &Holding, found: &Found, method: SanitizationMethod) -> Vec<String> {
    let things = method.things();
    let mut warnings = vec![format!(
        "{}: {} {things} with {} bytes will be destroyed for good.",
        holding.name, found.files, found.bytes
    )];
    if found.several_names > 0 {
        warnings.push(format!(
            "{}: {} files have several names; their content goes with the last one, if all of them lie here.",
            holding.name, found.several_names
        ));
    }
    warnings.extend(found.limits.iter().map(|limit| format!("{}: {limit}", holding.name)));
    warnings
}

/// What stands in the way of destroying data in the course of `engagement`, whatever the plan.
///
/// # Errors
/// Those of the database; `Internal` when its client is gone, so that nothing is taken for open that nobody could judge.
pub(super) async fn blockers(
    db: &impl Reader,
    scope: &ClientScope,
    app: &App,
    engagement: &Engagement,
) -> Result<Vec<Blocker>> {
    let mut situations = store::situation::load_many(db, scope, app.now(), std::slice::from_ref(engagement)).await?;
    let situation = situations.remove(&engagement.id);
    Ok(closed(&situation.ok_or_else(|| Error::internal("an engagement without its client"))?))
}

fn closed(situation: &Situation) -> Vec<Blocker> {
    let mut gates = gate::hard_gates_of_job(JobKind::Sanitization);
    // What is confirmed is a plan, and it is asked for with the plan.
    gates.retain(|gate| !matches!(gate, gate::Gate::DecisionGranted { .. }));
    gate::evaluate_hard(&gates, situation)
}

/// What nobody has granted yet for plans of `client` with exactly this `hash`.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn undecided(
    db: &impl Reader,
    scope: &ClientScope,
    now: Instant,
    client: ClientId,
    hash: &str,
) -> Result<Vec<Blocker>> {
    let decisions = store::decision::about_hashes(db, scope, &[client], &[hash]).await?;
    Ok(missing(&decisions.iter().collect::<Vec<_>>(), now))
}

/// What stands in the way of each of these plans, in a constant number of statements.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn blockers_of_plans(
    db: &impl Reader,
    scope: &ClientScope,
    app: &App,
    plans: &[PlanGates],
) -> Result<HashMap<PlanGates, Vec<Blocker>>> {
    let clients: Vec<_> = plans.iter().map(|plan| plan.client_id).collect();
    let hashes: Vec<_> = plans.iter().map(|plan| plan.hash.as_str()).collect();
    let runs: Vec<_> = plans.iter().filter_map(|plan| plan.engagement_id).collect();
    let engagements = store::engagement::load_many(db, scope, &runs).await?;
    let situations = store::situation::load_many(db, scope, app.now(), &engagements).await?;
    let decisions = store::decision::about_hashes(db, scope, &clients, &hashes).await?;
    let of_plan = |plan: &PlanGates| {
        let is_about = |decision: &&Decision| {
            decision.client_id == Some(plan.client_id) && decision.subject_hash.as_ref() == Some(&plan.hash)
        };
        let mut all = closed(situations.get(&plan.engagement_id?)?);
        all.extend(missing(&decisions.iter().filter(is_about).collect::<Vec<_>>(), app.now()));
        Some((plan.clone(), all))
    };
    Ok(plans.iter().filter_map(of_plan).collect())
}

/// What of what is [`ASKED`] these decisions do not grant at `now`.
fn missing(decisions: &[&Decision], now: Instant) -> Vec<Blocker> {
    let missing = |kind| {
        if granted(decisions, kind, now).is_some() {
            return None;
        }
        let is_open = |decision: &&&Decision| decision.kind == kind && decision.state_at(now) == DecisionState::Open;
        let open = decisions.iter().find(is_open).map(|decision| decision.id);
        Some(Blocker::hard(Missing::Decision { kind, open }))
    };
    ASKED.into_iter().filter_map(missing).collect()
}

/// What grants `kind` at `now`, out of what was decided: the answer that was given last counts, so a refusal takes a grant
/// back, and a grant does not count for ever.
fn granted<'a>(decisions: &[&'a Decision], kind: DecisionKind, now: Instant) -> Option<&'a Decision> {
    let is_answer = |decision: &&&Decision| {
        decision.kind == kind && matches!(decision.state, DecisionState::Granted | DecisionState::Refused)
    };
    let last = decisions.iter().filter(is_answer).max_by_key(|decision| (decision.decided_at, decision.id)).copied()?;
    let is_valid = last.decided_at.is_some_and(|decided_at| now < decided_at + GRANTED_FOR);
    Some(last).filter(|last| last.state == DecisionState::Granted && is_valid)
}

/// The decisions by which plans of `client` with this `hash` may be carried out.
///
/// # Errors
/// Those of the database.
async fn grants(deed: &Deed<'_>, client: ClientId, hash: &str) -> Result<Vec<Decision>> {
    let decisions = store::decision::about_hashes(deed.tx(), &deed.actor().scope, &[client], &[hash]).await?;
    let decisions: Vec<_> = decisions.iter().collect();
    Ok(ASKED.into_iter().filter_map(|kind| granted(&decisions, kind, deed.now()).cloned()).collect())
}

/// The decisions by which the plan of `job` is carried out now.
///
/// # Errors
/// `Internal` when it has no plan.
pub(super) async fn grants_of(deed: &Deed<'_>, job: &Job) -> Result<Vec<Decision>> {
    let planned = plan_of(deed, job).await?;
    grants(deed, planned.client_id, &planned.hash).await
}

/// The plan that `job` carries out.
///
/// # Errors
/// `Internal` when it has none.
pub(super) async fn plan_of(deed: &Deed<'_>, job: &Job) -> Result<Plan> {
    let planned = match job.plan_id {
        Some(id) => store::job::find_plan(deed.tx(), &deed.actor().scope, id).await?,
        None => None,
    };
    planned.ok_or_else(|| Error::internal("a sanitization without its plan"))
}

/// Refuses whoever approved the plan: who destroys is not who allowed it.
///
/// # Errors
/// `Conflict`.
///
/// # Source
/// Sanitization: two approvals by different persons, none of whom orders it.
pub(in crate::app) async fn decided_by_others(deed: &Deed<'_>, plan: &Plan) -> Result<()> {
    let grants = grants(deed, plan.client_id, &plan.hash).await?;
    let ids: Vec<_> = grants.iter().map(|grant| grant.id).collect();
    let answers = store::decision::answers(deed.tx(), &deed.actor().scope, &ids).await?;
    let has_voted = answers.values().flat_map(|answers| &answers.votes).any(|vote| vote.voter == deed.actor().id);
    if !has_voted {
        return Ok(());
    }
    let refused = Refused::new("Whoever approved a destruction does not order it.");
    Err(refused.remedy("Have somebody else start it.").into())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::ActorId;

    #[test]
    fn places_meet_when_one_lies_in_the_other_however_they_are_written() {
        for (one, other, expected) in [
            ("acme", "acme", true),
            ("acme", "acme/mail", true),
            ("acme/mail/2026", "acme/mail", true),
            ("acme/mail", "acme/m%61il/legal", true),
            ("acme/mail%2Flegal", "acme/mail", true),
            ("acme/mail", "acme/mailbox", false),
            ("acme/a", "acme/b", false),
        ] {
            let (one, other) = (scan::place(one).unwrap(), scan::place(other).unwrap());
            assert_eq!(one.meets(&other), expected, "{one} {other}");
            assert_eq!(other.meets(&one), expected, "{other} {one}");
        }
    }

    #[test]
    fn the_answer_that_was_given_last_counts_and_not_for_ever() {
        let kind = DecisionKind::JobPlan;
        let at = |day: i64| Instant::UNIX_EPOCH + TimeDelta::days(day);
        let decision = |state, asked: i64, decided: i64| Decision {
            id: Uuid::from_u128(u128::try_from(asked).unwrap()).into(),
            client_id: None,
            engagement_id: None,
            kind,
            state,
            question: String::new(),
            subject_id: String::new(),
            subject_hash: None,
            rule: kind.rule(),
            requested_by: ActorId::System,
            requested_at: at(asked),
            expires_at: None,
            decided_at: Some(at(decided)),
            revision: 1,
        };
        let (yes, no) = (decision(DecisionState::Granted, 2, 3), decision(DecisionState::Refused, 1, 4));
        assert!(granted(&[&yes], kind, at(5)).is_some());
        assert!(granted(&[&no, &yes], kind, at(5)).is_none(), "asked before and refused after");
        assert!(granted(&[&yes, &decision(DecisionState::Open, 4, 4)], kind, at(5)).is_some());
        assert!(granted(&[&yes], kind, at(3) + GRANTED_FOR).is_none());
        assert!(granted(&[&yes], DecisionKind::DestructionConfirmation, at(5)).is_none());
    }
}
