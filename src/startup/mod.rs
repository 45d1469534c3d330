//! The composition root: reads the configuration and puts the parts together.

pub mod access;
