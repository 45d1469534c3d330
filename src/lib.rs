//! Gangway runs a managed service provider's client onboarding and offboarding, and proves at the end
//! that nothing was left behind.
//!
//! ```text
//!              http ──► graphql ──► app ──► domain          a request goes down, and stops
//!                                    │ └──► store ──► entity
//!   hint ──► queue ──► jobs ──► ports ◄── adapters          a job goes out, and reports through app
//!                        └──────► app
//!              stream ◄── the log ◄── store                 what happened comes back by position
//! ```
//!
//! A noun is looked up in four places and nowhere else: `domain` says what may happen, `app` who may ask
//! and what is written down, `graphql` how it is asked, `jobs` what happens outside our walls.
//! `tests/architecture.rs` holds every module to the imports that picture allows.

pub mod adapters;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod error;
pub mod graphql;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod ports;
pub mod queue;
pub mod reconcile;
pub mod startup;
pub mod store;
pub mod stream;
pub mod telemetry;
