//! What a process version says: the document's own fields, and the steps with their gates as data.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::DocumentNumber;
use crate::domain::{
    client::TimeZoneName,
    engagement::EngagementKind,
    evidence::EvidenceKind,
    exception::Catalogue,
    gate::{Gate, GateUse, HoldingSelector, Moment},
    job::JobKind,
    role::Role,
    stakeholder::{Lesson, RaciByStep},
};

/// Everything a version says. Its canonical JSON is what is hashed and approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// What it is cited by.
    pub document_number: DocumentNumber,
    /// What people call it.
    pub title: String,
    /// Onboarding or offboarding.
    pub kind: EngagementKind,
    /// What the process is, in a sentence.
    pub process: String,
    /// What it shall achieve.
    pub objective: String,
    /// Why it is written down.
    pub reason: String,
    /// What writing it down shall achieve.
    pub goals: Vec<String>,
    /// What it attends to first, second, third.
    pub focus_areas: Vec<FocusArea>,
    /// Who has an interest in it.
    pub stakeholders: Vec<StakeholderTemplate>,
    /// Where it starts and ends.
    pub boundaries: Boundaries,
    /// What belongs to it.
    pub activities: Vec<Activity>,
    /// What it needs to start: asked before a run begins.
    pub inputs: Vec<Term>,
    /// What comes out of it: asked before a run ends.
    pub outputs: Vec<Term>,
    /// Further gates before a run begins.
    #[serde(default)]
    pub start_gates: Vec<Gate>,
    /// Further gates before a run ends.
    #[serde(default)]
    pub conclusion_gates: Vec<Gate>,
    /// What goes wrong, and what to do then.
    pub exceptions: Catalogue,
    /// What was feared, what came, what it taught.
    #[serde(default)]
    pub challenges: Vec<Lesson>,
    /// When a person looks at it again.
    pub review: ReviewSchedule,
    /// Who wrote it, where and when.
    pub prepared: Preparation,
    /// The steps, in their order.
    pub steps: Vec<StepTemplate>,
}

/// What a process attends to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FocusArea {
    /// 1 comes first; without gaps.
    pub rank: u32,
    /// What it is.
    pub text: String,
}

/// Who has an interest in every run of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StakeholderTemplate {
    /// Person or team.
    pub name: String,
    /// The role it acts in.
    pub role: Role,
    /// What it looks after.
    pub responsibilities: Vec<String>,
    /// Its number, as the document gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// What it is to each step.
    #[serde(default)]
    pub raci: RaciByStep,
}

/// Where a process starts and ends, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundaries {
    /// What has happened when it starts.
    pub start: String,
    /// What has happened when it ends.
    pub end: String,
}

/// Something that belongs to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// What it is.
    pub text: String,
    /// The steps that do it.
    pub steps: Vec<String>,
}

/// Something a process needs or yields, in words and as a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// What it is.
    pub text: String,
    /// How a program tells that it is there.
    pub gate: Gate,
}

/// When a person looks at a version again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSchedule {
    /// Months from approval to review; 1 to 60.
    pub interval_months: u32,
    /// Who looks.
    pub reviewer: String,
    /// How to reach that person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Always false: no schedule writes a version.
    pub auto_revise: bool,
    /// What comes before a revision.
    pub steps_before_revision: Vec<String>,
}

/// Who wrote a version, where and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Who.
    pub by: String,
    /// When, if the text says it beyond doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The time as the document gives it: an abbreviation like "PST" has more than one meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_time_text: Option<String>,
    /// The approval as the document gives it, when it had one before it came here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_approval_text: Option<String>,
    /// The zone that `at` was understood in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZoneName>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place on the earth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// As written on an envelope.
    pub address: String,
    /// Degrees north; -90 to 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east; -180 to 180.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

words! {
    /// Which of the four sorts of procedure a step belongs to.
    StepCategory {
        /// Papers, people, plans.
        Administrative = "ADMINISTRATIVE",
        /// Devices and programs.
        Technical = "TECHNICAL",
        /// Access and protection.
        Security = "SECURITY",
        /// The client's data.
        DataHandling = "DATA_HANDLING",
    }
}

words! {
    /// From where a due date is counted.
    DueFrom {
        /// The day the run began.
        Start = "START",
        /// The day it shall be done: the target, in an offboarding the last day of service.
        Target = "TARGET",
    }
}

/// When a step is due, relative to its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Days after (or, below zero, before) that day; within two years.
    pub days: i32,
    /// Which day.
    pub from: DueFrom,
}

/// A step, as every run of the version gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTemplate {
    /// Unique within the process; never changes once a run has it.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Who works on it.
    pub role: Role,
    /// What sort of procedure it is.
    pub category: StepCategory,
    /// Steps that come first.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// What is to be ticked off.
    #[serde(default)]
    pub checklist: Vec<ChecklistTemplate>,
    /// Kinds of evidence without which it is not finished.
    #[serde(default)]
    pub required_evidence: Vec<EvidenceKind>,
    /// What else must be true, and when.
    #[serde(default)]
    pub gates: Vec<GateUse>,
    /// The kind of job that does the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_kind: Option<JobKind>,
    /// Whether the designated authority has a say in every exception to it.
    #[serde(default)]
    pub is_security: bool,
    /// Whether there may be nothing to do in it.
    #[serde(default)]
    pub may_be_not_applicable: bool,
    /// The lines of the ledger it is about: while one of them is open, the step does apply.
    #[serde(default)]
    pub holdings: Vec<HoldingSelector>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
}

/// A line of a checklist, as every run of the version gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistTemplate {
    /// Unique within the step.
    pub key: String,
    /// What is to be done.
    pub text: String,
    /// Whether the step waits for it.
    #[serde(default = "yes")]
    pub is_required: bool,
}

const fn yes() -> bool {
    true
}

impl Content {
    /// The step with this key.
    pub fn step(&self, key: &str) -> Option<&StepTemplate> {
        self.steps.iter().find(|step| step.key == key)
    }

    /// What must be true before a run begins: the authority in every process, notice in every offboarding,
    /// then what the document asks for.
    pub fn gates_at_start(&self) -> Vec<Gate> {
        let notice = match self.kind {
            EngagementKind::Onboarding => None,
            EngagementKind::Offboarding => Some(Gate::NoticeRecorded),
        };
        let own = self.inputs.iter().map(|input| &input.gate).chain(&self.start_gates).cloned();
        distinct([Gate::DesignatedAuthoritySet].into_iter().chain(notice).chain(own))
    }

    /// What must be true before a run ends, besides that every step is terminal.
    pub fn gates_at_conclusion(&self) -> Vec<Gate> {
        distinct(self.outputs.iter().map(|output| &output.gate).chain(&self.conclusion_gates).cloned())
    }
}

fn distinct(gates: impl IntoIterator<Item = Gate>) -> Vec<Gate> {
    let mut kept = Vec::new();
    for gate in gates {
        if !kept.contains(&gate) {
            kept.push(gate);
        }
    }
    kept
}

impl StepTemplate {
    /// What is asked at `moment`: on completion the checklist and the required evidence first, then the
    /// gates that the document names for that moment.
    pub fn gates_at(&self, moment: Moment) -> Vec<GateUse> {
        let mut gates = Vec::new();
        if moment == Moment::Complete {
            gates.push(GateUse::on_completion(Gate::ChecklistDone));
            if !self.required_evidence.is_empty() {
                let kinds = self.required_evidence.clone();
                gates.push(GateUse::on_completion(Gate::EvidencePresent { kinds }));
            }
        }
        gates.extend(self.gates.iter().filter(|rule| rule.when == moment).cloned());
        gates
    }

    /// The instant by which it is due: the end of a day in the client's zone. None without a due date, or
    /// when the day it is counted from is not known.
    pub fn due_at(
        &self,
        zone: TimeZoneName,
        started_on: NaiveDate,
        target_on: Option<NaiveDate>,
    ) -> Option<DateTime<Utc>> {
        let due = self.due?;
        let from = match due.from {
            DueFrom::Start => started_on,
            DueFrom::Target => target_on?,
        };
        let distance = Days::new(due.days.unsigned_abs().into());
        let day = if due.days < 0 { from.checked_sub_days(distance) } else { from.checked_add_days(distance) }?;
        Some(zone.start_of(day.succ_opt()?))
    }
}
