//! Exception.
