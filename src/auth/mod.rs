//! From a bearer to an [`Actor`]: who asks, in which roles, about which clients, and until when.
//!
//! Invariants: an actor comes only from a verified token or key; a [`ClientScope`] comes only from an
//! actor (or from [`ClientScope::system`], for work nobody asked for just now), and nothing can be read
//! without one; whatever the permission table does not allow is refused.
//!
//! Deliberately absent: rules that depend on more than the role (a step's own role, four eyes, the
//! state of a noun). They need rows, so `app` decides them. Passwords: people sign in elsewhere.

pub mod actor;
pub mod api_key;
pub mod authenticator;
pub mod claims;
pub mod development;
pub mod jwks;
pub mod jwt;
pub mod keys;
pub mod link;
pub mod permission;
mod permission_table;
pub mod scope;
pub mod seal;
pub mod secret;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use actor::Actor;
pub use authenticator::Authenticator;
pub use jwt::{Issuer, TokenVerifier};
pub use link::Links;
pub use permission::Permission;
pub use scope::ClientScope;
pub use seal::Seal;
pub use secret::{Secret, kept};

use crate::error::Result;

/// Finds out who stands behind a bearer.
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// The actor that `bearer`, the text after `Bearer `, proves.
    ///
    /// # Errors
    /// `Unauthenticated` when it proves nobody; `Unavailable` when what is needed to tell does not answer.
    async fn authenticate(&self, bearer: &str) -> Result<Actor>;
}
