//! The one log.

mod append;

pub(crate) use append::append;
