//! One look at the tools' lists, and what it says of each target.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::Arc,
};

use super::details;
use crate::{
    app::{agent::TargetDetails, connector},
    clock::Instant,
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

/// What one list says.
struct View {
    endpoints: Arc<dyn Endpoints>,
    listed: HashMap<String, Endpoint>,
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
    views: BTreeMap<(ConnectorId, String), View>,
    known: HashMap<JobTargetId, TargetDetails>,
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
        let (mut views, mut known) = (BTreeMap::new(), HashMap::new());
        for target in targets {
            let details = details(target, courses)?;
            let place = (details.connector_id, details.group.clone());
            if let Entry::Vacant(vacant) = views.entry(place) {
                match view(context, vacant.key()).await? {
                    Ok(view) => vacant.insert(view),
                    Err(fault) => return Ok(Err(fault)),
                };
            }
            known.insert(target.id, details);
        }
        Ok(Ok(Self { views, known }))
    }

    /// What was seen of `target`; none when it was taken before.
    pub(super) fn take(&mut self, target: &Target, now: Instant) -> Option<Sight> {
        let mut details = self.known.remove(&target.id)?;
        let view = self.views.get(&(details.connector_id, details.group.clone()))?;
        let seen = view.listed.get(&details.endpoint);
        let presence = seen.map_or(Presence::Absent, |seen| seen.presence);
        let next = details.course.next(presence, now, &view.endpoints.patience());
        let (last_seen, endpoints) = (seen.and_then(|seen| seen.last_seen), Arc::clone(&view.endpoints));
        Some(Sight { details, presence, last_seen, next, endpoints })
    }
}

async fn view(context: &TaskContext, (id, group): &(ConnectorId, String)) -> Result<std::result::Result<View, Fault>> {
    let endpoints = match connector::open(context.app(), *id).await? {
        Ok(endpoints) => endpoints,
        Err(fault) => return Ok(Err(fault)),
    };
    let listed = match endpoints.roster(group).await {
        Ok(roster) => roster.into_iter().map(|endpoint| (endpoint.id.clone(), endpoint)).collect(),
        Err(fault) => return Ok(Err(fault)),
    };
    Ok(Ok(View { endpoints, listed }))
}

/// Whether it may be over with the next look.
pub(super) const fn is_short(fault: &Fault) -> bool {
    matches!(fault.kind, ConnectorFault::Transient | ConnectorFault::RateLimited)
}
