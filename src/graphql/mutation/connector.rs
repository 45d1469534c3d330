//! Entering outside systems, and looking at what they can do.

use std::str::FromStr;

use async_graphql::{Context, ID, InputObject, Object};
use secrecy::SecretString;

use crate::{
    app::{self, connector::Create},
    domain::{
        Invalid,
        connector::{Address, ConnectorKind},
        text::Line,
    },
    error::{Result, at, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        types::connector::Connector,
    },
};

/// Enters outside systems.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectorMutation;

/// An outside system to be entered.
#[derive(Clone, InputObject)]
pub struct ConnectorCreateInput {
    /// What kind of system it is.
    kind: ConnectorKind,
    /// What people call it, 1 to 200 characters; no other has the name.
    name: String,
    /// Where it is: `wss://HOST:PORT` of a MeshCentral server, `lab://SEED` of simulated devices.
    address: String,
    /// As whom it is spoken to.
    username: Option<String>,
    /// What it is spoken to with. It is kept encrypted and never shown again.
    #[graphql(secret)]
    secret: Option<String>,
    /// The certificates that the system's own has to be signed by, as PEM; those that everybody trusts when left out.
    trusted_certificates: Option<String>,
    /// The caller's name for this request, 8 to 128 characters; the same key never enters two systems.
    idempotency_key: String,
}

impl ConnectorCreateInput {
    /// What is remembered of the request, so that it is known again: all of it but the secret.
    fn without_secret(&self) -> Self {
        Self { secret: None, ..self.clone() }
    }

    fn parse(self) -> Result<Create> {
        let address = Address::parse(self.kind, &self.address).map_err(|invalid| at("address", invalid))?;
        Ok(Create {
            kind: self.kind,
            name: parse("name", &self.name)?,
            address,
            username: self.username.as_deref().map(|name| parse("username", name)).transpose()?,
            secret: self.secret.as_deref().map(|secret| parse::<Secret>("secret", secret)).transpose()?.map(|it| it.0),
            trusted_certificates: self.trusted_certificates,
        })
    }
}

/// What a system is spoken to with: one line of 1 to 500 characters.
struct Secret(SecretString);

impl FromStr for Secret {
    type Err = Invalid;

    fn from_str(text: &str) -> std::result::Result<Self, Invalid> {
        // What is blank at its ends is part of it, or a slip that nobody would find.
        if Line::<1, 500>::parse(text).is_ok_and(|line| line.as_str() == text) {
            return Ok(Self(text.into()));
        }
        let refused = Invalid::new("A secret is one line of 1 to 500 characters, not blank at its ends.");
        Err(refused.remedy("Give the secret as the system knows it."))
    }
}

/// Which system is looked at.
#[derive(Clone, Debug, InputObject)]
pub struct ConnectorProbeInput {
    /// The system.
    id: ID,
}

payload! {
    /// The entered system.
    once ConnectorCreatePayload {
        /// The system, without its secret.
        connector: Connector,
    }
}

payload! {
    /// The system that was looked at.
    ConnectorProbePayload {
        /// The system, with what was found out.
        connector: Connector,
    }
}

#[Object]
impl ConnectorMutation {
    /// Enters an outside system. Nothing is asked of it before `connectorProbe`.
    /// Example: `mutation { connectorCreate(input: { kind: MESH_CENTRAL, name: "RMM", address: "wss://rmm.example.com",
    /// username: "gangway", secret: "…", idempotencyKey: "rmm-0001" }) { connector { id } userErrors { message } } }`.
    async fn connector_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which system.")] input: ConnectorCreateInput,
    ) -> Nullable<ConnectorCreatePayload> {
        let created = async {
            let once = once("connectorCreate", &input.idempotency_key, &input.without_secret())?;
            let done = app::connector::create(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(ConnectorCreatePayload::done(done.is_replayed, Connector(done.made)))
        };
        settle(created.await)
    }

    /// Asks an outside system what it is and what it lets us do. That it does not answer is kept as well, as `probe.fault`.
    /// Example: `mutation { connectorProbe(input: { id: "cnn_…" }) { connector { probe { tool capabilities clockSkewMs fault
    /// } } userErrors { message } } }`.
    async fn connector_probe(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which system.")] input: ConnectorProbeInput,
    ) -> Nullable<ConnectorProbePayload> {
        let probed = async {
            let id = id::get(&input.id, "connector", "id")?;
            Ok(ConnectorProbePayload::done(Connector(app::connector::probe(ctx.app(), ctx.actor()?, id).await?)))
        };
        settle(probed.await)
    }
}
