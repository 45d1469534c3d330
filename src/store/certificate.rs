//! Certificates: rows and queries.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, Select};

use entity::certificate::{Column, Entity, Model};

use crate::{
    auth::ClientScope,
    domain::certificate::Certificate,
    error::Result,
    ids::{CertificateId, EngagementId, JobId},
    store::{self, Tx},
};

fn domain(row: Model) -> Result<Certificate> {
    Ok(Certificate {
        id: row.id.into(),
        client_id: row.client_id.into(),
        engagement_id: row.engagement_id.map(Into::into),
        job_id: row.job_id.map(Into::into),
        number: row.number,
        kind: store::word("certificate", "kind", row.id, &row.kind)?,
        statement: row.statement,
        signature: row.signature,
        key_id: row.key_id,
        issued_at: row.issued_at,
    })
}

fn row(certificate: &Certificate) -> Model {
    Model {
        id: certificate.id.into(),
        client_id: certificate.client_id.into(),
        engagement_id: certificate.engagement_id.map(Into::into),
        job_id: certificate.job_id.map(Into::into),
        number: certificate.number.clone(),
        kind: certificate.kind.to_string(),
        statement: certificate.statement.clone(),
        signature: certificate.signature.clone(),
        key_id: certificate.key_id.clone(),
        issued_at: certificate.issued_at,
    }
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope)
}

/// Those of `ids` whose client `scope` allows, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    ids: &[CertificateId],
) -> Result<Vec<Certificate>> {
    let select = scoped(scope).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    select.all(db).await?.into_iter().map(domain).collect()
}

/// The certificates of these engagements, the oldest first, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_engagements(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    engagements: &[EngagementId],
) -> Result<Vec<Certificate>> {
    let select = scoped(scope).filter(Column::EngagementId.is_in(engagements.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::IssuedAt).all(db).await?.into_iter().map(domain).collect()
}

/// The certificates of these jobs, in one statement.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_jobs(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    jobs: &[JobId],
) -> Result<Vec<Certificate>> {
    let select = scoped(scope).filter(Column::JobId.is_in(jobs.iter().map(|id| id.uuid())));
    select.order_by_asc(Column::IssuedAt).all(db).await?.into_iter().map(domain).collect()
}

/// Writes a new certificate.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &Tx, certificate: &Certificate) -> Result<()> {
    Entity::insert(row(certificate).into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}
