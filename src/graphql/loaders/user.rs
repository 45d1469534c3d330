//! People by id.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::user::User,
    },
    ids::UserId,
};

/// Asks for the person with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserKey(pub UserId);

impl Loader<UserKey> for Batch {
    type Value = User;
    type Error = Shared;

    async fn load(&self, keys: &[UserKey]) -> Result<HashMap<UserKey, User>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::user::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|user| (UserKey(user.id), User(user))).collect())
    }
}
