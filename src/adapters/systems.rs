//! Opens outside systems, and keeps each open for as long as its connector is not changed.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;

use super::{guarded::Guarded, lab::Lab, mesh_central::MeshCentral};
use crate::{
    domain::connector::{Connector, ConnectorFault, ConnectorKind},
    ids::ConnectorId,
    ports::endpoints::{Endpoints, Fault, Result, Systems},
};

/// A system that is open, and for which revision of its connector.
type Open = (i32, Arc<dyn Endpoints>);

/// The systems that this process can speak to.
pub struct Connected {
    lab: Option<PathBuf>,
    look_every: Duration,
    open: Mutex<HashMap<ConnectorId, Open>>,
}

impl Connected {
    /// Looks at lists every `look_every`; the state of simulated devices lies in the folder `lab`, if there are any.
    pub fn new(lab: Option<PathBuf>, look_every: Duration) -> Self {
        Self { lab, look_every, open: Mutex::default() }
    }

    fn connect(&self, connector: &Connector, secret: Option<&SecretString>) -> Result<Guarded> {
        match connector.kind {
            ConnectorKind::MeshCentral => Ok(Guarded::new(Arc::new(MeshCentral::new(connector, secret)?))),
            ConnectorKind::Lab => {
                let absent =
                    || Fault::new(ConnectorFault::Unsupported, "open", "there is no folder for simulated devices");
                let file = self.lab.as_ref().ok_or_else(absent)?.join(format!("{}.json", connector.id));
                Ok(Guarded::paced(Arc::new(Lab::open(&connector.address, file)?), Duration::ZERO))
            }
        }
    }
}

impl Systems for Connected {
    fn endpoints(&self, connector: &Connector, secret: Option<&SecretString>) -> Result<Arc<dyn Endpoints>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((revision, endpoints)) = open.get(&connector.id)
            && *revision == connector.revision
        {
            return Ok(Arc::clone(endpoints));
        }
        let endpoints: Arc<dyn Endpoints> = Arc::new(self.connect(connector, secret)?);
        open.insert(connector.id, (connector.revision, Arc::clone(&endpoints)));
        Ok(endpoints)
    }

    fn look_every(&self) -> Duration {
        self.look_every
    }
}
