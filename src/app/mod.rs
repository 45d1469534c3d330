//! One function per thing a caller can ask: authorise, load, decide, save, write down, enqueue.
//!
//! Whatever changes something does so in one [`Deed`]: one transaction that holds the change, its events
//! and its job rows, or none of them. Outside systems are never called while it is open.
//!
//! To add a thing to ask, add a function to the noun's module: first `actor.require(..)`, then
//! `app.begin(actor)`, then load within `actor.scope`, let `domain` decide, save, `deed.record(..)` the
//! event, `deed.commit()`.

use std::{fmt, sync::Arc};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    auth::{Actor, Seal},
    clock::{Clock, IdSource, Instant},
    domain::log::Keys,
    error::Result,
    ports::{endpoints::Systems, hints::Hints, shelves::Shelves},
    store::Db,
};

pub mod actor;
pub mod agent;
pub mod agreement;
pub mod api_key;
pub mod certificate;
pub mod challenge;
pub mod client;
pub mod closeout;
pub mod connector;
pub mod contact;
pub mod data_return;
pub mod decision;
mod deed;
pub mod engagement;
pub mod evidence;
pub mod exception;
pub mod fact;
pub mod file;
pub mod gate;
pub mod holding;
pub mod job;
pub mod log;
mod once;
pub mod pipeline;
pub mod process;
pub mod rate;
pub mod recipient_key;
mod revision;
pub mod rows;
pub mod sanitization;
pub mod scan;
pub mod stakeholder;
pub mod step;
pub mod user;

pub use deed::Deed;
pub use once::{Done, IdempotencyKey, Once, forget_answers};

/// What the application is made of. `startup` puts it together; tests put it together differently.
#[derive(Clone)]
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Arc<dyn IdSource>,
    /// Tells workers of new jobs.
    pub hints: Arc<dyn Hints>,
    /// Carries progress to whoever watches it live.
    pub ticks: job::Ticks,
    /// Rung after every commit that wrote events; the sealer listens.
    pub written: Arc<Notify>,
    /// The key that signs checkpoints of the log, and its predecessors.
    pub log_keys: Arc<Keys>,
    /// Where clients' data lies and may go, and where our own files are.
    pub shelves: Shelves,
    /// Opens outside systems.
    pub systems: Arc<dyn Systems>,
    /// Seals what outside systems are spoken to with.
    pub seal: Arc<Seal>,
    /// How files are sent to us and read.
    pub uploads: file::Uploads,
}

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl App {
    /// Puts the application together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Opens the one transaction of something `actor` does.
    ///
    /// # Errors
    /// `Unavailable` when the database has no connection free in time.
    pub async fn begin<'a>(&'a self, actor: &'a Actor) -> Result<Deed<'a>> {
        Deed::begin(self, actor).await
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// A new id of any noun.
    pub fn new_id<T: From<Uuid>>(&self) -> T {
        self.0.ids.next().into()
    }

    /// What the application is made of.
    pub fn parts(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({:?})", self.0.db)
    }
}
