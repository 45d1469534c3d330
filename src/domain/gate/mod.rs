//! Gates: what must be true before work may go on, and "why not?" as data.
//!
//! A process version carries gates as data, out of the closed set [`Gate`]. [`evaluate`] is pure: it asks
//! a [`Situation`], loaded in the transaction that is about to change something, and answers with what is
//! missing, one [`Blocker`] for each thing, with the mutation that clears it.
//!
//! Invariants:
//! * *Hard* gates take no exception. Which gate is hard is written in the process; some are hard wherever
//!   they stand ([`Gate::is_always_hard`]).
//! * Some rules do not depend on any document: [`hard_gates_of_job`] and [`hard_gates_of_removal`] hold
//!   for every process, so that a careless one cannot destroy data too early.
//! * Work out of order is *detected*: a step whose predecessors are not terminal is blocked by
//!   [`Missing::Steps`], which an approved exception for that step clears.
//!
//! Deliberately absent: who may ask. That is `auth`'s, and `app` asks it first.
//!
//! To add a gate: a variant of [`Gate`], its arm in `condition`, and if it is missed in a new way a
//! variant of [`Missing`] with its code, message and remedy.

mod blocker;
mod condition;
mod rule;
mod situation;
#[cfg(test)]
mod tests;

use crate::domain::{
    engagement::EngagementKind,
    exception::ExceptionType,
    holding::{HoldingTraits, System},
    job::JobKind,
    process::{Content, StepTemplate},
};

pub use blocker::{Blocker, Missing};
pub use rule::{Gate, GateUse, HoldingSelector, Moment, Which};
pub use situation::{ChecklistLine, DecisionLine, ExceptionLine, FactLine, HoldingLine, Situation, StepLine};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed<'a> {
    /// Begin a run.
    StartEngagement,
    /// Begin the step with this key.
    StartStep(&'a str),
    /// Finish the step with this key.
    CompleteStep(&'a str),
    /// Say that the step with this key does not apply.
    MarkNotApplicable(&'a str),
    /// End the run well.
    Conclude,
}

/// What stands between `situation` and `deed`, for a run of `content`. Empty: nothing does.
///
/// A key that the process does not know has no gates; whoever loads the step has looked it up already.
pub fn evaluate(content: &Content, deed: Deed<'_>, situation: &Situation) -> Vec<Blocker> {
    let ask = Ask { content, situation };
    match deed {
        Deed::StartEngagement => ask.hard(&content.gates_at_start()),
        Deed::StartStep(key) => ask.step(key, Moment::Start),
        Deed::CompleteStep(key) => ask.step(key, Moment::Complete),
        Deed::MarkNotApplicable(key) => ask.not_applicable(key),
        Deed::Conclude => ask.conclusion(),
    }
}

/// What a job of this kind waits for in any process.
///
/// # Source
/// Policy 3.2.2 (termination, confirmation, coordination), 3.2.3 and 3.2.5; requirements on receipts and
/// backup jobs follow from the order that physics asks for.
pub fn hard_gates_of_job(kind: JobKind) -> Vec<Gate> {
    match kind {
        JobKind::DataReturn => vec![Gate::RecipientKeyConfirmed],
        JobKind::Sanitization => before_destruction(),
        JobKind::SanitizationVerification => vec![Gate::no_backup_job()],
        JobKind::CredentialRevocation => vec![Gate::WindowAgreed],
        JobKind::ConfigRemoval => vec![Gate::DateReached { which: Which::FinalService }],
        JobKind::AgentDeployment
        | JobKind::AgentRemoval
        | JobKind::SystemProvisioning
        | JobKind::SystemDeactivation
        | JobKind::DiscoveryScan
        | JobKind::Report
        | JobKind::Archive
        | JobKind::CloseoutPack
        | JobKind::ResidualCheck
        | JobKind::WebhookDelivery => Vec::new(),
    }
}

/// What the removal of such a holding waits for in any process.
///
/// # Source
/// Policy 3.2.2 to 3.2.5 and 3.2.9. An RMM record is needed until its agents are gone, and a last-mile
/// credential until every agent is.
pub fn hard_gates_of_removal(traits: HoldingTraits) -> Vec<Gate> {
    let settled = |of| Gate::HoldingsSettled { of };
    match traits {
        HoldingTraits::SystemRecord(System::Rmm) | HoldingTraits::Credential { is_last_mile: true, .. } => {
            vec![settled(HoldingSelector::any_agent())]
        }
        HoldingTraits::SystemRecord(System::Psa) => {
            HoldingSelector::all_but_records().into_iter().map(settled).collect()
        }
        HoldingTraits::Credential { is_last_mile: false, .. } => vec![Gate::WindowAgreed],
        HoldingTraits::Config(_) => vec![Gate::DateReached { which: Which::FinalService }],
        HoldingTraits::Data(disposition) if disposition.is_destroyed() => before_destruction(),
        HoldingTraits::SystemRecord(System::Billing | System::Documentation)
        | HoldingTraits::Agent(_)
        | HoldingTraits::Data(_) => Vec::new(),
    }
}

fn before_destruction() -> Vec<Gate> {
    use crate::domain::decision::DecisionKind::DestructionConfirmation;
    vec![
        Gate::DateReached { which: Which::Termination },
        Gate::DecisionGranted { kind: DestructionConfirmation },
        Gate::ReceiptGiven,
    ]
}

/// What `gates`, none of which speaks of a step, miss in `situation`. Every blocker is hard.
pub fn evaluate_hard(gates: &[Gate], situation: &Situation) -> Vec<Blocker> {
    gates.iter().filter_map(|gate| condition::missing(gate, None, situation)).map(Blocker::hard).collect()
}

/// A question put to a situation.
struct Ask<'a> {
    content: &'a Content,
    situation: &'a Situation,
}

impl Ask<'_> {
    fn hard(&self, gates: &[Gate]) -> Vec<Blocker> {
        evaluate_hard(gates, self.situation)
    }

    fn step(&self, key: &str, moment: Moment) -> Vec<Blocker> {
        let Some(template) = self.content.step(key) else { return Vec::new() };
        let out_of_order = condition::open_steps(self.situation, &template.depends_on).map(Blocker::soft);
        let gates = template.gates_at(moment);
        let closed = gates.iter().filter_map(|rule| {
            let missing = condition::missing(&rule.gate, Some(key), self.situation)?;
            Some(Blocker { missing, is_hard: rule.is_hard() })
        });
        let mut blockers: Vec<Blocker> = Vec::new();
        for blocker in out_of_order.into_iter().chain(closed) {
            if !self.is_excepted(template, moment, &blocker) && !blockers.contains(&blocker) {
                blockers.push(blocker);
            }
        }
        blockers
    }

    /// Whether an exception in force for the step takes `blocker` away: a deviation every soft one, work
    /// out of order the missing predecessors and whatever keeps the step from beginning.
    fn is_excepted(&self, template: &StepTemplate, moment: Moment, blocker: &Blocker) -> bool {
        let is_about_order = moment == Moment::Start || matches!(blocker.missing, Missing::Steps { .. });
        !blocker.is_hard
            && self.situation.exceptions_of(&template.key).any(|exception| match exception.r#type {
                ExceptionType::Deviation => true,
                ExceptionType::OutOfOrder => is_about_order,
                ExceptionType::Skipped => false,
            })
    }

    /// A step that is about lines of the ledger applies while there are such lines.
    fn not_applicable(&self, key: &str) -> Vec<Blocker> {
        let Some(template) = self.content.step(key) else { return Vec::new() };
        let gates: Vec<_> = template.holdings.iter().map(|of| Gate::HoldingsSettled { of: of.clone() }).collect();
        self.hard(&gates)
    }

    fn conclusion(&self) -> Vec<Blocker> {
        let keys: Vec<_> = self.content.steps.iter().map(|step| step.key.clone()).collect();
        let open = condition::open_steps(self.situation, &keys).map(Blocker::hard);
        let mut gates = self.content.gates_at_conclusion();
        if self.content.kind == EngagementKind::Offboarding && !gates.contains(&Gate::NoResiduals) {
            gates.push(Gate::NoResiduals);
        }
        open.into_iter().chain(self.hard(&gates)).collect()
    }
}
