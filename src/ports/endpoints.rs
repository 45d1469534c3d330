//! Tools that manage the devices of many clients, and what is asked of them.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    clock::Instant,
    domain::{
        agent::{Patience, Presence},
        clearance::Clearance,
        connector::{Capability, Connector, ConnectorFault},
    },
    error::{Error, Unavailable},
};

/// The most devices of one client that a tool is asked for.
pub const ROSTER_MAX: usize = 20_000;

/// How long to wait before a tool that does not answer is asked again by another attempt of the job.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// A tool's refusal or failure. Holds no secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing}: {kind} ({detail})")]
pub struct Fault {
    /// What may be done about it.
    pub kind: ConnectorFault,
    /// The verb: `list`, `uninstall`.
    pub doing: &'static str,
    /// A code or short sentence, for the log.
    pub detail: String,
}

impl Fault {
    /// `doing` failed with `kind`.
    pub fn new(kind: ConnectorFault, doing: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, doing, detail: detail.into() }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            ConnectorFault::Transient | ConnectorFault::RateLimited => Self::Unavailable(Unavailable {
                system: "connector",
                retry_after: RETRY_AFTER,
                source: Box::new(fault),
            }),
            _ => Self::internal(fault),
        }
    }
}

/// The result of asking a tool.
pub type Result<T> = std::result::Result<T, Fault>;

/// A device as a tool lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The tool's own id.
    pub id: String,
    /// How the device calls itself.
    pub hostname: String,
    /// Whether it is connected.
    pub presence: Presence,
    /// When the tool last heard of it, when it says so.
    pub last_seen: Option<Instant>,
}

/// One agent that is to go, or record that is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The group of devices that are the client's.
    pub group: String,
    /// The device, by the tool's own id.
    pub endpoint: String,
}

/// What a tool says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The program and its version.
    pub tool: String,
    /// As whom it knows us.
    pub account: Option<String>,
    /// What it can do, and lets us do.
    pub capabilities: Vec<Capability>,
    /// Its clock.
    pub time: Option<Instant>,
}

/// A tool that manages devices. Answers to [`uninstall`](Self::uninstall) and [`forget`](Self::forget) say that it heard, no
/// more; what became of it is seen by [`roster`](Self::roster).
#[async_trait]
pub trait Endpoints: Send + Sync {
    /// How long this tool's agents are waited for.
    fn patience(&self) -> Patience;

    /// What it says of itself.
    ///
    /// # Errors
    /// [`Fault`].
    async fn about(&self) -> Result<About>;

    /// Every device of `group`, [`ROSTER_MAX`] at most.
    ///
    /// # Errors
    /// [`Fault`]: `NotFound` when there is no such group, `Permanent` when there are more devices.
    async fn roster(&self, group: &str) -> Result<Vec<Endpoint>>;

    /// Those of `ids` that are listed in another group than `group`: what is missing from one group may have been moved.
    ///
    /// # Errors
    /// [`Fault`].
    async fn elsewhere(&self, group: &str, ids: &[String]) -> Result<HashSet<String>>;

    /// Tells an agent to take itself off its device.
    ///
    /// # Errors
    /// [`Fault`].
    async fn uninstall(&self, order: Clearance<Order>) -> Result<()>;

    /// Has the tool forget a device.
    ///
    /// # Errors
    /// [`Fault`].
    async fn forget(&self, order: Clearance<Order>) -> Result<()>;
}

/// Opens outside systems.
pub trait Systems: Send + Sync {
    /// The system that `connector` names, spoken to with `secret`. The same one is given again as long as the connector is
    /// not changed, so that what is known of its health is kept.
    ///
    /// # Errors
    /// [`Fault`]: `Unsupported` when this process cannot speak to such a system.
    fn endpoints(&self, connector: &Connector, secret: Option<&SecretString>) -> Result<Arc<dyn Endpoints>>;

    /// The pause between two looks at a tool's list.
    fn look_every(&self) -> Duration;
}

impl fmt::Debug for dyn Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Systems")
    }
}

/// Opens nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSystems;

impl Systems for NoSystems {
    fn endpoints(&self, connector: &Connector, _secret: Option<&SecretString>) -> Result<Arc<dyn Endpoints>> {
        Err(Fault::new(ConnectorFault::Unsupported, "open", connector.kind.as_str()))
    }

    fn look_every(&self) -> Duration {
        Duration::from_secs(1)
    }
}
