//! Adapters.

pub mod jwks;
