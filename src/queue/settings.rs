//! How a process takes part in the queue.

use std::time::Duration;

use crate::config::{Config, Hints, Secret};

/// Hints that may wait in Redis or in memory at a time. apalis' fetch script fails for good at about 8,000;
/// whatever is beyond this is found in the database.
pub(super) const BACKLOG: usize = 2_000;

/// How a process takes part in the queue. The defaults are for production; tests make them shorter.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How hints travel.
    pub hints: Hints,
    /// Where Redis is; needed when hints travel through it.
    pub redis_url: Option<Secret>,
    /// What every key and channel in Redis begins with, so that deployments can share one.
    pub prefix: String,
    /// Jobs this process runs at a time.
    pub slots: u32,
    /// How long this process may be silent before its jobs are given to others.
    pub lease: Duration,
    /// How often leases are renewed: six times within one, so that a slow database does not end it.
    pub beat: Duration,
    /// How often a process with a free slot looks for the best due row itself. The most that a lost hint costs.
    pub tick: Duration,
    /// A due row of which nobody was told for this long is hinted again.
    pub rehint: Duration,
    /// How long a job that has to run alone waits for a process that happens to be idle, before one that is
    /// not finishes what it has and takes nothing more.
    pub patience: Duration,
    /// How long a finished run tries to say so while the database is away.
    pub finish_within: Duration,
    /// How long a task whose job was taken away may take to stop before it is ended by force.
    pub lost_grace: Duration,
    /// How often repair runs.
    pub reconcile_every: Duration,
    /// The name of this machine, for people.
    pub host: String,
}

impl Default for Settings {
    fn default() -> Self {
        let lease = Duration::from_secs(30);
        Self {
            hints: Hints::Memory,
            redis_url: None,
            prefix: "gangway".to_owned(),
            slots: 8,
            lease,
            beat: lease / 6,
            tick: Duration::from_secs(1),
            rehint: Duration::from_secs(15),
            patience: Duration::from_secs(30),
            finish_within: Duration::from_secs(30),
            lost_grace: Duration::from_secs(5),
            reconcile_every: Duration::from_secs(5),
            host: "localhost".to_owned(),
        }
    }
}

impl Settings {
    /// What `config` says; `host` names the machine.
    pub fn of(config: &Config, host: String) -> Self {
        Self {
            hints: config.hints(),
            redis_url: config.redis.url.clone(),
            prefix: config.redis.prefix.clone(),
            slots: config.worker.slots,
            lease: config.worker.lease,
            beat: config.worker.lease / 6,
            reconcile_every: config.worker.reconcile_every,
            host,
            ..Self::default()
        }
    }
}
