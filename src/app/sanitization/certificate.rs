//! What is certified of a destruction.
//!
//! # Source
//! NIST SP 800-88: what a certificate of sanitization names. Fields of a medium (maker, model, serial number) are left out
//! where the data lay on a file system: nobody could say which medium it was.

use std::collections::HashMap;

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
    let (clean, others): (Vec<_>, Vec<_>) = holdings.iter().partition(|line| line.state == HoldingState::Closed);
    let verdict =
        if others.is_empty() { SanitizationVerdict::Sanitized } else { SanitizationVerdict::SanitizedWithExceptions };
    let people: Vec<_> = sanitizations.values().map(|job| job.started_by).chain([job.started_by]).collect();
    let names = store::actor::names(deed.tx(), &deed.actor().scope, &people).await?;
    let person = |id: ActorId| json!({ "id": id.to_string(), "name": names.get(&id) });
    let mut items = Vec::new();
    for holding in clean {
        let found = destroyed.get(&holding.id).ok_or_else(|| Error::internal("nothing destroyed what is gone"))?;
        let by = sanitizations.get(&found.job).ok_or_else(|| Error::internal("the job that destroyed it is gone"))?;
        let seen = witnessed.iter().find(|seen| seen.target.holding_id == Some(holding.id));
        items.push(item(holding, found, by, &person(by.started_by), seen)?);
    }
    let id = job.id.to_string();
    let number = format!("SC-{}", id[id.len() - 12..].to_uppercase());
    let exceptions: Vec<_> =
        others.iter().map(|line| json!({ "id": line.id, "name": line.name, "state": line.state })).collect();
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
        "authorizations": authorizations(deed, &sanitizations).await?,
        "verification": {
            "by": person(job.started_by),
            "at": deed.now(),
            "coverage": job.args["coverage"],
            "method": "Every place was looked at as a whole by each of the tools named with it, and nothing was there.",
        },
        // Whether the outcome is good enough for the data is another question, which an authority answers.
        "validation": Value::Null,
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

/// What allowed it: the plans by their hashes, and who granted them.
async fn authorizations(deed: &Deed<'_>, sanitizations: &HashMap<JobId, Job>) -> Result<Vec<Value>> {
    let scope = &deed.actor().scope;
    let mut jobs: Vec<_> = sanitizations.values().collect();
    jobs.sort_unstable_by_key(|job| job.id);
    let mut found = Vec::new();
    for job in jobs {
        let (Some(client), Some(id)) = (job.client_id, job.plan_id) else { continue };
        let Some(planned) = store::job::find_plan(deed.tx(), scope, id).await? else { continue };
        let grants = plan::grants(deed.tx(), scope, client, &planned.hash).await?;
        let grants: Vec<_> = grants
            .iter()
            .map(|grant| json!({ "decisionId": grant.id, "kind": grant.kind, "decidedAt": grant.decided_at }))
            .collect();
        found.push(json!({ "jobId": job.id, "planHash": planned.hash, "decisions": grants }));
    }
    Ok(found)
}
