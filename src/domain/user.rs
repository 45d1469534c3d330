//! People who sign in.
//!
//! A person is known by a subject, which the token's issuer gives; Gangway keeps no password. Roles are those of the
//! last token, so they follow the identity provider; what Gangway itself decides is whether the
//! person may come in at all.
//!
//! Deliberately absent: deleting a person, because the log names people for ever.

use std::{collections::BTreeSet, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    domain::{Invalid, role::Role, text::Line},
    ids::{ClientId, UserId},
};

/// A person as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The person's id.
    pub id: UserId,
    /// By which tokens name the person.
    pub subject: String,
    /// How the person is called.
    pub name: String,
    /// Where the person reads mail.
    pub email: Option<String>,
    /// What the person acts as, as last seen.
    pub roles: BTreeSet<Role>,
    /// The one client the person sees; always set for a contact.
    pub client_id: Option<ClientId>,
    /// Whether the person may come in.
    pub is_active: bool,
    /// Grows with every change.
    pub revision: i32,
    /// When the person was first seen or entered.
    pub created_at: DateTime<Utc>,
    /// When the person was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is known of a person beside its id and history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// How the person is called: a [`crate::domain::text::Name`].
    pub name: String,
    /// Where the person reads mail.
    pub email: Option<String>,
    /// What the person acts as; at least one.
    pub roles: BTreeSet<Role>,
    /// The one client the person sees.
    pub client_id: Option<ClientId>,
}

impl Profile {
    /// What is known of `user`.
    pub fn of(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            email: user.email.clone(),
            roles: user.roles.clone(),
            client_id: user.client_id,
        }
    }

    /// Passes when the roles go together and name a client where they must.
    ///
    /// # Errors
    /// [`Invalid`] with the rule.
    pub fn check(&self) -> Result<(), Invalid> {
        let is_contact = self.roles.contains(&Role::ClientContact);
        if self.roles.is_empty() {
            return Err(Invalid::new("Nobody acts in no role.").remedy("Name at least one role."));
        }
        if is_contact && self.roles.len() > 1 {
            return Err(Invalid::new("A CLIENT_CONTACT cannot hold a role of the provider as well.")
                .remedy("Enter the person twice, with two subjects."));
        }
        if is_contact && self.client_id.is_none() {
            return Err(Invalid::new("A CLIENT_CONTACT speaks for one client.").remedy("Name the client."));
        }
        Ok(())
    }
}

/// Which people a list holds. Empty fields allow everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only those who act as this.
    pub role: Option<Role>,
    /// Only those who may, or may not, come in.
    pub is_active: Option<bool>,
}

/// The name by which tokens name a person: the issuer and its own name for the person, joined by `#`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Subject(String);

impl Subject {
    /// The longest subject, in characters.
    ///
    /// # Source
    /// OpenID Connect Core section 2 (255 for `sub`), twice, for an issuer of the same length.
    pub const MAX: usize = 511;

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let line = Line::<3, { Self::MAX }>::parse(text)?.into_string();
        match line.split_once('#') {
            Some((issuer, sub)) if !issuer.is_empty() && !sub.is_empty() => Ok(Self(line)),
            _ => Err(Invalid::new("This is not a subject.")
                .remedy("Join the issuer and its name for the person: `https://login.example.com#248289761001`.")),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(roles: impl IntoIterator<Item = Role>, client_id: Option<ClientId>) -> Profile {
        Profile { name: "Ada".into(), email: None, roles: roles.into_iter().collect(), client_id }
    }

    #[test]
    fn a_subject_names_its_issuer() {
        for good in ["a#b", "https://login.example.com#auth0|7", "gangway-development#sales#2"] {
            assert!(good.parse::<Subject>().is_ok(), "{good}");
        }
        for bad in ["", "ada", "#ada", "issuer#", "a#\u{202e}b", "a#b\nc"] {
            assert!(bad.parse::<Subject>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_contact_has_one_client_and_no_other_role() {
        let client = ClientId::from(uuid::Uuid::nil());
        assert!(profile([], None).check().is_err());
        assert!(profile([Role::ClientContact], None).check().is_err());
        assert!(profile([Role::ClientContact, Role::Sales], Some(client)).check().is_err());
        assert!(profile([Role::ClientContact], Some(client)).check().is_ok());
        assert!(profile([Role::Sales, Role::Billing], None).check().is_ok());
    }
}
