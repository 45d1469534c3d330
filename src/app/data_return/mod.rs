//! Returning a client's data: what may be planned, what the job does to the ledger, and what the client says.
//!
//! The job packs and sends ([`jobs::data_return`](crate::jobs::data_return)); here stands what that means.
//! A holding is CLOSING from the job's first step on. Once the package was read back, a holding that is only
//! returned is REMOVED, and the client's acknowledgement closes it; one that is destroyed afterwards stays
//! CLOSING with its receipt. A return that failed leaves it ACTIVE.
//!
//! While a return is under way its spool holds the names of the client's files, and the destination encrypted
//! parts. What is left of either once nobody can go on from it is cleared away ([`clear_ended`]).

mod accept;
mod acknowledge;
mod clear;
mod ledger;
mod plan;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{agreement::DataFormat, job::ReturnVerdict},
    ids::{EngagementId, ExceptionId, HoldingId, JobId, RecipientKeyId},
    ports::{
        shelves::Shelf,
        storage::{ObjectPath, ObjectStore},
    },
};

pub use accept::accepted_by;
pub(in crate::app) use accept::{accept, acceptable};
pub use acknowledge::{Acknowledge, Verdict, acknowledge};
pub use clear::{clear_ended, clear_packages, replaced};
pub use ledger::{Delivered, closing, delivered, received};
pub(in crate::app) use plan::{blockers, draft};

/// What a caller chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// How it is packed; one of the formats that were agreed.
    pub format: DataFormat,
    /// The configured place it goes to, by name.
    pub destination: String,
    /// To which keys it is encrypted; empty for every confirmed key of the client.
    pub recipient_keys: Vec<RecipientKeyId>,
}

/// What the task reads. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Args {
    /// The run it belongs to.
    pub engagement_id: EngagementId,
    /// The client's short name: the folder at the destination.
    pub client_slug: String,
    /// The client's name, for the bag.
    pub client_name: String,
    /// How it is packed.
    pub format: DataFormat,
    /// The configured place it goes to.
    pub destination: String,
    /// The public keys it is encrypted to.
    pub recipients: Vec<String>,
}

impl Args {
    /// The names of the packages that `job` makes.
    pub fn packages(&self, job: JobId) -> Packages {
        let id = job.to_string();
        Packages::called(format!("{}-{}", self.client_slug, &id[id.len() - 12..]))
    }

    /// The folder at `destination` that holds what `job` makes, and nothing else.
    pub fn folder(&self, destination: &Shelf<dyn ObjectStore>, job: JobId) -> ObjectPath {
        destination.folder.join(&self.client_slug).join(job.to_string())
    }
}

/// The folder among Gangway's `own` files in which `job` notes what it goes on from.
pub fn spool(own: &Shelf<dyn ObjectStore>, job: JobId) -> ObjectPath {
    own.folder.join("spool").join(job.to_string())
}

/// The names of the packages of one job. It makes one, and another one each time it has to begin anew; the fence of
/// the run that began it tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packages(String);

impl Packages {
    /// Packages whose names begin so.
    pub fn called(beginning: impl Into<String>) -> Self {
        Self(beginning.into())
    }

    /// The name of the package that the run with `fence` began. Every object of it is called so up to a dot.
    pub fn begun_by(&self, fence: i64) -> String {
        format!("{}-{fence}", self.0)
    }

    /// The fence of the run that began the package to which an object with this name belongs.
    fn beginner(&self, object: &[u8]) -> Option<i64> {
        let rest = str::from_utf8(object).ok()?.strip_prefix(&self.0)?.strip_prefix('-')?;
        rest.split_once('.')?.0.parse().ok()
    }
}

/// What a return keeps in its checkpoint from run to run, for others to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Left {
    /// The fence of the run that began the package of which the job told last as PARTIAL: all but some files are in it.
    pub told_of: Option<i64>,
    /// The package that lacks least of those that were read back. It stays until one was read back that lacks no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
}

/// A package by what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Best {
    /// The fence of the run that began it.
    pub fence: i64,
    /// Entries that are not in it, or not whole.
    pub lacks: u64,
}

impl Left {
    /// Whether the package that the run with `fence` began is the client's for now.
    pub fn keeps(&self, fence: i64) -> bool {
        self.told_of == Some(fence) || self.best.is_some_and(|best| best.fence == fence)
    }

    /// The same, with a package counted that was read back, if none before it lacked less. A package that was told of
    /// by a program that did not count lacks more than any.
    #[must_use]
    pub fn with(self, package: Best) -> Self {
        let is_better = self.best.is_none_or(|best| package.lacks <= best.lacks);
        if is_better { Self { best: Some(package), ..self } } else { self }
    }
}

/// What the task reads of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetDetails {
    /// The holding.
    pub holding_id: HoldingId,
    /// The configured store it lies in.
    pub store: String,
    /// The folder in it.
    pub path: String,
    /// The folder it gets in the bag.
    pub label: String,
    /// What was planned for it, for people to read: the job goes by its own arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// How data is to reach the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// How it is packed.
    pub format: DataFormat,
    /// The configured place it goes to.
    pub destination: String,
    /// Fingerprints of the keys it is encrypted to.
    pub recipients: Vec<String>,
}

/// What the job says of itself when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// SHA-256 of the package manifest, in hex: what the client acknowledges.
    pub manifest_digest: String,
    /// Name of the package: what the names of the texts beside its parts begin with.
    pub package: String,
    /// Where it lies: `NAME://FOLDER`.
    pub location: String,
    /// Files in the bag.
    pub file_count: u64,
    /// Their bytes.
    pub payload_bytes: u64,
    /// Objects of the package.
    pub part_count: u64,
    /// Their bytes.
    pub package_bytes: u64,
    /// Entries that could not be read, were gone, or may be torn.
    pub incomplete_count: u64,
    /// The list of these beside the parts, when there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omissions: Option<Omissions>,
    /// What the client said of this very package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<ReturnVerdict>,
}

impl Summary {
    /// Whether the package lacks something, and exceptions accept that.
    pub fn is_accepted(&self) -> bool {
        self.omissions.as_ref().is_some_and(|omissions| !omissions.accepted_by.is_empty())
    }
}

/// What a package lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Omissions {
    /// Name of the object with the list, which is encrypted as the parts are.
    pub object: String,
    /// SHA-256 of the list, in hex, as whoever decrypts it computes it.
    pub digest: String,
    /// The exceptions that accept it; none while nobody did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted_by: Vec<ExceptionId>,
}
