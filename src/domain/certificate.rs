//! Certificate.
