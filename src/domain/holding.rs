//! Holding.
