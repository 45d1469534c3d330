//! Entering lines in the ledger, and letting them stay.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};

use super::rows::results;
use crate::{
    app::{
        self,
        holding::{Entry, Retain},
        rows::check_count,
    },
    domain::holding::{
        self, AgentTool, ConfigKind, CredentialKind, DataKind, Disposition, HoldingDetails, KeyEscrow, MfaState, System,
    },
    error::{Result, parse},
    graphql::{
        context::Caller,
        error::UserError,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::Date,
        types::holding::Holding,
    },
    ids::ClientId,
};

/// Enters lines in the ledger, and lets them stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct HoldingMutation;

/// What was opened at one client.
#[derive(Clone, Debug, InputObject)]
pub struct HoldingsRegisterInput {
    /// The client.
    client_id: ID,
    /// What was opened, 1 to 500 rows. Each has its own result; one that is wrong spoils no other.
    holdings: Vec<HoldingInput>,
    /// The caller's name for this request, 8 to 128 characters; the same key never writes twice.
    idempotency_key: String,
}

/// One line of the ledger.
#[derive(Clone, Debug, InputObject)]
pub struct HoldingInput {
    /// What people call it, 1 to 200 characters.
    name: String,
    /// What the outside system calls it; unique within client and kind.
    external_ref: Option<String>,
    /// The outside system in which it is called so. One thing of a system stands in one ledger only.
    connector_id: Option<ID>,
    /// Whether it is only planned and not open yet; false when left out.
    is_planned: Option<bool>,
    /// What it is.
    details: HoldingDetailsInput,
}

/// What a holding is, by its kind.
#[derive(Clone, Debug, OneofObject)]
pub enum HoldingDetailsInput {
    /// The client's record in one of the provider's systems.
    SystemRecord(SystemRecordInput),
    /// A program on a device of the client.
    Agent(AgentInput),
    /// Access to the client's systems. Never the secret.
    Credential(CredentialInput),
    /// Something set for the client in shared infrastructure.
    Config(ConfigInput),
    /// Data of the client in the provider's hands.
    Data(DataInput),
}

/// The client's record in one of the provider's systems.
#[derive(Clone, Debug, InputObject)]
pub struct SystemRecordInput {
    /// Which one.
    system: System,
}

/// A program on a device of the client.
#[derive(Clone, Debug, InputObject)]
pub struct AgentInput {
    /// What it is for.
    tool: AgentTool,
    /// How the device calls itself.
    hostname: String,
    /// What runs on it.
    os: Option<String>,
    /// What its maker calls it.
    serial: Option<String>,
    /// Where it stands.
    site: Option<String>,
    /// Which release of the program.
    version: Option<String>,
}

/// Access to the client's systems: everything about it except the secret.
#[derive(Clone, Debug, InputObject)]
pub struct CredentialInput {
    /// Whose access it is.
    credential_kind: CredentialKind,
    /// The account: `ACME\svc-backup`, `ops@acme.example`.
    principal: String,
    /// Whether a second factor guards it.
    mfa_state: MfaState,
    /// Why it cannot; needed when it does not apply.
    mfa_reason: Option<String>,
    /// Where the secret lies: the address of its entry in a vault.
    vault_uri: Option<String>,
    /// `SHA256:` and the hash of the public half.
    fingerprint: Option<String>,
    /// When the secret must be changed.
    rotation_due_on: Option<Date>,
    /// Whether it is needed to remove the tools; false when left out.
    is_last_mile: Option<bool>,
}

/// Something set for the client in shared infrastructure.
#[derive(Clone, Debug, InputObject)]
pub struct ConfigInput {
    /// What is set.
    config_kind: ConfigKind,
    /// In which shared system.
    location: String,
    /// What that system calls it.
    reference: String,
}

/// Data of the client in the provider's hands.
#[derive(Clone, Debug, InputObject)]
pub struct DataInput {
    /// What sort of data.
    data_kind: DataKind,
    /// Where it lies: `STORE://PATH`, in one of the configured stores.
    location: String,
    /// What becomes of it at the end.
    disposition: Disposition,
    /// The clause that says so; needed for RETAIN.
    clause: Option<String>,
    /// Where its keys are.
    key_escrow: KeyEscrow,
}

impl HoldingDetailsInput {
    fn parse(self) -> Result<HoldingDetails> {
        Ok(match self {
            Self::SystemRecord(record) => {
                HoldingDetails::SystemRecord(holding::SystemRecordHolding { system: record.system })
            }
            Self::Agent(agent) => HoldingDetails::Agent(holding::AgentHolding {
                tool: agent.tool,
                device: holding::Device {
                    hostname: agent.hostname,
                    os: agent.os,
                    serial: agent.serial,
                    site: agent.site,
                },
                version: agent.version,
            }),
            Self::Credential(credential) => HoldingDetails::Credential(credential.parse()?),
            Self::Config(config) => HoldingDetails::Config(holding::ConfigHolding {
                config_kind: config.config_kind,
                location: config.location,
                reference: config.reference,
            }),
            Self::Data(data) => HoldingDetails::Data(holding::DataHolding {
                data_kind: data.data_kind,
                location: parse("details.data.location", &data.location)?,
                disposition: data.disposition,
                clause: data.clause,
                key_escrow: data.key_escrow,
            }),
        })
    }
}

impl CredentialInput {
    fn parse(self) -> Result<holding::CredentialHolding> {
        let vault_uri = self.vault_uri.as_deref();
        Ok(holding::CredentialHolding {
            credential_kind: self.credential_kind,
            principal: self.principal,
            mfa: holding::Mfa { state: self.mfa_state, reason: self.mfa_reason },
            vault_uri: vault_uri.map(|uri| parse("details.credential.vaultUri", uri)).transpose()?,
            fingerprint: self.fingerprint,
            rotation_due_on: self.rotation_due_on.map(|date| date.0),
            is_last_mile: self.is_last_mile.unwrap_or_default(),
        })
    }
}

impl HoldingInput {
    fn parse(self) -> Result<Entry> {
        Ok(Entry {
            name: self.name,
            external_ref: self.external_ref,
            connector_id: self.connector_id.map(|id| id::get(&id, "connector", "connectorId")).transpose()?,
            is_planned: self.is_planned.unwrap_or_default(),
            details: self.details.parse()?,
        })
    }
}

/// What became of one row.
#[derive(Clone, Debug, SimpleObject)]
pub struct HoldingRegisterResult {
    /// The row, counted from 0.
    index: i32,
    /// The entered line; null when the row was refused.
    holding: Option<Holding>,
    /// What the caller can mend in this row.
    user_errors: Vec<UserError>,
}

payload! {
    /// The entered lines, row by row.
    once HoldingsRegisterPayload {
        /// One result for each row, in their order; null when nothing was entered.
        results: Vec<HoldingRegisterResult>,
    }
}

/// Which line came into being.
#[derive(Clone, Debug, InputObject)]
pub struct HoldingActivateInput {
    /// The line.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
}

payload! {
    /// The line that is open now.
    HoldingActivatePayload {
        /// The line.
        holding: Holding,
    }
}

/// Which line may stay, and why.
#[derive(Clone, Debug, InputObject)]
pub struct HoldingRetainInput {
    /// The line.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// The clause that lets it stay, as a signed agreement with the client cites it, 1 to 200 characters.
    clause: String,
    /// The granted decision (`TOOL_RETENTION`) about this holding.
    decision_id: ID,
}

payload! {
    /// The line that may stay.
    HoldingRetainPayload {
        /// The line.
        holding: Holding,
    }
}

#[Object]
impl HoldingMutation {
    /// Enters lines in a client's ledger. What looks like a secret is refused.
    /// Example: `mutation { holdingsRegister(input: { clientId: "cli_…", holdings: [{ name: "RMM on srv-01", details: {
    /// agent: { tool: RMM, hostname: "srv-01" } } }], idempotencyKey: "agents-0001" }) { results { index holding { id }
    /// userErrors { message path } } userErrors { message } } }`.
    async fn holdings_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was opened.")] input: HoldingsRegisterInput,
    ) -> Nullable<HoldingsRegisterPayload> {
        let registered = async {
            check_count("holdings", input.holdings.len())?;
            let once = once("holdingsRegister", &input.idempotency_key, &input)?;
            let client: ClientId = id::get(&input.client_id, "client", "clientId")?;
            let rows = input.holdings.into_iter().map(HoldingInput::parse).collect();
            let done = app::holding::register(ctx.app(), ctx.actor()?, client, rows, once).await?;
            let result = |index, holding: Option<holding::Holding>, user_errors| HoldingRegisterResult {
                index,
                holding: holding.map(Into::into),
                user_errors,
            };
            let results = results("holdings", done.made, result)?;
            Ok(HoldingsRegisterPayload::done(done.is_replayed, results))
        };
        settle(registered.await)
    }

    /// Says that a planned line came into being: from now on it has to be closed again.
    /// Example: `mutation { holdingActivate(input: { id: "hol_…", expectedRevision: 1 }) { holding { state } userErrors
    /// { message } } }`.
    async fn holding_activate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: HoldingActivateInput,
    ) -> Nullable<HoldingActivatePayload> {
        let activated = async {
            let id = id::get(&input.id, "holding", "id")?;
            let holding = app::holding::activate(ctx.app(), ctx.actor()?, id, input.expected_revision).await?;
            Ok(HoldingActivatePayload::done(holding.into()))
        };
        settle(activated.await)
    }

    /// Lets a line stay: a clause of the contract and a granted decision say so.
    /// Example: `mutation { holdingRetain(input: { id: "hol_…", expectedRevision: 2, clause: "7.3", decisionId: "dec_…"
    /// }) { holding { state } userErrors { message } } }`.
    async fn holding_retain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: HoldingRetainInput,
    ) -> Nullable<HoldingRetainPayload> {
        let retained = async {
            let retain = Retain {
                id: id::get(&input.id, "holding", "id")?,
                expected_revision: input.expected_revision,
                clause: parse("clause", &input.clause)?,
                decision_id: id::get(&input.decision_id, "decision", "decisionId")?,
            };
            Ok(HoldingRetainPayload::done(app::holding::retain(ctx.app(), ctx.actor()?, retain).await?.into()))
        };
        settle(retained.await)
    }
}
