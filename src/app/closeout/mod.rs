//! The close-out pack: what goes into it, and the deed that hands it over.
//!
//! A pack is made of what can be read at one checkpoint of the log, so it can be made again at any time and says each time
//! what was true then.

mod documents;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    app::{
        App, Deed,
        certificate::{self, Issue},
        file,
        job::{Ask, Draft, course},
    },
    auth::{Actor, ClientScope},
    domain::{
        certificate::CertificateKind,
        client::Client,
        engagement::{Engagement, EngagementKind, EngagementState},
        event::{EventCursor, EventFilter},
        file::Digest,
        job::Job,
        log::{Checkpoint, leaf},
        pack::{PackEvents, PackStatement, ProvenEvent},
    },
    error::{Error, Result, Violation},
    ids::{EngagementId, FileId},
    store::{self, Reader},
};

pub use documents::{Document, documents};

/// Events that are read and proven at a time.
const EVENTS: u32 = 500;

/// What a caller chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Which events it holds.
    pub events: PackEvents,
}

/// What the task reads. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Args {
    /// The run it closes out.
    pub engagement_id: EngagementId,
}

/// What the job says of itself when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// What people cite the pack by.
    pub number: String,
    /// The archive.
    pub file_id: FileId,
    /// SHA-256 of it, in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Events in it.
    pub events: u64,
    /// Certificates in it.
    pub certificates: u64,
}

/// A finished archive.
#[derive(Clone, Debug)]
pub struct Archive {
    /// SHA-256 of it.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// Where it lies, below our own folder.
    pub storage_key: String,
    /// Events in it.
    pub events: u64,
    /// Certificates in it.
    pub certificates: u64,
}

/// Judges what a pack would be about. Nothing is written.
///
/// # Errors
/// `NotFound` on `engagementId`; `Violation` on `holdingIds` or `filter`; `Conflict` when the run is no offboarding that is
/// running or concluded.
pub(in crate::app) async fn draft(db: &impl Reader, actor: &Actor, ask: &Ask) -> Result<Draft> {
    let (engagement, client) = course(db, &actor.scope, ask).await?;
    let is_ending = matches!(engagement.state, EngagementState::Running | EngagementState::Concluded);
    if engagement.kind != EngagementKind::Offboarding || !is_ending {
        return Err(Error::state("A pack closes out an offboarding that is running or concluded."));
    }
    for (is_given, field) in [(!ask.holding_ids.is_empty(), "holdingIds"), (ask.filter.is_some(), "filter")] {
        if is_given {
            let violation = Violation::new(field, "A pack is about the whole run.");
            return Err(violation.remedy(format!("Leave `{field}` out.")).into());
        }
    }
    let is_early = engagement.state == EngagementState::Running;
    let early = || "The run is not concluded: whatever comes later is not in this pack.".to_owned();
    Ok(Draft {
        client_id: client.id,
        step_id: None,
        targets: Vec::new(),
        warnings: is_early.then(early).into_iter().collect(),
        blockers: Vec::new(),
        fingerprint: String::new(),
        args: serde_json::to_value(Args { engagement_id: engagement.id }).map_err(Error::internal)?,
    })
}

/// The run that `job` closes out, with its client.
///
/// # Errors
/// `Internal` when it is gone; those of the database.
pub async fn subject(app: &App, job: &Job) -> Result<(Engagement, Client)> {
    let gone = || Error::internal("a pack about nothing");
    let (db, scope) = (app.db().read(), ClientScope::system());
    let run = job.engagement_id.ok_or_else(gone)?;
    let engagement = store::engagement::find(db, &scope, run).await?.ok_or_else(gone)?;
    let client = store::client::find(db, &scope, engagement.client_id).await?.ok_or_else(gone)?;
    Ok((engagement, client))
}

/// The next events of the client behind `after`, each with its proof for `log`, and where to go on; nothing when there are
/// none left. In a constant number of statements.
///
/// # Errors
/// `Inconsistent` when the stored hashes do not fit together; those of the database.
pub async fn events(
    app: &App,
    client: &Client,
    after: EventCursor,
    log: &Checkpoint,
) -> Result<Option<(Vec<ProvenEvent>, EventCursor)>> {
    let filter = EventFilter { client_id: Some(client.id), ..EventFilter::default() };
    let db = app.db().read();
    let mut batch = store::log::read(db, &ClientScope::system(), &filter, after, EVENTS).await?;
    // What was sealed since the checkpoint is not in it.
    batch.events.retain(|event| event.position < log.size);
    if batch.events.is_empty() {
        return Ok(None);
    }
    let positions: Vec<_> = batch.events.iter().map(|event| event.position).collect();
    let paths = store::log::inclusion_paths(db, &positions, log.size).await?;
    let mut proven = Vec::with_capacity(positions.len());
    for (event, path) in batch.events.iter().zip(paths) {
        let leaf = String::from_utf8(leaf::text(event).map_err(Error::internal)?).map_err(Error::internal)?;
        let path = path.iter().map(ToString::to_string).collect();
        proven.push(ProvenEvent { position: event.position, leaf, path });
    }
    Ok(Some((proven, batch.next)))
}

/// Hands the archive over: it is a file of the client, and its statement a certificate, in one deed.
///
/// # Errors
/// Those of the database.
pub async fn handed_over(
    deed: &mut Deed<'_>,
    job: &Job,
    statement: &PackStatement,
    archive: Archive,
) -> Result<Summary> {
    let name = format!("closeout-{}-{}.zip", statement.client.slug, statement.number);
    let deposit = file::Deposit {
        client_id: statement.client.id,
        name,
        media_type: "application/zip",
        byte_count: archive.bytes,
        sha256: archive.sha256.clone(),
        storage_key: archive.storage_key,
        created_by: job.started_by,
    };
    let file = file::deposit(deed, deposit).await?;
    let issue = Issue {
        kind: CertificateKind::CloseoutPack,
        client_id: statement.client.id,
        engagement_id: Some(statement.engagement.id),
        job_id: Some(job.id),
        number: statement.number.clone(),
        statement: json!(statement),
    };
    certificate::issue(deed, issue).await?;
    Ok(Summary {
        number: statement.number.clone(),
        file_id: file.id,
        sha256: archive.sha256.to_string(),
        bytes: archive.bytes,
        events: archive.events,
        certificates: archive.certificates,
    })
}
