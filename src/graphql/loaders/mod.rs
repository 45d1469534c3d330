//! Loading what many nodes of one answer ask for in one statement.
//!
//! A loader key is a small type that says what is asked (`ClientKey`, `StepsOf`); its value is what the
//! field gives back. Every load goes through `app` with the caller's scope, so a node that hangs below
//! a foreign one reads as absent. Loaders live as long as one request and keep nothing.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::{Context, dataloader::Loader, indexmap::IndexMap};

use crate::{app::App, auth::Actor, error::Error, graphql::context::Caller};

mod actor;
mod agreement;
mod api_key;
mod certificate;
mod challenge;
mod client;
mod connector;
mod contact;
mod decision;
mod engagement;
mod event;
mod evidence;
mod exception;
mod fact;
mod file;
mod holding;
mod job;
mod pipeline;
mod process;
mod recipient_key;
mod stakeholder;
mod user;

pub use actor::NameOf;
pub use agreement::{AgreementKey, AgreementsOf};
pub use api_key::ApiKeyKey;
pub use certificate::{CertificateKey, CertificateOfJob, CertificatesOf};
pub use challenge::{ChallengeKey, ChallengesOf};
pub use client::ClientKey;
pub use connector::ConnectorKey;
pub use contact::{ContactKey, ContactsOf};
pub use decision::{AnswersOf, DecisionKey, DecisionsAbout, DecisionsOf};
pub use engagement::{
    ChecklistItemKey, ChecklistOf, EngagementCountOf, EngagementKey, EngagementsOf, PictureOf, StepKey, StepsOf,
};
pub use event::EventKey;
pub use evidence::{EvidenceKey, EvidenceOf, EvidenceOfHolding};
pub use exception::{ExceptionKey, ExceptionsOf};
pub use fact::{FactCountOf, FactKey, FactsOf};
pub use file::FileKey;
pub use holding::{HoldingCountOf, HoldingKey, HoldingsOf};
pub use job::{GatesOfPlan, JobCountOf, JobKey, JobsOf, JobsOfStep, PlanKey, TargetCountsOf, TargetKey, TargetsOf};
pub use pipeline::{PipelineCount, StageCounts};
pub use process::{ProcessKey, ReviewsOf, VersionKey, VersionsOf};
pub use recipient_key::{RecipientKeyKey, RecipientKeysOf};
pub use stakeholder::{StakeholderKey, StakeholdersOf};
pub use user::UserKey;

/// Loads for one caller.
#[derive(Clone, Debug)]
pub struct Batch {
    app: App,
    actor: Actor,
}

/// A failed load reaches every node that waited for it.
pub type Shared = Arc<Error>;

impl Batch {
    /// A batch that reads as `actor`.
    pub fn new(app: App, actor: Actor) -> Self {
        Self { app, actor }
    }
}

/// What `key` asks for, loaded together with every other key of this answer; `None` when it is absent.
///
/// # Errors
/// Those of the load.
pub async fn load<K>(ctx: &Context<'_>, key: K) -> async_graphql::Result<Option<<Batch as Loader<K>>::Value>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Batch: Loader<K, Error = Shared>,
{
    ctx.loader().load_one(key).await.map_err(|error| async_graphql::Error::from(&*error))
}

/// What `key` asks for, where nothing is the same as an empty list.
///
/// # Errors
/// Those of the load.
pub async fn listed<K, V>(ctx: &Context<'_>, key: K) -> async_graphql::Result<Vec<V>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Batch: Loader<K, Value = Vec<V>, Error = Shared>,
    V: Send + Sync + Clone + 'static,
{
    Ok(load(ctx, key).await?.unwrap_or_default())
}

/// How many `key` asks about, where nothing is the same as none.
///
/// # Errors
/// Those of the load.
pub async fn counted<K>(ctx: &Context<'_>, key: K) -> async_graphql::Result<u64>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Batch: Loader<K, Value = u64, Error = Shared>,
{
    Ok(load(ctx, key).await?.unwrap_or_default())
}

/// What `key` asks for, where the data model says that it is there.
///
/// # Errors
/// Those of the load; `NotFound` when it is absent all the same.
pub async fn required<K>(ctx: &Context<'_>, key: K) -> async_graphql::Result<<Batch as Loader<K>>::Value>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Batch: Loader<K, Error = Shared>,
{
    load(ctx, key).await?.ok_or_else(|| Error::not_found("node", "id").into())
}

/// The parents in `keys` that ask for the same of theirs, together: one statement answers each group.
fn alike<K, G: Hash + Eq, P>(keys: &[K], split: impl Fn(&K) -> (G, P)) -> IndexMap<G, Vec<P>> {
    let mut groups: IndexMap<G, Vec<P>> = IndexMap::new();
    for (group, parent) in keys.iter().map(split) {
        groups.entry(group).or_default().push(parent);
    }
    groups
}

/// What was found, by what asked for it, in the order it was found in.
fn grouped<K: Hash + Eq, T, V>(found: Vec<T>, key: impl Fn(&T) -> K, node: impl Fn(T) -> V) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for item in found {
        groups.entry(key(&item)).or_default().push(node(item));
    }
    groups
}
