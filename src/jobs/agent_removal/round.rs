//! One look at the tools' lists, and what it says of each target.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::details;
use crate::{
    app::{agent::TargetDetails, connector},
    clock::{Instant, Stopwatch},
    domain::{
        agent::{Course, Move, Presence},
        connector::ConnectorFault,
        job::Target,
    },
    error::Result,
    ids::{ConnectorId, JobTargetId},
    jobs::TaskContext,
    ports::endpoints::{Endpoint, Endpoints, Fault},
};

/// A tool, and the group of devices in it that is the client's.
type Place = (ConnectorId, String);

/// What one list says.
struct View {
    endpoints: Arc<dyn Endpoints>,
    listed: HashMap<String, Endpoint>,
    /// Those that are missing from it and listed in another group.
    elsewhere: HashSet<String>,
    /// When it was asked for.
    at: Instant,
}

/// What was seen of a target, and what comes next.
pub(super) struct Sight {
    /// What is known of it, this sight included.
    pub(super) details: TargetDetails,
    /// How it was seen.
    pub(super) presence: Presence,
    /// When its tool last heard of it.
    pub(super) last_seen: Option<Instant>,
    /// What comes next.
    pub(super) next: Move,
    /// Who does it.
    pub(super) endpoints: Arc<dyn Endpoints>,
}

/// The lists of one round.
pub(super) struct Round {
    views: BTreeMap<Place, View>,
    known: BTreeMap<JobTargetId, TargetDetails>,
    since: Stopwatch,
}

impl Round {
    /// Asks each tool for the list of the client's devices. In place of it, why one does not give it.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) async fn look(
        context: &TaskContext,
        targets: &[Target],
        courses: &HashMap<JobTargetId, Course>,
    ) -> Result<std::result::Result<Self, Fault>> {
        let (since, mut known) = (Stopwatch::start(), BTreeMap::new());
        for target in targets {
            known.insert(target.id, details(target, courses)?);
        }
        let mut wanted: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
        for details in known.values() {
            let place = (details.connector_id, details.group.clone());
            wanted.entry(place).or_default().push(&details.endpoint);
        }
        let mut views = BTreeMap::new();
        for (place, endpoints) in wanted {
            match view(context, &place, &endpoints).await? {
                Ok(view) => views.insert(place, view),
                Err(fault) => return Ok(Err(fault)),
            };
        }
        Ok(Ok(Self { views, known, since }))
    }

    /// How long ago it began.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// What was seen of `target`; none when it was taken before.
    pub(super) fn take(&mut self, target: &Target) -> Option<Sight> {
        let mut details = self.known.remove(&target.id)?;
        let view = self.views.get(&(details.connector_id, details.group.clone()))?;
        let seen = view.listed.get(&details.endpoint);
        let missing = if view.elsewhere.contains(&details.endpoint) { Presence::Elsewhere } else { Presence::Absent };
        let presence = seen.map_or(missing, |seen| seen.presence);
        let next = details.course.next(presence, view.at, &view.endpoints.patience());
        let (last_seen, endpoints) = (seen.and_then(|seen| seen.last_seen), Arc::clone(&view.endpoints));
        Some(Sight { details, presence, last_seen, next, endpoints })
    }
}

/// What the tool at `place` lists, and where those of `wanted` are that it does not list there.
async fn view(context: &TaskContext, place: &Place, wanted: &[&str]) -> Result<std::result::Result<View, Fault>> {
    let ((id, group), at) = (place, context.app().now());
    let endpoints = match connector::open(context.app(), *id).await? {
        Ok(endpoints) => endpoints,
        Err(fault) => return Ok(Err(fault)),
    };
    let seen = async {
        let roster = endpoints.roster(group).await?;
        let listed: HashMap<_, _> = roster.into_iter().map(|endpoint| (endpoint.id.clone(), endpoint)).collect();
        let is_missing = |id: &&&str| !listed.contains_key(**id);
        let missing: Vec<String> = wanted.iter().filter(is_missing).map(|id| (*id).to_owned()).collect();
        let elsewhere = if missing.is_empty() { HashSet::new() } else { endpoints.elsewhere(group, &missing).await? };
        Ok((listed, elsewhere))
    };
    Ok(seen.await.map(|(listed, elsewhere)| View { endpoints: Arc::clone(&endpoints), listed, elsewhere, at }))
}

/// Whether it may be over with the next look.
pub(super) const fn is_short(fault: &Fault) -> bool {
    matches!(fault.kind, ConnectorFault::Transient | ConnectorFault::RateLimited)
}
