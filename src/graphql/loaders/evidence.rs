//! Evidence by id, by step and by holding.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::evidence::Evidence,
    },
    ids::{EvidenceId, HoldingId, StepId},
};

/// Asks for the evidence with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvidenceKey(pub EvidenceId);

/// Asks for all that proves this step, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvidenceOf(pub StepId);

/// Asks for all that proves this holding, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvidenceOfHolding(pub HoldingId);

impl Loader<EvidenceKey> for Batch {
    type Value = Evidence;
    type Error = Shared;

    async fn load(&self, keys: &[EvidenceKey]) -> Result<HashMap<EvidenceKey, Evidence>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::evidence::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|evidence| (EvidenceKey(evidence.id), evidence.into())).collect())
    }
}

impl Loader<EvidenceOf> for Batch {
    type Value = Vec<Evidence>;
    type Error = Shared;

    async fn load(&self, keys: &[EvidenceOf]) -> Result<HashMap<EvidenceOf, Vec<Evidence>>, Shared> {
        let steps: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut proofs: HashMap<EvidenceOf, Vec<Evidence>> = HashMap::new();
        for evidence in app::evidence::of_steps(&self.app, &self.actor, &steps).await.map_err(Arc::new)? {
            if let Some(step) = evidence.step_id {
                proofs.entry(EvidenceOf(step)).or_default().push(evidence.into());
            }
        }
        Ok(proofs)
    }
}

impl Loader<EvidenceOfHolding> for Batch {
    type Value = Vec<Evidence>;
    type Error = Shared;

    async fn load(&self, keys: &[EvidenceOfHolding]) -> Result<HashMap<EvidenceOfHolding, Vec<Evidence>>, Shared> {
        let holdings: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut proofs: HashMap<EvidenceOfHolding, Vec<Evidence>> = HashMap::new();
        for evidence in app::evidence::of_holdings(&self.app, &self.actor, &holdings).await.map_err(Arc::new)? {
            if let Some(holding) = evidence.holding_id {
                proofs.entry(EvidenceOfHolding(holding)).or_default().push(evidence.into());
            }
        }
        Ok(proofs)
    }
}
