//! The two processes that come with the program: T-ONB-010 and T-OFF-010.
//!
//! Their texts are ours; what they ask for is what the two source documents ask for, merged, and put in
//! an order in which it can be done. A provider revises them like any other process.
//!
//! Invariant: both pass [`Content::check`] and can be walked to their end with what the API offers today;
//! the tests below walk them.
//!
//! # Source
//! Client Onboarding and Offboarding Policy, sections 3.1 to 3.3; process document T-ONB-010.

#[cfg(test)]
mod tests;

use super::Content;

const ONBOARDING: &str = include_str!("onboarding.toml");
const OFFBOARDING: &str = include_str!("offboarding.toml");

/// Why a built-in text is not a content. The text is compiled in: this is a bug, and a test finds it.
#[derive(Debug, thiserror::Error)]
#[error("a built-in process cannot be read")]
pub struct Unreadable(#[from] toml::de::Error);

/// Both processes, onboarding first.
///
/// # Errors
/// [`Unreadable`] when a built-in text is broken.
pub fn all() -> Result<[Content; 2], Unreadable> {
    Ok([onboarding()?, offboarding()?])
}

/// Onboarding, T-ONB-010: the process document merged with the policy.
///
/// # Errors
/// [`Unreadable`] when the built-in text is broken.
pub fn onboarding() -> Result<Content, Unreadable> {
    Ok(toml::from_str(ONBOARDING)?)
}

/// Offboarding, T-OFF-010: the policy.
///
/// # Errors
/// [`Unreadable`] when the built-in text is broken.
pub fn offboarding() -> Result<Content, Unreadable> {
    Ok(toml::from_str(OFFBOARDING)?)
}
