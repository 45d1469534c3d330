//! Keys that integrations sign in with, as far as they are not secret.
//!
//! A key acts as INTEGRATION or OPERATOR and nothing else, see [`ROLES`]. It ends by time or by hand and never comes
//! back; whoever needs another one makes another one.
//!
//! Deliberately absent: the key itself. `auth::api_key` makes it, its holder keeps it, and only its hash is stored.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    domain::{Refused, role::Role},
    ids::{ActorId, ApiKeyId, ClientId},
};

/// The roles a key can hold. Admin makes keys and decides nothing; a key that could vote or sign would be a way around.
pub const ROLES: &[Role] = &[Role::Operator, Role::Integration];
/// The most clients one key can be restricted to.
pub const CLIENTS_MAX: usize = 500;

/// A key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// Its last four characters, so that its owner recognises it.
    pub hint: String,
    /// What it acts as.
    pub roles: BTreeSet<Role>,
    /// The clients it is for; `None` means every client.
    pub client_ids: Option<BTreeSet<ClientId>>,
    /// Who made it.
    pub created_by: ActorId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When somebody ended it.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Ends the key at `now`.
    ///
    /// # Errors
    /// [`Refused`] when it ended by hand before.
    pub fn revoke(&mut self, now: DateTime<Utc>) -> Result<(), Refused> {
        if self.revoked_at.is_some() {
            return Err(Refused::new("This key was revoked before."));
        }
        self.revoked_at = Some(now);
        Ok(())
    }

    /// Whether its time is over at `now`.
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
