//! Questions whose time ran out.

use crate::{
    app::{App, decision::end},
    auth::Actor,
    domain::decision::{DecisionState, DecisionVerb},
    error::Result,
    ids::DecisionId,
    store,
};

/// Ends the questions whose time is over, `limit` at most, and says how many. What is read shows them as
/// expired before that; this writes it down and does what follows.
///
/// # Errors
/// Those of the database; what was ended before the error stays so.
pub async fn expire_due(app: &App, limit: u64) -> Result<usize> {
    let system = Actor::system();
    let mut ended = 0;
    for id in store::decision::due(app.db().read(), app.now(), limit).await? {
        ended += usize::from(expire(app, &system, id).await?);
    }
    Ok(ended)
}

/// Ends one question, unless somebody was faster. Each is a deed of its own, so one that cannot end keeps no other.
pub(in crate::app) async fn expire(app: &App, system: &Actor, id: DecisionId) -> Result<bool> {
    let mut deed = app.begin(system).await?;
    let mut decision = store::decision::lock(deed.tx(), &system.scope, id, "id").await?;
    if decision.state != DecisionState::Open || decision.state_at(deed.now()) != DecisionState::Expired {
        return Ok(false);
    }
    end(&mut deed, &mut decision, DecisionVerb::Expire).await?;
    deed.commit().await?;
    Ok(true)
}
