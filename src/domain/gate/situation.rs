//! What gates ask about: the facts of one run, loaded at one moment.
//!
//! Made from the nouns themselves (`with_…`), or filled line by line where a loader has only columns.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    domain::{
        agreement::{Agreement, AgreementDetails, AgreementKind, AgreementState},
        client::Client,
        decision::{Decision, DecisionKind, DecisionState},
        evidence::{Evidence, EvidenceDetails, EvidenceKind},
        exception::{Exception, ExceptionState, ExceptionType},
        fact::{Fact, FactKind, FactSource, FactState},
        holding::{Holding, HoldingState, HoldingTraits},
        role::Role,
        step::{ChecklistItem, ChecklistItemState, Step, StepState},
    },
    ids::{ActorId, DecisionId, ExceptionId, HoldingId, StepId},
};

/// A step, as gates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLine {
    /// The step.
    pub id: StepId,
    /// What the process calls it.
    pub key: String,
    /// Where it stands.
    pub state: StepState,
    /// Who made it terminal.
    pub finished_by: Option<ActorId>,
    /// Its checklist.
    pub checklist: Vec<ChecklistLine>,
    /// The kinds of evidence it has.
    pub evidence: BTreeSet<EvidenceKind>,
    /// The teams that met for it, or were excused.
    pub teams_met: BTreeSet<Role>,
}

/// A line of a checklist, as gates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChecklistLine {
    /// What the process calls it.
    pub key: String,
    /// What is to be done.
    pub text: String,
    /// Whether the step waits for it.
    pub is_required: bool,
    /// Where it stands.
    pub state: ChecklistItemState,
}

/// A fact, as gates see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactLine {
    /// What it is about.
    pub kind: FactKind,
    /// How it came to be known.
    pub source: FactSource,
    /// Whether somebody else looked too.
    pub state: FactState,
}

/// A question of the run, as gates see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionLine {
    /// The question.
    pub id: DecisionId,
    /// What is asked.
    pub kind: DecisionKind,
    /// Where it stands.
    pub state: DecisionState,
}

/// An exception of the run, as gates see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExceptionLine {
    /// The exception.
    pub id: ExceptionId,
    /// The step it is about.
    pub step_id: Option<StepId>,
    /// How the run leaves the process.
    pub r#type: ExceptionType,
    /// Where it stands.
    pub state: ExceptionState,
    /// From then on it allows nothing more.
    pub expires_at: DateTime<Utc>,
}

/// A holding of the client, as gates see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldingLine {
    /// The holding.
    pub id: HoldingId,
    /// Where it stands.
    pub state: HoldingState,
    /// What it is.
    pub traits: HoldingTraits,
    /// Whether the client acknowledged its return.
    pub has_receipt: bool,
}

/// The facts of one run at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The moment.
    pub now: DateTime<Utc>,
    /// The client's calendar day at that moment.
    pub today: NaiveDate,
    /// Who asks; none when nobody in particular does.
    pub actor: Option<ActorId>,
    /// The agreed first day of service.
    pub service_start_on: Option<NaiveDate>,
    /// The confirmed last day of service.
    pub final_service_on: Option<NaiveDate>,
    /// The day from which the agreement is at an end.
    pub terminates_on: Option<NaiveDate>,
    /// Whether the client gave notice and has not taken it back.
    pub has_notice: bool,
    /// The kinds of which a signed agreement exists.
    pub signed: BTreeSet<AgreementKind>,
    /// Whether a signed agreement says how data goes back.
    pub has_return_terms: bool,
    /// The roles that active people hold.
    pub roles_held: BTreeSet<Role>,
    /// What discovery found.
    pub facts: Vec<FactLine>,
    /// The questions of this run, except those about single jobs.
    pub decisions: Vec<DecisionLine>,
    /// The exceptions of this run.
    pub exceptions: Vec<ExceptionLine>,
    /// The steps of this run, in order.
    pub steps: Vec<StepLine>,
    /// Every holding of the client.
    pub holdings: Vec<HoldingLine>,
    /// Whether the client proved that it holds the key its data is encrypted to.
    pub has_recipient_key: bool,
    /// Fees that are not settled, each in words.
    pub open_fees: Vec<String>,
}

impl Situation {
    /// The situation of `client` at `now`, of which nothing else is known yet.
    pub fn of(client: &Client, now: DateTime<Utc>) -> Self {
        Self {
            now,
            today: client.today(now),
            service_start_on: client.service_start_on,
            final_service_on: client.final_service_on,
            terminates_on: client.final_service_on,
            ..Self::default()
        }
    }

    /// Adds what was agreed with the client.
    #[must_use]
    pub fn with_agreements(mut self, agreements: &[Agreement]) -> Self {
        for agreement in agreements.iter().filter(|agreement| agreement.state == AgreementState::Signed) {
            self.signed.insert(agreement.kind());
            match &agreement.details {
                AgreementDetails::ServiceAgreement(details) => self.has_return_terms |= details.data_return.is_some(),
                AgreementDetails::TerminationNotice(notice) => {
                    self.has_notice = true;
                    self.terminates_on = Some(notice.terminates_on(agreement.ends_on));
                }
                AgreementDetails::Sla(_) | AgreementDetails::Sow(_) => {}
            }
        }
        self
    }

    /// Adds what discovery found.
    #[must_use]
    pub fn with_facts(mut self, facts: &[Fact]) -> Self {
        let line = |fact: &Fact| FactLine { kind: fact.kind(), source: fact.source, state: fact.state };
        self.facts.extend(facts.iter().map(line));
        self
    }

    /// Adds the questions of the run.
    #[must_use]
    pub fn with_decisions(mut self, decisions: &[Decision]) -> Self {
        let line = |decision: &Decision| DecisionLine { id: decision.id, kind: decision.kind, state: decision.state };
        self.decisions.extend(decisions.iter().map(line));
        self
    }

    /// Adds the exceptions of the run.
    #[must_use]
    pub fn with_exceptions(mut self, exceptions: &[Exception]) -> Self {
        self.exceptions.extend(exceptions.iter().map(|exception| ExceptionLine {
            id: exception.id,
            step_id: exception.step_id,
            r#type: exception.r#type,
            state: exception.state,
            expires_at: exception.expires_at,
        }));
        self
    }

    /// Adds the steps of the run with their checklists and evidence.
    #[must_use]
    pub fn with_steps(mut self, steps: &[Step], checklist: &[ChecklistItem], evidence: &[Evidence]) -> Self {
        let mut lines: BTreeMap<StepId, StepLine> = steps.iter().map(|step| (step.id, StepLine::of(step))).collect();
        for item in checklist {
            if let Some(line) = lines.get_mut(&item.step_id) {
                line.checklist.push(ChecklistLine::of(item));
            }
        }
        for proof in evidence {
            if let Some(line) = proof.step_id.and_then(|id| lines.get_mut(&id)) {
                line.prove(&proof.details);
            }
        }
        self.steps.extend(steps.iter().filter_map(|step| lines.remove(&step.id)));
        self
    }

    /// Adds the client's ledger; `receipts` are the holdings whose return the client acknowledged.
    #[must_use]
    pub fn with_holdings(mut self, holdings: &[Holding], receipts: &BTreeSet<HoldingId>) -> Self {
        self.holdings.extend(holdings.iter().map(|holding| HoldingLine {
            id: holding.id,
            state: holding.state,
            traits: holding.details.traits(),
            has_receipt: receipts.contains(&holding.id),
        }));
        self
    }

    /// The step with this key.
    pub fn step(&self, key: &str) -> Option<&StepLine> {
        self.steps.iter().find(|step| step.key == key)
    }

    /// The exceptions in force for the step with this key.
    pub fn exceptions_of(&self, key: &str) -> impl Iterator<Item = &ExceptionLine> {
        let id = self.step(key).map(|step| step.id);
        self.exceptions.iter().filter(move |exception| {
            id.is_some() && exception.step_id == id && exception.state.is_granted() && self.now < exception.expires_at
        })
    }
}

impl StepLine {
    /// `step` without checklist and evidence.
    pub fn of(step: &Step) -> Self {
        Self {
            id: step.id,
            key: step.key.clone(),
            state: step.state,
            finished_by: step.finished_by,
            checklist: Vec::new(),
            evidence: BTreeSet::new(),
            teams_met: BTreeSet::new(),
        }
    }

    /// Adds a proof.
    pub fn prove(&mut self, details: &EvidenceDetails) {
        self.evidence.insert(details.kind());
        match details {
            EvidenceDetails::Meeting(meeting) => {
                self.teams_met.extend(meeting.attendees.iter().filter_map(|attendee| attendee.team));
            }
            EvidenceDetails::File(_) | EvidenceDetails::Photo(_) | EvidenceDetails::Attestation(_) => {}
        }
    }
}

impl ChecklistLine {
    /// `item` as gates see it.
    pub fn of(item: &ChecklistItem) -> Self {
        Self { key: item.key.clone(), text: item.text.clone(), is_required: item.is_required, state: item.state }
    }
}
