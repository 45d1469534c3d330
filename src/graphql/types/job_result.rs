//! What a job achieved, one type for each kind.

use async_graphql::{SimpleObject, Union};

use crate::{
    app::data_return::Summary,
    domain::job::{Job, JobKind, ReturnVerdict},
    error::{Error, Inconsistent, Result},
    graphql::scalars::Long,
};

/// What a job achieved.
#[derive(Clone, Debug, Union)]
pub enum JobResult {
    /// Data was returned.
    DataReturn(DataReturnResult),
}

/// A package that was sent and read back.
#[derive(Clone, Debug, SimpleObject)]
pub struct DataReturnResult {
    /// SHA-256 of the package manifest, in hex: what the client acknowledges.
    manifest_digest: String,
    /// Name of the package: the texts beside its parts are called so, as in `NAME.package.json`.
    package: String,
    /// Where it lies: `DESTINATION://FOLDER`.
    location: String,
    /// Files in the bag.
    file_count: Long,
    /// Their bytes.
    payload_bytes: Long,
    /// Objects of the package.
    part_count: Long,
    /// Their bytes.
    package_bytes: Long,
    /// Files that could not be read, were gone, or changed while they were read; the package lists them.
    incomplete_count: Long,
    /// What the client said of it; null until it did.
    verdict: Option<ReturnVerdict>,
}

impl JobResult {
    /// What `job` says of itself.
    ///
    /// # Errors
    /// `Inconsistent` when the stored result does not fit the kind.
    pub fn of(job: &Job) -> Result<Option<Self>> {
        let Some(result) = &job.result else { return Ok(None) };
        if job.kind != JobKind::DataReturn {
            return Ok(None);
        }
        let summary: Summary = serde_json::from_value(result.clone()).map_err(|_misfit| {
            Error::Inconsistent(Inconsistent { table: "job", column: "result", id: job.id.to_string() })
        })?;
        Ok(Some(Self::DataReturn(DataReturnResult {
            manifest_digest: summary.manifest_digest,
            package: summary.package,
            location: summary.location,
            file_count: summary.file_count.into(),
            payload_bytes: summary.payload_bytes.into(),
            part_count: summary.part_count.into(),
            package_bytes: summary.package_bytes.into(),
            incomplete_count: summary.incomplete_count.into(),
            verdict: summary.verdict,
        })))
    }
}
