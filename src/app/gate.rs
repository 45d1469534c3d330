//! Asking gates: the situation is loaded where the change will be made, and judged by the domain.

use std::{collections::HashMap, sync::Arc};

use crate::{
    app::{App, Deed},
    auth::Actor,
    domain::{
        engagement::Engagement,
        gate::{self, Blocker, Situation},
        process::Content,
    },
    error::{Error, Result},
    ids::{EngagementId, ProcessVersionId},
    store::{self, Reader},
};

/// An engagement's process and everything its gates ask about.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What the pinned version says.
    pub content: Arc<Content>,
    /// How things stand.
    pub situation: Situation,
}

impl Picture {
    /// What stands between the picture and `deed`.
    pub fn blockers(&self, deed: gate::Deed<'_>) -> Vec<Blocker> {
        gate::evaluate(&self.content, deed, &self.situation)
    }
}

/// The pictures of `engagements` as `actor` sees them, in a constant number of statements.
///
/// # Errors
/// Those of the database.
pub async fn pictures(app: &App, actor: &Actor, engagements: &[Engagement]) -> Result<HashMap<EngagementId, Picture>> {
    load(app, app.db().read(), actor, engagements).await
}

/// The picture of the one engagement that a deed is about to change, from within its transaction.
///
/// # Errors
/// `Internal` when its client or version is gone, and those of the database.
pub(in crate::app) async fn picture(deed: &Deed<'_>, engagement: &Engagement) -> Result<Picture> {
    let mut found = load(deed.app(), deed.tx(), deed.actor(), std::slice::from_ref(engagement)).await?;
    found.remove(&engagement.id).ok_or_else(|| Error::internal("an engagement without its client or version"))
}

/// Refuses a deed while something stands in its way.
///
/// # Errors
/// `Blocked` with every blocker.
pub(in crate::app) fn require(blockers: Vec<Blocker>) -> Result<()> {
    if blockers.is_empty() { Ok(()) } else { Err(Error::Blocked(blockers)) }
}

async fn load(
    app: &App,
    db: &impl Reader,
    actor: &Actor,
    engagements: &[Engagement],
) -> Result<HashMap<EngagementId, Picture>> {
    let contents = contents(db, engagements).await?;
    let mut situations = store::situation::load_many(db, &actor.scope, app.now(), engagements).await?;
    let picture = |engagement: &Engagement| {
        let content = Arc::clone(contents.get(&engagement.process_version_id)?);
        let mut situation = situations.remove(&engagement.id)?;
        situation.actor = Some(actor.id);
        Some((engagement.id, Picture { content, situation }))
    };
    Ok(engagements.iter().filter_map(picture).collect())
}

async fn contents(db: &impl Reader, engagements: &[Engagement]) -> Result<HashMap<ProcessVersionId, Arc<Content>>> {
    let mut ids: Vec<_> = engagements.iter().map(|engagement| engagement.process_version_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let versions = store::process::versions(db, &ids).await?;
    Ok(versions.into_iter().map(|version| (version.id, Arc::new(version.content))).collect())
}
