//! What gates ask about: the facts of one run, loaded at one moment.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    domain::{
        agreement::AgreementKind,
        client::{Client, TimeZoneName},
        decision::{DecisionKind, DecisionState},
        evidence::{EvidenceDetails, EvidenceKind},
        exception::{ExceptionState, ExceptionType},
        fact::{FactKind, FactSource, FactState},
        holding::{HoldingState, HoldingTraits},
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
    /// When it is due.
    pub due_at: Option<DateTime<Utc>>,
    /// When it became terminal.
    pub finished_at: Option<DateTime<Utc>>,
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
    /// The one holding it is about; none when it is about the run as a whole.
    pub holding: Option<HoldingId>,
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
    /// How many of its actions nobody has settled.
    pub open_actions: usize,
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
    /// Whether its store keeps it and nobody agreed to that.
    pub is_kept: bool,
}

impl HoldingLine {
    /// Whether it stands between its client and a conclusion.
    pub const fn is_residual(&self) -> bool {
        self.is_kept || self.state.is_residual()
    }
}

/// The facts of one run at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The moment.
    pub now: DateTime<Utc>,
    /// The client's zone.
    pub time_zone: TimeZoneName,
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
            time_zone: client.time_zone,
            today: client.today(now),
            service_start_on: client.service_start_on,
            final_service_on: client.final_service_on,
            terminates_on: client.final_service_on,
            ..Self::default()
        }
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

impl ExceptionLine {
    /// Whether somebody still has to do something about it at `now`.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.state.is_open() && now < self.expires_at
    }
}

impl StepLine {
    /// `step` without checklist and evidence.
    pub fn of(step: &Step) -> Self {
        Self {
            id: step.id,
            key: step.key.clone(),
            state: step.state,
            due_at: step.due_at,
            finished_at: step.finished_at,
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
