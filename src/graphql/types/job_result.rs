//! What a job achieved, one type for each kind.

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Union};

use crate::{
    app::{
        closeout,
        data_return::{Omissions, Summary},
        sanitization,
    },
    auth::permission::Permission,
    domain::job::{Job, JobKind, ReturnVerdict},
    error::{Error, Inconsistent, Result},
    graphql::{
        context::Caller,
        loaders::{FileKey, load},
        scalars::Long,
        types::file::File,
    },
    ids::FileId,
};

/// What a job achieved.
#[derive(Clone, Debug, Union)]
pub enum JobResult {
    /// Data was returned.
    DataReturn(DataReturnResult),
    /// Data was destroyed.
    Sanitization(SanitizationResult),
    /// A close-out pack was made.
    CloseoutPack(CloseoutPackResult),
}

/// An archive that proves how a client left. `gangway verify` checks it without a server.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct CloseoutPackResult {
    /// What people cite it by.
    number: String,
    /// SHA-256 of the archive, in hex.
    digest: String,
    /// Its size.
    byte_count: Long,
    /// Events of the log that it proves.
    event_count: Long,
    /// Certificates and receipts in it.
    certificate_count: Long,
    #[graphql(skip)]
    file_id: FileId,
}

#[ComplexObject]
impl CloseoutPackResult {
    /// The archive, for the provider's own people: they hand it on. It tells all that the log holds of the client, which
    /// is more than the client's contacts see here.
    async fn file(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<File>> {
        if ctx.actor()?.may(Permission::File) { load(ctx, FileKey(self.file_id)).await } else { Ok(None) }
    }
}

impl From<closeout::Summary> for CloseoutPackResult {
    fn from(pack: closeout::Summary) -> Self {
        Self {
            number: pack.number,
            digest: pack.sha256,
            byte_count: pack.bytes.into(),
            event_count: pack.events.into(),
            certificate_count: pack.certificates.into(),
            file_id: pack.file_id,
        }
    }
}

/// Data that is gone, of those targets that are done. What each came to says the target's own `outcome`.
#[derive(Clone, Debug, SimpleObject)]
pub struct SanitizationResult {
    /// How many places are empty now.
    places: Long,
    /// How many files' content was destroyed.
    files: Long,
    /// Their bytes.
    bytes: Long,
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
    /// Entries that could not be read, were gone, or changed while they were read.
    incomplete_count: Long,
    /// The list of these, which lies beside the package; null when nothing is missing.
    omissions: Option<DataReturnOmissions>,
    /// What the client said of it; null until it did.
    verdict: Option<ReturnVerdict>,
}

/// What a package lacks.
#[derive(Clone, Debug, SimpleObject)]
pub struct DataReturnOmissions {
    /// Name of the object with the list: one line of JSON for each entry, encrypted to the keys that open the package.
    object: String,
    /// SHA-256 of the decrypted list, in hex. The signed receipt names it.
    digest: String,
    /// The exceptions by which the return was accepted although these are missing; empty while it was not.
    accepted_by: Vec<ID>,
}

impl From<Omissions> for DataReturnOmissions {
    fn from(Omissions { object, digest, accepted_by }: Omissions) -> Self {
        Self { object, digest, accepted_by: accepted_by.iter().map(|id| id.to_string().into()).collect() }
    }
}

impl JobResult {
    /// What `job` says of itself.
    ///
    /// # Errors
    /// `Inconsistent` when the stored result does not fit the kind.
    pub fn of(job: &Job) -> Result<Option<Self>> {
        let Some(result) = &job.result else { return Ok(None) };
        let misfit =
            |_misfit| Error::Inconsistent(Inconsistent { table: "job", column: "result", id: job.id.to_string() });
        Ok(match job.kind {
            JobKind::DataReturn => {
                Some(Self::DataReturn(serde_json::from_value::<Summary>(result.clone()).map_err(misfit)?.into()))
            }
            JobKind::Sanitization => {
                let sums: sanitization::Summary = serde_json::from_value(result.clone()).map_err(misfit)?;
                Some(Self::Sanitization(sums.into()))
            }
            JobKind::CloseoutPack => {
                let pack: closeout::Summary = serde_json::from_value(result.clone()).map_err(misfit)?;
                Some(Self::CloseoutPack(pack.into()))
            }
            _ => None,
        })
    }
}

impl From<Summary> for DataReturnResult {
    fn from(summary: Summary) -> Self {
        Self {
            manifest_digest: summary.manifest_digest,
            package: summary.package,
            location: summary.location,
            file_count: summary.file_count.into(),
            payload_bytes: summary.payload_bytes.into(),
            part_count: summary.part_count.into(),
            package_bytes: summary.package_bytes.into(),
            incomplete_count: summary.incomplete_count.into(),
            omissions: summary.omissions.map(Into::into),
            verdict: summary.verdict,
        }
    }
}

impl From<sanitization::Summary> for SanitizationResult {
    fn from(sums: sanitization::Summary) -> Self {
        Self { places: sums.places.into(), files: sums.files.into(), bytes: sums.bytes.into() }
    }
}
