//! Entering, confirming and revoking the keys to which data is encrypted.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{
        self,
        recipient_key::{Confirm, Register},
    },
    domain::text::{Name, Prose},
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        types::recipient_key::RecipientKey,
    },
};

/// Enters, confirms and revokes recipient keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecipientKeyMutation;

/// A key to enter.
#[derive(Clone, Debug, InputObject)]
pub struct RecipientKeyRegisterInput {
    /// The client.
    client_id: ID,
    /// The public key: an age X25519 recipient, `age1…`.
    recipient: String,
    /// The caller's name for this request, 8 to 128 characters.
    idempotency_key: String,
}

impl RecipientKeyRegisterInput {
    fn parse(&self) -> Result<Register> {
        Ok(Register {
            client_id: id::get(&self.client_id, "client", "clientId")?,
            recipient: parse("recipient", &self.recipient)?,
        })
    }
}

/// The proof that somebody holds a key.
#[derive(Clone, Debug, InputObject)]
pub struct RecipientKeyConfirmInput {
    /// The key.
    id: ID,
    /// The text inside the challenge.
    answer: String,
    /// The fingerprint, as the holder computed it; spaces do not count.
    fingerprint: String,
}

/// Which key is revoked.
#[derive(Clone, Debug, InputObject)]
pub struct RecipientKeyRevokeInput {
    /// The key.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

payload! {
    /// The entered key with its challenge.
    once RecipientKeyRegisterPayload {
        /// The key.
        recipient_key: RecipientKey,
    }
}
payload! {
    /// The confirmed key.
    RecipientKeyConfirmPayload {
        /// The key.
        recipient_key: RecipientKey,
    }
}
payload! {
    /// The revoked key.
    RecipientKeyRevokePayload {
        /// The key.
        recipient_key: RecipientKey,
    }
}

#[Object]
impl RecipientKeyMutation {
    /// Enters a key to which the client's data shall be encrypted, and gives the challenge its holder must answer.
    /// Example: `mutation { recipientKeyRegister(input: { clientId: "cli_…", recipient: "age1…", idempotencyKey:
    /// "key-harbor" }) { recipientKey { id challenge } userErrors { message } } }`.
    async fn recipient_key_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and which.")] input: RecipientKeyRegisterInput,
    ) -> Nullable<RecipientKeyRegisterPayload> {
        let registered = async {
            let once = once("recipientKeyRegister", &input.idempotency_key, &input)?;
            let done = app::recipient_key::register(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(RecipientKeyRegisterPayload::done(done.is_replayed, done.made.into()))
        };
        settle(registered.await)
    }

    /// Confirms a key by the answer to its challenge and its fingerprint.
    /// Example: `mutation { recipientKeyConfirm(input: { id: "rck_…", fingerprint: "SHA256:…", answer: "…" }) {
    /// recipientKey { state } userErrors { message } } }`.
    async fn recipient_key_confirm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: RecipientKeyConfirmInput,
    ) -> Nullable<RecipientKeyConfirmPayload> {
        let confirmed = async {
            let id = id::get(&input.id, "recipient key", "id")?;
            let answer = parse::<Prose>("answer", &input.answer)?.into_string();
            let fingerprint = parse::<Name>("fingerprint", &input.fingerprint)?.into_string();
            let confirm = Confirm { id, answer, fingerprint };
            let key = app::recipient_key::confirm(ctx.app(), ctx.actor()?, confirm).await?;
            Ok(RecipientKeyConfirmPayload::done(key.into()))
        };
        settle(confirmed.await)
    }

    /// Takes a key out of use.
    /// Example: `mutation { recipientKeyRevoke(input: { id: "rck_…", expectedRevision: 2 }) { recipientKey { state }
    /// userErrors { message } } }`.
    async fn recipient_key_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RecipientKeyRevokeInput,
    ) -> Nullable<RecipientKeyRevokePayload> {
        let revoked = async {
            let id = id::get(&input.id, "recipient key", "id")?;
            let key = app::recipient_key::revoke(ctx.app(), ctx.actor()?, id, input.expected_revision).await?;
            Ok(RecipientKeyRevokePayload::done(key.into()))
        };
        settle(revoked.await)
    }
}
