//! Exceptions whose time ran out.

use super::{event, save};
use crate::{
    app::{App, decision, holding},
    auth::Actor,
    domain::{
        event::EventKind,
        exception::{Exception, ExceptionState, ExceptionType, ExceptionVerb},
    },
    error::Result,
    store,
};

/// Ends the exceptions whose time is over, `limit` at most, and says how many. What is read shows them as expired
/// before that; this writes it down.
///
/// # Errors
/// Those of the database; what was ended before the error stays so.
pub async fn expire_due(app: &App, limit: u64) -> Result<usize> {
    let system = Actor::system();
    let mut ended = 0;
    for due in store::exception::due(app.db().read(), app.now(), limit).await? {
        ended += usize::from(expire(app, &system, &due).await?);
    }
    Ok(ended)
}

/// Ends one exception, unless somebody was faster. One that waits for its decision ends with that.
async fn expire(app: &App, system: &Actor, due: &Exception) -> Result<bool> {
    if let (ExceptionState::Requested, Some(question)) = (due.state, due.decision_id) {
        return decision::expire(app, system, question).await;
    }
    let mut deed = app.begin(system).await?;
    let mut exception = store::exception::lock(deed.tx(), &system.scope, due.id, "id").await?;
    if exception.state != ExceptionState::Approved || exception.state_at(deed.now()) != ExceptionState::Expired {
        return Ok(false);
    }
    exception.state = exception.state.after(ExceptionVerb::Expire)?;
    save(&deed, &mut exception).await?;
    let summary = format!("The time of an exception is over: {}", exception.situation);
    deed.record(event(&exception, EventKind::ExceptionExpired, summary));
    // What a DEVIATION accepted by then stays accepted; only what stayed by a SKIPPED one is open again.
    if let (ExceptionType::Skipped, Some(kept)) = (exception.r#type, exception.holding_id) {
        holding::lapsed(&mut deed, kept).await?;
    }
    deed.commit().await?;
    Ok(true)
}
