//! What is certified of a destruction.
//!
//! # Source
//! NIST SP 800-88: what a certificate of sanitization names. Fields of a medium (maker, model, serial number) are left out
//! where the data lay on a file system: nobody could say which medium it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{Destroyed, Witnessed, plan};
use crate::{
    app::{
        Deed,
        certificate::{self, Issue},
        scan::data,
    },
    domain::{
        certificate::{Certificate, CertificateKind},
        holding::{Holding, HoldingState},
        job::Job,
        log::Checkpoint,
        sanitization::{SanitizationVerdict, Standard},
    },
    error::{Error, Result},
    ids::{ActorId, HoldingId, JobId},
    store,
};

/// Certifies those of `holdings` that were closed; the others are named as what they are.
pub(super) async fn issue(
    deed: &mut Deed<'_>,
    job: &Job,
    holdings: &[Holding],
    destroyed: &HashMap<HoldingId, Destroyed>,
    witnessed: &[Witnessed],
    log: &Checkpoint,
) -> Result<Certificate> {
    let client_id = job.client_id.ok_or_else(|| Error::internal("a verification without a client"))?;
    let sanitizations = sanitizations(deed, destroyed).await?;
    let clean: Vec<_> = holdings.iter().filter(|line| line.state == HoldingState::Closed).collect();
    let exceptions = exceptions(deed, &sanitizations, &clean).await?;
    let verdict = if exceptions.is_empty() {
        SanitizationVerdict::Sanitized
    } else {
        SanitizationVerdict::SanitizedWithExceptions
    };
    let people: Vec<_> = sanitizations.values().map(|job| job.started_by).chain([job.started_by]).collect();
    let names = store::actor::names(deed.tx(), &deed.actor().scope, &people).await?;
    let person = |id: ActorId| json!({ "id": id.to_string(), "name": names.get(&id) });
    let mut items = Vec::new();
    for holding in &clean {
        let found = destroyed.get(&holding.id).ok_or_else(|| Error::internal("nothing destroyed what is gone"))?;
        let by = sanitizations.get(&found.job).ok_or_else(|| Error::internal("the job that destroyed it is gone"))?;
        let seen = witnessed.iter().find(|seen| seen.target.holding_id == Some(holding.id));
        items.push(item(holding, found, by, &person(by.started_by), seen)?);
    }
    let id = job.id.to_string();
    let number = format!("SC-{}", id[id.len() - 12..].to_uppercase());
    let statement = json!({
        "type": "https://gangway.example/statements/sanitization-certificate/1",
        "number": number,
        "issuedAt": deed.now(),
        "clientId": client_id,
        "engagementId": job.engagement_id,
        "jobId": job.id,
        "standard": Standard::nist(),
        "verdict": verdict,
        "items": items,
        "exceptions": exceptions,
        "authorizations": authorizations(deed, &sanitizations, destroyed).await?,
        "verification": {
            "by": person(job.started_by),
            "at": deed.now(),
            "coverage": job.args["coverage"],
            "method": "Every place was looked at as a whole by each of the tools named with it, and nothing was there.",
        },
        "log": { "origin": log.origin, "size": log.size, "root": log.root.to_string() },
    });
    let (kind, engagement_id, job_id) = (CertificateKind::Sanitization, job.engagement_id, Some(job.id));
    certificate::issue(deed, Issue { kind, client_id, engagement_id, job_id, number, statement }).await
}

async fn sanitizations(deed: &Deed<'_>, destroyed: &HashMap<HoldingId, Destroyed>) -> Result<HashMap<JobId, Job>> {
    let mut ids: Vec<_> = destroyed.values().map(|destroyed| destroyed.job).collect();
    ids.sort_unstable();
    ids.dedup();
    let jobs = store::job::load_many(deed.tx(), &deed.actor().scope, &ids).await?;
    Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
}

fn item(holding: &Holding, found: &Destroyed, by: &Job, person: &Value, seen: Option<&Witnessed>) -> Result<Value> {
    let data = data(holding).ok_or_else(|| Error::internal("data that is none"))?;
    let (erasure, tally) = (&found.erasure, &found.erasure.tally);
    Ok(json!({
        "holdingId": holding.id,
        "name": holding.name,
        "mediaType": data.data_kind,
        "location": format!("{}://{}", found.spot.store, found.spot.path),
        "category": erasure.method.category(),
        "method": erasure.method,
        "tool": erasure.tool,
        "limits": erasure.limits,
        "scanDigest": erasure.digest,
        "itemsPlanned": erasure.planned,
        "filesDestroyed": tally.destroyed,
        "bytesDestroyed": tally.bytes,
        "namesRemoved": tally.removed + tally.unnamed,
        "alreadyGone": tally.absent,
        "sanitized": { "by": person, "jobId": by.id, "at": by.finished_at },
        "seen": seen.map(|seen| &seen.seen),
    }))
}

/// What allowed it: the plans by their hashes, and what was decided about them when it was done.
async fn authorizations(
    deed: &Deed<'_>,
    sanitizations: &HashMap<JobId, Job>,
    destroyed: &HashMap<HoldingId, Destroyed>,
) -> Result<Vec<Value>> {
    let mut jobs: Vec<_> = sanitizations.values().collect();
    jobs.sort_unstable_by_key(|job| job.id);
    let mut found = Vec::new();
    for job in jobs {
        let planned = plan::plan_of(deed, job).await?;
        let by_job = destroyed.values().filter(|one| one.job == job.id);
        let grants: BTreeMap<_, _> =
            by_job.flat_map(|one| &one.erasure.allowed_by).map(|grant| (grant.id, grant)).collect();
        let grants: Vec<_> = grants.into_values().collect();
        found.push(json!({ "jobId": job.id, "planHash": planned.hash, "decisions": grants }));
    }
    Ok(found)
}

/// What was planned with it and is not gone, line by line.
async fn exceptions(deed: &Deed<'_>, jobs: &HashMap<JobId, Job>, closed: &[&Holding]) -> Result<Vec<Value>> {
    let mut ids = Vec::new();
    for job in jobs.keys().collect::<BTreeSet<_>>() {
        ids.extend(store::job::holdings_of(deed.tx(), *job).await?);
    }
    let lines = store::holding::load_many(deed.tx(), &deed.actor().scope, &ids).await?;
    let is_open = |line: &&Holding| line.state != HoldingState::Closed && closed.iter().all(|one| one.id != line.id);
    let told = |line: &Holding| json!({ "id": line.id, "name": line.name, "state": line.state, "retainedUntil": line.retained_until });
    Ok(lines.iter().filter(is_open).map(told).collect())
}
