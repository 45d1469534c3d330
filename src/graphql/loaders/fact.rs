//! Facts by id and by client.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    domain::{
        fact::FactKind,
        page::{Page, Window},
    },
    graphql::{
        loaders::{Batch, Shared, alike},
        types::fact::Fact,
    },
    ids::{ClientId, FactId},
};

/// Asks for the fact with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactKey(pub FactId);

/// Asks for one page of this client's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactsOf(pub ClientId, pub Option<FactKind>, pub Window);

/// Asks how many facts this client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactCountOf(pub ClientId, pub Option<FactKind>);

impl Loader<FactKey> for Batch {
    type Value = Fact;
    type Error = Shared;

    async fn load(&self, keys: &[FactKey]) -> Result<HashMap<FactKey, Fact>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::fact::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|fact| (FactKey(fact.id), fact.into())).collect())
    }
}

impl Loader<FactsOf> for Batch {
    type Value = Page<Fact>;
    type Error = Shared;

    async fn load(&self, keys: &[FactsOf]) -> Result<HashMap<FactsOf, Page<Fact>>, Shared> {
        let mut found = HashMap::new();
        for ((kind, window), clients) in alike(keys, |key| ((key.1, key.2), key.0)) {
            let pages = app::fact::list_each(&self.app, &self.actor, &clients, kind, &window).await;
            let pages = pages.map_err(Arc::new)?.into_iter();
            found.extend(pages.map(|(client, page)| (FactsOf(client, kind, window), page.map(Fact::from))));
        }
        Ok(found)
    }
}

impl Loader<FactCountOf> for Batch {
    type Value = u64;
    type Error = Shared;

    async fn load(&self, keys: &[FactCountOf]) -> Result<HashMap<FactCountOf, u64>, Shared> {
        let mut found = HashMap::new();
        for (kind, clients) in alike(keys, |key| (key.1, key.0)) {
            let counts = app::fact::count_each(&self.app, &self.actor, &clients, kind).await.map_err(Arc::new)?;
            found.extend(counts.into_iter().map(|(client, count)| (FactCountOf(client, kind), count)));
        }
        Ok(found)
    }
}
