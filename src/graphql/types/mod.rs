//! The types of the schema, one module per noun.

pub mod actor;
pub mod agreement;
pub mod api_key;
pub mod blocker;
pub mod challenge;
pub mod client;
pub mod contact;
pub mod decision;
pub mod engagement;
pub mod event;
pub mod evidence;
pub mod exception;
pub mod fact;
pub mod holding;
mod kinds;
pub mod log;
pub mod process;
pub mod recipient_key;
pub mod stakeholder;
pub mod step;
pub mod user;
pub mod viewer;
mod words;
