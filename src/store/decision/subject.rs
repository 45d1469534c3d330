//! What a decision can be about: the rows behind printed ids, whatever noun they name.

use sea_orm::{ConnectionTrait, EntityTrait, PrimaryKeyTrait};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    auth::ClientScope,
    error::Result,
    ids::{CertificateId, ClientId, EngagementId, EvidenceId, HoldingId, JobPlanId, ParseIdError, StepId, prefix_of},
    store,
};

use entity::{certificate, client, engagement, evidence, holding, job_plan, step};

/// Where something stands that a decision is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Whose it is.
    pub(crate) client_id: ClientId,
    /// The run it belongs to; none for what outlives a run.
    pub(crate) engagement_id: Option<EngagementId>,
    /// What exactly it is now, when that can change.
    pub(crate) hash: Option<String>,
}

impl Subject {
    fn new(client: Uuid, engagement: Option<Uuid>) -> Self {
        Self { client_id: client.into(), engagement_id: engagement.map(Into::into), hash: None }
    }
}

/// Where `printed` stands, if it names an engagement, step, piece of evidence, holding, job plan, certificate or client that
/// `scope` allows.
///
/// # Errors
/// Those of the database.
pub(crate) async fn subject(db: &impl ConnectionTrait, scope: &ClientScope, printed: &str) -> Result<Option<Subject>> {
    Ok(match prefix_of(printed) {
        Some(ClientId::PREFIX) => {
            let id = printed.parse().map(ClientId::uuid);
            row::<client::Entity>(db, scope, client::Column::Id, id).await?.map(|row| Subject::new(row.id, None))
        }
        Some(EngagementId::PREFIX) => {
            let id = printed.parse().map(EngagementId::uuid);
            let row = row::<engagement::Entity>(db, scope, engagement::Column::ClientId, id).await?;
            row.map(|row| Subject::new(row.client_id, Some(row.id)))
        }
        Some(StepId::PREFIX) => {
            let id = printed.parse().map(StepId::uuid);
            let row = row::<step::Entity>(db, scope, step::Column::ClientId, id).await?;
            row.map(|row| Subject::new(row.client_id, Some(row.engagement_id)))
        }
        Some(EvidenceId::PREFIX) => {
            let id = printed.parse().map(EvidenceId::uuid);
            let row = row::<evidence::Entity>(db, scope, evidence::Column::ClientId, id).await?;
            row.map(|row| Subject::new(row.client_id, None))
        }
        Some(HoldingId::PREFIX) => {
            let id = printed.parse().map(HoldingId::uuid);
            let row = row::<holding::Entity>(db, scope, holding::Column::ClientId, id).await?;
            row.map(|row| Subject::new(row.client_id, None))
        }
        Some(JobPlanId::PREFIX) => {
            let id = printed.parse().map(JobPlanId::uuid);
            let row = row::<job_plan::Entity>(db, scope, job_plan::Column::ClientId, id).await?;
            row.map(|row| Subject { hash: Some(row.plan_hash), ..Subject::new(row.client_id, row.engagement_id) })
        }
        Some(CertificateId::PREFIX) => {
            let id = printed.parse().map(CertificateId::uuid);
            let row = row::<certificate::Entity>(db, scope, certificate::Column::ClientId, id).await?;
            row.map(|row| {
                let hash = Some(hex::encode(Sha256::digest(&row.statement)));
                Subject { hash, ..Subject::new(row.client_id, row.engagement_id) }
            })
        }
        _ => None,
    })
}

/// The row with this id, if it is one and `scope` allows the client that stands in its column `client`.
async fn row<E>(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    client: E::Column,
    id: Result<Uuid, ParseIdError>,
) -> Result<Option<E::Model>>
where
    E: EntityTrait,
    <E::PrimaryKey as PrimaryKeyTrait>::ValueType: From<Uuid>,
{
    let Ok(id) = id else { return Ok(None) };
    Ok(store::within(E::find_by_id(id), client, scope).one(db).await?)
}
