//! Which agents would go, judged before anybody starts it.

use std::collections::{BTreeSet, HashMap};

use super::{Args, Options, TargetDetails};
use crate::{
    app::{
        App, Deed,
        job::{Ask, Draft, Wanted, course, is_offboarding, lines, nobody_works_on, step_of},
    },
    auth::{Actor, ClientScope},
    domain::{
        agent::Course,
        gate::{self, Blocker},
        holding::{
            AgentTool, Holding, HoldingDetails, HoldingFilter, HoldingKind, HoldingState, HoldingTraits, System,
        },
        job::{Job, JobKind, PlannedTarget},
    },
    error::{Error, Result, Violation},
    ids::{ClientId, ConnectorId},
    store::{self, Reader, room::CLIENT_MAX},
};

/// The key of the step that removes tools, in every offboarding process.
const STEP: &str = "tool_removal";
/// The states of agents that can be removed.
pub(super) const OPEN: [HoldingState; 4] =
    [HoldingState::Active, HoldingState::Closing, HoldingState::Waiting, HoldingState::Resurfaced];

/// The states of a record that says what is the client's.
const STANDING: [HoldingState; 6] = [
    HoldingState::Active,
    HoldingState::Closing,
    HoldingState::Waiting,
    HoldingState::Retained,
    HoldingState::Excepted,
    HoldingState::Resurfaced,
];

/// Judges what removing these agents would do. Nothing is written, and nothing outside is asked.
///
/// # Errors
/// `NotFound` on `engagementId` or `holdingIds`; `Violation` on `holdingIds` or `filter`, also when no line says which group of
/// devices is the client's; `Conflict` when the run is no offboarding under way, or another job is at one of the lines.
pub(in crate::app) async fn draft(
    db: &impl Reader,
    app: &App,
    actor: &Actor,
    ask: &Ask,
    options: &Options,
) -> Result<Draft> {
    let scope = &actor.scope;
    let (engagement, client) = course(db, scope, ask).await?;
    is_offboarding(&engagement, "Agents are removed")?;
    let wanted = Wanted {
        kind: HoldingKind::Agent,
        states: &OPEN,
        is_fit: &|holding| is_reached(holding) && options.tool.is_none_or(|tool| tool_of(holding) == Some(tool)),
        is_not: "is no agent that can be removed now",
        remedy: "Only AGENT holdings count that are open, and whose `connectorId` and `externalRef` say where they are.",
    };
    let holdings = lines(db, scope, &client, ask, &wanted).await?;
    nobody_works_on(db, &holdings, &[JobKind::AgentRemoval]).await?;
    let groups = groups(db, scope, client.id).await?;
    Ok(Draft {
        client_id: client.id,
        step_id: step_of(db, scope, &engagement, STEP).await?,
        warnings: warnings(&holdings),
        targets: holdings.iter().map(|holding| target(holding, &groups)).collect::<Result<_>>()?,
        blockers: blockers(db, scope, app, &[client.id]).await?.remove(&client.id).unwrap_or_default(),
        fingerprint: holdings.iter().map(|line| format!("{}@{}", line.id, line.revision)).collect::<Vec<_>>().join(" "),
        args: serde_json::to_value(Args { engagement_id: engagement.id }).map_err(Error::internal)?,
    })
}

const fn is_reached(holding: &Holding) -> bool {
    holding.connector_id.is_some() && holding.external_ref.is_some()
}

const fn tool_of(holding: &Holding) -> Option<AgentTool> {
    if let HoldingDetails::Agent(agent) = &holding.details { Some(agent.tool) } else { None }
}

/// What each connector calls the group of devices that are the client's: its RMM record there.
pub(super) async fn groups(
    db: &impl Reader,
    scope: &ClientScope,
    client: ClientId,
) -> Result<HashMap<ConnectorId, String>> {
    let among = HoldingFilter {
        client_id: Some(client),
        kinds: vec![HoldingKind::SystemRecord],
        states: STANDING.to_vec(),
        ..HoldingFilter::default()
    };
    let records = store::holding::all(db, scope, &among, CLIENT_MAX as u64).await?;
    let group = |record: Holding| {
        let is_rmm = record.details.traits() == HoldingTraits::SystemRecord(System::Rmm);
        Some((record.connector_id?, record.external_ref.filter(|_| is_rmm)?))
    };
    Ok(records.into_iter().filter_map(group).collect())
}

fn target(holding: &Holding, groups: &HashMap<ConnectorId, String>) -> Result<PlannedTarget> {
    let unreached = || Error::internal("an agent that nobody can reach");
    let connector_id = holding.connector_id.ok_or_else(unreached)?;
    let group = groups.get(&connector_id).cloned().ok_or_else(|| {
        let message = format!("No line says which group of devices of the tool of {} is the client's.", holding.name);
        let remedy = "Register the client's RMM record with the same `connectorId`, its group as `externalRef`.";
        Error::from(Violation::new("holdingIds", message).remedy(remedy))
    })?;
    let endpoint = holding.external_ref.clone().ok_or_else(unreached)?;
    let details = TargetDetails { connector_id, group, endpoint, course: Course::default() };
    Ok(PlannedTarget {
        holding_id: Some(holding.id),
        name: holding.name.clone(),
        details: serde_json::to_value(details).map_err(Error::internal)?,
    })
}

fn warnings(holdings: &[Holding]) -> Vec<String> {
    let tools: BTreeSet<_> = holdings.iter().filter_map(tool_of).collect();
    let lost = |tool| match tool {
        AgentTool::Rmm => "From then on nobody manages these devices.",
        AgentTool::Monitoring => "From then on nobody watches these devices.",
        AgentTool::Security => "From then on nobody protects these devices: tell the client before.",
    };
    tools.into_iter().map(|tool| lost(tool).to_owned()).collect()
}

/// What stands in the way of removing agents of these clients, client by client.
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
    let mut gates = gate::hard_gates_of_job(JobKind::AgentRemoval);
    gates.push(gate::Gate::NoticeRecorded);
    let missing = |(client, situation)| (client, gate::evaluate_hard(&gates, &situation));
    Ok(situations.into_iter().map(missing).collect())
}

/// Whether what `job` left undone may be done now: some of its lines are closed already, so it is not planned anew.
///
/// # Errors
/// `Blocked` by every gate that is closed; `Conflict` when another job is at one of the lines.
pub(in crate::app) async fn still_fit(deed: &Deed<'_>, job: &Job) -> Result<()> {
    let scope = &deed.actor().scope;
    let client = job.client_id.ok_or_else(|| Error::internal("a removal of nobody's agents"))?;
    let ids = store::job::holdings_of(deed.tx(), job.id).await?;
    let mut holdings = store::holding::load_many(deed.tx(), scope, &ids).await?;
    holdings.retain(|holding| OPEN.contains(&holding.state));
    if job.state.is_terminal() {
        nobody_works_on(deed.tx(), &holdings, &[JobKind::AgentRemoval]).await?;
    }
    let mut closed = blockers(deed.tx(), scope, deed.app(), &[client]).await?;
    crate::app::gate::require(closed.remove(&client).unwrap_or_default())
}
