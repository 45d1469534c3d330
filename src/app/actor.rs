//! What can be asked about those who did something.

use std::collections::HashMap;

use crate::{app::App, auth::Actor, error::Result, ids::ActorId, store};

/// What those of `ids` are called that the caller may know of. There is no permission for it: whoever may see what
/// somebody did may see who did it.
///
/// # Errors
/// Those of the database.
pub async fn names(app: &App, actor: &Actor, ids: &[ActorId]) -> Result<HashMap<ActorId, String>> {
    store::actor::names(app.db().read(), &actor.scope, ids).await
}
