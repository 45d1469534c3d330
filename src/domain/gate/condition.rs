//! Whether a gate is open, and if not, what is missing.

use super::{Gate, HoldingLine, HoldingSelector, Missing, Situation, StepLine, Which};
use crate::domain::{
    agreement::AgreementKind,
    decision::{DecisionKind, DecisionState},
    evidence::EvidenceKind,
    fact::{FactKind, FactSource, FactState},
    holding::{Disposition, HoldingState, HoldingTraits},
    role::Role,
    step::StepState,
};

/// What `gate`, standing on the step `key` if on any, misses in `situation`.
pub(super) fn missing(gate: &Gate, key: Option<&str>, situation: &Situation) -> Option<Missing> {
    let own = key.and_then(|key| situation.step(key));
    match gate {
        Gate::AgreementsSigned { kinds } => unsigned(kinds, situation),
        Gate::StepsDone { keys } => open_steps(situation, keys),
        Gate::ChecklistDone => own.and_then(open_checklist),
        Gate::EvidencePresent { kinds } => own.and_then(|step| absent_evidence(step, kinds)),
        Gate::TeamsMet { teams } => own.and_then(|step| absent_teams(step, teams)),
        Gate::FactsVerified { kinds } => unverified(kinds, situation),
        Gate::IntakeReceived => {
            let is_in = situation.facts.iter().any(|fact| fact.source == FactSource::Intake);
            (!is_in).then_some(Missing::Intake)
        }
        Gate::RoleHeld { role } => unheld(*role, situation),
        Gate::DesignatedAuthoritySet => unheld(Role::Compliance, situation),
        Gate::DecisionGranted { kind } => undecided(*kind, situation),
        Gate::ApprovedChange => undecided(DecisionKind::Change, situation),
        Gate::WindowAgreed => undecided(DecisionKind::CoordinationWindow, situation),
        Gate::NoticeRecorded => (!situation.has_notice).then_some(Missing::Notice),
        Gate::DateReached { which } => not_yet(*which, situation),
        Gate::ReturnTermsAgreed => {
            (has_returns(situation) && !situation.has_return_terms).then_some(Missing::ReturnTerms)
        }
        Gate::RecipientKeyConfirmed => {
            (has_returns(situation) && !situation.has_recipient_key).then_some(Missing::RecipientKey)
        }
        Gate::ReceiptGiven => unreceipted(situation),
        Gate::FeesSettled => unsettled(own, situation),
        Gate::HoldingsActive { of } => holdings(situation, of, |line| line.state == HoldingState::Planned)
            .map(|holdings| Missing::ActiveHoldings { of: of.clone(), holdings }),
        Gate::HoldingsSettled { of } => holdings(situation, of, HoldingLine::is_residual)
            .map(|holdings| Missing::SettledHoldings { of: of.clone(), holdings }),
        Gate::HoldingsClosed { of } => holdings(situation, of, |line| line.state != HoldingState::Closed)
            .map(|holdings| Missing::ClosedHoldings { of: of.clone(), holdings }),
        Gate::NoResiduals => {
            let open: Vec<_> = situation.holdings.iter().filter(|line| line.is_residual()).collect();
            (!open.is_empty()).then(|| Missing::EmptyLedger { holdings: open.iter().map(|line| line.id).collect() })
        }
        Gate::OpenExceptionsClosed => open_exceptions(situation),
        Gate::OpenDecisionsDecided => open_decisions(situation),
        Gate::DifferentPerson { step } => same_person(step, situation),
    }
}

/// Those of `keys` whose steps are not terminal.
pub(super) fn open_steps(situation: &Situation, keys: &[String]) -> Option<Missing> {
    let is_open = |key: &&String| situation.step(key).is_none_or(|step| !step.state.is_terminal());
    let keys: Vec<_> = keys.iter().filter(is_open).cloned().collect();
    (!keys.is_empty()).then_some(Missing::Steps { keys })
}

fn unsigned(kinds: &[AgreementKind], situation: &Situation) -> Option<Missing> {
    let kinds: Vec<_> = kinds.iter().copied().filter(|kind| !situation.signed.contains(kind)).collect();
    (!kinds.is_empty()).then_some(Missing::Agreements { kinds })
}

fn open_checklist(step: &StepLine) -> Option<Missing> {
    let open = step.checklist.iter().filter(|line| line.is_required && !line.state.is_settled());
    let items: Vec<_> = open.map(|line| line.key.clone()).collect();
    (!items.is_empty()).then(|| Missing::Checklist { step: step.key.clone(), items })
}

fn absent_evidence(step: &StepLine, kinds: &[EvidenceKind]) -> Option<Missing> {
    let kinds: Vec<_> = kinds.iter().copied().filter(|kind| !step.evidence.contains(kind)).collect();
    (!kinds.is_empty()).then(|| Missing::Evidence { step: step.key.clone(), kinds })
}

fn absent_teams(step: &StepLine, teams: &[Role]) -> Option<Missing> {
    let teams: Vec<_> = teams.iter().copied().filter(|team| !step.teams_met.contains(team)).collect();
    (!teams.is_empty()).then(|| Missing::Teams { step: step.key.clone(), teams })
}

fn unverified(kinds: &[FactKind], situation: &Situation) -> Option<Missing> {
    let is_absent = |kind: &FactKind| !situation.facts.iter().any(|fact| fact.kind == *kind);
    let absent: Vec<_> = kinds.iter().copied().filter(is_absent).collect();
    let unverified_count = situation.facts.iter().filter(|fact| fact.state != FactState::Verified).count();
    (!absent.is_empty() || unverified_count > 0).then_some(Missing::Facts { absent, unverified_count })
}

fn unheld(role: Role, situation: &Situation) -> Option<Missing> {
    (!situation.roles_held.contains(&role)).then_some(Missing::Role { role })
}

fn undecided(kind: DecisionKind, situation: &Situation) -> Option<Missing> {
    // What was granted for one holding says nothing of the others.
    let asked = || situation.decisions.iter().filter(|line| line.kind == kind && line.holding.is_none());
    if asked().any(|line| line.state == DecisionState::Granted) {
        return None;
    }
    let open = asked().find(|line| line.state == DecisionState::Open).map(|line| line.id);
    Some(Missing::Decision { kind, open })
}

fn not_yet(which: Which, situation: &Situation) -> Option<Missing> {
    let on = match which {
        Which::ServiceStart => situation.service_start_on,
        Which::FinalService => situation.final_service_on,
        Which::Termination => situation.terminates_on,
    };
    let is_reached = on.is_some_and(|on| on <= situation.today);
    (!is_reached).then_some(Missing::Date { which, on, today: situation.today })
}

/// Whether data has to go back and has not gone, or may stay by clause or exception.
fn has_returns(situation: &Situation) -> bool {
    situation.holdings.iter().any(|line| line.is_to_be_returned() && line.is_residual())
}

fn unreceipted(situation: &Situation) -> Option<Missing> {
    let waivers = situation
        .decisions
        .iter()
        .filter(|line| line.kind == DecisionKind::ReceiptWaiver && line.state == DecisionState::Granted);
    let is_waived = |id| waivers.clone().any(|line| line.holding.is_none_or(|holding| holding == id));
    let without = situation.holdings.iter().filter(|line| line.lacks_receipt()).map(|line| line.id);
    let without: Vec<_> = without.filter(|id| !is_waived(*id)).collect();
    (!without.is_empty()).then_some(Missing::Receipt { holdings: without })
}

impl HoldingLine {
    fn is_to_be_returned(&self) -> bool {
        match self.traits {
            HoldingTraits::Data(disposition) => disposition.is_returned(),
            HoldingTraits::SystemRecord(_)
            | HoldingTraits::Agent(_)
            | HoldingTraits::Credential { .. }
            | HoldingTraits::Config(_) => false,
        }
    }

    /// What goes back and is closed with that was closed by its receipt; what stays needs none.
    fn lacks_receipt(&self) -> bool {
        let was_closed_by_receipt =
            self.state == HoldingState::Closed && self.traits == HoldingTraits::Data(Disposition::Return);
        let stays = matches!(self.state, HoldingState::Retained | HoldingState::Excepted);
        self.is_to_be_returned() && !self.has_receipt && !was_closed_by_receipt && !stays
    }
}

fn unsettled(own: Option<&StepLine>, situation: &Situation) -> Option<Missing> {
    let is_attested = own.is_some_and(|step| step.evidence.contains(&EvidenceKind::Attestation));
    let is_settled = situation.open_fees.is_empty() && is_attested;
    (!is_settled).then(|| Missing::SettledFees { open: situation.open_fees.clone(), is_attested })
}

fn holdings(
    situation: &Situation,
    of: &HoldingSelector,
    blocks: impl Fn(&HoldingLine) -> bool,
) -> Option<Vec<crate::ids::HoldingId>> {
    let blocking = situation.holdings.iter().filter(|line| of.selects(line.traits) && blocks(line));
    let ids: Vec<_> = blocking.map(|line| line.id).collect();
    (!ids.is_empty()).then_some(ids)
}

fn open_exceptions(situation: &Situation) -> Option<Missing> {
    let open = situation.exceptions.iter().filter(|exception| exception.state.is_open());
    let exceptions: Vec<_> = open.map(|exception| exception.id).collect();
    (!exceptions.is_empty()).then_some(Missing::ClosedExceptions { exceptions })
}

fn open_decisions(situation: &Situation) -> Option<Missing> {
    let open = situation.decisions.iter().filter(|decision| decision.state == DecisionState::Open);
    let decisions: Vec<_> = open.map(|decision| decision.id).collect();
    (!decisions.is_empty()).then_some(Missing::Answers { decisions })
}

/// Only a step that somebody did has somebody who did it; and only a known actor can be the same.
fn same_person(step: &str, situation: &Situation) -> Option<Missing> {
    let other = situation.step(step).filter(|other| other.state == StepState::Done)?;
    let is_same = situation.actor.is_some() && situation.actor == other.finished_by;
    is_same.then(|| Missing::AnotherPerson { step: other.key.clone() })
}
