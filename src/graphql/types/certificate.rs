//! Signed statements.

use async_graphql::{Context, ID, Object};

use crate::{
    domain::{
        certificate::{self, CertificateKind},
        log::note::VerifierKey,
    },
    error::Error,
    graphql::{
        context::Caller,
        loaders::{DecisionsAbout, listed},
        scalars::{DateTime, JsonObject},
        types::decision::Decision,
    },
};

/// A signed statement of what was done. It never changes.
#[derive(Clone, Debug)]
pub struct Certificate(pub certificate::Certificate);

/// A signed statement of what was done. It never changes.
#[Object]
impl Certificate {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What people cite it by.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// What it certifies.
    async fn kind(&self) -> CertificateKind {
        self.0.kind
    }

    /// When it was issued.
    async fn issued_at(&self) -> DateTime {
        self.0.issued_at.into()
    }

    /// What is stated. Its canonical JSON (RFC 8785) is the text that is signed.
    async fn statement(&self) -> async_graphql::Result<JsonObject> {
        let statement = serde_json::from_str(&self.0.statement).map_err(Error::internal)?;
        Ok(JsonObject(statement))
    }

    /// SHA-256, in hex, of the text that is signed: the `subjectHash` of a question about it.
    async fn digest(&self) -> String {
        self.0.digest()
    }

    /// What was asked about it: a certificate of a sanitization is validated by a VALIDATION.
    async fn decisions(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Decision>> {
        listed(ctx, DecisionsAbout(self.0.id.to_string())).await
    }

    /// The signature lines.
    async fn signature(&self) -> &str {
        &self.0.signature
    }

    /// Which key signed: its name and the first bytes of its hash.
    async fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// The statement with its signature, as one text to keep: a signed note (C2SP).
    async fn note(&self) -> String {
        self.0.note()
    }

    /// What checks the note offline, once it is saved under the certificate's number.
    async fn verify_command(&self, ctx: &Context<'_>) -> String {
        let keys = ctx.app().parts().log_keys.verifiers();
        // A pack holds what was signed before it, perhaps by a key before this one.
        let counts = |key: &&VerifierKey| self.0.kind == CertificateKind::CloseoutPack || key.id() == self.0.key_id;
        let keys: Vec<_> = keys.iter().filter(counts).map(|key| format!("--key '{key}'")).collect();
        format!("gangway verify {}.note {}", self.0.number, keys.join(" "))
    }
}
