//! What can be asked about steps: reading here, working on them in [`work`], checklists in [`checklist`].

use std::collections::HashMap;

use crate::{
    app::{App, Deed, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        engagement::{Engagement, EngagementState},
        event::{EventKind, NewEvent},
        page::{Page, Window},
        role::Role,
        step::{ChecklistItem, Step, StepFilter},
    },
    error::{Error, Result, Violation},
    ids::{ChecklistItemId, EngagementId, StepId},
    store,
};

mod checklist;
mod search;
mod work;

pub use checklist::{SetItem, set_item};
pub(in crate::app) use search::judge;
pub(in crate::app) use work::except;
pub use work::{Assign, Work, assign, complete, mark_not_applicable, reopen, start};

/// Those who may do any step, because they answer for the whole engagement.
const LEADS: [Role; 4] =
    [Role::OnboardingManager, Role::AccountManager, Role::ServiceDeliveryManager, Role::HeadOfOperations];

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[StepId]) -> Result<Vec<Step>> {
    actor.require(Permission::Steps)?;
    store::step::load_many(app.db().read(), &actor.scope, ids).await
}

/// The steps of these engagements, in the order of their process.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_engagements(
    app: &App,
    actor: &Actor,
    engagements: &[EngagementId],
) -> Result<HashMap<EngagementId, Vec<Step>>> {
    actor.require(Permission::Steps)?;
    store::step::of_engagements(app.db().read(), &actor.scope, engagements).await
}

/// The checklists of these steps.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn checklists(app: &App, actor: &Actor, steps: &[StepId]) -> Result<HashMap<StepId, Vec<ChecklistItem>>> {
    actor.require(Permission::Steps)?;
    store::step::checklist::of_steps(app.db().read(), &actor.scope, steps).await
}

/// Those of `ids`, lines of checklists, that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_items(app: &App, actor: &Actor, ids: &[ChecklistItemId]) -> Result<Vec<ChecklistItem>> {
    actor.require(Permission::Steps)?;
    store::step::checklist::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the work queue: those due first at the front, those without a due date behind them.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: &StepFilter, window: &Window) -> Result<Page<Step>> {
    actor.require(Permission::Steps)?;
    if let Some(is_blocked) = filter.is_blocked {
        return search::search(app, actor, filter, is_blocked, window).await;
    }
    store::step::list(app.db().read(), &actor.scope, filter, window).await
}

/// How many steps [`list`] has in all.
///
/// # Errors
/// `Forbidden`; `Violation` on `filter.isBlocked`, since what stands in the way is known only of what was looked at; and
/// those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &StepFilter) -> Result<u64> {
    actor.require(Permission::Steps)?;
    if filter.is_blocked.is_some() {
        let uncounted = Violation::new("filter.isBlocked", "Steps found by what blocks them are not counted.");
        return Err(uncounted.remedy("Leave `totalCount` out, or ask `pipeline { blockedSteps }`.").into());
    }
    store::step::count(app.db().read(), &actor.scope, filter).await
}

/// Whether `actor` may work on `step`: in the step's role, as a lead, or because it was given to it.
pub fn may_work(actor: &Actor, step: &Step) -> bool {
    let is_assigned = step.assignee_id.is_some() && step.assignee_id == actor.id.user();
    is_assigned || actor.has(step.role) || LEADS.into_iter().any(|lead| actor.has(lead))
}

/// A step and its engagement, both locked for the deed.
struct Locked {
    engagement: Engagement,
    step: Step,
}

/// Locks a step and its engagement, and makes sure that the caller may work on it now. The engagement is
/// locked first: whatever a step's gates ask about cannot change while they are asked.
async fn lock(deed: &Deed<'_>, id: StepId, expected_revision: Option<i32>) -> Result<Locked> {
    let (actor, scope) = (deed.actor(), &deed.actor().scope);
    let known = store::step::load_many(deed.tx(), scope, &[id]).await?.pop();
    let engagement_id = known.ok_or_else(|| Error::not_found("step", "id"))?.engagement_id;
    let engagement = store::engagement::lock(deed.tx(), scope, engagement_id, "id").await?;
    let step = store::step::lock(deed.tx(), scope, id, "id").await?;
    if let Some(expected) = expected_revision {
        expect_revision(step.id, expected, step.revision)?;
    }
    if engagement.state != EngagementState::Running {
        return Err(Error::state(format!("The engagement is {}; steps move only while it runs.", engagement.state)));
    }
    if !may_work(actor, &step) {
        return Err(Error::Forbidden("This step is another role's, and it is not assigned to you."));
    }
    Ok(Locked { engagement, step })
}

/// Locks a step that the caller may prove something about now.
pub(in crate::app) async fn lock_to_prove(deed: &Deed<'_>, id: StepId) -> Result<Step> {
    let step = match lock(deed, id, None).await {
        Err(Error::NotFound(_)) => return Err(Error::not_found("step", "stepId")),
        other => other?.step,
    };
    if step.state.is_terminal() {
        return Err(Error::state(format!("The step is {}; nothing is added to it any more.", step.state)));
    }
    Ok(step)
}

/// Writes a changed step and what happened to it.
async fn save(deed: &mut Deed<'_>, step: &mut Step, event: EventKind, summary: String) -> Result<()> {
    step.revision += 1;
    store::step::update(deed.tx(), step).await?;
    let reason = step.state_reason.clone().map_or(serde_json::Value::Null, Into::into);
    deed.record(
        NewEvent::new(event, step.id, summary)
            .client(step.client_id)
            .with("engagementId", step.engagement_id.to_string())
            .with("key", step.key.as_str())
            .with("state", step.state.as_str())
            .with("reason", reason),
    );
    Ok(())
}
