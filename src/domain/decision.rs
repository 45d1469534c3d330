//! Decision.
