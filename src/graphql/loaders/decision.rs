//! Decisions by id and by engagement, and what was answered to them.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    domain::decision::Answers,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::decision::Decision,
    },
    ids::{DecisionId, EngagementId},
};

/// Asks for the decision with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecisionKey(pub DecisionId);

/// Asks for all decisions of this engagement, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecisionsOf(pub EngagementId);

/// Asks for all decisions about what this printed id names, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecisionsAbout(pub String);

/// Asks for the votes and delegations of this decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AnswersOf(pub DecisionId);

impl Loader<DecisionKey> for Batch {
    type Value = Decision;
    type Error = Shared;

    async fn load(&self, keys: &[DecisionKey]) -> Result<HashMap<DecisionKey, Decision>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::decision::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|decision| (DecisionKey(decision.id), decision.into())).collect())
    }
}

impl Loader<DecisionsOf> for Batch {
    type Value = Vec<Decision>;
    type Error = Shared;

    async fn load(&self, keys: &[DecisionsOf]) -> Result<HashMap<DecisionsOf, Vec<Decision>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::decision::of_engagements(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        let mut lists: HashMap<DecisionsOf, Vec<Decision>> = HashMap::new();
        for decision in found {
            let Some(engagement) = decision.engagement_id else { continue };
            lists.entry(DecisionsOf(engagement)).or_default().push(decision.into());
        }
        Ok(lists)
    }
}

impl Loader<DecisionsAbout> for Batch {
    type Value = Vec<Decision>;
    type Error = Shared;

    async fn load(&self, keys: &[DecisionsAbout]) -> Result<HashMap<DecisionsAbout, Vec<Decision>>, Shared> {
        let subjects: Vec<_> = keys.iter().map(|key| key.0.as_str()).collect();
        let found = app::decision::about(&self.app, &self.actor, &subjects).await.map_err(Arc::new)?;
        Ok(grouped(found, |decision| DecisionsAbout(decision.subject_id.clone()), Into::into))
    }
}

impl Loader<AnswersOf> for Batch {
    type Value = Arc<Answers>;
    type Error = Shared;

    async fn load(&self, keys: &[AnswersOf]) -> Result<HashMap<AnswersOf, Arc<Answers>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::decision::answers(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|(id, answers)| (AnswersOf(id), Arc::new(answers))).collect())
    }
}
