//! Agreements by id and by client.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::agreement::Agreement,
    },
    ids::{AgreementId, ClientId},
};

/// Asks for the agreement with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgreementKey(pub AgreementId);

/// Asks for all agreements with this client, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgreementsOf(pub ClientId);

impl Loader<AgreementKey> for Batch {
    type Value = Agreement;
    type Error = Shared;

    async fn load(&self, keys: &[AgreementKey]) -> Result<HashMap<AgreementKey, Agreement>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::agreement::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|agreement| (AgreementKey(agreement.id), agreement.into())).collect())
    }
}

impl Loader<AgreementsOf> for Batch {
    type Value = Vec<Agreement>;
    type Error = Shared;

    async fn load(&self, keys: &[AgreementsOf]) -> Result<HashMap<AgreementsOf, Vec<Agreement>>, Shared> {
        let clients: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::agreement::of_clients(&self.app, &self.actor, &clients).await.map_err(Arc::new)?;
        Ok(grouped(found, |agreement| AgreementsOf(agreement.client_id), Agreement::from))
    }
}
