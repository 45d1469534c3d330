//! Why a store did not do as it was asked, in a closed set of kinds that says what may be done about it.
//!
//! A fault carries the verb, the place and a detail for the log. It never carries credentials, a signed
//! address or a request body: adapters build the detail from codes, not from requests.

use std::time::Duration;

use crate::{
    domain::words,
    error::{Error, Unavailable},
};

words! {
    /// What went wrong in a store.
    FaultKind {
        /// May work when tried again: time-outs, broken connections, 5xx.
        Transient = "TRANSIENT",
        /// The store asks for a slower pace.
        RateLimited = "RATE_LIMITED",
        /// The store does not know us: wrong, expired or mistimed credentials.
        Auth = "AUTH",
        /// The store knows us and says no; also a path that would leave the root.
        Forbidden = "FORBIDDEN",
        /// Nothing is there.
        NotFound = "NOT_FOUND",
        /// Something else is there, or changed meanwhile.
        Conflict = "CONFLICT",
        /// The store, or this path in it, cannot do this at all.
        Unsupported = "UNSUPPORTED",
        /// The store said yes and a look shows otherwise.
        Lied = "LIED",
        /// No room is left. Somebody has to make some; trying again later may then work.
        Full = "FULL",
        /// Will not work when tried again: a broken disk, a broken answer.
        Permanent = "PERMANENT",
    }
}

/// A store's refusal or failure.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing} {place}: {kind} ({detail})")]
pub struct Fault {
    /// What may be done about it.
    pub kind: FaultKind,
    /// The verb: `open`, `list`, `write`.
    pub doing: &'static str,
    /// Where, as printable text relative to the store's root.
    pub place: String,
    /// A code or short sentence for the log and for an inventory line. Holds no secret.
    pub detail: String,
    /// How long the store asks us to wait, when it says so.
    pub retry_after: Option<Duration>,
}

/// How long to wait before a store that does not answer is asked again by another attempt of the job.
const RETRY_AFTER: Duration = Duration::from_secs(15);

impl Fault {
    /// `doing` at `place` failed with `kind`.
    pub fn new(kind: FaultKind, doing: &'static str, place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, doing, place: place.into(), detail: detail.into(), retry_after: None }
    }

    /// Whether the whole store, and not only this one path, is out of reach for now.
    pub fn concerns_the_store(&self) -> bool {
        matches!(self.kind, FaultKind::Transient | FaultKind::RateLimited | FaultKind::Auth | FaultKind::Full)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::Transient | FaultKind::RateLimited | FaultKind::Full => Self::Unavailable(Unavailable {
                system: "storage",
                retry_after: fault.retry_after.unwrap_or(RETRY_AFTER),
                source: Box::new(fault),
            }),
            _ => Self::internal(fault),
        }
    }
}
