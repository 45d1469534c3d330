//! Finding steps by what stands in their way. That is worked out and never stored, so the work queue is read in pages
//! and judged as it is read.

use std::collections::{HashMap, HashSet};

use crate::{
    app::{App, gate},
    auth::Actor,
    domain::{
        engagement::Engagement,
        gate::Deed,
        page::{End, Key, LIMIT_MAX, Page, Window},
        step::{Step, StepFilter, StepState},
    },
    error::Result,
    ids::{EngagementId, StepId},
    store,
};

/// How many pages of [`LIMIT_MAX`] steps one search reads before it says where it stopped. Nearly every search ends on
/// the first: most work is either ready or waits for other work.
const PAGES_MAX: usize = 20;

/// One page of the open steps of which `is_blocked` is true.
///
/// # Errors
/// Those of the database.
pub(super) async fn search(
    app: &App,
    actor: &Actor,
    filter: &StepFilter,
    is_blocked: bool,
    window: &Window,
) -> Result<Page<Step>> {
    let states: Vec<StepState> = if filter.states.is_empty() { StepState::ALL } else { &filter.states }.to_vec();
    let states: Vec<StepState> = states.into_iter().filter(|state| !state.is_terminal()).collect();
    if states.is_empty() {
        return Ok(Page::empty(window));
    }
    let filter = StepFilter { states, ..filter.clone() };
    let (wanted, mut found) = (window.limit as usize, Vec::new());
    let (mut verdicts, mut rest) = (Verdicts::default(), Window { limit: LIMIT_MAX, ..*window });
    for _ in 0..PAGES_MAX {
        let page = store::step::list(app.db().read(), &actor.scope, &filter, &rest).await?;
        let (goes_on, steps) = in_reading_order(page, window.end);
        verdicts.judge(app, actor, &steps).await?;
        let last = steps.last().map(Step::queue_key);
        found.extend(steps.into_iter().filter(|step| verdicts.of(step) == is_blocked));
        if found.len() > wanted || !goes_on {
            let is_full = found.len() > wanted;
            found.truncate(wanted);
            return Ok(page_of(found, is_full, None, window));
        }
        match window.end {
            End::First => rest.after = last,
            End::Last => rest.before = last,
        }
    }
    let stopped_at = if window.end == End::First { rest.after } else { rest.before };
    Ok(page_of(found, true, stopped_at, window))
}

/// The steps of `page` as they were read, and whether more follow in that direction.
fn in_reading_order(page: Page<Step>, end: End) -> (bool, Vec<Step>) {
    match end {
        End::First => (page.has_next, page.items),
        End::Last => (page.has_previous, page.items.into_iter().rev().collect()),
    }
}

fn page_of(mut found: Vec<Step>, goes_on: bool, stopped_at: Option<Key>, window: &Window) -> Page<Step> {
    let empty = Page::empty(window);
    let stopped_at = stopped_at.map(|key| (window.end, key));
    match window.end {
        End::First => Page { items: found, has_next: goes_on, stopped_at, ..empty },
        End::Last => {
            found.reverse();
            Page { items: found, has_previous: goes_on, stopped_at, ..empty }
        }
    }
}

/// What was found out about the steps of the engagements that were met so far: an engagement is looked at once.
#[derive(Default)]
struct Verdicts {
    seen: HashSet<EngagementId>,
    blocked: HashMap<StepId, bool>,
}

impl Verdicts {
    fn of(&self, step: &Step) -> bool {
        self.blocked.get(&step.id).copied().unwrap_or_default()
    }

    async fn judge(&mut self, app: &App, actor: &Actor, steps: &[Step]) -> Result<()> {
        let mut news: Vec<EngagementId> = steps.iter().map(|step| step.engagement_id).collect();
        news.retain(|id| self.seen.insert(*id));
        if news.is_empty() {
            return Ok(());
        }
        let engagements = store::engagement::load_many(app.db().read(), &actor.scope, &news).await?;
        self.blocked.extend(judge(app, actor, &engagements).await?);
        Ok(())
    }
}

/// How many engagements are looked at together: the ledger of each may have 10,000 lines, and its gates ask about all.
const TOGETHER: usize = 20;

/// Every open step of `engagements`, and whether something stands in the way of its next move.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn judge(
    app: &App,
    actor: &Actor,
    engagements: &[Engagement],
) -> Result<HashMap<StepId, bool>> {
    let mut blocked = HashMap::new();
    for some in engagements.chunks(TOGETHER) {
        for picture in gate::pictures(app, actor, some).await?.into_values() {
            blocked.extend(blocked_steps(&picture));
        }
    }
    Ok(blocked)
}

fn blocked_steps(picture: &gate::Picture) -> impl Iterator<Item = (StepId, bool)> {
    picture.situation.steps.iter().filter_map(|step| {
        let deed = match step.state {
            StepState::Pending => Deed::StartStep(&step.key),
            StepState::InProgress => Deed::CompleteStep(&step.key),
            StepState::Done | StepState::NotApplicable | StepState::Excepted => return None,
        };
        Some((step.id, !picture.blockers(deed).is_empty()))
    })
}
