//! Fact.
