//! Outside systems that the provider runs, without what they are spoken to with.

use async_graphql::{ID, Object, SimpleObject};

use crate::{
    domain::{
        connector::{self, Capability, ConnectorFault, ConnectorKind},
        page::{Key, Keyed},
    },
    graphql::{connection::connection, scalars::DateTime, types::actor::Actor},
};

/// An outside system that the provider runs and that is reached by its API.
#[derive(Clone, Debug)]
pub struct Connector(pub connector::Connector);

impl Keyed for Connector {
    fn key(&self) -> Key {
        Key { at_ms: self.0.created_at.timestamp_millis(), id: self.0.id.uuid() }
    }
}

connection! {
    /// Outside systems, newest first.
    ConnectorConnection, ConnectorEdge, Connector
}

/// What a look at an outside system found out.
#[derive(Clone, Debug, SimpleObject)]
pub struct ConnectorProbeResult {
    /// When it was looked at.
    at: DateTime,
    /// The program and its version, when it says so.
    tool: Option<String>,
    /// As whom it knows us.
    account: Option<String>,
    /// What it can do, and lets us do. What is missing is done by a person.
    capabilities: Vec<Capability>,
    /// How far its clock is ahead of ours, in milliseconds; null when it does not tell the time.
    clock_skew_ms: Option<i32>,
    /// Why it did not answer; null when it did.
    fault: Option<ConnectorFault>,
}

impl From<connector::Probe> for ConnectorProbeResult {
    fn from(probe: connector::Probe) -> Self {
        Self {
            at: probe.at.into(),
            tool: probe.tool,
            account: probe.account,
            capabilities: probe.capabilities,
            clock_skew_ms: probe.clock_skew_ms.map(|skew| i32::try_from(skew).unwrap_or(i32::MAX)),
            fault: probe.fault,
        }
    }
}

/// An outside system that the provider runs and that is reached by its API.
#[Object]
impl Connector {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What kind of system it is.
    async fn kind(&self) -> ConnectorKind {
        self.0.kind
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it is.
    async fn address(&self) -> &str {
        self.0.address.url().as_str()
    }

    /// As whom it is spoken to.
    async fn username(&self) -> Option<&str> {
        self.0.username.as_deref()
    }

    /// What the last look at it found out; null before the first.
    async fn probe(&self) -> Option<ConnectorProbeResult> {
        self.0.probe.clone().map(Into::into)
    }

    /// Grows with every change.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// Who entered it.
    async fn created_by(&self) -> Actor {
        self.0.created_by.into()
    }

    /// When it was entered.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}
