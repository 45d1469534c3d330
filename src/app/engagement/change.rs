//! Pausing, resuming, cancelling and concluding an engagement.

use crate::{
    app::{App, Deed, agreement, client, gate, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        Refused,
        client::Client,
        engagement::{Engagement, EngagementKind, EngagementVerb},
        event::{EventKind, NewEvent},
        gate as gates,
        text::Prose,
    },
    error::Result,
    ids::EngagementId,
    store,
};

/// Which engagement, as the caller read it, and why.
#[derive(Clone, Debug)]
pub struct Change {
    /// The engagement.
    pub id: EngagementId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// Why; needed to pause and to cancel.
    pub reason: Option<Prose>,
}

/// Stops an engagement for a while: nothing may be worked on until it is resumed.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or not running, or a job of it is not over.
pub async fn pause(app: &App, actor: &Actor, input: Change) -> Result<Engagement> {
    actor.require(Permission::EngagementPause)?;
    let (mut deed, mut client, engagement) = open(app, actor, &input).await?;
    no_job(&deed, engagement.id).await?;
    let engagement = apply(&mut deed, &client, engagement, EngagementVerb::Pause, input.reason).await?;
    finish(deed, &mut client, engagement).await
}

/// Lets a paused engagement go on.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or not paused.
pub async fn resume(app: &App, actor: &Actor, input: Change) -> Result<Engagement> {
    actor.require(Permission::EngagementResume)?;
    let (mut deed, mut client, engagement) = open(app, actor, &input).await?;
    let engagement = apply(&mut deed, &client, engagement, EngagementVerb::Resume, None).await?;
    finish(deed, &mut client, engagement).await
}

/// Gives an engagement up. Everything it made is kept.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or over, or a job of it is not over.
pub async fn cancel(app: &App, actor: &Actor, input: Change) -> Result<Engagement> {
    actor.require(Permission::EngagementCancel)?;
    let (mut deed, mut client, engagement) = open(app, actor, &input).await?;
    no_job(&deed, engagement.id).await?;
    let engagement = apply(&mut deed, &client, engagement, EngagementVerb::Cancel, input.reason).await?;
    finish(deed, &mut client, engagement).await
}

/// A job would go on by itself, though nobody may work on what it is for; one that waits does so for weeks.
async fn no_job(deed: &Deed<'_>, id: EngagementId) -> Result<()> {
    let Some((job, kind)) = store::job::live_of_engagement(deed.tx(), id).await? else { return Ok(()) };
    let message = format!("Job {job}, a {} of this engagement, is not over.", kind.title());
    Err(Refused::new(message).remedy("Wait for it, or stop it with `jobCancel`.").into())
}

/// Ends an engagement well, when nothing is left open. An onboarding begins the client's service if its
/// activation has not done so.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or not running; `Blocked` by every gate
/// at the end, for an offboarding by every line of the ledger that is still open.
pub async fn conclude(app: &App, actor: &Actor, input: Change) -> Result<Engagement> {
    actor.require(Permission::EngagementConclude)?;
    let (mut deed, mut client, engagement) = open(app, actor, &input).await?;
    let picture = gate::picture(&deed, &engagement).await?;
    engagement.state.after(EngagementVerb::Conclude)?;
    gate::require(picture.blockers(gates::Deed::Conclude))?;
    let engagement = apply(&mut deed, &client, engagement, EngagementVerb::Conclude, None).await?;
    if engagement.kind == EngagementKind::Onboarding && client.service_started_at.is_none() {
        client.service_started_at = Some(deed.now());
        client::save(&mut deed, &mut client).await?;
    }
    if engagement.kind == EngagementKind::Offboarding {
        end_relationship(&mut deed, &mut client).await?;
    }
    finish(deed, &mut client, engagement).await
}

/// The relationship is over. Should the client come back, it does so with a contract, a notice and dates of its own:
/// those of an earlier life open no gate.
async fn end_relationship(deed: &mut Deed<'_>, client: &mut Client) -> Result<()> {
    agreement::end_all(deed, client.id).await?;
    (client.service_start_on, client.service_started_at, client.final_service_on) = (None, None, None);
    client::save(deed, client).await
}

/// Locks the engagement, then its client: every deed that needs both takes them in this order, so that no
/// two wait for each other.
async fn open<'a>(app: &'a App, actor: &'a Actor, input: &Change) -> Result<(Deed<'a>, Client, Engagement)> {
    let deed = app.begin(actor).await?;
    let engagement = store::engagement::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    expect_revision(engagement.id, input.expected_revision, engagement.revision)?;
    let client = store::client::lock(deed.tx(), &actor.scope, engagement.client_id, "id").await?;
    Ok((deed, client, engagement))
}

/// Changes the state and writes that down; whatever else the deed does follows from it.
async fn apply(
    deed: &mut Deed<'_>,
    client: &Client,
    mut engagement: Engagement,
    verb: EngagementVerb,
    reason: Option<Prose>,
) -> Result<Engagement> {
    engagement.state = engagement.state.after(verb)?;
    engagement.state_reason = reason.map(Prose::into_string);
    engagement.revision += 1;
    engagement.updated_at = deed.now();
    let kind = match verb {
        EngagementVerb::Start => EventKind::EngagementStarted,
        EngagementVerb::Pause => EventKind::EngagementPaused,
        EngagementVerb::Resume => EventKind::EngagementResumed,
        EngagementVerb::Cancel => EventKind::EngagementCancelled,
        EngagementVerb::Conclude => {
            engagement.concluded_at = Some(deed.now());
            EventKind::EngagementConcluded
        }
    };
    store::engagement::update(deed.tx(), &engagement).await?;
    let summary = format!("The {} of {} was {verb}.", engagement.kind.as_str().to_lowercase(), client.name);
    let reason = engagement.state_reason.clone().map_or(serde_json::Value::Null, Into::into);
    let done = deed.record(NewEvent::new(kind, engagement.id, summary).client(client.id).with("reason", reason));
    deed.follow(Some(done));
    Ok(engagement)
}

async fn finish(mut deed: Deed<'_>, client: &mut Client, engagement: Engagement) -> Result<Engagement> {
    super::restage(&mut deed, client).await?;
    deed.commit().await?;
    Ok(engagement)
}
