//! What only one kind of holding has, with the bounds of each.
//!
//! Long because each kind stands beside its bounds: whoever changes one sees the other.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Invalid,
    holding::{
        HoldingKind, StoreUri, VaultUri,
        secret::{SecretSign, is_marked_secret, looks_like_secret},
    },
    text::{Line, Name, Remark},
};

/// What a holding is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum HoldingDetails {
    /// The client's record in one of the provider's systems.
    #[serde(rename = "SYSTEM_RECORD")]
    SystemRecord(SystemRecordHolding),
    /// A program on a device of the client.
    #[serde(rename = "AGENT")]
    Agent(AgentHolding),
    /// Access to the client's systems.
    #[serde(rename = "CREDENTIAL")]
    Credential(CredentialHolding),
    /// Something set for the client in shared infrastructure.
    #[serde(rename = "CONFIG")]
    Config(ConfigHolding),
    /// Data of the client in the provider's hands.
    #[serde(rename = "DATA")]
    Data(DataHolding),
}

words! {
    /// Which of the provider's systems.
    System {
        /// Professional services automation: tickets, projects, contracts.
        Psa = "PSA",
        /// Remote monitoring and management.
        Rmm = "RMM",
        /// Invoices. Stays until the balance is zero.
        Billing = "BILLING",
        /// The documentation platform. Stays until the archive exists.
        Documentation = "DOCUMENTATION",
    }
}

/// The client's record in one of the provider's systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemRecordHolding {
    /// Which one.
    pub system: System,
}

words! {
    /// What an agent is for.
    AgentTool {
        /// Manages the device from afar.
        Rmm = "RMM",
        /// Watches it.
        Monitoring = "MONITORING",
        /// Protects it; the client is warned before it goes.
        Security = "SECURITY",
    }
}

/// A device of the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// How it calls itself.
    pub hostname: String,
    /// What runs on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// What its maker calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

/// A program on a device of the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHolding {
    /// What it is for.
    pub tool: AgentTool,
    /// Where it runs.
    pub device: Device,
    /// Which release of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

words! {
    /// Whose access it is.
    CredentialKind {
        /// May change everything.
        Admin = "ADMIN",
        /// A person's everyday account.
        User = "USER",
        /// A program's account.
        ServiceAccount = "SERVICE_ACCOUNT",
        /// The way into the network.
        Vpn = "VPN",
    }
}

words! {
    /// Whether a second factor guards it.
    MfaState {
        /// It should, and does not yet.
        Required = "REQUIRED",
        /// It does.
        Enabled = "ENABLED",
        /// It cannot; a reason says why.
        NotApplicable = "NOT_APPLICABLE",
    }
}

/// Whether a second factor guards it, and if it cannot, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mfa {
    /// Whether it does.
    pub state: MfaState,
    /// Why it cannot; needed when it does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Access to the client's systems: everything about it except the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialHolding {
    /// Whose access it is.
    pub credential_kind: CredentialKind,
    /// The account: `ACME\svc-backup`, `ops@acme.example`.
    pub principal: String,
    /// Whether a second factor guards it.
    pub mfa: Mfa,
    /// Where the secret lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_uri: Option<VaultUri>,
    /// `SHA256:` and the hash of the public half, to tell whether two clients share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// When the secret must be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_due_on: Option<NaiveDate>,
    /// Needed to remove the tools: outlives them and nothing else.
    #[serde(default)]
    pub is_last_mile: bool,
}

words! {
    /// What is set.
    ConfigKind {
        /// Lets traffic through.
        FirewallRule = "FIREWALL_RULE",
        /// Watches something.
        MonitoringCheck = "MONITORING_CHECK",
        /// Copies data: while one is active, destroyed data comes back.
        BackupJob = "BACKUP_JOB",
    }
}

/// Something set for the client in shared infrastructure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigHolding {
    /// What is set.
    pub config_kind: ConfigKind,
    /// In which shared system: `fw-01`, `backup.example.com`.
    pub location: String,
    /// What that system calls it.
    pub reference: String,
}

words! {
    /// What sort of data.
    DataKind {
        /// Copies kept for a bad day.
        Backup = "BACKUP",
        /// In somebody's cloud.
        Cloud = "CLOUD",
        /// Files.
        Files = "FILES",
        /// A mail store.
        Mail = "MAIL",
        /// A database.
        Database = "DATABASE",
        /// A disk or tape one can hold.
        Media = "MEDIA",
    }
}

words! {
    /// What becomes of data at the end.
    Disposition {
        /// It goes back to the client, and with the receipt the matter is closed.
        Return = "RETURN",
        /// It is destroyed.
        Destroy = "DESTROY",
        /// It goes back first and is destroyed then.
        ReturnThenDestroy = "RETURN_THEN_DESTROY",
        /// It stays, because a clause or a law says so.
        Retain = "RETAIN",
    }
}

impl Disposition {
    /// Whether it goes back to the client.
    pub const fn is_returned(self) -> bool {
        match self {
            Self::Return | Self::ReturnThenDestroy => true,
            Self::Destroy | Self::Retain => false,
        }
    }

    /// Whether it is destroyed.
    pub const fn is_destroyed(self) -> bool {
        match self {
            Self::Destroy | Self::ReturnThenDestroy => true,
            Self::Return | Self::Retain => false,
        }
    }
}

words! {
    /// Where the keys of encrypted data are.
    KeyEscrow {
        /// It is not encrypted.
        NotEncrypted = "NOT_ENCRYPTED",
        /// The provider has the keys and returns them with the data.
        Escrowed = "ESCROWED",
        /// Only the client has them.
        ClientHeld = "CLIENT_HELD",
    }
}

/// Data of the client in the provider's hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataHolding {
    /// What sort of data.
    pub data_kind: DataKind,
    /// Where it lies.
    pub location: StoreUri,
    /// What becomes of it at the end.
    pub disposition: Disposition,
    /// The clause that says so; needed for RETAIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// Where its keys are.
    pub key_escrow: KeyEscrow,
}

/// What gates ask of a holding, without the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoldingTraits {
    /// A record in this system.
    SystemRecord(System),
    /// An agent for this purpose.
    Agent(AgentTool),
    /// An access; whether it outlives the tools.
    Credential {
        /// Whose access it is.
        kind: CredentialKind,
        /// Whether it outlives the tools.
        is_last_mile: bool,
    },
    /// A setting of this kind.
    Config(ConfigKind),
    /// Data with this end.
    Data(Disposition),
}

impl HoldingTraits {
    /// What it is.
    pub const fn kind(self) -> HoldingKind {
        match self {
            Self::SystemRecord(_) => HoldingKind::SystemRecord,
            Self::Agent(_) => HoldingKind::Agent,
            Self::Credential { .. } => HoldingKind::Credential,
            Self::Config(_) => HoldingKind::Config,
            Self::Data(_) => HoldingKind::Data,
        }
    }
}

impl HoldingDetails {
    /// What it is.
    pub const fn kind(&self) -> HoldingKind {
        self.traits().kind()
    }

    /// What gates ask of it.
    pub const fn traits(&self) -> HoldingTraits {
        match self {
            Self::SystemRecord(record) => HoldingTraits::SystemRecord(record.system),
            Self::Agent(agent) => HoldingTraits::Agent(agent.tool),
            Self::Credential(credential) => {
                HoldingTraits::Credential { kind: credential.credential_kind, is_last_mile: credential.is_last_mile }
            }
            Self::Config(config) => HoldingTraits::Config(config.config_kind),
            Self::Data(data) => HoldingTraits::Data(data.disposition),
        }
    }

    /// Whether everything in it is within bounds and no secret is among it.
    ///
    /// # Errors
    /// [`Invalid`] for the first thing that is not, with the name of its field.
    pub fn check(&self) -> Result<(), (&'static str, Invalid)> {
        match self {
            Self::SystemRecord(SystemRecordHolding { system: _ }) => Ok(()),
            Self::Agent(agent) => agent.check(),
            Self::Credential(credential) => credential.check(),
            Self::Config(config) => {
                named("location", &config.location)?;
                named("reference", &config.reference)
            }
            Self::Data(data) => data.check(),
        }
    }
}

/// Whether what a holding is called, or an outside system calls it, is within bounds and no secret.
///
/// # Errors
/// [`Invalid`] for the first thing that is not, with the name of its field.
pub fn check_names(name: &str, external_ref: Option<&str>) -> Result<(), (&'static str, Invalid)> {
    Name::parse(name).map_err(|invalid| ("name", invalid))?;
    if let Some(sign) = looks_like_secret(name) {
        return Err(("name", refuse_secret(sign)));
    }
    external_ref.map_or(Ok(()), |reference| named("externalRef", reference))
}

pub(super) fn refuse_secret(sign: SecretSign) -> Invalid {
    Invalid::new(format!("This looks like a secret: {sign}. It was not stored."))
        .remedy("Put the secret in a vault and give the address of its entry as `vaultUri`.")
}

fn named(field: &'static str, text: &str) -> Result<(), (&'static str, Invalid)> {
    Line::<1, 500>::parse(text).map_err(|invalid| (field, invalid))?;
    is_marked_secret(text).map_or(Ok(()), |sign| Err((field, refuse_secret(sign))))
}

fn perhaps_named(field: &'static str, text: Option<&String>) -> Result<(), (&'static str, Invalid)> {
    text.map_or(Ok(()), |text| named(field, text))
}

impl AgentHolding {
    fn check(&self) -> Result<(), (&'static str, Invalid)> {
        named("hostname", &self.device.hostname)?;
        perhaps_named("os", self.device.os.as_ref())?;
        perhaps_named("serial", self.device.serial.as_ref())?;
        perhaps_named("site", self.device.site.as_ref())?;
        perhaps_named("version", self.version.as_ref())
    }
}

impl CredentialHolding {
    fn check(&self) -> Result<(), (&'static str, Invalid)> {
        named("principal", &self.principal)?;
        if let Some(sign) = looks_like_secret(&self.principal) {
            return Err(("principal", refuse_secret(sign)));
        }
        let reason = self.mfa.reason.as_deref().unwrap_or_default();
        Remark::parse(reason).map_err(|invalid| ("mfaReason", invalid))?;
        if let Some(sign) = looks_like_secret(reason) {
            return Err(("mfaReason", refuse_secret(sign)));
        }
        if self.mfa.state == MfaState::NotApplicable && reason.trim().is_empty() {
            let missing = Invalid::new("A second factor that does not apply needs a reason.");
            return Err(("mfaReason", missing.remedy("Say why this access cannot have one.")));
        }
        let is_fingerprint = |text: &str| text.strip_prefix("SHA256:").is_some_and(is_sha256);
        if self.fingerprint.as_deref().is_some_and(|text| !is_fingerprint(text)) {
            let wrong = Invalid::new("This is not a fingerprint.");
            return Err(("fingerprint", wrong.remedy("Give `SHA256:` and the hash, as `ssh-keygen -l` prints it.")));
        }
        Ok(())
    }
}

/// 32 bytes, in hex or in base64 without padding.
fn is_sha256(hash: &str) -> bool {
    let is_hex = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_base64 =
        hash.len() == 43 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte));
    is_hex || is_base64
}

impl DataHolding {
    fn check(&self) -> Result<(), (&'static str, Invalid)> {
        let clause = self.clause.as_deref().unwrap_or_default();
        Remark::parse(clause).map_err(|invalid| ("clause", invalid))?;
        if self.disposition == Disposition::Retain && clause.trim().is_empty() {
            let missing = Invalid::new("Data that stays needs the clause that says so.");
            return Err(("clause", missing.remedy("Cite the clause of the agreement or the law.")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn details(json: Value) -> HoldingDetails {
        serde_json::from_value(json).unwrap()
    }

    fn credential(change: impl FnOnce(&mut Value)) -> Result<(), &'static str> {
        let mut json = json!({
            "kind": "CREDENTIAL", "credential_kind": "ADMIN", "principal": "ACME\\svc-backup",
            "mfa": {"state": "ENABLED"}, "vault_uri": "vault://msp/acme/admin", "is_last_mile": true,
        });
        change(&mut json);
        details(json).check().map_err(|(field, _)| field)
    }

    #[test]
    fn every_kind_reads_back_with_its_traits() {
        let cases = [
            (json!({"kind": "SYSTEM_RECORD", "system": "PSA"}), HoldingTraits::SystemRecord(System::Psa)),
            (
                json!({"kind": "AGENT", "tool": "RMM", "device": {"hostname": "pc-1", "os": "Windows 11"}}),
                HoldingTraits::Agent(AgentTool::Rmm),
            ),
            (
                json!({"kind": "CREDENTIAL", "credential_kind": "VPN", "principal": "gw/acme",
                       "mfa": {"state": "REQUIRED"}, "is_last_mile": false}),
                HoldingTraits::Credential { kind: CredentialKind::Vpn, is_last_mile: false },
            ),
            (
                json!({"kind": "CONFIG", "config_kind": "BACKUP_JOB", "location": "bk-01", "reference": "job-7"}),
                HoldingTraits::Config(ConfigKind::BackupJob),
            ),
            (
                json!({"kind": "DATA", "data_kind": "BACKUP", "location": "archive://acme/mail",
                       "disposition": "RETURN", "key_escrow": "NOT_ENCRYPTED"}),
                HoldingTraits::Data(Disposition::Return),
            ),
        ];
        assert_eq!(cases.len(), HoldingKind::ALL.len());
        for ((json, traits), kind) in cases.into_iter().zip(HoldingKind::ALL) {
            let details = details(json.clone());
            assert!(details.check().is_ok(), "{json}");
            assert_eq!((details.traits(), details.kind()), (traits, *kind));
            assert_eq!(serde_json::to_value(&details).unwrap(), json);
        }
    }

    #[test]
    fn a_credential_never_carries_its_secret() {
        assert_eq!(credential(|_| {}), Ok(()));
        assert_eq!(credential(|json| json["principal"] = json!("admin password=hunter2")), Err("principal"));
        assert_eq!(credential(|json| json["principal"] = json!("Xy7!kQ92zz")), Err("principal"));
        assert_eq!(credential(|json| json["mfa"]["reason"] = json!("seed JBSWY3DPEHPK3PXP")), Err("mfaReason"));
        assert_eq!(credential(|json| json["fingerprint"] = json!("Xy7!kQ92zz")), Err("fingerprint"));
        let fingerprint = "SHA256:uNiVztksCsDhcc0u9e8BrKUxmEBgPV3cyhCYBtd8K5M";
        assert_eq!(credential(|json| json["fingerprint"] = json!(fingerprint)), Ok(()));
        assert!(check_names("Domain admin of Acme", Some("S-1-5-21-36-500")).is_ok());
        assert_eq!(check_names("Zk3vQ9xT2mLp8RwY", None).unwrap_err().0, "name");
        assert_eq!(check_names("Admin", Some("pwd=hunter2")).unwrap_err().0, "externalRef");
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        let (_, invalid) = check_names("P@ssw0rd!23", None).unwrap_err();
        assert!(!invalid.to_string().contains("P@ss") && !invalid.remedy.unwrap().contains("P@ss"));
    }

    #[test]
    fn a_second_factor_that_does_not_apply_needs_a_reason() {
        assert_eq!(credential(|json| json["mfa"] = json!({"state": "NOT_APPLICABLE"})), Err("mfaReason"));
        let reason = json!({"state": "NOT_APPLICABLE", "reason": "A service account cannot answer a prompt."});
        assert_eq!(credential(|json| json["mfa"] = reason), Ok(()));
    }

    #[test]
    fn data_that_stays_cites_its_clause() {
        let data = |disposition: &str, clause: Option<&str>| {
            details(json!({"kind": "DATA", "data_kind": "FILES", "location": "archive://acme/f",
                           "disposition": disposition, "clause": clause, "key_escrow": "ESCROWED"}))
            .check()
            .map_err(|(field, _)| field)
        };
        assert_eq!(data("RETAIN", None), Err("clause"));
        assert_eq!(data("RETAIN", Some(" ")), Err("clause"));
        assert_eq!(data("RETAIN", Some("Annex B 4")), Ok(()));
        assert_eq!(data("DESTROY", None), Ok(()));
    }

    #[test]
    fn each_end_of_data_says_whether_it_goes_back_and_whether_it_is_destroyed() {
        let ends: Vec<_> = Disposition::ALL.iter().map(|end| (end.is_returned(), end.is_destroyed())).collect();
        assert_eq!(ends, [(true, false), (false, true), (true, true), (false, false)]);
    }
}
