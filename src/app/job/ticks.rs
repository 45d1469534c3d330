//! Progress as it happens, for whoever watches.

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{
    domain::job::Progress,
    ids::{ClientId, JobId},
};

/// Ticks a slow watcher may be behind before it misses some. At four a second and job this is half a
/// minute of eight jobs; who misses some reads the row and goes on.
const BACKLOG: usize = 1_024;

/// How far a running job is just now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// The job.
    pub job: JobId,
    /// The client it concerns.
    pub client_id: Option<ClientId>,
    /// How far it is.
    pub progress: Progress,
}

/// Carries ticks within this process. They are conflated where they are made and may be lost: the row holds
/// the latest. `queue` brings in those of other processes.
#[derive(Clone, Debug)]
pub struct Ticks(broadcast::Sender<Tick>);

impl Ticks {
    /// Sends a tick to whoever watches. Never waits.
    pub fn send(&self, tick: Tick) {
        // Nobody watching is no error.
        self.0.send(tick).ok();
    }

    /// Every tick from now on.
    pub fn watch(&self) -> broadcast::Receiver<Tick> {
        self.0.subscribe()
    }
}

impl Default for Ticks {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}
