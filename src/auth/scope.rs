//! [`ClientScope`]: the clients somebody may see, without which `store` reads nothing.
//!
//! Only this module's parent can make one, from a verified token or key, so a scope that is wider than
//! its caller's cannot be written by mistake. The one exception has a name to search for:
//! [`ClientScope::system`].

use std::collections::BTreeSet;

use crate::ids::ClientId;

/// The clients a caller may see and change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientScope(Extent);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Extent {
    All,
    Only(BTreeSet<ClientId>),
}

impl ClientScope {
    /// Every client, for work that no caller asked for: jobs, schedules, repair, the sealer. Every use
    /// is worth a look in a review; a request always has its actor's own scope.
    pub const fn system() -> Self {
        Self(Extent::All)
    }

    /// Every client, for staff and for keys that are not restricted.
    pub(in crate::auth) const fn all() -> Self {
        Self(Extent::All)
    }

    /// These clients and no other. An empty set sees nothing that belongs to a client.
    pub(in crate::auth) fn only(clients: impl IntoIterator<Item = ClientId>) -> Self {
        Self(Extent::Only(clients.into_iter().collect()))
    }

    /// Any scope at all, for the unit tests of other modules.
    #[cfg(test)]
    pub(crate) fn for_test(clients: impl IntoIterator<Item = ClientId>) -> Self {
        Self::only(clients)
    }

    /// Whether `client` may be seen.
    pub fn allows(&self, client: ClientId) -> bool {
        match &self.0 {
            Extent::All => true,
            Extent::Only(clients) => clients.contains(&client),
        }
    }

    /// Whether what concerns `client` may be seen; what concerns no client, only by those who see all.
    pub fn sees(&self, client: Option<ClientId>) -> bool {
        match (&self.0, client) {
            (Extent::All, _) => true,
            (Extent::Only(_), Some(client)) => self.allows(client),
            (Extent::Only(_), None) => false,
        }
    }

    /// The condition a query puts on `client_id`: `None` is no condition, `Some` is `IN (…)`, and an
    /// empty set matches no row. Rows without a client (`client_id IS NULL`) are seen only with `None`.
    pub fn restriction(&self) -> Option<&BTreeSet<ClientId>> {
        match &self.0 {
            Extent::All => None,
            Extent::Only(clients) => Some(clients),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_restricted_scope_allows_its_clients_and_no_other() {
        let (mine, foreign) = (ClientId::from(Uuid::now_v7()), ClientId::from(Uuid::now_v7()));
        let scope = ClientScope::only([mine]);
        assert!(scope.allows(mine) && !scope.allows(foreign));
        assert!(!ClientScope::only([]).allows(mine));
        assert!(scope.sees(Some(mine)) && !scope.sees(Some(foreign)) && !scope.sees(None));
        assert!(ClientScope::all().sees(None) && ClientScope::all().sees(Some(foreign)));
        assert!(ClientScope::all().allows(mine) && ClientScope::all().restriction().is_none());
        assert_eq!(scope.restriction(), Some(&BTreeSet::from([mine])));
    }
}
