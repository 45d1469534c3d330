//! Stakeholder.
