//! The ledger: one type for each kind of holding.

use async_graphql::{ComplexObject, Context, ID, InputObject, Interface, SimpleObject};

use crate::{
    auth::Permission,
    domain::{
        holding::{
            self, AgentTool, ConfigKind, CredentialKind, DataKind, Disposition, HoldingDetails, HoldingKind,
            HoldingState, KeyEscrow, MfaState, System,
        },
        page::{Key, Keyed},
    },
    graphql::{
        connection::connection,
        context::Caller,
        id,
        loaders::{ClientKey, ConnectorKey, EvidenceOfHolding, listed, load, required},
        scalars::{Date, DateTime},
        types::{client::Client, connector::Connector, evidence::Evidence},
    },
};

macro_rules! holdings {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)* })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, SimpleObject)]
            #[graphql(complex)]
            pub struct $name {
                /// Opaque id.
                #[graphql(owned)]
                pub(super) id: ID,
                /// What it is.
                kind: HoldingKind,
                /// What people call it.
                name: String,
                /// Where it stands.
                state: HoldingState,
                /// What the outside system calls it.
                external_ref: Option<String>,
                /// The clause that lets it stay, or what keeps it.
                retained_clause: Option<String>,
                /// Until when its store keeps it. It is ACTIVE again from then on.
                retained_until: Option<DateTime>,
                /// When the outside system was last asked about it.
                last_probed_at: Option<DateTime>,
                /// When its removal was verified.
                closed_at: Option<DateTime>,
                /// Whether it stands between its client and a conclusion.
                is_residual: bool,
                /// Grows with every change; send it back as `expectedRevision`.
                revision: i32,
                $($(#[$fdoc])* $field: $ty,)*
                #[graphql(skip)]
                inner: holding::Holding,
            }

            #[ComplexObject]
            impl $name {
                /// Whose ledger it stands in.
                async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
                    required(ctx, ClientKey(self.inner.client_id)).await
                }

                /// The outside system in which it is reached, for those who may see it.
                async fn connector(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Connector>> {
                    match self.inner.connector_id {
                        Some(id) if ctx.actor()?.may(Permission::Connectors) => load(ctx, ConnectorKey(id)).await,
                        _ => Ok(None),
                    }
                }

                /// What proves it, oldest first.
                async fn evidence(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Evidence>> {
                    listed(ctx, EvidenceOfHolding(self.inner.id)).await
                }
            }

            impl $name {
                fn of(inner: holding::Holding, $($field: $ty),*) -> Holding {
                    Holding::$name(Self {
                        id: inner.id.to_string().into(),
                        kind: inner.kind(),
                        name: inner.name.clone(),
                        state: inner.state,
                        external_ref: inner.external_ref.clone(),
                        retained_clause: inner.retained_clause.clone(),
                        retained_until: inner.retained_until.map(DateTime),
                        last_probed_at: inner.last_probed_at.map(DateTime),
                        closed_at: inner.closed_at.map(DateTime),
                        is_residual: inner.is_residual(),
                        revision: inner.revision,
                        $($field,)*
                        inner,
                    })
                }
            }
        )+

        /// A line of the ledger: something the provider opened at a client and has to close again.
        #[derive(Clone, Debug, Interface)]
        #[graphql(
            field(name = "id", ty = "ID", desc = "Opaque id."),
            field(name = "kind", ty = "&HoldingKind", desc = "What it is."),
            field(name = "name", ty = "&String", desc = "What people call it."),
            field(name = "state", ty = "&HoldingState", desc = "Where it stands."),
            field(name = "external_ref", ty = "&Option<String>", desc = "What the outside system calls it."),
            field(name = "retained_clause", ty = "&Option<String>", desc = "The clause that lets it stay, or what keeps it."),
            field(name = "retained_until", ty = "&Option<DateTime>", desc = "Until when its store keeps it."),
            field(name = "last_probed_at", ty = "&Option<DateTime>", desc = "When the outside system was last asked."),
            field(name = "closed_at", ty = "&Option<DateTime>", desc = "When its removal was verified."),
            field(name = "is_residual", ty = "&bool", desc = "Whether it stands between its client and a conclusion."),
            field(name = "revision", ty = "&i32", desc = "Grows with every change."),
            field(name = "client", ty = "Client", desc = "Whose ledger it stands in."),
            field(name = "connector", ty = "Option<Connector>", desc = "The outside system in which it is reached."),
            field(name = "evidence", ty = "Vec<Evidence>", desc = "What proves it, oldest first.")
        )]
        pub enum Holding { $($(#[$doc])* $name($name),)+ }

        impl Keyed for Holding {
            fn key(&self) -> Key {
                let inner = match self { $(Self::$name(holding) => &holding.inner,)+ };
                Key { at_ms: inner.created_at.timestamp_millis(), id: inner.id.uuid() }
            }
        }
    };
}

holdings! {
    /// The client's record in one of the provider's systems.
    SystemRecordHolding {
        /// Which one.
        system: System,
    }
    /// A program on a device of the client.
    AgentHolding {
        /// What it is for.
        tool: AgentTool,
        /// How the device calls itself.
        hostname: String,
        /// Which release of it.
        version: Option<String>,
    }
    /// Access to the client's systems: everything about it except the secret.
    CredentialHolding {
        /// Whose access it is.
        credential_kind: CredentialKind,
        /// The account.
        principal: String,
        /// Whether a second factor guards it.
        mfa_state: MfaState,
        /// Where the secret lies.
        vault_uri: Option<String>,
        /// When the secret must be changed.
        rotation_due_on: Option<Date>,
        /// Whether it is needed to remove the tools, and outlives them and nothing else.
        is_last_mile: bool,
    }
    /// Something set for the client in shared infrastructure.
    ConfigHolding {
        /// What is set.
        config_kind: ConfigKind,
        /// In which shared system.
        location: String,
        /// What that system calls it.
        reference: String,
    }
    /// Data of the client in the provider's hands.
    DataHolding {
        /// What sort of data.
        data_kind: DataKind,
        /// Where it lies: `STORE://PATH`.
        location: String,
        /// What becomes of it at the end.
        disposition: Disposition,
        /// Where its keys are.
        key_escrow: KeyEscrow,
        /// When the client acknowledged that it was returned.
        acknowledged_at: Option<DateTime>,
    }
}

impl From<holding::Holding> for Holding {
    fn from(inner: holding::Holding) -> Self {
        match inner.details.clone() {
            HoldingDetails::SystemRecord(record) => SystemRecordHolding::of(inner, record.system),
            HoldingDetails::Agent(agent) => AgentHolding::of(inner, agent.tool, agent.device.hostname, agent.version),
            HoldingDetails::Credential(credential) => CredentialHolding::of(
                inner,
                credential.credential_kind,
                credential.principal,
                credential.mfa.state,
                credential.vault_uri.map(|uri| uri.to_string()),
                credential.rotation_due_on.map(Date),
                credential.is_last_mile,
            ),
            HoldingDetails::Config(config) => {
                ConfigHolding::of(inner, config.config_kind, config.location, config.reference)
            }
            HoldingDetails::Data(data) => {
                let acknowledged_at = inner.acknowledged_at.map(DateTime);
                let location = data.location.to_string();
                DataHolding::of(inner, data.data_kind, location, data.disposition, data.key_escrow, acknowledged_at)
            }
        }
    }
}

connection! {
    /// Lines of the ledger, newest first.
    HoldingConnection, HoldingEdge, Holding
}

/// Which holdings a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct HoldingFilter {
    /// Only this client's.
    client_id: Option<ID>,
    /// Only these kinds.
    kinds: Option<Vec<HoldingKind>>,
    /// Only these states.
    states: Option<Vec<HoldingState>>,
    /// Only those that stand between their client and a conclusion.
    is_residual: Option<bool>,
}

impl HoldingFilter {
    /// The filter, or `None` when it can match nothing.
    pub fn parse(self) -> Option<holding::HoldingFilter> {
        let client_id = match &self.client_id {
            Some(client) => Some(id::find(client)?),
            None => None,
        };
        Some(holding::HoldingFilter {
            client_id,
            kinds: self.kinds.unwrap_or_default(),
            states: self.states.unwrap_or_default(),
            is_residual: self.is_residual.unwrap_or_default(),
        })
    }
}
