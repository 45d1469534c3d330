//! The types of the schema, one module per noun.

pub mod actor;
pub mod blocker;
pub mod client;
pub mod contact;
pub mod engagement;
pub mod event;
pub mod fact;
mod kinds;
pub mod log;
pub mod process;
pub mod recipient_key;
pub mod step;
mod words;
