//! Loading what many nodes of one answer ask for in one statement.
//!
//! A loader key is a small type that says what is asked (`ClientKey`, `StepsOf`); its value is what the
//! field gives back. Every load goes through `app` with the caller's scope, so a node that hangs below
//! a foreign one reads as absent. Loaders live as long as one request and keep nothing.

use std::sync::Arc;

use crate::{app::App, auth::Actor, error::Error};

mod client;

pub use client::ClientKey;

/// Loads for one caller.
#[derive(Clone, Debug)]
pub struct Batch {
    app: App,
    actor: Actor,
}

/// A failed load reaches every node that waited for it.
pub type Shared = Arc<Error>;

impl Batch {
    /// A batch that reads as `actor`.
    pub fn new(app: App, actor: Actor) -> Self {
        Self { app, actor }
    }
}
