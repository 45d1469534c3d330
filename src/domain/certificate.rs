//! Signed statements: what was done, in words a program can check.
//!
//! Invariants: the statement is kept as the very text that is signed; a certificate never changes (a trigger
//! repeats it). The signature is a line of a signed note whose text is the statement and a line end, so
//! whoever can check the log's checkpoints can check a certificate.
//!
//! # Source
//! C2SP signed-note; RFC 8785 for the canonical text.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::ids::{CertificateId, ClientId, EngagementId, JobId};

words! {
    /// What a certificate certifies.
    CertificateKind {
        /// A client's data was packed, sent and read back.
        DataReturnReceipt = "DATA_RETURN_RECEIPT",
        /// A client's data was destroyed, and somebody else saw that it is gone.
        Sanitization = "SANITIZATION",
        /// An authority judged whether what such a certificate says is enough for the data.
        SanitizationValidation = "SANITIZATION_VALIDATION",
        /// Everything that proves how a client left lies in one archive.
        CloseoutPack = "CLOSEOUT_PACK",
    }
}

/// A certificate as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate's id.
    pub id: CertificateId,
    /// The client it is for.
    pub client_id: ClientId,
    /// The engagement it belongs to.
    pub engagement_id: Option<EngagementId>,
    /// The job it is about.
    pub job_id: Option<JobId>,
    /// What people cite it by.
    pub number: String,
    /// What it certifies.
    pub kind: CertificateKind,
    /// The signed text: canonical JSON.
    pub statement: String,
    /// The signature lines of the note.
    pub signature: String,
    /// Which key signed.
    pub key_id: String,
    /// When.
    pub issued_at: DateTime<Utc>,
}

impl Certificate {
    /// SHA-256, in hex, of its statement.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.statement))
    }

    /// The statement with its signature, as one text: a signed note.
    pub fn note(&self) -> String {
        format!("{}\n\n{}\n", self.statement, self.signature)
    }
}
