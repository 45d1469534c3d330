//! What discovery found at a client, and who checked it.
//!
//! Invariant: whoever collected a fact does not verify it. A fact that is recorded again becomes
//! unverified again: what was checked was the old value.
//!
//! To add a kind, add a word, a variant of the details and its check.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Invalid, Refused, step_to,
        text::{Name, Prose, Remark},
    },
    ids::{ActorId, ClientId, FactId},
};

words! {
    /// What a fact is about.
    FactKind {
        /// A piece of the infrastructure.
        Device = "DEVICE",
        /// A group of people who use it.
        UserBase = "USER_BASE",
        /// A program the client depends on.
        Application = "APPLICATION",
        /// Somebody else who serves the client.
        Vendor = "VENDOR",
        /// A law, standard or wish the client is bound by.
        ComplianceNeed = "COMPLIANCE_NEED",
        /// Anything else worth knowing, in words.
        Note = "NOTE",
    }
}

words! {
    /// How a fact came to be known.
    FactSource {
        /// The client answered in writing.
        Questionnaire = "QUESTIONNAIRE",
        /// The client was asked.
        Interview = "INTERVIEW",
        /// A program looked.
        Scan = "SCAN",
        /// The client's own form, before anything began.
        Intake = "INTAKE",
    }
}

words! {
    /// Whether somebody else looked too.
    FactState {
        /// One person says so.
        Recorded = "RECORDED",
        /// A second person checked it.
        Verified = "VERIFIED",
    }
}

words! {
    /// What may be done with a fact, as the participle a refusal uses.
    FactVerb {
        /// Write it down, again if need be.
        Record = "recorded",
        /// Check it.
        Verify = "verified",
    }
}

impl FactState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: FactVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            FactVerb::Record => (&[Self::Recorded, Self::Verified], Self::Recorded),
            FactVerb::Verify => (&[Self::Recorded], Self::Verified),
        };
        step_to("fact", self, verb, rule)
    }
}

/// A fact as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The fact's id.
    pub id: FactId,
    /// The client it is about.
    pub client_id: ClientId,
    /// What people call it: unique within client and kind.
    pub name: String,
    /// How it came to be known.
    pub source: FactSource,
    /// Whether somebody else looked too.
    pub state: FactState,
    /// What is known; its kind is the fact's kind.
    pub details: FactDetails,
    /// Who found out.
    pub collected_by: ActorId,
    /// When.
    pub collected_at: DateTime<Utc>,
    /// Who checked.
    pub verified_by: Option<ActorId>,
    /// When.
    pub verified_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub revision: i32,
}

impl Fact {
    /// What it is about.
    pub fn kind(&self) -> FactKind {
        self.details.kind()
    }

    /// The state after `verifier` checked it.
    ///
    /// # Errors
    /// [`Refused`] when it is verified already, or `verifier` is who collected it.
    pub fn verified_by(&self, verifier: ActorId) -> Result<FactState, Refused> {
        if verifier == self.collected_by {
            return Err(Refused::new("Whoever collected a fact does not verify it.")
                .remedy("Ask somebody else to verify it with `factsVerify`."));
        }
        self.state.after(FactVerb::Verify)
    }
}

/// What is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum FactDetails {
    /// A piece of the infrastructure.
    #[serde(rename = "DEVICE")]
    Device(DeviceFact),
    /// A group of people who use it.
    #[serde(rename = "USER_BASE")]
    UserBase(UserBaseFact),
    /// A program the client depends on.
    #[serde(rename = "APPLICATION")]
    Application(ApplicationFact),
    /// Somebody else who serves the client.
    #[serde(rename = "VENDOR")]
    Vendor(VendorFact),
    /// A law, standard or wish the client is bound by.
    #[serde(rename = "COMPLIANCE_NEED")]
    ComplianceNeed(ComplianceNeedFact),
    /// Anything else.
    #[serde(rename = "NOTE")]
    Note(NoteFact),
}

words! {
    /// What a device is.
    DeviceType {
        /// Serves others.
        Server = "SERVER",
        /// On a desk.
        Workstation = "WORKSTATION",
        /// In a bag.
        Laptop = "LAPTOP",
        /// Carries traffic.
        Network = "NETWORK",
        /// Prints.
        Printer = "PRINTER",
        /// In a pocket.
        Mobile = "MOBILE",
        /// Anything else.
        Other = "OTHER",
    }
}

/// A piece of the infrastructure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFact {
    /// What it is.
    pub device_type: DeviceType,
    /// How it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What the maker calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// What runs on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

/// A group of people who use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserBaseFact {
    /// How many; up to ten million.
    pub user_count: u32,
    /// Where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

words! {
    /// How much a client depends on something.
    Criticality {
        /// The business stands without it.
        Critical = "CRITICAL",
        /// A day without it hurts.
        High = "HIGH",
        /// A week without it hurts.
        Medium = "MEDIUM",
        /// Nobody would notice soon.
        Low = "LOW",
    }
}

/// A program the client depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationFact {
    /// How much the client depends on it.
    pub criticality: Criticality,
    /// Minutes it may be down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_minutes: Option<u32>,
    /// Minutes of work that may be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_minutes: Option<u32>,
    /// Who answers for it at the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Somebody else who serves the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorFact {
    /// What it delivers.
    pub service: String,
    /// Whom to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What it calls the client; never a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<String>,
}

/// A law, standard or wish the client is bound by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplianceNeedFact {
    /// Its name: `HIPAA`, `PCI DSS 4`.
    pub framework: String,
    /// What of the client it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteFact {
    /// What is known.
    pub text: String,
}

/// More people than any client of a provider has: catches a number in the wrong field.
const USERS_MAX: u32 = 10_000_000;

/// A recovery objective of more than a year, in minutes, is none: catches seconds given as minutes.
const OBJECTIVE_MAX_MINUTES: u32 = 366 * 24 * 60;

impl FactDetails {
    /// What it is about.
    pub const fn kind(&self) -> FactKind {
        match self {
            Self::Device(_) => FactKind::Device,
            Self::UserBase(_) => FactKind::UserBase,
            Self::Application(_) => FactKind::Application,
            Self::Vendor(_) => FactKind::Vendor,
            Self::ComplianceNeed(_) => FactKind::ComplianceNeed,
            Self::Note(_) => FactKind::Note,
        }
    }

    /// Whether everything in it is within bounds.
    ///
    /// # Errors
    /// [`Invalid`] for the first thing that is not.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Device(device) => all_names([&device.hostname, &device.serial, &device.os, &device.site]),
            Self::UserBase(users) if users.user_count > USERS_MAX => {
                Err(Invalid::new(format!("A user base has at most {USERS_MAX} people."))
                    .remedy("Count those who work with what is looked after."))
            }
            Self::UserBase(users) => all_names([&users.location]),
            Self::Application(application) => {
                let objectives = [application.rpo_minutes, application.rto_minutes];
                if objectives.into_iter().flatten().any(|minutes| minutes > OBJECTIVE_MAX_MINUTES) {
                    return Err(Invalid::new(format!("An objective is at most {OBJECTIVE_MAX_MINUTES} minutes."))
                        .remedy("Give minutes up to a year, or leave it out."));
                }
                all_names([&application.owner])
            }
            Self::Vendor(vendor) => {
                Name::parse(&vendor.service)?;
                all_names([&vendor.contact, &vendor.account_ref])
            }
            Self::ComplianceNeed(need) => {
                Name::parse(&need.framework)?;
                Remark::parse(need.scope.as_deref().unwrap_or_default()).map(drop)
            }
            Self::Note(note) => Prose::parse(&note.text).map(drop),
        }
    }
}

fn all_names<const N: usize>(texts: [&Option<String>; N]) -> Result<(), Invalid> {
    texts.into_iter().flatten().try_for_each(|text| Name::parse(text).map(drop))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::assert_table;

    fn person(number: u128) -> ActorId {
        ActorId::User(Uuid::from_u128(number).into())
    }

    fn fact(state: FactState) -> Fact {
        Fact {
            id: Uuid::nil().into(),
            client_id: Uuid::nil().into(),
            name: "Staff".into(),
            source: FactSource::Interview,
            state,
            details: FactDetails::UserBase(UserBaseFact { user_count: 12, location: None }),
            collected_by: person(1),
            collected_at: DateTime::UNIX_EPOCH,
            verified_by: None,
            verified_at: None,
            revision: 1,
        }
    }

    #[test]
    fn a_fact_goes_only_these_ways() {
        use FactState::{Recorded, Verified};
        use FactVerb::{Record, Verify};
        assert_table(
            FactState::ALL,
            FactVerb::ALL,
            FactState::after,
            &[(Recorded, Record, Recorded), (Verified, Record, Recorded), (Recorded, Verify, Verified)],
        );
    }

    #[test]
    fn verifying_what_one_collected_oneself_is_refused() {
        assert!(fact(FactState::Recorded).verified_by(person(1)).is_err());
        assert_eq!(fact(FactState::Recorded).verified_by(person(2)).unwrap(), FactState::Verified);
        assert!(fact(FactState::Verified).verified_by(person(2)).is_err());
    }

    #[test]
    fn bounds_hold_for_every_kind() {
        let long = || Some("x".repeat(201));
        let bad = [
            serde_json::json!({"kind": "DEVICE", "device_type": "SERVER", "hostname": long()}),
            serde_json::json!({"kind": "USER_BASE", "user_count": USERS_MAX + 1}),
            serde_json::json!({"kind": "USER_BASE", "user_count": 1, "location": ""}),
            serde_json::json!({"kind": "APPLICATION", "criticality": "HIGH", "owner": long()}),
            serde_json::json!({"kind": "VENDOR", "service": " "}),
            serde_json::json!({"kind": "COMPLIANCE_NEED", "framework": ""}),
            serde_json::json!({"kind": "NOTE", "text": ""}),
        ];
        for json in bad {
            assert!(serde_json::from_value::<FactDetails>(json.clone()).unwrap().check().is_err(), "{json}");
        }
        let good = [
            serde_json::json!({"kind": "DEVICE", "device_type": "LAPTOP", "hostname": "pc-1"}),
            serde_json::json!({"kind": "USER_BASE", "user_count": 40}),
            serde_json::json!({"kind": "APPLICATION", "criticality": "CRITICAL", "rto_minutes": 240, "rpo_minutes": 15}),
            serde_json::json!({"kind": "VENDOR", "service": "Telephony"}),
            serde_json::json!({"kind": "COMPLIANCE_NEED", "framework": "HIPAA", "scope": "Patient records"}),
            serde_json::json!({"kind": "NOTE", "text": "The site has no lift."}),
        ];
        for (json, kind) in good.into_iter().zip(FactKind::ALL) {
            let details: FactDetails = serde_json::from_value(json.clone()).unwrap();
            assert!(details.check().is_ok(), "{json}");
            assert_eq!(details.kind(), *kind);
            assert_eq!(serde_json::to_value(&details).unwrap(), json);
        }
    }
}
