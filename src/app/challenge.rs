//! What can be asked about challenges: what was feared in a run, what came, and what it taught.

use crate::{
    app::{App, Deed, Done, Once},
    auth::{Actor, permission::Permission},
    domain::{
        engagement::Engagement,
        event::{EventKind, NewEvent},
        stakeholder::{Challenge, Lesson},
    },
    error::{Error, Result, at},
    ids::{ChallengeId, EngagementId},
    store,
};

/// A challenge as somebody records it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The run it belongs to.
    pub engagement_id: EngagementId,
    /// The challenge whose missing texts these are; none for a new one.
    pub existing: Option<ChallengeId>,
    /// What it says.
    pub lesson: Lesson,
}

/// Records a challenge, or the texts that an earlier record of it lacks.
///
/// # Errors
/// `Forbidden`; `Violation` on `expected` when it says nothing; `NotFound` on `engagementId` or `id`; `Conflict` when a
/// text is there already.
pub async fn record(app: &App, actor: &Actor, input: Record, once: Once) -> Result<Done<Challenge>> {
    actor.require(Permission::ChallengeRecord)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::challenge::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    input.lesson.check().map_err(|invalid| at("expected", invalid))?;
    let run = store::engagement::lock(deed.tx(), &actor.scope, input.engagement_id, "engagementId").await?;
    let challenge = match input.existing {
        None => enter(&mut deed, &run, input.lesson).await?,
        Some(id) => complete(&mut deed, &run, id, input.lesson).await?,
    };
    deed.answer(challenge.id);
    deed.commit().await?;
    Ok(Done::now(challenge))
}

async fn enter(deed: &mut Deed<'_>, run: &Engagement, lesson: Lesson) -> Result<Challenge> {
    let challenge = Challenge {
        id: deed.app().new_id(),
        engagement_id: run.id,
        client_id: run.client_id,
        lesson,
        recorded_by: deed.actor().id,
        recorded_at: deed.now(),
    };
    store::challenge::insert(deed.tx(), &challenge).await?;
    deed.record(event(EventKind::ChallengeRecorded, &challenge, "A challenge was recorded."));
    Ok(challenge)
}

async fn complete(deed: &mut Deed<'_>, run: &Engagement, id: ChallengeId, more: Lesson) -> Result<Challenge> {
    let mut challenge = store::challenge::lock(deed.tx(), &deed.actor().scope, id, "id").await?;
    if challenge.engagement_id != run.id {
        return Err(Error::not_found("challenge", "id"));
    }
    challenge.lesson = challenge.lesson.completed(more)?;
    store::challenge::update(deed.tx(), &challenge).await?;
    deed.record(event(EventKind::ChallengeResolved, &challenge, "What a challenge came to was recorded."));
    Ok(challenge)
}

fn event(kind: EventKind, challenge: &Challenge, summary: &str) -> NewEvent {
    let lesson = &challenge.lesson;
    NewEvent::new(kind, challenge.id, summary)
        .client(challenge.client_id)
        .with("engagementId", challenge.engagement_id.to_string())
        .with("hasExpected", lesson.expected.is_some())
        .with("hasActual", lesson.actual.is_some())
        .with("hasLearning", lesson.learning.is_some())
}

/// The challenges of these engagements that the caller may see, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_engagements(app: &App, actor: &Actor, engagements: &[EngagementId]) -> Result<Vec<Challenge>> {
    actor.require(Permission::Challenge)?;
    store::challenge::of_engagements(app.db().read(), &actor.scope, engagements).await
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[ChallengeId]) -> Result<Vec<Challenge>> {
    actor.require(Permission::Challenge)?;
    store::challenge::load_many(app.db().read(), &actor.scope, ids).await
}
