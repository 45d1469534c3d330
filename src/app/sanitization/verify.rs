//! The verification of a destruction: another person has the places looked at by other means, and certifies what is gone.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Destroyed, Erasure, TargetDetails, certificate};
use crate::{
    app::{
        App, Deed, gate as gates, holding,
        job::{Ask, Draft, Wanted, course, is_offboarding, lines, step_of, target, under_way},
        scan::{Spot, data},
    },
    auth::{Actor, ClientScope},
    clock::Instant,
    domain::{
        Refused,
        certificate::Certificate,
        event::EventKind,
        gate::{self, Blocker},
        holding::{Holding, HoldingKind, HoldingState},
        job::{Job, JobError, JobKind, PlannedTarget, Target, TargetVerb},
        log::Checkpoint,
        sanitization::VerificationCoverage,
    },
    error::{Error, Result, Violation},
    ids::{ClientId, EngagementId, HoldingId, JobId, JobTargetId},
    store::{self, Reader},
};

/// The key of the step that verifies a destruction, in every offboarding process.
const STEP: &str = "sanitization_verification";

/// What a caller chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationOptions {
    /// How much is looked at.
    pub coverage: VerificationCoverage,
}

/// What the task reads. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationArgs {
    /// The run it belongs to.
    pub engagement_id: EngagementId,
    /// How much is looked at.
    pub coverage: VerificationCoverage,
}

/// What the task reads of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Where it lay.
    #[serde(flatten)]
    pub spot: Spot,
    /// The job that destroyed it.
    pub destroyed_by: JobId,
    /// The scan that went by.
    pub digest: String,
    /// Which store it lay in.
    pub root: String,
}

/// What one tool saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The tool, with its version.
    pub tool: String,
    /// How many names it found.
    pub count: u64,
    /// The first few of them.
    pub first: Vec<String>,
}

/// What all tools saw at the place of one target.
#[derive(Clone, Debug)]
pub struct Witnessed {
    /// The target.
    pub target: Target,
    /// What each saw.
    pub seen: Vec<Seen>,
}

impl Witnessed {
    /// Whether nobody saw anything. What nobody looked at is not clean.
    pub fn is_clean(&self) -> bool {
        !self.seen.is_empty() && self.seen.iter().all(|seen| seen.count == 0)
    }
}

/// Judges what verifying these destructions would look at. Nothing is written.
///
/// # Errors
/// `NotFound` on `engagementId` or `holdingIds`; `Violation` on `holdingIds` or `filter`; `Conflict` when the run is no
/// offboarding under way, or the caller had it destroyed.
pub(in crate::app) async fn draft(
    db: &impl Reader,
    app: &App,
    actor: &Actor,
    ask: &Ask,
    options: &VerificationOptions,
) -> Result<Draft> {
    let scope = &actor.scope;
    let (engagement, client) = course(db, scope, ask).await?;
    is_offboarding(&engagement, "A destruction is verified")?;
    let wanted = Wanted {
        kind: HoldingKind::Data,
        states: &[HoldingState::Removed],
        is_fit: &|holding| data(holding).is_some_and(|data| data.disposition.is_destroyed()),
        is_not: "is not data that was destroyed and not verified yet",
        remedy: "Only DATA holdings count that are REMOVED by a SANITIZATION.",
    };
    let holdings = lines(db, scope, &client, ask, &wanted).await?;
    let destroyed = destroyed(db, scope, &holdings).await?;
    is_somebody_else(db, actor, destroyed.values().map(|destroyed| destroyed.job)).await?;
    let args = VerificationArgs { engagement_id: engagement.id, coverage: options.coverage };
    Ok(Draft {
        client_id: client.id,
        step_id: step_of(db, scope, &engagement, STEP).await?,
        targets: holdings.iter().map(|holding| planned(holding, &destroyed)).collect::<Result<_>>()?,
        warnings: Vec::new(),
        blockers: blockers(db, scope, app, &[client.id]).await?.remove(&client.id).unwrap_or_default(),
        fingerprint: String::new(),
        args: serde_json::to_value(args).map_err(Error::internal)?,
    })
}

/// What stands in the way of verifying a destruction for these clients, client by client.
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
    let gates = gate::hard_gates_of_job(JobKind::SanitizationVerification);
    let missing = |(client, situation)| (client, gate::evaluate_hard(&gates, &situation));
    Ok(situations.into_iter().map(missing).collect())
}

/// What destroyed each of these lines last.
async fn destroyed(
    db: &impl Reader,
    scope: &ClientScope,
    holdings: &[Holding],
) -> Result<HashMap<HoldingId, Destroyed>> {
    let ids: Vec<_> = holdings.iter().map(|holding| holding.id).collect();
    let targets = store::job::newest_done(db, scope, JobKind::Sanitization, &ids, Instant::UNIX_EPOCH).await?;
    let destroyed = |(id, target): (HoldingId, Target)| {
        let outcome = target.outcome.unwrap_or_default();
        let erasure: Erasure = store::json("job_target", "outcome", target.id, outcome)?;
        let details: TargetDetails = store::json("job_target", "details", target.id, target.details)?;
        Ok((id, Destroyed { job: target.job_id, erasure, spot: details.spot }))
    };
    targets.into_iter().map(destroyed).collect()
}

/// Refuses whoever ordered one of these jobs, or ordered it again, and jobs that are not over.
///
/// # Source
/// Policy 3.2.2, and a hard gate of the design: the person who sanitised is not the one who verifies.
async fn is_somebody_else(db: &impl Reader, actor: &Actor, jobs: impl Iterator<Item = JobId>) -> Result<()> {
    let mut ids: Vec<_> = jobs.collect();
    ids.sort_unstable();
    ids.dedup();
    let jobs = store::job::load_many(db, &actor.scope, &ids).await?;
    if let Some(job) = jobs.iter().find(|job| !job.state.is_terminal()) {
        let refused = Refused::new(format!("Job {}, which destroys some of it, is not over.", job.id));
        return Err(refused.remedy("Wait for it, or stop it with `jobCancel`.").into());
    }
    let ordered = store::log::actors_of_jobs(db, &ids, &[EventKind::JobQueued, EventKind::JobRequeued]).await?;
    if jobs.iter().all(|job| job.started_by != actor.id) && !ordered.contains(&actor.id.to_string()) {
        return Ok(());
    }
    let refused = Refused::new("Whoever had data destroyed does not verify it: that needs another pair of eyes.");
    Err(refused.remedy("Have somebody else plan and start the verification.").into())
}

fn planned(holding: &Holding, destroyed: &HashMap<HoldingId, Destroyed>) -> Result<PlannedTarget> {
    let Some(Destroyed { job, erasure, spot }) = destroyed.get(&holding.id) else {
        let violation = Violation::new("holdingIds", format!("No job destroyed {}.", holding.name));
        return Err(violation.remedy("Only what a SANITIZATION destroyed is verified by a job.").into());
    };
    let details = Verification {
        spot: spot.clone(),
        destroyed_by: *job,
        digest: erasure.digest.clone(),
        root: erasure.root.clone(),
    };
    let details = serde_json::to_value(details).map_err(Error::internal)?;
    Ok(PlannedTarget { holding_id: Some(holding.id), name: holding.name.clone(), details })
}

/// The places were looked at: what is gone is CLOSED and certified, what is not has RESURFACED, and each target ends, all in
/// one deed. Safe to repeat: what ended before is left alone.
///
/// # Errors
/// `Blocked` when a backup job could bring the data back; `Conflict` when a line is not REMOVED any more.
pub async fn verified(
    deed: &mut Deed<'_>,
    job: &Job,
    witnessed: &[Witnessed],
    log: &Checkpoint,
) -> Result<Option<Certificate>> {
    under_way(deed, job).await?;
    let client = job.client_id.ok_or_else(|| Error::internal("a verification without a client"))?;
    let scope = deed.actor().scope.clone();
    let ids: Vec<_> = witnessed.iter().filter_map(|seen| seen.target.holding_id).collect();
    let mut holdings = store::holding::lock_many(deed.tx(), &scope, &ids).await?;
    let closed = blockers(deed.tx(), &scope, deed.app(), &[client]).await?.remove(&client);
    gates::require(closed.ok_or_else(|| Error::internal("a verification without a client"))?)?;
    let destroyed = destroyed(deed.tx(), &scope, &holdings).await?;
    for holding in &mut holdings {
        let Some(seen) = witnessed.iter().find(|seen| seen.target.holding_id == Some(holding.id)) else { continue };
        if seen.is_clean() {
            holding::close(deed, holding).await?;
        } else {
            holding::resurface(deed, holding).await?;
        }
        end(deed, job, seen).await?;
    }
    let is_clean = |holding: &&Holding| holding.state == HoldingState::Closed;
    if holdings.iter().any(|holding| is_clean(&holding)) {
        let certificate = certificate::issue(deed, job, &holdings, &destroyed, witnessed, log).await?;
        return Ok(Some(certificate));
    }
    Ok(None)
}

async fn end(deed: &mut Deed<'_>, job: &Job, witnessed: &Witnessed) -> Result<()> {
    let outcome = Some(serde_json::to_value(&witnessed.seen).map_err(Error::internal)?);
    let id: JobTargetId = witnessed.target.id;
    target::change(deed, job.id, job.kind, id, TargetVerb::Verify, target::Report::default()).await?;
    let (verb, error) =
        if witnessed.is_clean() { (TargetVerb::Succeed, None) } else { (TargetVerb::Fail, Some(residue(witnessed))) };
    let report = target::Report { outcome, error, ..target::Report::default() };
    target::change(deed, job.id, job.kind, id, verb, report).await?;
    Ok(())
}

fn residue(witnessed: &Witnessed) -> JobError {
    let most = witnessed.seen.iter().map(|seen| seen.count).max().unwrap_or_default();
    JobError {
        code: "RESIDUE_FOUND".to_owned(),
        message: format!("{most} names are there where nothing should be; no certificate is issued for it."),
        is_retryable: false,
        remedy: Some("Find out what brought it back, then scan the line and destroy it again.".to_owned()),
    }
}
