//! The run in the course of which a job is done.

use super::Ask;
use crate::{
    app::Deed,
    auth::ClientScope,
    domain::{
        Refused,
        client::Client,
        engagement::{Engagement, EngagementKind, EngagementState},
        holding::Holding,
        job::{Job, JobKind},
    },
    error::{Error, Result, Violation},
    ids::StepId,
    store::{self, Reader},
};

/// The run that `ask` names, with its client.
///
/// # Errors
/// `NotFound` on `engagementId`.
pub(in crate::app) async fn course(db: &impl Reader, scope: &ClientScope, ask: &Ask) -> Result<(Engagement, Client)> {
    let absent = || Error::not_found("engagement", "engagementId");
    let engagement = store::engagement::find(db, scope, ask.engagement_id).await?.ok_or_else(absent)?;
    let client = store::client::find(db, scope, engagement.client_id).await?.ok_or_else(absent)?;
    Ok((engagement, client))
}

/// Refuses a run that is no offboarding under way.
///
/// # Errors
/// `Conflict`.
pub(in crate::app) fn is_offboarding(engagement: &Engagement, what: &str) -> Result<()> {
    if engagement.kind == EngagementKind::Offboarding && engagement.state == EngagementState::Running {
        return Ok(());
    }
    Err(Error::state(format!("{what} in the course of an offboarding that is running.")))
}

/// The step of the run that has this key.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn step_of(
    db: &impl Reader,
    scope: &ClientScope,
    engagement: &Engagement,
    key: &str,
) -> Result<Option<StepId>> {
    let mut steps = store::step::of_engagements(db, scope, &[engagement.id]).await?;
    let steps = steps.remove(&engagement.id).unwrap_or_default();
    Ok(steps.into_iter().find(|step| step.key == key).map(|step| step.id))
}

/// Refuses lines that a job of one of `kinds` is at: what one destroys another must not be reading.
///
/// # Errors
/// `Conflict`.
pub(in crate::app) async fn nobody_works_on(db: &impl Reader, holdings: &[Holding], kinds: &[JobKind]) -> Result<()> {
    let ids: Vec<_> = holdings.iter().map(|holding| holding.id).collect();
    let Some((job, kind)) = store::job::live_on(db, &ids, kinds).await? else { return Ok(()) };
    let refused = Refused::new(format!("Job {job}, a {} of one of these lines, is not over.", kind.title()));
    Err(refused.remedy("Wait for it, or stop it with `jobCancel`.").into())
}

/// Refuses to go on with a job whose run was running when it was ordered and may have been given up since.
///
/// # Errors
/// `Violation` on `engagementId`.
pub(in crate::app) async fn under_way(deed: &Deed<'_>, job: &Job) -> Result<()> {
    let Some(id) = job.engagement_id else { return Ok(()) };
    let engagement = store::engagement::find(deed.tx(), &deed.actor().scope, id).await?;
    if engagement.is_some_and(|engagement| engagement.state == EngagementState::Running) {
        return Ok(());
    }
    let message = format!("The run that the {} was ordered in is not running.", job.kind.title());
    Err(Violation::new("engagementId", message).remedy("Order the job again when it is.").into())
}
