//! Engagements by id and by client; steps and checklists by what they belong to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_graphql::dataloader::Loader;

use crate::{
    app::{self, gate::Picture},
    domain::page::{Page, Window},
    graphql::{
        loaders::{Batch, Shared},
        types::{
            engagement::Engagement,
            step::{ChecklistItem, Step},
        },
    },
    ids::{ChecklistItemId, ClientId, EngagementId, StepId},
};

/// Asks for the engagement with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EngagementKey(pub EngagementId);

/// Asks for one page of a client's engagements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EngagementsOf(pub ClientId, pub Window);

/// Asks for the step with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepKey(pub StepId);

/// Asks for all steps of an engagement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepsOf(pub EngagementId);

/// Asks for the line of a checklist with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChecklistItemKey(pub ChecklistItemId);

/// Asks for the checklist of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChecklistOf(pub StepId);

/// Asks for everything the gates of an engagement ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PictureOf(pub EngagementId);

/// Asks how many engagements a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EngagementCountOf(pub ClientId);

impl Loader<EngagementCountOf> for Batch {
    type Value = u64;
    type Error = Shared;

    async fn load(&self, keys: &[EngagementCountOf]) -> Result<HashMap<EngagementCountOf, u64>, Shared> {
        let clients: Vec<_> = keys.iter().map(|key| key.0).collect();
        let counts = app::engagement::count_each(&self.app, &self.actor, &clients).await.map_err(Arc::new)?;
        Ok(counts.into_iter().map(|(client, count)| (EngagementCountOf(client), count)).collect())
    }
}

impl Loader<PictureOf> for Batch {
    type Value = Arc<Picture>;
    type Error = Shared;

    async fn load(&self, keys: &[PictureOf]) -> Result<HashMap<PictureOf, Arc<Picture>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let engagements = app::engagement::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        let pictures = app::gate::pictures(&self.app, &self.actor, &engagements).await.map_err(Arc::new)?;
        Ok(pictures.into_iter().map(|(id, picture)| (PictureOf(id), Arc::new(picture))).collect())
    }
}

impl Loader<EngagementKey> for Batch {
    type Value = Engagement;
    type Error = Shared;

    async fn load(&self, keys: &[EngagementKey]) -> Result<HashMap<EngagementKey, Engagement>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::engagement::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|engagement| (EngagementKey(engagement.id), engagement.into())).collect())
    }
}

impl Loader<EngagementsOf> for Batch {
    type Value = Page<Engagement>;
    type Error = Shared;

    async fn load(&self, keys: &[EngagementsOf]) -> Result<HashMap<EngagementsOf, Page<Engagement>>, Shared> {
        let mut windows: BTreeMap<Window, Vec<ClientId>> = BTreeMap::new();
        for EngagementsOf(client, window) in keys {
            windows.entry(*window).or_default().push(*client);
        }
        let mut found = HashMap::new();
        for (window, clients) in windows {
            let pages =
                app::engagement::of_clients(&self.app, &self.actor, &clients, &window).await.map_err(Arc::new)?;
            found.extend(pages.into_iter().map(|(id, page)| (EngagementsOf(id, window), page.map(Into::into))));
        }
        Ok(found)
    }
}

impl Loader<StepKey> for Batch {
    type Value = Step;
    type Error = Shared;

    async fn load(&self, keys: &[StepKey]) -> Result<HashMap<StepKey, Step>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::step::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|step| (StepKey(step.id), step.into())).collect())
    }
}

impl Loader<StepsOf> for Batch {
    type Value = Vec<Step>;
    type Error = Shared;

    async fn load(&self, keys: &[StepsOf]) -> Result<HashMap<StepsOf, Vec<Step>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::step::of_engagements(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|(id, steps)| (StepsOf(id), steps.into_iter().map(Into::into).collect())).collect())
    }
}

impl Loader<ChecklistItemKey> for Batch {
    type Value = ChecklistItem;
    type Error = Shared;

    async fn load(&self, keys: &[ChecklistItemKey]) -> Result<HashMap<ChecklistItemKey, ChecklistItem>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::step::load_items(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|item| (ChecklistItemKey(item.id), item.into())).collect())
    }
}

impl Loader<ChecklistOf> for Batch {
    type Value = Vec<ChecklistItem>;
    type Error = Shared;

    async fn load(&self, keys: &[ChecklistOf]) -> Result<HashMap<ChecklistOf, Vec<ChecklistItem>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::step::checklists(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found
            .into_iter()
            .map(|(id, items)| (ChecklistOf(id), items.into_iter().map(Into::into).collect()))
            .collect())
    }
}
