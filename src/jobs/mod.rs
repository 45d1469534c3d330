//! Jobs.

pub mod data_return;
