//! The right to destroy something, once.

/// The right to destroy `T`, as it stands when every gate was asked.
///
/// It is made in one place, the deed that asked the gates and wrote down what is about to be destroyed
/// (`Clearance::grant`; a test holds every other module to that), it cannot be copied, and whoever destroys spends it.
/// So there is no way to destroy what nobody asked about, nor to destroy twice on one answer.
#[derive(Debug)]
#[must_use = "a clearance that nobody spends destroys nothing"]
pub struct Clearance<T>(T);

impl<T> Clearance<T> {
    /// Clears `what`. Only for a deed that asked the gates and is committed before anything is destroyed.
    pub(crate) const fn grant(what: T) -> Self {
        Self(what)
    }

    /// What may be destroyed.
    pub const fn what(&self) -> &T {
        &self.0
    }

    /// Spends it.
    pub fn spend(self) -> T {
        self.0
    }
}
