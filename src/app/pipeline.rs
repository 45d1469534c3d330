//! How all the work of the provider stands, in numbers. Each is counted only when it is asked for.

use crate::{
    app::{App, step::judge},
    auth::{Actor, permission::Permission},
    domain::{
        client::ClientStage,
        engagement::{EngagementFilter, EngagementState},
        exception::{ExceptionFilter, ExceptionState},
        page::{End, LIMIT_MAX, Window},
        step::StepFilter,
    },
    error::Result,
    store,
};

/// How many engagements under way are looked at for blocked steps; beyond, the number is not told.
const ENGAGEMENTS_MAX: u64 = 2_000;

/// How many of the caller's clients stand in each stage, in the order of [`ClientStage`].
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn stages(app: &App, actor: &Actor) -> Result<Vec<(ClientStage, u64)>> {
    actor.require(Permission::Pipeline)?;
    let counts = store::client::count_stages(app.db().read(), &actor.scope).await?;
    Ok(ClientStage::ALL.iter().map(|stage| (*stage, counts.get(stage).copied().unwrap_or_default())).collect())
}

/// How many open steps of engagements under way are past their due date.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn overdue_steps(app: &App, actor: &Actor) -> Result<u64> {
    actor.require(Permission::Pipeline)?;
    let filter = StepFilter { overdue_at: Some(app.now()), ..StepFilter::default() };
    store::step::count(app.db().read(), &actor.scope, &filter).await
}

/// How many exceptions somebody still has to do something about.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn open_exceptions(app: &App, actor: &Actor) -> Result<u64> {
    actor.require(Permission::Pipeline)?;
    let states = ExceptionState::ALL.iter().copied().filter(|state| state.is_open()).collect();
    let filter = ExceptionFilter { states, ..ExceptionFilter::default() };
    store::exception::count(app.db().read(), &actor.scope, &filter, app.now()).await
}

/// How many open steps of engagements under way something stands in the way of. None when more than 2,000 are under
/// way: gates are asked one engagement after the other, a page at a time.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn blocked_step_count(app: &App, actor: &Actor) -> Result<Option<u64>> {
    actor.require(Permission::Pipeline)?;
    let states = EngagementState::ALL.iter().copied().filter(|state| state.is_under_way()).collect();
    let filter = EngagementFilter { states, ..EngagementFilter::default() };
    if store::engagement::count(app.db().read(), &actor.scope, &filter).await? > ENGAGEMENTS_MAX {
        return Ok(None);
    }
    let (mut count, mut window) = (0, Window { limit: LIMIT_MAX, end: End::First, after: None, before: None });
    loop {
        let page = store::engagement::list(app.db().read(), &actor.scope, &filter, &window).await?;
        count += judge(app, actor, &page.items).await?.into_values().filter(|is_blocked| *is_blocked).count();
        match page.items.last() {
            Some(last) if page.has_next => window.after = Some(last.key()),
            _ => return Ok(u64::try_from(count).ok()),
        }
    }
}
