//! Who did something, by name: people and integrations in one look.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::{auth::ClientScope, error::Result, ids::ActorId};

use entity::{api_key, user};

/// What those of `ids` are called that `scope` may know of, in two statements: the provider's own people, the people
/// of clients that `scope` allows, and integrations.
///
/// # Errors
/// Those of the database.
pub(crate) async fn names(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[ActorId],
) -> Result<HashMap<ActorId, String>> {
    let mut found = HashMap::new();
    let people: Vec<Uuid> = ids.iter().filter_map(|id| id.user()).map(Into::into).collect();
    if !people.is_empty() {
        let mut select = user::Entity::find().filter(user::Column::Id.is_in(people));
        if let Some(clients) = scope.restriction() {
            let theirs = user::Column::ClientId.is_in(clients.iter().map(|id| id.uuid()));
            select = select.filter(Condition::any().add(user::Column::ClientId.is_null()).add(theirs));
        }
        let columns = select.select_only().columns([user::Column::Id, user::Column::Name]);
        for (id, name) in columns.into_tuple::<(Uuid, String)>().all(db).await? {
            found.insert(ActorId::User(id.into()), name);
        }
    }
    let keys: Vec<Uuid> = ids.iter().filter_map(|id| id.api_key()).map(Into::into).collect();
    if !keys.is_empty() {
        let select = api_key::Entity::find().filter(api_key::Column::Id.is_in(keys));
        let columns = select.select_only().columns([api_key::Column::Id, api_key::Column::Name]);
        for (id, name) in columns.into_tuple::<(Uuid, String)>().all(db).await? {
            found.insert(ActorId::ApiKey(id.into()), name);
        }
    }
    Ok(found)
}
