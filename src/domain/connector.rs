//! An outside system that the provider runs and that is reached by its API: an RMM, say.
//!
//! A connector says where the system is and as whom it is spoken to. Its secret is sealed and never part of the noun;
//! what the system can do, and how far its clock is off, is known from the last probe.
//!
//! Deliberately absent: places where data lies, which the settings name (`GANGWAY_SOURCES`), because a path or a bucket
//! is whose runs the service to open.
//! To add a kind, add a word and its adapter.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    domain::Invalid,
    ids::{ActorId, ConnectorId},
};

words! {
    /// What kind of outside system it is.
    ConnectorKind {
        /// MeshCentral, which manages devices from afar: `wss://HOST:PORT`.
        MeshCentral = "MESH_CENTRAL",
        /// Simulated devices, for trying out and for tests: `lab://SEED`. Only where the settings name a folder for it.
        Lab = "LAB",
    }
}

words! {
    /// What an outside system can do for us.
    Capability {
        /// It lists the devices of one client.
        ListEndpoints = "LIST_ENDPOINTS",
        /// It tells an agent to take itself off its device.
        UninstallAgent = "UNINSTALL_AGENT",
        /// It says that it has been asked to. That says nothing of the effect.
        AcknowledgeUninstall = "ACKNOWLEDGE_UNINSTALL",
        /// It forgets a device.
        ForgetEndpoint = "FORGET_ENDPOINT",
        /// It says when it last heard of a device.
        LastSeen = "LAST_SEEN",
    }
}

words! {
    /// Why an outside system did not do as it was asked.
    ConnectorFault {
        /// May work when tried again: time-outs, broken connections, 5xx.
        Transient = "TRANSIENT",
        /// It asks for a slower pace.
        RateLimited = "RATE_LIMITED",
        /// It does not know us: wrong or expired credentials, or it is not the one that we know.
        Auth = "AUTH",
        /// It knows us and says no.
        Forbidden = "FORBIDDEN",
        /// Nothing of that name is there.
        NotFound = "NOT_FOUND",
        /// It, or this version of it, cannot do this at all.
        Unsupported = "UNSUPPORTED",
        /// It said yes, and a look shows otherwise.
        Lied = "LIED",
        /// Will not work when tried again: an answer that nobody can read.
        Permanent = "PERMANENT",
    }
}

/// What a probe found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// When.
    pub at: DateTime<Utc>,
    /// The program and its version, when it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// As whom it knows us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What it can do, and lets us do.
    pub capabilities: Vec<Capability>,
    /// How far its clock is ahead of ours, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_ms: Option<i64>,
    /// Why it could not be reached; none when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<ConnectorFault>,
}

/// A connector as it is stored, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// The connector's id.
    pub id: ConnectorId,
    /// What kind of system it is.
    pub kind: ConnectorKind,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// As whom it is spoken to.
    pub username: Option<String>,
    /// The certificates that its own has to be signed by, as PEM; none for those that everybody trusts.
    pub trusted_certificates: Option<String>,
    /// What the last probe found out.
    pub probe: Option<Probe>,
    /// Grows with every change.
    pub revision: i32,
    /// Who entered it.
    pub created_by: ActorId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Where an outside system is: a URL without credentials, of a scheme that its kind speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads the address of a system of this `kind`.
    ///
    /// # Errors
    /// [`Invalid`] when it is no URL of the kind's scheme, or carries credentials.
    pub fn parse(kind: ConnectorKind, text: &str) -> Result<Self, Invalid> {
        let scheme = kind.scheme();
        let remedy = format!("Give {scheme}://HOST, with a port where it has one of its own.");
        let refuse = |message: &str| Invalid::new(message).remedy(remedy.clone());
        let mut url = Url::parse(text.trim()).map_err(|_misfit| refuse("This is no URL."))?;
        if url.scheme() != scheme || url.host_str().is_none_or(str::is_empty) {
            return Err(refuse("This is no address of such a system."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("An address carries no credentials."));
        }
        if kind != ConnectorKind::Lab && (url.query().is_some() || url.fragment().is_some()) {
            return Err(refuse("An address ends with its path."));
        }
        if kind != ConnectorKind::Lab && !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        if url.as_str().len() > 500 {
            return Err(refuse("An address has up to 500 characters."));
        }
        Ok(Self(url))
    }

    /// As a URL.
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl ConnectorKind {
    /// The scheme of its addresses.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::MeshCentral => "wss",
            Self::Lab => "lab",
        }
    }

    /// Whether it is spoken to with a name and a secret.
    pub const fn signs_in(self) -> bool {
        match self {
            Self::MeshCentral => true,
            Self::Lab => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_its_kinds_scheme_and_carries_nothing_secret() {
        let parse = |kind, text| Address::parse(kind, text).is_ok();
        assert!(parse(ConnectorKind::MeshCentral, "wss://rmm.example.com:8443/"));
        assert!(parse(ConnectorKind::Lab, "lab://7?size=20"));
        for text in [
            "",
            "rmm",
            "http://rmm.example.com",
            "wss://",
            "wss://ann:x@rmm.example.com",
            "wss://rmm.example.com/?auth=x",
            "lab://7",
        ] {
            assert!(!parse(ConnectorKind::MeshCentral, text), "{text}");
        }
        let tenant = Address::parse(ConnectorKind::MeshCentral, "wss://rmm.example.com/tenant").unwrap();
        assert_eq!(tenant.url().join("control.ashx").unwrap().path(), "/tenant/control.ashx");
        assert!(!parse(ConnectorKind::MeshCentral, &format!("wss://{}", "a/".repeat(300))));
    }
}
