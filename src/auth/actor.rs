//! Who asks: [`Actor`].

use std::collections::BTreeSet;

use crate::{auth::ClientScope, clock::Instant, domain::role::Role, ids::ActorId};

/// A caller whose token or key was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What `*_by` columns record.
    pub id: ActorId,
    /// How people call the actor; for display only.
    pub name: String,
    /// What it acts as. Never empty for a caller; empty for the system, which asks for nothing.
    pub roles: BTreeSet<Role>,
    /// Which clients it may see and change.
    pub scope: ClientScope,
    /// Whether it may send documents that are not registered, even where not everybody may.
    pub may_adhoc: bool,
    /// When what it showed stops being valid; a stream to it ends then. `None`: only on revocation.
    pub expires_at: Option<Instant>,
}

impl Actor {
    /// Gangway itself, for work that no caller asked for just now. It holds no role, so no root field
    /// is open to it; its scope is [`ClientScope::system`].
    pub fn system() -> Self {
        Self {
            id: ActorId::System,
            name: ActorId::System.to_string(),
            roles: BTreeSet::new(),
            scope: ClientScope::system(),
            may_adhoc: false,
            expires_at: None,
        }
    }

    /// A caller of any kind, for the unit tests of other modules.
    #[cfg(test)]
    pub(crate) fn for_test(id: ActorId, roles: impl IntoIterator<Item = Role>, scope: ClientScope) -> Self {
        Self { id, name: id.to_string(), roles: roles.into_iter().collect(), scope, may_adhoc: false, expires_at: None }
    }

    /// Whether it acts as `role`.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}
