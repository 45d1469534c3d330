//! The closed set of gates, as a process writes them down.

use serde::{Deserialize, Serialize};

use crate::domain::{
    agreement::AgreementKind,
    decision::DecisionKind,
    evidence::EvidenceKind,
    fact::FactKind,
    holding::{AgentTool, ConfigKind, Disposition, HoldingKind, HoldingTraits, System},
    role::Role,
};

words! {
    /// When a step asks a gate.
    Moment {
        /// Before it begins.
        Start = "START",
        /// Before it is finished.
        Complete = "COMPLETE",
    }
}

words! {
    /// A date that a run turns on, in the client's zone.
    Which {
        /// The agreed first day of service.
        ServiceStart = "SERVICE_START",
        /// The confirmed last day of service.
        FinalService = "FINAL_SERVICE",
        /// The end of the agreement: the last day of service, or later when the notice says so.
        Termination = "TERMINATION",
    }
}

/// Something that must be true. Serialised with its name under `gate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "gate", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Gate {
    /// An agreement of each kind is signed.
    AgreementsSigned {
        /// Which kinds.
        kinds: Vec<AgreementKind>,
    },
    /// These steps are terminal.
    StepsDone {
        /// Their keys.
        keys: Vec<String>,
    },
    /// Every required line of this step's checklist is settled.
    ChecklistDone,
    /// This step has evidence of each kind.
    EvidencePresent {
        /// Which kinds.
        kinds: Vec<EvidenceKind>,
    },
    /// A meeting recorded for this step had, or excused, somebody of each team.
    TeamsMet {
        /// Which teams.
        teams: Vec<Role>,
    },
    /// Facts of each kind are there, and no fact is unverified.
    FactsVerified {
        /// Which kinds.
        kinds: Vec<FactKind>,
    },
    /// The client's own form came in.
    IntakeReceived,
    /// Somebody active holds this role.
    RoleHeld {
        /// Which role.
        role: Role,
    },
    /// Somebody active is the designated authority.
    DesignatedAuthoritySet,
    /// A question of this kind was granted in this run.
    DecisionGranted {
        /// Which kind.
        kind: DecisionKind,
    },
    /// A change was approved in this run.
    ApprovedChange,
    /// The client agreed when access may be taken away.
    WindowAgreed,
    /// The client gave notice.
    NoticeRecorded,
    /// A date has come, in the client's zone.
    DateReached {
        /// Which date.
        which: Which,
    },
    /// A signed agreement says how data goes back. True while nothing has to.
    ReturnTermsAgreed,
    /// The client proved that it holds the key its data is encrypted to. True while nothing has to go back.
    RecipientKeyConfirmed,
    /// The client acknowledged every return, or waived the receipt.
    ReceiptGiven,
    /// No fee is open, and this step's evidence has somebody's word for it.
    FeesSettled,
    /// No holding of these is still only planned.
    HoldingsActive {
        /// Which holdings.
        of: HoldingSelector,
    },
    /// Every holding of these is closed, retained or excepted.
    HoldingsSettled {
        /// Which holdings.
        of: HoldingSelector,
    },
    /// Every holding of these is verified gone; neither clause nor exception helps.
    HoldingsClosed {
        /// Which holdings.
        of: HoldingSelector,
    },
    /// No holding of the client is open.
    NoResiduals,
    /// No exception of the run waits for a decision or an action.
    OpenExceptionsClosed,
    /// No question of the run waits for an answer.
    OpenDecisionsDecided,
    /// Whoever does this step is not who finished that one.
    DifferentPerson {
        /// The key of the other step.
        step: String,
    },
}

impl Gate {
    /// No backup job of the client can bring destroyed data back.
    pub fn no_backup_job() -> Self {
        Self::HoldingsClosed { of: HoldingSelector::Config { config_kinds: vec![ConfigKind::BackupJob] } }
    }

    /// Whether it is hard wherever it stands.
    ///
    /// # Source
    /// The hard gates of the design: authority, notice, receipt, key, termination, four eyes, an empty
    /// ledger, and what must be gone and not merely settled.
    pub const fn is_always_hard(&self) -> bool {
        match self {
            Self::DesignatedAuthoritySet
            | Self::NoticeRecorded
            | Self::RecipientKeyConfirmed
            | Self::ReceiptGiven
            | Self::HoldingsClosed { .. }
            | Self::NoResiduals
            | Self::FeesSettled
            | Self::DifferentPerson { .. }
            | Self::DateReached { which: Which::Termination } => true,
            Self::AgreementsSigned { .. }
            | Self::StepsDone { .. }
            | Self::ChecklistDone
            | Self::EvidencePresent { .. }
            | Self::TeamsMet { .. }
            | Self::FactsVerified { .. }
            | Self::IntakeReceived
            | Self::RoleHeld { .. }
            | Self::DecisionGranted { .. }
            | Self::ApprovedChange
            | Self::WindowAgreed
            | Self::DateReached { which: Which::ServiceStart | Which::FinalService }
            | Self::ReturnTermsAgreed
            | Self::HoldingsActive { .. }
            | Self::HoldingsSettled { .. }
            | Self::OpenExceptionsClosed
            | Self::OpenDecisionsDecided => false,
        }
    }

    /// Whether it asks about the step it stands on, and so means nothing elsewhere.
    pub const fn is_about_its_step(&self) -> bool {
        match self {
            Self::ChecklistDone | Self::EvidencePresent { .. } | Self::TeamsMet { .. } | Self::FeesSettled => true,
            Self::AgreementsSigned { .. }
            | Self::StepsDone { .. }
            | Self::FactsVerified { .. }
            | Self::IntakeReceived
            | Self::RoleHeld { .. }
            | Self::DesignatedAuthoritySet
            | Self::DecisionGranted { .. }
            | Self::ApprovedChange
            | Self::WindowAgreed
            | Self::NoticeRecorded
            | Self::DateReached { .. }
            | Self::ReturnTermsAgreed
            | Self::RecipientKeyConfirmed
            | Self::ReceiptGiven
            | Self::HoldingsActive { .. }
            | Self::HoldingsSettled { .. }
            | Self::HoldingsClosed { .. }
            | Self::NoResiduals
            | Self::OpenExceptionsClosed
            | Self::OpenDecisionsDecided
            | Self::DifferentPerson { .. } => false,
        }
    }

    /// The other steps it waits for.
    pub fn steps(&self) -> &[String] {
        if let Self::StepsDone { keys } = self {
            keys
        } else if let Self::DifferentPerson { step } = self {
            std::slice::from_ref(step)
        } else {
            &[]
        }
    }
}

/// A gate as it stands on a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateUse {
    /// What must be true.
    #[serde(flatten)]
    pub gate: Gate,
    /// When it is asked.
    pub when: Moment,
    /// Whether no exception helps. Some gates are hard without it.
    #[serde(default, rename = "hard")]
    pub is_hard_here: bool,
}

impl GateUse {
    /// A soft gate before a step is finished.
    pub const fn on_completion(gate: Gate) -> Self {
        Self { gate, when: Moment::Complete, is_hard_here: false }
    }

    /// Whether no exception helps.
    pub const fn is_hard(&self) -> bool {
        self.is_hard_here || self.gate.is_always_hard()
    }
}

/// Some lines of the ledger. An empty list means all of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HoldingSelector {
    /// Records in these systems.
    SystemRecord {
        /// Which systems.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        systems: Vec<System>,
    },
    /// Agents for these purposes.
    Agent {
        /// Which purposes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tools: Vec<AgentTool>,
    },
    /// Access.
    Credential {
        /// Only what outlives the tools, or only what does not; none for both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        is_last_mile: Option<bool>,
    },
    /// Settings of these kinds.
    Config {
        /// Which kinds.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        config_kinds: Vec<ConfigKind>,
    },
    /// Data with these ends.
    Data {
        /// Which ends.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dispositions: Vec<Disposition>,
    },
}

impl HoldingSelector {
    /// Every agent.
    pub const fn any_agent() -> Self {
        Self::Agent { tools: Vec::new() }
    }

    /// Everything except records in the provider's systems.
    pub fn all_but_records() -> Vec<Self> {
        vec![
            Self::any_agent(),
            Self::Credential { is_last_mile: None },
            Self::Config { config_kinds: Vec::new() },
            Self::Data { dispositions: Vec::new() },
        ]
    }

    /// Which kind of holding it selects from.
    pub const fn kind(&self) -> HoldingKind {
        match self {
            Self::SystemRecord { .. } => HoldingKind::SystemRecord,
            Self::Agent { .. } => HoldingKind::Agent,
            Self::Credential { .. } => HoldingKind::Credential,
            Self::Config { .. } => HoldingKind::Config,
            Self::Data { .. } => HoldingKind::Data,
        }
    }

    /// Whether a holding with these traits is one of them.
    pub fn selects(&self, traits: HoldingTraits) -> bool {
        match (self, traits) {
            (Self::SystemRecord { systems: wanted }, HoldingTraits::SystemRecord(system)) => {
                wanted.is_empty() || wanted.contains(&system)
            }
            (Self::Agent { tools: wanted }, HoldingTraits::Agent(tool)) => wanted.is_empty() || wanted.contains(&tool),
            (Self::Credential { is_last_mile: wanted }, HoldingTraits::Credential { is_last_mile, .. }) => {
                wanted.is_none_or(|wanted| wanted == is_last_mile)
            }
            (Self::Config { config_kinds: wanted }, HoldingTraits::Config(kind)) => {
                wanted.is_empty() || wanted.contains(&kind)
            }
            (Self::Data { dispositions: wanted }, HoldingTraits::Data(disposition)) => {
                wanted.is_empty() || wanted.contains(&disposition)
            }
            (
                Self::SystemRecord { .. }
                | Self::Agent { .. }
                | Self::Credential { .. }
                | Self::Config { .. }
                | Self::Data { .. },
                _,
            ) => false,
        }
    }

    /// The selection in words: `CONFIG (BACKUP_JOB)`.
    pub fn describe(&self) -> String {
        let list = |words: Vec<&str>| if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
        let only = match self {
            Self::SystemRecord { systems } => list(systems.iter().map(|word| word.as_str()).collect()),
            Self::Agent { tools } => list(tools.iter().map(|word| word.as_str()).collect()),
            Self::Credential { is_last_mile: None } => String::new(),
            Self::Credential { is_last_mile: Some(true) } => " (last mile)".to_owned(),
            Self::Credential { is_last_mile: Some(false) } => " (not last mile)".to_owned(),
            Self::Config { config_kinds } => list(config_kinds.iter().map(|word| word.as_str()).collect()),
            Self::Data { dispositions } => list(dispositions.iter().map(|word| word.as_str()).collect()),
        };
        format!("{}{only}", self.kind())
    }
}
