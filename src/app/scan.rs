//! Scans: what lies at a line's place, item by item, written down before anybody plans to destroy it.
//!
//! A scan touches nothing. What it found is frozen under a digest that depends on the place and the items alone: as long
//! as nothing changes, a scan of tomorrow has the digest of today. That digest is what the client confirms, what two
//! people approve, and what the destruction goes by ([`crate::app::sanitization`]).

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{
    app::{
        App,
        job::{Ask, Draft, Wanted, course, is_offboarding, lines, nobody_works_on, step_of},
    },
    auth::{Actor, ClientScope},
    clock::Instant,
    domain::{
        client::Client,
        holding::{DataHolding, Holding, HoldingDetails, HoldingKind, HoldingState},
        job::{Job, JobFilter, JobKind, JobState, PlannedTarget, RETRIED_FOR, Target, TargetState},
        sanitization::ScanScope,
    },
    error::{Error, Result, Violation},
    ids::{EngagementId, HoldingId, JobId},
    ports::{
        shelves::{Erasable, Shelf},
        storage::{self, ObjectPath, ObjectStore},
    },
    store::{self, Reader},
};

/// The key of the step that a scan belongs to.
const STEP: &str = "sanitization";
/// The states of data that can be destroyed.
pub(in crate::app) const OPEN: [HoldingState; 3] =
    [HoldingState::Active, HoldingState::Closing, HoldingState::Resurfaced];
/// How old a scan may be that something is destroyed by.
///
/// # Source
/// Policy of the engines: the dry run is at most a day old.
pub const VALID_FOR: TimeDelta = TimeDelta::hours(24);

/// What a caller chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// What is looked at.
    pub scope: ScanScope,
}

/// What the task reads. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Args {
    /// The run it belongs to.
    pub engagement_id: EngagementId,
}

/// Where something lies that is to be destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spot {
    /// The holding.
    pub holding_id: HoldingId,
    /// The configured store it lies in.
    pub store: String,
    /// The folder in it.
    pub path: String,
}

impl Spot {
    /// The folder as it is opened.
    ///
    /// # Errors
    /// `Violation` when it is no path.
    pub fn place(&self) -> Result<ObjectPath> {
        place(&self.path)
    }

    /// The store, and the folder in it.
    ///
    /// # Errors
    /// `Violation` when the store is not configured any more.
    pub fn find<'a>(&self, erasable: &'a BTreeMap<String, Erasable>) -> Result<(&'a Erasable, ObjectPath)> {
        let gone = || Error::violation("location", format!("`{}` may not be erased any more.", self.store));
        let place = erasable.get(&self.store).ok_or_else(gone)?;
        Ok((place, place.folder.join(self.place()?.as_bytes())))
    }
}

/// A line's path as it is opened: two ways to write a path are the same place.
pub(in crate::app) fn place(path: &str) -> Result<ObjectPath> {
    ObjectPath::from_text(path).map_err(|_bad| {
        let violation = Violation::new("holdingIds", format!("`{path}` is no path: a percent sign stands for a byte."));
        violation.remedy("Write a percent sign as `%25` in the line's location.").into()
    })
}

/// What a scan found at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    /// SHA-256, in hex, of all that was found and where.
    pub digest: String,
    /// Everything that can be destroyed, folders included.
    pub items: u64,
    /// Files among them.
    pub files: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Files among them that have other names.
    pub several_names: u64,
    /// What could not be looked at.
    pub hidden: u64,
    /// Files whose content has, or may have, names that were not seen.
    pub named_elsewhere: u64,
    /// Which store it was.
    pub root: String,
    /// What destroying it there does not reach, in words.
    pub limits: Vec<String>,
}

/// The folder among Gangway's `own` files with what the scan `job` wrote down about the target at `position`.
pub fn sheets(own: &Shelf<dyn ObjectStore>, job: JobId, position: u32) -> ObjectPath {
    own.folder.join("scans").join(job.to_string()).join(position.to_string())
}

/// Judges what a scan would look at. Nothing is written.
///
/// # Errors
/// `NotFound` on `engagementId` or `holdingIds`; `Violation` on `holdingIds` or `filter`; `Conflict` when the run is no
/// offboarding under way.
pub(in crate::app) async fn draft(db: &impl Reader, app: &App, actor: &Actor, ask: &Ask) -> Result<Draft> {
    let scope = &actor.scope;
    let (engagement, client) = course(db, scope, ask).await?;
    is_offboarding(&engagement, "Data is scanned")?;
    let holdings = destroyable(db, app, scope, &client, ask).await?;
    let target = |(holding, spot): &(Holding, Spot)| {
        let details = serde_json::to_value(spot).map_err(Error::internal)?;
        Ok(PlannedTarget { holding_id: Some(holding.id), name: holding.name.clone(), details })
    };
    Ok(Draft {
        client_id: client.id,
        step_id: step_of(db, scope, &engagement, STEP).await?,
        targets: holdings.iter().map(target).collect::<Result<_>>()?,
        warnings: Vec::new(),
        blockers: Vec::new(),
        fingerprint: String::new(),
        args: serde_json::to_value(Args { engagement_id: engagement.id }).map_err(Error::internal)?,
    })
}

/// The lines that `ask` is about, each with where it lies: in the client's own folder of a store that may be erased.
///
/// # Errors
/// As [`draft`].
pub(in crate::app) async fn destroyable(
    db: &impl Reader,
    app: &App,
    scope: &ClientScope,
    client: &Client,
    ask: &Ask,
) -> Result<Vec<(Holding, Spot)>> {
    let is_named = !ask.holding_ids.is_empty();
    let wanted = Wanted {
        kind: HoldingKind::Data,
        states: &OPEN,
        // A line that was named and lies elsewhere is refused with the reason; of all lines it is none that is meant.
        is_fit: &|holding| {
            let is_destroyed = data(holding).is_some_and(|data| data.disposition.is_destroyed());
            is_destroyed && (is_named || spot(app, client, holding).is_ok())
        },
        is_not: "is not data that is to be destroyed now",
        remedy: "Only DATA holdings count that are open, have DESTROY or RETURN_THEN_DESTROY, and lie where that can be done.",
    };
    let holdings = lines(db, scope, client, ask, &wanted).await?;
    nobody_works_on(db, &holdings, &[JobKind::DataReturn, JobKind::Sanitization]).await?;
    let with_spot = |holding: Holding| spot(app, client, &holding).map(|spot| (holding, spot));
    holdings.into_iter().map(with_spot).collect()
}

pub(in crate::app) const fn data(holding: &Holding) -> Option<&DataHolding> {
    if let HoldingDetails::Data(data) = &holding.details { Some(data) } else { None }
}

/// Where the line lies, if that is the client's alone.
///
/// # Source
/// Sanitization: only below configured roots, in what is owned by that client.
fn spot(app: &App, client: &Client, holding: &Holding) -> Result<Spot> {
    let data = data(holding).ok_or_else(|| Error::internal("data that is none"))?;
    let (store, path) = (data.location.store(), data.location.path());
    if !app.parts().shelves.erasable.contains_key(store) {
        let violation =
            Violation::new("holdingIds", format!("{} lies in `{store}`, where nothing may be erased.", holding.name));
        return Err(violation
            .remedy("Whoever runs this service names stores that may be erased in GANGWAY_ERASABLE.")
            .into());
    }
    if place(path)?.as_bytes().split(|byte| *byte == b'/').next() != Some(client.slug.as_str().as_bytes()) {
        let message = format!("{} does not lie in the client's own folder of `{store}`.", holding.name);
        let remedy = format!("Only what lies at or below `{store}://{}` is this client's alone.", client.slug);
        return Err(Violation::new("holdingIds", message).remedy(remedy).into());
    }
    Ok(Spot { holding_id: holding.id, store: store.to_owned(), path: path.to_owned() })
}

/// A scan that may be gone by.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// The scan and its target.
    pub target: Target,
    /// What was found.
    pub found: Found,
}

impl Scanned {
    /// Whether it looked at `spot`: a line may have been given another place since.
    pub(in crate::app) fn is_of(&self, spot: &Spot) -> bool {
        serde_json::from_value::<Spot>(self.target.details.clone()).is_ok_and(|scanned| scanned == *spot)
    }
}

/// The newest scan of each of `holdings` that saw everything and was made since `since`.
///
/// # Errors
/// `Inconsistent` for a broken row, and those of the database.
pub(in crate::app) async fn newest(
    db: &impl Reader,
    scope: &ClientScope,
    holdings: &[HoldingId],
    since: Instant,
) -> Result<HashMap<HoldingId, Scanned>> {
    let targets = store::job::newest_done(db, scope, JobKind::DiscoveryScan, holdings, since).await?;
    let scanned = |(id, target): (HoldingId, Target)| {
        let outcome = target.outcome.clone().unwrap_or_default();
        let found = store::json("job_target", "outcome", target.id, outcome)?;
        Ok((id, Scanned { target, found }))
    };
    targets.into_iter().map(scanned).collect()
}

/// The newest scan of `holding` since `since`, if it found what `digest` stands for.
///
/// # Errors
/// As [`newest`].
pub async fn by_digest(app: &App, holding: HoldingId, digest: &str, since: Instant) -> Result<Option<Target>> {
    let found = newest(app.db().read(), &ClientScope::system(), &[holding], since).await?;
    Ok(found.into_values().find(|scanned| scanned.found.digest == digest).map(|scanned| scanned.target))
}

/// Clears away what scans wrote down that nobody can go by any more, `limit` scans at most; says how many.
///
/// # Errors
/// Those of the database; what was cleared before the error stays so.
pub async fn clear_ended(app: &App, limit: u64) -> Result<usize> {
    let before = app.now() - RETRIED_FOR - VALID_FOR;
    let mut cleared = 0;
    for job in store::job::uncleared_before(app.db().read(), JobKind::DiscoveryScan, before, limit).await? {
        if !is_gone_by(app, &job).await? {
            clear(app, &job).await?;
            cleared += 1;
        }
    }
    Ok(cleared)
}

/// Whether something is being destroyed for the client of `scan`.
async fn is_gone_by(app: &App, scan: &Job) -> Result<bool> {
    let filter = JobFilter {
        client_id: scan.client_id,
        kinds: vec![JobKind::Sanitization],
        states: JobState::LIVE.to_vec(),
        ..JobFilter::default()
    };
    Ok(store::job::count(app.db().read(), &ClientScope::system(), &filter).await? > 0)
}

async fn clear(app: &App, job: &Job) -> Result<()> {
    let own = &app.parts().shelves.own;
    let mut behind = None;
    loop {
        let targets = store::job::list_targets(app.db().read(), job.id, TargetState::ALL, behind, 100).await?;
        let Some(last) = targets.last() else { break };
        behind = Some(last.position);
        for target in &targets {
            storage::clear(own.store.as_ref(), &sheets(own, job.id, target.position), |_| true).await?;
        }
    }
    let actor = Actor::system();
    let deed = app.begin(&actor).await?;
    store::job::cleared(deed.tx(), job.id).await?;
    deed.commit().await
}
