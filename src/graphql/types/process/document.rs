//! The process document with its parts, as it is shown and as it is taken. Gates stand in [`super::gate`].
//!
//! To add a field, add it to the domain's type and to its part here: both directions follow.

use super::{
    gate::{ProcessGate, ProcessGateInput},
    part::parts,
    selector::{HoldingSelector, HoldingSelectorInput},
};
use crate::{
    domain::{
        engagement::EngagementKind,
        evidence::EvidenceKind,
        exception::{ActionKind, Catalogue, CatalogueAction, CatalogueRisk, RiskKind},
        gate::{GateUse, Moment},
        job::JobKind,
        process::{
            Activity, Boundaries, ChecklistTemplate, Content, Due, DueFrom, FocusArea, Place, Preparation,
            ReviewSchedule, StakeholderTemplate, StepCategory, StepTemplate, Term,
        },
        role::Role,
        stakeholder::Lesson,
    },
    graphql::{
        scalars::DateTime,
        types::stakeholder::{StakeholderRaci, StakeholderRaciInput},
    },
};

parts! {
    /// Everything a process version says.
    ProcessDocument, ProcessDocumentInput for Content {
        /// What it is cited by: `T-ONB-010`.
        document_number: String,
        /// What people call it.
        title: String,
        /// Onboarding or offboarding.
        kind: EngagementKind,
        /// What the process is, in a sentence.
        process: String,
        /// What it shall achieve.
        objective: String,
        /// Why it is written down.
        reason: String,
        /// What writing it down shall achieve.
        goals: Vec<String>,
        /// What it attends to first, second, third.
        focus_areas: Vec<ProcessFocusArea> => Vec<ProcessFocusAreaInput>,
        /// Who has an interest in it.
        stakeholders: Vec<ProcessStakeholder> => Vec<ProcessStakeholderInput>,
        /// Where it starts and ends.
        boundaries: ProcessBoundaries => ProcessBoundariesInput,
        /// What belongs to it.
        activities: Vec<ProcessActivity> => Vec<ProcessActivityInput>,
        /// What it needs to start: asked before a run begins.
        inputs: Vec<ProcessTerm> => Vec<ProcessTermInput>,
        /// What comes out of it: asked before a run ends.
        outputs: Vec<ProcessTerm> => Vec<ProcessTermInput>,
        /// Further gates before a run begins.
        start_gates: Vec<ProcessGate> => Vec<ProcessGateInput> [default],
        /// Further gates before a run ends.
        conclusion_gates: Vec<ProcessGate> => Vec<ProcessGateInput> [default],
        /// What goes wrong, and what to do then.
        exceptions: ProcessCatalogue => ProcessCatalogueInput,
        /// What was feared, what came, what it taught.
        challenges: Vec<ProcessLesson> => Vec<ProcessLessonInput> [default],
        /// When a person looks at it again.
        review: ProcessReviewSchedule => ProcessReviewScheduleInput,
        /// Who wrote it, where and when.
        prepared: ProcessPreparation => ProcessPreparationInput,
        /// The steps, in their order.
        steps: Vec<ProcessStep> => Vec<ProcessStepInput>,
    }

    /// What a process attends to.
    ProcessFocusArea, ProcessFocusAreaInput for FocusArea {
        /// 1 comes first; without gaps.
        rank: i32,
        /// What it is.
        text: String,
    }

    /// Who has an interest in every run of a process.
    ProcessStakeholder, ProcessStakeholderInput for StakeholderTemplate {
        /// Person or team.
        name: String,
        /// The role it acts in.
        role: Role,
        /// What it looks after.
        responsibilities: Vec<String>,
        /// Its number, as the document gives it.
        phone: Option<String>,
        /// What it is to which step; each step at most once. One stakeholder is ACCOUNTABLE for a step.
        raci: Vec<StakeholderRaci> => Vec<StakeholderRaciInput> [default],
    }

    /// Where a process starts and ends, in words.
    ProcessBoundaries, ProcessBoundariesInput for Boundaries {
        /// What has happened when it starts.
        start: String,
        /// What has happened when it ends.
        end: String,
    }

    /// Something that belongs to a process.
    ProcessActivity, ProcessActivityInput for Activity {
        /// What it is.
        text: String,
        /// The keys of the steps that do it.
        steps: Vec<String>,
    }

    /// Something a process needs or yields, in words and as a gate.
    ProcessTerm, ProcessTermInput for Term {
        /// What it is.
        text: String,
        /// How a program tells that it is there.
        gate: ProcessGate => ProcessGateInput,
    }

    /// What a process expects to go wrong, and what to do then.
    ProcessCatalogue, ProcessCatalogueInput for Catalogue {
        /// Situations that lead to exceptions.
        situations: Vec<String> [default],
        /// What is to be done then, for each kind of action.
        actions: Vec<ProcessCatalogueAction> => Vec<ProcessCatalogueActionInput> [default],
        /// What may come of it, for each kind of risk.
        risks: Vec<ProcessCatalogueRisk> => Vec<ProcessCatalogueRiskInput> [default],
    }

    /// What a process says about an action.
    ProcessCatalogueAction, ProcessCatalogueActionInput for CatalogueAction {
        /// Which of the three.
        kind: ActionKind,
        /// What it means here.
        text: String,
    }

    /// What a process says about a risk.
    ProcessCatalogueRisk, ProcessCatalogueRiskInput for CatalogueRisk {
        /// Which one.
        kind: RiskKind,
        /// What it means here.
        text: String,
    }

    /// What was feared, what came, and what it taught.
    ProcessLesson, ProcessLessonInput for Lesson {
        /// The difficulty that was expected.
        expected: Option<String>,
        /// The difficulty that came.
        actual: Option<String>,
        /// What to do differently.
        learning: Option<String>,
    }

    /// When a person looks at a version again.
    ProcessReviewSchedule, ProcessReviewScheduleInput for ReviewSchedule {
        /// Months from approval to review, 1 to 60.
        interval_months: i32,
        /// Who looks.
        reviewer: String,
        /// How to reach that person.
        contact: Option<String>,
        /// Always false: no schedule writes a version.
        auto_revise: bool [default],
        /// What comes before a revision.
        steps_before_revision: Vec<String> [default],
    }

    /// Who wrote a version, where and when.
    ProcessPreparation, ProcessPreparationInput for Preparation {
        /// Who.
        by: String,
        /// When, if the text says it beyond doubt.
        at: Option<DateTime>,
        /// The time as the document gives it.
        original_time_text: Option<String>,
        /// The approval as the document gives it, when it had one before it came here.
        original_approval_text: Option<String>,
        /// The IANA zone that `at` was understood in.
        time_zone: Option<String>,
        /// Where.
        place: Option<ProcessPlace> => Option<ProcessPlaceInput>,
    }

    /// A place on the earth.
    ProcessPlace, ProcessPlaceInput for Place {
        /// As written on an envelope.
        address: String,
        /// Degrees north, -90 to 90.
        latitude: Option<f64>,
        /// Degrees east, -180 to 180.
        longitude: Option<f64>,
    }

    /// A step, as every run of the version gets it.
    ProcessStep, ProcessStepInput for StepTemplate {
        /// Unique within the process; never changes once a run has it. 1 to 40 of `a-z 0-9 _`.
        key: String,
        /// What people call it.
        title: String,
        /// What it is about.
        description: String,
        /// Who works on it.
        role: Role,
        /// What sort of procedure it is.
        category: StepCategory,
        /// The keys of the steps that come first.
        depends_on: Vec<String> [default],
        /// What is to be ticked off.
        checklist: Vec<ProcessChecklistLine> => Vec<ProcessChecklistLineInput> [default],
        /// Kinds of evidence without which it is not finished.
        required_evidence: Vec<EvidenceKind> [default],
        /// What else must be true, and when.
        gates: Vec<ProcessStepGate> => Vec<ProcessStepGateInput> [default],
        /// The kind of job that does the work.
        job_kind: Option<JobKind>,
        /// Whether the designated authority has a say in every exception to it.
        is_security: bool [default],
        /// Whether there may be nothing to do in it.
        may_be_not_applicable: bool [default],
        /// The lines of the ledger it is about: while one of them is open, the step does apply.
        holdings: Vec<HoldingSelector> => Vec<HoldingSelectorInput> [default],
        /// When it is due.
        due: Option<ProcessDue> => Option<ProcessDueInput>,
    }

    /// A line of a checklist, as every run of the version gets it.
    ProcessChecklistLine, ProcessChecklistLineInput for ChecklistTemplate {
        /// Unique within the step.
        key: String,
        /// What is to be done.
        text: String,
        /// Whether the step waits for it.
        is_required: bool [default = true],
    }

    /// When a step is due, relative to its run.
    ProcessDue, ProcessDueInput for Due {
        /// Days after (or, below zero, before) that day; within two years.
        days: i32,
        /// Which day.
        from: DueFrom,
    }

    /// A gate as it stands on a step.
    ProcessStepGate, ProcessStepGateInput for GateUse {
        /// What must be true.
        gate: ProcessGate => ProcessGateInput,
        /// When it is asked.
        when: Moment,
        /// Whether the document lets no exception help. For some gates none does, whatever it says.
        is_hard_here: bool [default],
    }
}
