//! Walks both processes to their end, clearing each blocker only by what a mutation of the API does.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        agreement::AgreementKind,
        decision::{DecisionKind, DecisionState},
        engagement::EngagementKind,
        exception::{ExceptionState, ExceptionType},
        fact::{FactSource, FactState},
        gate::{
            Blocker, ChecklistLine, DecisionLine, Deed, ExceptionLine, FactLine, HoldingLine, Missing, Situation,
            StepLine, Which, evaluate,
        },
        holding::{AgentTool, ConfigKind, CredentialKind, Disposition, HoldingState, HoldingTraits, System},
        step::{ChecklistItemState, StepState},
    },
    ids::{ActorId, HoldingId},
};

fn person(number: u128) -> ActorId {
    ActorId::User(Uuid::from_u128(number).into())
}

fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap()
}

/// One client's run, changed only as mutations would change it.
struct Walk {
    content: Content,
    situation: Situation,
    ids: u128,
}

impl Walk {
    fn new(content: Content, holdings: &[HoldingTraits]) -> Self {
        let now: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let mut walk = Self {
            content,
            situation: Situation { now, today: now.date_naive(), actor: Some(person(1)), ..Situation::default() },
            ids: 1_000,
        };
        for &traits in holdings {
            let id = walk.id().into();
            let line = HoldingLine { id, state: HoldingState::Active, traits, has_receipt: false, is_kept: false };
            walk.situation.holdings.push(line);
        }
        walk
    }

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn ask(&self, deed: Deed<'_>) -> Vec<Blocker> {
        evaluate(&self.content, deed, &self.situation)
    }

    /// Clears what blocks `deed`, one mutation after the other, and returns what was cleared.
    fn clear(&mut self, deed: Deed<'_>) -> Vec<&'static str> {
        let mut cleared = Vec::new();
        while let Some(blocker) = self.ask(deed).into_iter().next() {
            assert!(cleared.len() < 60, "{deed:?} is never free: {blocker:?}");
            cleared.push(blocker.code());
            self.mutate(&blocker);
        }
        cleared
    }

    fn own(&mut self, key: &str) -> &mut StepLine {
        self.situation.steps.iter_mut().find(|step| step.key == key).unwrap()
    }

    fn settle(&mut self, ids: &[HoldingId], to: HoldingState) {
        for line in self.situation.holdings.iter_mut().filter(|line| ids.contains(&line.id)) {
            line.state = to;
        }
    }

    fn mutate(&mut self, blocker: &Blocker) {
        let situation = &mut self.situation;
        match &blocker.missing {
            Missing::Agreements { kinds } => situation.signed.extend(kinds),
            Missing::Checklist { step, .. } => {
                self.own(&step.clone()).checklist.iter_mut().for_each(|line| line.state = ChecklistItemState::Done);
            }
            Missing::Evidence { step, kinds } => self.own(&step.clone()).evidence.extend(kinds),
            Missing::Teams { step, teams } => self.own(&step.clone()).teams_met.extend(teams),
            Missing::Facts { absent, .. } => {
                let new = absent.iter().map(|&kind| FactLine {
                    kind,
                    source: FactSource::Interview,
                    state: FactState::Recorded,
                });
                situation.facts.extend(new);
                situation.facts.iter_mut().for_each(|fact| fact.state = FactState::Verified);
            }
            Missing::Intake => situation.facts.push(FactLine {
                kind: crate::domain::fact::FactKind::Note,
                source: FactSource::Intake,
                state: FactState::Recorded,
            }),
            Missing::Role { role } => {
                situation.roles_held.insert(*role);
            }
            Missing::Decision { kind, .. } => {
                let id = self.id().into();
                self.situation.decisions.push(DecisionLine {
                    id,
                    kind: *kind,
                    holding: None,
                    state: DecisionState::Granted,
                });
            }
            Missing::Notice => {
                situation.has_notice = true;
                situation.final_service_on = Some(day(12, 1));
                situation.terminates_on = Some(day(12, 1));
            }
            Missing::Date { which: Which::ServiceStart, on: None, .. } => {
                situation.service_start_on = Some(day(11, 20));
            }
            Missing::Date { on: Some(on), .. } => {
                situation.today = *on;
                situation.now = on.and_hms_opt(12, 0, 0).unwrap().and_utc();
            }
            Missing::ReturnTerms => situation.has_return_terms = true,
            Missing::RecipientKey => situation.has_recipient_key = true,
            // The data return job delivers; the client acknowledges. What only goes back is closed by that.
            Missing::Receipt { holdings } => {
                for line in situation.holdings.iter_mut().filter(|line| holdings.contains(&line.id)) {
                    line.has_receipt = true;
                    if line.traits == HoldingTraits::Data(Disposition::Return) {
                        line.state = HoldingState::Closed;
                    }
                }
            }
            Missing::SettledFees { open, .. } => {
                assert!(open.is_empty());
                let key = "final_billing";
                self.own(key).evidence.insert(crate::domain::evidence::EvidenceKind::Attestation);
            }
            // Until the engines are there, what is no data is excepted or retained.
            Missing::SettledHoldings { holdings, .. } => self.settle(holdings, HoldingState::Excepted),
            Missing::ActiveHoldings { holdings, .. } => self.settle(holdings, HoldingState::Active),
            Missing::AnotherPerson { .. } => situation.actor = Some(person(2)),
            Missing::Steps { .. }
            | Missing::Date { on: None, .. }
            | Missing::ClosedHoldings { .. }
            | Missing::EmptyLedger { .. }
            | Missing::ClosedExceptions { .. }
            | Missing::Answers { .. } => panic!("nothing that comes in its turn misses {:?}", blocker.missing),
        }
    }

    fn begin(&mut self) {
        self.clear(Deed::StartEngagement);
        let steps: Vec<_> = self.content.steps.clone();
        for step in steps {
            let id = self.id().into();
            let line = |line: &crate::domain::process::ChecklistTemplate| ChecklistLine {
                key: line.key.clone(),
                text: line.text.clone(),
                is_required: line.is_required,
                state: ChecklistItemState::Open,
            };
            self.situation.steps.push(StepLine {
                id,
                key: step.key.clone(),
                state: StepState::Pending,
                due_at: None,
                finished_at: None,
                finished_by: None,
                checklist: step.checklist.iter().map(line).collect(),
                evidence: BTreeSet::new(),
                teams_met: BTreeSet::new(),
            });
        }
    }

    fn finish(&mut self, key: &str, state: StepState) {
        let actor = self.situation.actor;
        let own = self.own(key);
        own.state = state;
        own.finished_by = actor;
    }

    /// Does every step in its order; one that is only about other holdings is marked not applicable.
    fn walk(&mut self) -> Vec<(String, StepState)> {
        self.begin();
        let steps = self.content.steps.clone();
        for step in &steps {
            let concerns = |line: &HoldingLine| step.holdings.iter().any(|of| of.selects(line.traits));
            let is_idle = !step.holdings.is_empty() && !self.situation.holdings.iter().any(concerns);
            if step.may_be_not_applicable && (is_idle || step.key == "hardware") {
                assert_eq!(self.ask(Deed::MarkNotApplicable(&step.key)), []);
                self.finish(&step.key, StepState::NotApplicable);
            } else {
                self.clear(Deed::StartStep(&step.key));
                self.own(&step.key).state = StepState::InProgress;
                self.clear(Deed::CompleteStep(&step.key));
                self.finish(&step.key, StepState::Done);
            }
        }
        self.situation.steps.iter().map(|step| (step.key.clone(), step.state)).collect()
    }
}

const EVERYTHING: &[HoldingTraits] = &[
    HoldingTraits::SystemRecord(System::Psa),
    HoldingTraits::SystemRecord(System::Rmm),
    HoldingTraits::SystemRecord(System::Billing),
    HoldingTraits::SystemRecord(System::Documentation),
    HoldingTraits::Agent(AgentTool::Rmm),
    HoldingTraits::Agent(AgentTool::Security),
    HoldingTraits::Credential { kind: CredentialKind::Admin, is_last_mile: false },
    HoldingTraits::Credential { kind: CredentialKind::ServiceAccount, is_last_mile: true },
    HoldingTraits::Config(ConfigKind::FirewallRule),
    HoldingTraits::Data(Disposition::Return),
];

#[test]
fn both_texts_are_contents_without_findings() {
    for content in all().unwrap() {
        assert_eq!(content.check(), [], "{}", content.title);
        let json = serde_json::to_value(&content).unwrap();
        assert_eq!(serde_json::from_value::<Content>(json).unwrap(), content, "it reads back from the database");
    }
}

#[test]
fn onboarding_has_the_fifteen_steps_and_three_inputs_and_outputs() {
    let content = onboarding().unwrap();
    assert_eq!(content.document_number.as_str(), "T-ONB-010");
    assert_eq!(content.kind, EngagementKind::Onboarding);
    let keys: Vec<_> = content.steps.iter().map(|step| step.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "handover",
            "kickoff",
            "discovery",
            "system_records",
            "credentials",
            "accounts",
            "hardware",
            "tools",
            "baseline",
            "tests",
            "documentation",
            "training",
            "welcome",
            "transition",
            "activation",
        ]
    );
    assert_eq!((content.inputs.len(), content.outputs.len()), (3, 3));
}

#[test]
fn a_step_of_the_offboarding_that_is_about_holdings_can_be_left_out_by_who_has_none() {
    for step in offboarding().unwrap().steps.iter().filter(|step| !step.holdings.is_empty()) {
        assert!(step.may_be_not_applicable, "{}", step.key);
    }
}

#[test]
fn an_onboarding_reaches_its_end() {
    let mut walk = Walk::new(onboarding().unwrap(), &[]);
    let steps = walk.walk();
    assert_eq!(walk.ask(Deed::Conclude), []);
    let left_out: Vec<_> = steps.iter().filter(|(_, state)| *state == StepState::NotApplicable).collect();
    assert_eq!(left_out.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["hardware", "tools"]);
    assert!(walk.situation.exceptions.is_empty());
}

#[test]
fn an_offboarding_with_data_to_return_alone_reaches_its_end_without_exceptions() {
    let mut walk = Walk::new(offboarding().unwrap(), &[HoldingTraits::Data(Disposition::Return)]);
    walk.walk();
    assert_eq!(walk.ask(Deed::Conclude), []);
    assert_eq!(walk.situation.holdings[0].state, HoldingState::Closed);
    assert!(walk.situation.exceptions.is_empty());
}

#[test]
fn an_offboarding_of_a_full_ledger_reaches_its_end_once_each_line_is_settled() {
    let mut walk = Walk::new(offboarding().unwrap(), EVERYTHING);
    walk.walk();
    assert_eq!(walk.ask(Deed::Conclude), []);
    assert!(walk.situation.holdings.iter().all(|line| !line.state.is_residual()));
}

#[test]
fn an_offboarding_of_an_empty_ledger_reaches_its_end() {
    let mut walk = Walk::new(offboarding().unwrap(), &[]);
    walk.walk();
    assert_eq!(walk.ask(Deed::Conclude), []);
}

#[test]
fn a_line_that_turns_up_late_keeps_an_offboarding_open() {
    let mut walk = Walk::new(offboarding().unwrap(), &[]);
    walk.walk();
    let id = walk.id().into();
    let traits = HoldingTraits::Credential { kind: CredentialKind::Vpn, is_last_mile: false };
    walk.situation.holdings.push(HoldingLine {
        id,
        state: HoldingState::Active,
        traits,
        has_receipt: false,
        is_kept: false,
    });
    let blockers = walk.ask(Deed::Conclude);
    assert_eq!(blockers, [Blocker::hard(Missing::EmptyLedger { holdings: vec![id] })]);
}

/// The codes of what keeps `deed` from happening, hard ones only.
fn hard(walk: &Walk, deed: Deed<'_>) -> Vec<&'static str> {
    walk.ask(deed).iter().filter(|blocker| blocker.is_hard()).map(Blocker::code).collect()
}

/// A full ledger at the begin of its offboarding, with an exception of every type in force for every step.
fn excepted(holdings: &[HoldingTraits]) -> Walk {
    let mut walk = Walk::new(offboarding().unwrap(), holdings);
    walk.begin();
    let ids: Vec<_> = walk.situation.steps.iter().map(|step| step.id).collect();
    for step in ids {
        for &r#type in ExceptionType::ALL {
            let id = walk.id().into();
            let expires_at = walk.situation.now + TimeDelta::days(60);
            let state = ExceptionState::Approved;
            let step_id = Some(step);
            walk.situation.exceptions.push(ExceptionLine { id, step_id, r#type, state, expires_at, open_actions: 0 });
        }
    }
    walk
}

#[test]
fn no_exception_opens_a_hard_gate() {
    let walk = excepted(EVERYTHING);
    let start = |key| hard(&walk, Deed::StartStep(key));
    let complete = |key| hard(&walk, Deed::CompleteStep(key));
    assert_eq!(start("data_return"), ["RETURN_TERMS_MISSING", "RECIPIENT_KEY_UNCONFIRMED"]);
    assert_eq!(complete("data_return"), ["RECEIPT_MISSING"]);
    assert_eq!(start("credential_revocation"), ["DECISION_MISSING"]);
    assert_eq!(start("last_mile"), ["HOLDINGS_OPEN"]);
    assert_eq!(start("config_removal"), ["DATE_NOT_REACHED"]);
    assert_eq!(start("sanitization"), ["DATE_NOT_REACHED", "DECISION_MISSING", "RECEIPT_MISSING"]);
    assert_eq!(complete("final_billing"), ["FEES_OPEN"]);
    assert_eq!(start("record_closure"), ["STEPS_OPEN"]);
    assert_eq!(start("system_deactivation"), ["STEPS_OPEN", "HOLDINGS_OPEN"]);
}

#[test]
fn destruction_is_not_verified_while_a_backup_job_stands_however_that_is_excused() {
    let destroy = HoldingTraits::Data(Disposition::Destroy);
    let mut walk = excepted(&[destroy, HoldingTraits::Config(ConfigKind::BackupJob)]);
    let job = walk.situation.holdings[1].id;
    for state in [HoldingState::Active, HoldingState::Waiting, HoldingState::Retained, HoldingState::Excepted] {
        walk.settle(&[job], state);
        assert_eq!(hard(&walk, Deed::StartStep("sanitization_verification")), ["HOLDINGS_NOT_CLOSED"], "{state}");
    }
    walk.settle(&[job], HoldingState::Closed);
    assert_eq!(hard(&walk, Deed::StartStep("sanitization_verification")), [""; 0]);
}

#[test]
fn whoever_destroyed_the_data_does_not_verify_it() {
    let mut walk = excepted(&[HoldingTraits::Data(Disposition::Destroy)]);
    walk.finish("sanitization", StepState::Done);
    assert_eq!(hard(&walk, Deed::StartStep("sanitization_verification")), ["SAME_PERSON"]);
    walk.situation.actor = Some(person(2));
    assert_eq!(hard(&walk, Deed::StartStep("sanitization_verification")), [""; 0]);
}

#[test]
fn a_step_about_open_lines_of_the_ledger_does_apply() {
    let mut walk = Walk::new(offboarding().unwrap(), EVERYTHING);
    walk.begin();
    for key in ["data_return", "credential_revocation", "tool_removal", "last_mile", "config_removal"] {
        assert_eq!(hard(&walk, Deed::MarkNotApplicable(key)), ["HOLDINGS_OPEN"], "{key}");
    }
    assert_eq!(hard(&walk, Deed::MarkNotApplicable("sanitization")), [""; 0]);
}

#[test]
fn no_offboarding_begins_without_notice_and_no_run_without_the_designated_authority() {
    let codes =
        |content| Walk::new(content, &[]).ask(Deed::StartEngagement).iter().map(Blocker::code).collect::<Vec<_>>();
    assert_eq!(
        codes(onboarding().unwrap()),
        ["DESIGNATED_AUTHORITY_UNSET", "AGREEMENTS_UNSIGNED", "INTAKE_MISSING", "ROLE_UNHELD"]
    );
    assert_eq!(codes(offboarding().unwrap()), ["DESIGNATED_AUTHORITY_UNSET", "NOTICE_MISSING", "ROLE_UNHELD"]);
}

#[test]
fn service_does_not_begin_before_its_day_or_before_the_tests() {
    let mut walk = Walk::new(onboarding().unwrap(), &[]);
    walk.begin();
    assert_eq!(hard(&walk, Deed::StartStep("activation")), ["STEPS_OPEN"]);
    assert_eq!(hard(&walk, Deed::CompleteStep("activation")), ["DATE_NOT_REACHED"]);
    walk.situation.service_start_on = Some(walk.situation.today + TimeDelta::days(1));
    assert_eq!(hard(&walk, Deed::CompleteStep("activation")), ["DATE_NOT_REACHED"]);
    walk.situation.service_start_on = Some(walk.situation.today);
    assert_eq!(hard(&walk, Deed::CompleteStep("activation")), [""; 0]);
}

#[test]
fn setting_up_waits_for_verified_facts() {
    let mut walk = Walk::new(onboarding().unwrap(), &[]);
    walk.begin();
    for key in ["handover", "kickoff", "discovery"] {
        walk.finish(key, StepState::Done);
    }
    let codes = |walk: &Walk| walk.ask(Deed::StartStep("credentials")).iter().map(Blocker::code).collect::<Vec<_>>();
    assert_eq!(codes(&walk), ["FACTS_UNVERIFIED"]);
    walk.situation.facts.iter_mut().for_each(|fact| fact.state = FactState::Verified);
    assert_eq!(codes(&walk), [""; 0]);
}

#[test]
fn the_handover_needs_all_three_agreements() {
    let mut walk = Walk::new(onboarding().unwrap(), &[]);
    walk.begin();
    assert!(walk.situation.signed.contains(&AgreementKind::ServiceAgreement), "it is an input");
    let blockers = walk.ask(Deed::CompleteStep("handover"));
    let unsigned = Missing::Agreements { kinds: vec![AgreementKind::Sla, AgreementKind::Sow] };
    assert!(blockers.contains(&Blocker::hard(unsigned)), "{blockers:?}");
}

#[test]
fn access_waits_for_the_clients_approval() {
    let mut walk = Walk::new(onboarding().unwrap(), &[]);
    walk.begin();
    let missing = Missing::Decision { kind: DecisionKind::AccessApproval, open: None };
    assert!(walk.ask(Deed::CompleteStep("credentials")).contains(&Blocker::hard(missing.clone())));
    assert!(walk.ask(Deed::StartStep("tools")).contains(&Blocker::hard(missing)));
}
