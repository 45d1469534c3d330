//! Simulated devices, for trying out and for tests: what real ones do, good and bad, by a seed.
//!
//! The address `lab://SEED?size=20&offline=1&slow=1&liar=1&zombie=1&mover=1` says how many devices every group has and how many of
//! them are of which [`Temper`]; the seed says which. `away` says for how many looks those that are offline stay away, and
//! `flaky=1` that one look in twenty is not answered. A device of the group `acme` is called `acme-001`. What was done to
//! them is kept in one file for each connector, so that several processes, and the same one after a crash, see one world.
//! It moves on by being looked at, not by time: so it does the same on every machine.
//!
//! This stands in for what cannot run everywhere; where a real tool runs, tests use that.

mod world;

use std::{collections::HashSet, fs, io, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use chrono::TimeDelta;
use rustix::fs::FlockOperation;

pub use self::world::{Temper, World};
use crate::{
    domain::{
        agent::Patience,
        clearance::Clearance,
        connector::{Address, Capability, ConnectorFault},
    },
    ports::endpoints::{About, Endpoint, Endpoints, Fault, Order, Result},
};

/// How long simulated agents are waited for: they do not take their time, and nobody who tries out has any.
const PATIENCE: Patience = Patience {
    answer: TimeDelta::seconds(10),
    silence: TimeDelta::milliseconds(500),
    absence: TimeDelta::milliseconds(500),
};

/// Simulated devices.
#[derive(Clone, Debug)]
pub struct Lab {
    world: Arc<World>,
    file: PathBuf,
}

impl Lab {
    /// The devices that `address` describes, their state in `file`.
    ///
    /// # Errors
    /// `Unsupported` when the address describes none.
    pub fn open(address: &Address, file: PathBuf) -> Result<Self> {
        Ok(Self { world: Arc::new(World::read(address.url())?), file })
    }

    /// Lets `change` happen to the devices while nobody else does anything to them.
    async fn with<T: Send + 'static>(
        &self,
        change: impl FnOnce(&World, &mut world::State) -> T + Send + 'static,
    ) -> Result<T> {
        let (world, file) = (Arc::clone(&self.world), self.file.clone());
        let broken =
            |error: &dyn std::fmt::Display| Fault::new(ConnectorFault::Transient, "simulate", error.to_string());
        let changed = tokio::task::spawn_blocking(move || changed(&world, &file, change)).await;
        changed.map_err(|error| broken(&error))?.map_err(|error| broken(&error))
    }
}

fn changed<T>(
    world: &World,
    path: &std::path::Path,
    change: impl FnOnce(&World, &mut world::State) -> T,
) -> io::Result<T> {
    let turn = fs::File::options().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
    rustix::fs::flock(&turn, FlockOperation::LockExclusive)?;
    let mut state = match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => world::State::default(),
        Err(error) => return Err(error),
    };
    let told = change(world, &mut state);
    let fresh = path.with_extension("new");
    fs::write(&fresh, serde_json::to_vec(&state)?)?;
    fs::rename(&fresh, path)?;
    Ok(told)
}

#[async_trait]
impl Endpoints for Lab {
    fn patience(&self) -> Patience {
        PATIENCE
    }

    async fn about(&self) -> Result<About> {
        Ok(About {
            tool: "Gangway lab".to_owned(),
            account: None,
            capabilities: vec![
                Capability::ListEndpoints,
                Capability::UninstallAgent,
                Capability::AcknowledgeUninstall,
                Capability::ForgetEndpoint,
            ],
            time: None,
        })
    }

    async fn roster(&self, group: &str) -> Result<Vec<Endpoint>> {
        let group = group.to_owned();
        self.with(move |world, state| world.look(state, &group)).await?
    }

    async fn elsewhere(&self, group: &str, ids: &[String]) -> Result<HashSet<String>> {
        let (group, ids) = (group.to_owned(), ids.to_vec());
        self.with(move |world, state| world.moved(state, &group, &ids)).await
    }

    async fn uninstall(&self, order: Clearance<Order>) -> Result<()> {
        self.with(move |_, state| state.told(&order.spend().endpoint)).await
    }

    async fn forget(&self, order: Clearance<Order>) -> Result<()> {
        self.with(move |_, state| state.forgotten(&order.spend().endpoint)).await
    }
}
