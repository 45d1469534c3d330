//! Outside systems as traits, named by their role, with the kinds of error a caller can react to.
//!
//! `adapters` implements them, `startup` chooses, `app` and `jobs` only know the trait.

pub mod endpoints;
pub mod eraser;
pub mod hints;
pub mod shelves;
pub mod storage;
