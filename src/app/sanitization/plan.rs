//! What would be destroyed, judged before anybody starts it.

use std::collections::HashMap;

use super::{Args, Options, TargetDetails};
use crate::{
    app::{
        App,
        job::{Ask, Draft, course, is_offboarding, step_of},
        scan::{self, Found, Spot, VALID_FOR, data},
    },
    auth::{Actor, ClientScope},
    domain::{
        client::Client,
        decision::{Decision, DecisionKind, DecisionState},
        gate::{self, Blocker, Missing},
        holding::{Holding, HoldingFilter, HoldingKind, HoldingState},
        job::{JobKind, PlannedTarget},
    },
    error::{Error, Result, Violation},
    ids::{ClientId, HoldingId},
    store::{self, Reader, room::CLIENT_MAX},
};

/// The key of the step that destroys data, in every offboarding process.
const STEP: &str = "sanitization";
/// What has to be granted for a plan's very hash.
///
/// # Source
/// Policy 3.2.2: the client's confirmation; two approvals by other people than who asks (operator, designated authority).
const ASKED: [DecisionKind; 2] = [DecisionKind::DestructionConfirmation, DecisionKind::JobPlan];

/// Judges what destroying these lines would do. Nothing is written.
///
/// # Errors
/// `NotFound` on `engagementId` or `holdingIds`; `Violation` on `holdingIds` or `filter`, also for a line that was not
/// scanned within a day or shares its place with one that stays; `Conflict` when the run is no offboarding under way.
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
    stays_nowhere(db, scope, &client, &lines).await?;
    let scanned = scanned(db, app, scope, lines).await?;
    Ok(Draft {
        client_id: client.id,
        step_id: step_of(db, scope, &engagement, STEP).await?,
        warnings: scanned.iter().flat_map(|(holding, details)| warnings(holding, &details.found)).collect(),
        targets: scanned.into_iter().map(target).collect::<Result<_>>()?,
        blockers: blockers(db, scope, app, &[client.id]).await?.remove(&client.id).unwrap_or_default(),
        fingerprint: String::new(),
        args: serde_json::to_value(Args { engagement_id: engagement.id, method: options.method })
            .map_err(Error::internal)?,
    })
}

/// Refuses lines whose place holds, or lies in, that of a line which is not destroyed with them.
async fn stays_nowhere(
    db: &impl Reader,
    scope: &ClientScope,
    client: &Client,
    lines: &[(Holding, Spot)],
) -> Result<()> {
    let all = HoldingFilter { client_id: Some(client.id), kinds: vec![HoldingKind::Data], ..HoldingFilter::default() };
    let is_gone = |state| matches!(state, HoldingState::Removed | HoldingState::Closed);
    let is_planned = |id: HoldingId| lines.iter().any(|(holding, _)| holding.id == id);
    for other in store::holding::all(db, scope, &all, CLIENT_MAX as u64).await? {
        let Some(stays) = data(&other).filter(|_| !is_gone(other.state) && !is_planned(other.id)) else { continue };
        let meets =
            |spot: &Spot| spot.store == stays.location.store() && (is_within(&spot.path, stays.location.path()));
        if let Some((holding, _)) = lines.iter().find(|(_, spot)| meets(spot)) {
            let message =
                format!("{} shares its place with {}, which is not destroyed with it.", holding.name, other.name);
            let remedy = "Plan both together, or have the other line returned, moved or retained elsewhere first.";
            return Err(Violation::new("holdingIds", message).remedy(remedy).into());
        }
    }
    Ok(())
}

/// Whether one of two paths is, or lies below, the other.
fn is_within(one: &str, other: &str) -> bool {
    let is_below = |path: &str, folder: &str| {
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_below(one, other) || is_below(other, one)
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

fn warnings(holding: &Holding, found: &Found) -> Vec<String> {
    let mut warnings =
        vec![format!("{}: {} files with {} bytes will be destroyed for good.", holding.name, found.files, found.bytes)];
    if found.several_names > 0 {
        warnings.push(format!(
            "{}: {} files have several names; their content goes with the last one, if all of them lie here.",
            holding.name, found.several_names
        ));
    }
    warnings.extend(found.limits.iter().map(|limit| format!("{}: {limit}", holding.name)));
    warnings
}

/// What stands in the way of destroying the data of these clients, whatever the plan, client by client.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn blockers(
    db: &impl Reader,
    scope: &ClientScope,
    app: &App,
    clients: &[ClientId],
) -> Result<HashMap<ClientId, Vec<Blocker>>> {
    let situations = store::situation::of_clients(db, scope, app.now(), clients).await?;
    let mut gates = gate::hard_gates_of_job(JobKind::Sanitization);
    // What is confirmed is a plan, and it is asked for with the plan.
    gates.retain(|gate| !matches!(gate, gate::Gate::DecisionGranted { .. }));
    let missing = |(client, situation)| (client, gate::evaluate_hard(&gates, &situation));
    Ok(situations.into_iter().map(missing).collect())
}

/// What nobody has granted yet for plans of `client` with exactly this `hash`.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn undecided(
    db: &impl Reader,
    scope: &ClientScope,
    client: ClientId,
    hash: &str,
) -> Result<Vec<Blocker>> {
    let decisions = store::decision::about_hashes(db, scope, &[client], &[hash]).await?;
    Ok(missing(&decisions.iter().collect::<Vec<_>>()))
}

/// What stands in the way of each of these plans, given by client and hash, in a constant number of statements.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn blockers_of_plans(
    db: &impl Reader,
    scope: &ClientScope,
    app: &App,
    plans: &[(ClientId, String)],
) -> Result<HashMap<(ClientId, String), Vec<Blocker>>> {
    let clients: Vec<_> = plans.iter().map(|(client, _)| *client).collect();
    let hashes: Vec<_> = plans.iter().map(|(_, hash)| hash.as_str()).collect();
    let closed = blockers(db, scope, app, &clients).await?;
    let decisions = store::decision::about_hashes(db, scope, &clients, &hashes).await?;
    let of_plan = |plan: &(ClientId, String)| {
        let is_about = |decision: &&Decision| {
            decision.client_id == Some(plan.0) && decision.subject_hash.as_ref() == Some(&plan.1)
        };
        let mut all = closed.get(&plan.0)?.clone();
        all.extend(missing(&decisions.iter().filter(is_about).collect::<Vec<_>>()));
        Some((plan.clone(), all))
    };
    Ok(plans.iter().filter_map(of_plan).collect())
}

/// What of what is [`ASKED`] these decisions, oldest first, do not grant.
fn missing(decisions: &[&Decision]) -> Vec<Blocker> {
    let missing = |kind| {
        if granted(decisions, kind).is_some() {
            return None;
        }
        let is_open = |decision: &&&Decision| decision.kind == kind && decision.state == DecisionState::Open;
        let open = decisions.iter().find(is_open).map(|decision| decision.id);
        Some(Blocker::hard(Missing::Decision { kind, open }))
    };
    ASKED.into_iter().filter_map(missing).collect()
}

/// What grants `kind`, out of what was decided, oldest first: the last answer counts, so a later refusal takes a grant
/// back.
fn granted<'a>(decisions: &[&'a Decision], kind: DecisionKind) -> Option<&'a Decision> {
    let is_answer = |decision: &&&Decision| {
        decision.kind == kind && matches!(decision.state, DecisionState::Granted | DecisionState::Refused)
    };
    decisions.iter().rfind(is_answer).copied().filter(|decision| decision.state == DecisionState::Granted)
}

/// The decisions by which plans of `client` with this `hash` may be carried out.
///
/// # Errors
/// Those of the database.
pub(super) async fn grants(
    db: &impl Reader,
    scope: &ClientScope,
    client: ClientId,
    hash: &str,
) -> Result<Vec<Decision>> {
    let decisions = store::decision::about_hashes(db, scope, &[client], &[hash]).await?;
    let decisions: Vec<_> = decisions.iter().collect();
    Ok(ASKED.into_iter().filter_map(|kind| granted(&decisions, kind).cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_meet_when_one_lies_in_the_other() {
        for (one, other, expected) in [
            ("acme", "acme", true),
            ("acme", "acme/mail", true),
            ("acme/mail/2026", "acme/mail", true),
            ("acme/mail", "acme/mailbox", false),
            ("acme/a", "acme/b", false),
        ] {
            assert_eq!(is_within(one, other), expected, "{one} {other}");
            assert_eq!(is_within(other, one), expected, "{other} {one}");
        }
    }
}
