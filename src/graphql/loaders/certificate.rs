//! Certificates by id, engagement and job.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared},
        types::certificate::Certificate,
    },
    ids::{CertificateId, EngagementId, JobId},
};

/// Asks for the certificate with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificateKey(pub CertificateId);

/// Asks for the certificates of this engagement, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificatesOf(pub EngagementId);

/// Asks for the certificate that proves this job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificateOfJob(pub JobId);

impl Loader<CertificateKey> for Batch {
    type Value = Certificate;
    type Error = Shared;

    async fn load(&self, keys: &[CertificateKey]) -> Result<HashMap<CertificateKey, Certificate>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::certificate::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|one| (CertificateKey(one.id), Certificate(one))).collect())
    }
}

impl Loader<CertificatesOf> for Batch {
    type Value = Vec<Certificate>;
    type Error = Shared;

    async fn load(&self, keys: &[CertificatesOf]) -> Result<HashMap<CertificatesOf, Vec<Certificate>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::certificate::of_engagements(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        let mut lists: HashMap<CertificatesOf, Vec<Certificate>> = HashMap::new();
        for certificate in found {
            let Some(engagement) = certificate.engagement_id else { continue };
            lists.entry(CertificatesOf(engagement)).or_default().push(Certificate(certificate));
        }
        Ok(lists)
    }
}

impl Loader<CertificateOfJob> for Batch {
    type Value = Certificate;
    type Error = Shared;

    async fn load(&self, keys: &[CertificateOfJob]) -> Result<HashMap<CertificateOfJob, Certificate>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::certificate::of_jobs(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        let keyed = found.into_iter().filter_map(|one| Some((CertificateOfJob(one.job_id?), Certificate(one))));
        Ok(keyed.collect())
    }
}
