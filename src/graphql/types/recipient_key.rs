//! The keys to which a client's data is encrypted.

use async_graphql::{ID, SimpleObject};

use crate::{
    domain::recipient_key::{RecipientKeyState, StoredKey},
    graphql::scalars::DateTime,
};

/// A public key to which a client's data is encrypted before it goes back.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecipientKey {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// Whether it may be used.
    state: RecipientKeyState,
    /// The public key, an age X25519 recipient.
    recipient: String,
    /// SHA-256 of the key, in groups, for people to compare.
    fingerprint: String,
    /// A message only the holder can read, in age's text form; `age -d -i KEY` prints the answer.
    challenge: String,
    /// Until when the challenge can be answered.
    challenge_expires_at: DateTime,
    /// When it was entered.
    created_at: DateTime,
    /// When its holder proved that it can read.
    confirmed_at: Option<DateTime>,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
}

impl From<StoredKey> for RecipientKey {
    fn from(key: StoredKey) -> Self {
        Self {
            id: key.id.to_string().into(),
            state: key.state,
            challenge_expires_at: key.challenge_expires_at().into(),
            recipient: key.recipient,
            fingerprint: key.fingerprint,
            challenge: key.challenge,
            created_at: key.created_at.into(),
            confirmed_at: key.confirmed_at.map(DateTime),
            revision: key.revision,
        }
    }
}
