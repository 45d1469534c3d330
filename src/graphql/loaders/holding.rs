//! Holdings by id and by client.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    domain::{
        holding::HoldingFilter,
        page::{Page, Window},
    },
    graphql::{
        loaders::{Batch, Shared, alike},
        types::holding::Holding,
    },
    ids::{ClientId, HoldingId},
};

/// Asks for the holding with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HoldingKey(pub HoldingId);

/// Asks for one page of a client's holdings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HoldingsOf(pub ClientId, pub HoldingFilter, pub Window);

/// Asks how many holdings a client has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HoldingCountOf(pub ClientId, pub HoldingFilter);

impl Loader<HoldingCountOf> for Batch {
    type Value = u64;
    type Error = Shared;

    async fn load(&self, keys: &[HoldingCountOf]) -> Result<HashMap<HoldingCountOf, u64>, Shared> {
        let mut found = HashMap::new();
        for (filter, clients) in alike(keys, |key| (key.1.clone(), key.0)) {
            let counts = app::holding::count_each(&self.app, &self.actor, &clients, &filter).await.map_err(Arc::new)?;
            found.extend(counts.into_iter().map(|(client, count)| (HoldingCountOf(client, filter.clone()), count)));
        }
        Ok(found)
    }
}

impl Loader<HoldingKey> for Batch {
    type Value = Holding;
    type Error = Shared;

    async fn load(&self, keys: &[HoldingKey]) -> Result<HashMap<HoldingKey, Holding>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::holding::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|holding| (HoldingKey(holding.id), holding.into())).collect())
    }
}

impl Loader<HoldingsOf> for Batch {
    type Value = Page<Holding>;
    type Error = Shared;

    async fn load(&self, keys: &[HoldingsOf]) -> Result<HashMap<HoldingsOf, Page<Holding>>, Shared> {
        let mut asked: BTreeMap<(HoldingFilter, Window), Vec<ClientId>> = BTreeMap::new();
        for HoldingsOf(client, filter, window) in keys {
            asked.entry((filter.clone(), *window)).or_default().push(*client);
        }
        let mut found = HashMap::new();
        for ((filter, window), clients) in asked {
            let pages = app::holding::of_clients(&self.app, &self.actor, &clients, &filter, &window);
            let pages = pages.await.map_err(Arc::new)?;
            let page = |(id, page): (_, Page<_>)| (HoldingsOf(id, filter.clone(), window), page.map(Into::into));
            found.extend(pages.into_iter().map(page));
        }
        Ok(found)
    }
}
