//! What stands in the way: one kind for each way of missing something.

use chrono::NaiveDate;

use super::{HoldingSelector, Which};
use crate::{
    domain::{agreement::AgreementKind, decision::DecisionKind, evidence::EvidenceKind, fact::FactKind, role::Role},
    ids::{DecisionId, ExceptionId, HoldingId},
};

/// Something that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// What is missing.
    pub missing: Missing,
    /// Whether no exception helps.
    pub is_hard: bool,
}

/// What is missing, with what a caller needs to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Signatures.
    Agreements {
        /// The kinds of which no agreement is signed.
        kinds: Vec<AgreementKind>,
    },
    /// Earlier steps.
    Steps {
        /// The keys of those that are not terminal.
        keys: Vec<String>,
    },
    /// Lines of a checklist.
    Checklist {
        /// The step's key.
        step: String,
        /// The keys of the open lines.
        items: Vec<String>,
    },
    /// Evidence.
    Evidence {
        /// The step's key.
        step: String,
        /// The kinds it lacks.
        kinds: Vec<EvidenceKind>,
    },
    /// Teams in a meeting.
    Teams {
        /// The step's key.
        step: String,
        /// The teams that were neither there nor excused.
        teams: Vec<Role>,
    },
    /// Facts, or a second pair of eyes on them.
    Facts {
        /// The kinds of which nothing is known.
        absent: Vec<FactKind>,
        /// How many facts nobody verified.
        unverified_count: usize,
    },
    /// The client's own form.
    Intake,
    /// Somebody who holds a role.
    Role {
        /// The role.
        role: Role,
    },
    /// A granted decision.
    Decision {
        /// What must be asked.
        kind: DecisionKind,
        /// The question that waits for votes, if it was asked.
        open: Option<DecisionId>,
    },
    /// The client's notice.
    Notice,
    /// A date that has not come, or is not set.
    Date {
        /// Which date.
        which: Which,
        /// The day; none when it is not set.
        on: Option<NaiveDate>,
        /// The client's calendar day.
        today: NaiveDate,
    },
    /// An agreement on how data goes back.
    ReturnTerms,
    /// A confirmed key to encrypt to.
    RecipientKey,
    /// The client's receipt.
    Receipt {
        /// The holdings whose return nobody acknowledged.
        holdings: Vec<HoldingId>,
    },
    /// Settled fees.
    SettledFees {
        /// What is open, in words.
        open: Vec<String>,
        /// Whether somebody gave their word that nothing is.
        is_attested: bool,
    },
    /// Holdings that should be alive by now.
    ActiveHoldings {
        /// Which were asked about.
        of: HoldingSelector,
        /// Those that are only planned.
        holdings: Vec<HoldingId>,
    },
    /// Holdings that should be closed, retained or excepted by now.
    SettledHoldings {
        /// Which were asked about.
        of: HoldingSelector,
        /// Those that are open.
        holdings: Vec<HoldingId>,
    },
    /// Holdings that should be verified gone by now.
    ClosedHoldings {
        /// Which were asked about.
        of: HoldingSelector,
        /// Those that are not.
        holdings: Vec<HoldingId>,
    },
    /// An empty ledger.
    EmptyLedger {
        /// What is still open.
        holdings: Vec<HoldingId>,
    },
    /// An end of open exceptions.
    ClosedExceptions {
        /// Those that are open.
        exceptions: Vec<ExceptionId>,
    },
    /// Answers to open questions.
    Answers {
        /// Those that are open.
        decisions: Vec<DecisionId>,
    },
    /// Somebody else.
    AnotherPerson {
        /// The key of the step that the caller did.
        step: String,
    },
}

impl Blocker {
    /// A blocker that no exception clears.
    pub const fn hard(missing: Missing) -> Self {
        Self { missing, is_hard: true }
    }

    /// A blocker that an approved exception clears.
    pub const fn soft(missing: Missing) -> Self {
        Self { missing, is_hard: false }
    }

    /// Which kind of blocker it is, as a word that never changes.
    pub const fn code(&self) -> &'static str {
        match &self.missing {
            Missing::Agreements { .. } => "AGREEMENTS_UNSIGNED",
            Missing::Steps { .. } => "STEPS_OPEN",
            Missing::Checklist { .. } => "CHECKLIST_OPEN",
            Missing::Evidence { .. } => "EVIDENCE_MISSING",
            Missing::Teams { .. } => "TEAMS_MISSING",
            Missing::Facts { .. } => "FACTS_UNVERIFIED",
            Missing::Intake => "INTAKE_MISSING",
            Missing::Role { role: Role::Compliance } => "DESIGNATED_AUTHORITY_UNSET",
            Missing::Role { .. } => "ROLE_UNHELD",
            Missing::Decision { .. } => "DECISION_MISSING",
            Missing::Notice => "NOTICE_MISSING",
            Missing::Date { .. } => "DATE_NOT_REACHED",
            Missing::ReturnTerms => "RETURN_TERMS_MISSING",
            Missing::RecipientKey => "RECIPIENT_KEY_UNCONFIRMED",
            Missing::Receipt { .. } => "RECEIPT_MISSING",
            Missing::SettledFees { .. } => "FEES_OPEN",
            Missing::ActiveHoldings { .. } => "HOLDINGS_NOT_ACTIVE",
            Missing::SettledHoldings { .. } => "HOLDINGS_OPEN",
            Missing::ClosedHoldings { .. } => "HOLDINGS_NOT_CLOSED",
            Missing::EmptyLedger { .. } => "RESIDUALS",
            Missing::ClosedExceptions { .. } => "EXCEPTIONS_OPEN",
            Missing::Answers { .. } => "DECISIONS_OPEN",
            Missing::AnotherPerson { .. } => "SAME_PERSON",
        }
    }

    /// What is missing, as a sentence.
    pub fn message(&self) -> String {
        match &self.missing {
            Missing::Agreements { kinds } => format!("Not signed yet: {}.", list(kinds)),
            Missing::Steps { keys } => format!("Not finished yet: {}.", keys.join(", ")),
            Missing::Checklist { step, items } => format!("Open on the checklist of {step}: {}.", items.join(", ")),
            Missing::Evidence { step, kinds } => format!("The step {step} lacks evidence: {}.", list(kinds)),
            Missing::Teams { step, teams } => format!("Nobody came or was excused for {} in {step}.", list(teams)),
            Missing::Facts { absent, unverified_count } => facts(absent, *unverified_count),
            Missing::Intake => "The client's information form is not recorded.".to_owned(),
            Missing::Role { role: Role::Compliance } => {
                "Nobody is the designated authority (role COMPLIANCE).".to_owned()
            }
            Missing::Role { role } => format!("Nobody active holds the role {role}."),
            Missing::Decision { kind, open: None } => format!("A granted decision of the kind {kind} is missing."),
            Missing::Decision { kind, open: Some(id) } => format!("The decision {id} ({kind}) waits for votes."),
            Missing::Notice => "The client's termination notice is not recorded.".to_owned(),
            Missing::Date { which, on: None, .. } => format!("The date {which} is not set."),
            Missing::Date { which, on: Some(on), today } => {
                format!("The date {which} is {on}; for the client it is {today}.")
            }
            Missing::ReturnTerms => "No signed agreement says how the client's data goes back.".to_owned(),
            Missing::RecipientKey => "The client has not confirmed a key to encrypt its data to.".to_owned(),
            Missing::Receipt { holdings } => {
                format!("The client has not acknowledged the return of {}.", data_sets(holdings.len()))
            }
            Missing::SettledFees { open, .. } if !open.is_empty() => format!("Fees are open: {}.", open.join(", ")),
            Missing::SettledFees { .. } => "Nobody has declared that no fee is open.".to_owned(),
            Missing::ActiveHoldings { of, holdings } => {
                format!("{}: {} not active yet.", of.describe(), lines(holdings.len()))
            }
            Missing::SettledHoldings { of, holdings } => {
                format!("{}: {} neither closed nor retained nor excepted.", of.describe(), lines(holdings.len()))
            }
            Missing::ClosedHoldings { of, holdings } => {
                format!("{}: {} not verified gone.", of.describe(), lines(holdings.len()))
            }
            Missing::EmptyLedger { holdings } => format!("In the ledger {} still open.", lines(holdings.len())),
            Missing::ClosedExceptions { exceptions } => format!("Exceptions are open: {}.", list(exceptions)),
            Missing::Answers { decisions } => format!("Questions are open: {}.", list(decisions)),
            Missing::AnotherPerson { step } => {
                format!("Whoever finished {step} does not do this: it needs another pair of eyes.")
            }
        }
    }

    /// The way out, with the mutation that clears it; none when only time helps.
    pub fn remedy(&self) -> Option<String> {
        let mutations = self.mutations();
        let text = match &self.missing {
            Missing::Agreements { .. } => {
                "Record the agreement with `agreementRecord` and sign it with `agreementSign`."
            }
            Missing::Steps { .. } if self.is_hard => "Finish these steps with `stepComplete`. No exception helps here.",
            Missing::Steps { .. } => {
                "Finish these steps with `stepComplete`, or ask to go out of order with `exceptionRaise` (OUT_OF_ORDER)."
            }
            Missing::Checklist { .. } => "Settle each line with `checklistItemSet`.",
            Missing::Evidence { .. } => "Attach it with `evidenceAdd`.",
            Missing::Teams { .. } => "Record the meeting with `evidenceAdd` (MEETING), naming each team or its excuse.",
            Missing::Facts { .. } => "Record facts with `factsRecord`; somebody else verifies them with `factsVerify`.",
            Missing::Intake => "Record what the form says with `factsRecord`, source INTAKE.",
            Missing::Role { .. } => "An administrator gives the role to an active person with `userUpsert`.",
            Missing::Decision { open: None, .. } => {
                "Ask for it with `decisionRequest`; it is granted with `decisionVote`."
            }
            Missing::Decision { open: Some(_), .. } => "It is granted with `decisionVote`.",
            Missing::Notice => "Record it with `terminationRecord`.",
            Missing::Date { which: Which::ServiceStart, on: None, .. } => "Set it with `clientUpdate`.",
            Missing::Date { on: None, .. } => "Confirm it with `terminationRecord`.",
            Missing::Date { on: Some(_), .. } => return None,
            Missing::ReturnTerms => {
                "Record a service agreement that names formats and destination with `agreementRecord`, and sign it with `agreementSign`."
            }
            Missing::RecipientKey => {
                "Enter the client's key with `recipientKeyRegister`; the client answers the challenge with `recipientKeyConfirm`."
            }
            Missing::Receipt { .. } => {
                "The client acknowledges with `dataReturnAcknowledge`, or waives the receipt through `decisionRequest` (RECEIPT_WAIVER)."
            }
            Missing::SettledFees { .. } => {
                "Settle what is open, and attest it on this step with `evidenceAdd` (ATTESTATION)."
            }
            Missing::ActiveHoldings { .. } => "Set them up, and say of each that it exists now with `holdingActivate`.",
            Missing::SettledHoldings { .. } | Missing::EmptyLedger { .. } => {
                "Remove them by a job (`jobPlan`, `jobStart`), retain them by contract (`holdingRetain`), or ask for an exception (`exceptionRaise`)."
            }
            Missing::ClosedHoldings { .. } => {
                "Remove them by a job (`jobPlan`, `jobStart`). Neither clause nor exception helps."
            }
            Missing::ClosedExceptions { .. } => {
                "Have each decided (`decisionVote`), settle its actions (`exceptionActionDone`) and close it (`exceptionClose`)."
            }
            Missing::Answers { .. } => "Have each answered with `decisionVote`.",
            Missing::AnotherPerson { .. } => "Assign the step to somebody else with `stepAssign`.",
        };
        debug_assert!(mutations.iter().all(|mutation| text.contains(mutation)), "the remedy names its mutations");
        Some(text.to_owned())
    }

    /// The mutations that the remedy names. Every one of them must exist in the schema.
    pub const fn mutations(&self) -> &'static [&'static str] {
        match &self.missing {
            Missing::Agreements { .. } | Missing::ReturnTerms => &["agreementRecord", "agreementSign"],
            Missing::Steps { .. } if self.is_hard => &["stepComplete"],
            Missing::Steps { .. } => &["stepComplete", "exceptionRaise"],
            Missing::Checklist { .. } => &["checklistItemSet"],
            Missing::Evidence { .. } | Missing::Teams { .. } | Missing::SettledFees { .. } => &["evidenceAdd"],
            Missing::Facts { .. } => &["factsRecord", "factsVerify"],
            Missing::Intake => &["factsRecord"],
            Missing::Role { .. } => &["userUpsert"],
            Missing::Decision { open: None, .. } => &["decisionRequest", "decisionVote"],
            Missing::Decision { open: Some(_), .. } | Missing::Answers { .. } => &["decisionVote"],
            Missing::Date { which: Which::ServiceStart, on: None, .. } => &["clientUpdate"],
            Missing::Notice | Missing::Date { on: None, .. } => &["terminationRecord"],
            Missing::Date { on: Some(_), .. } => &[],
            Missing::RecipientKey => &["recipientKeyRegister", "recipientKeyConfirm"],
            Missing::Receipt { .. } => &["dataReturnAcknowledge", "decisionRequest"],
            Missing::ActiveHoldings { .. } => &["holdingActivate"],
            Missing::SettledHoldings { .. } | Missing::EmptyLedger { .. } => {
                &["jobPlan", "jobStart", "holdingRetain", "exceptionRaise"]
            }
            Missing::ClosedHoldings { .. } => &["jobPlan", "jobStart"],
            Missing::ClosedExceptions { .. } => &["decisionVote", "exceptionActionDone", "exceptionClose"],
            Missing::AnotherPerson { .. } => &["stepAssign"],
        }
    }

    /// Whether no exception helps.
    pub const fn is_hard(&self) -> bool {
        self.is_hard
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn facts(absent: &[FactKind], unverified_count: usize) -> String {
    match (absent.is_empty(), unverified_count) {
        (false, 0) => format!("Nothing is known yet about: {}.", list(absent)),
        (false, count) => format!("Nothing is known yet about: {}. Facts not verified: {count}.", list(absent)),
        (true, count) => format!("Facts not verified by a second person: {count}."),
    }
}

fn lines(count: usize) -> String {
    if count == 1 { "1 line is".to_owned() } else { format!("{count} lines are") }
}

fn data_sets(count: usize) -> String {
    if count == 1 { "1 data set".to_owned() } else { format!("{count} data sets") }
}
