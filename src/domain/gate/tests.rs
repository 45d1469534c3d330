//! Every gate closed and open; what exceptions clear and what they do not; what blockers say.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        agreement::AgreementKind,
        decision::{DecisionKind, DecisionState},
        evidence::EvidenceKind,
        exception::ExceptionState,
        fact::{FactKind, FactSource, FactState},
        holding::{AgentTool, ConfigKind, CredentialKind, Disposition, HoldingState},
        process::builtin,
        role::Role,
        step::{ChecklistItemState, StepState},
    },
    ids::ActorId,
};

type Change = fn(&mut Situation);
type SetDate = fn(&mut Situation, Option<NaiveDate>);

const OWN: &str = "kickoff";

fn person(number: u128) -> ActorId {
    ActorId::User(Uuid::from_u128(number).into())
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
}

fn step(number: u128, key: &str) -> StepLine {
    StepLine {
        id: Uuid::from_u128(number).into(),
        key: key.to_owned(),
        state: StepState::Pending,
        due_at: None,
        finished_at: None,
        finished_by: None,
        checklist: Vec::new(),
        evidence: BTreeSet::new(),
        teams_met: BTreeSet::new(),
    }
}

fn situation() -> Situation {
    Situation {
        now: "2026-11-15T12:00:00Z".parse().unwrap(),
        today: day(15),
        actor: Some(person(1)),
        steps: vec![step(1, "handover"), step(2, OWN)],
        ..Situation::default()
    }
}

fn holding(traits: HoldingTraits, state: HoldingState) -> HoldingLine {
    HoldingLine { id: Uuid::from_u128(77).into(), state, traits, has_receipt: false, is_kept: false }
}

const TO_RETURN: HoldingTraits = HoldingTraits::Data(Disposition::Return);
const TO_DESTROY_AFTER: HoldingTraits = HoldingTraits::Data(Disposition::ReturnThenDestroy);

/// What `gate`, standing on [`OWN`], misses after `change`.
fn code(gate: &Gate, change: impl FnOnce(&mut Situation)) -> Option<&'static str> {
    let mut situation = situation();
    change(&mut situation);
    condition::missing(gate, Some(OWN), &situation).map(|missing| Blocker::hard(missing).code())
}

#[test]
fn agreements_signed() {
    let gate = Gate::AgreementsSigned { kinds: vec![AgreementKind::Sla, AgreementKind::Sow] };
    assert_eq!(code(&gate, |s| s.signed.extend([AgreementKind::Sla])), Some("AGREEMENTS_UNSIGNED"));
    assert_eq!(code(&gate, |s| s.signed.extend([AgreementKind::Sla, AgreementKind::Sow])), None);
}

#[test]
fn steps_done() {
    let gate = Gate::StepsDone { keys: vec!["handover".to_owned()] };
    for &state in StepState::ALL {
        let expected = (!state.is_terminal()).then_some("STEPS_OPEN");
        assert_eq!(code(&gate, |s| s.steps[0].state = state), expected, "{state}");
    }
    let unknown = Gate::StepsDone { keys: vec!["nowhere".to_owned()] };
    assert_eq!(code(&unknown, |_| {}), Some("STEPS_OPEN"), "a step that is not there is not done");
}

#[test]
fn checklist_done() {
    let line = |is_required, state| ChecklistLine { key: "a".into(), text: "A".into(), is_required, state };
    for &state in ChecklistItemState::ALL {
        let expected = (state == ChecklistItemState::Open).then_some("CHECKLIST_OPEN");
        assert_eq!(code(&Gate::ChecklistDone, |s| s.steps[1].checklist.push(line(true, state))), expected, "{state}");
        assert_eq!(code(&Gate::ChecklistDone, |s| s.steps[1].checklist.push(line(false, state))), None, "{state}");
    }
}

#[test]
fn evidence_present() {
    let gate = Gate::EvidencePresent { kinds: vec![EvidenceKind::File, EvidenceKind::Photo] };
    assert_eq!(code(&gate, |s| s.steps[1].evidence.extend([EvidenceKind::File])), Some("EVIDENCE_MISSING"));
    assert_eq!(
        code(&gate, |s| s.steps[0].evidence.extend([EvidenceKind::File, EvidenceKind::Photo])),
        Some("EVIDENCE_MISSING"),
        "another step's evidence does not count"
    );
    assert_eq!(code(&gate, |s| s.steps[1].evidence.extend([EvidenceKind::File, EvidenceKind::Photo])), None);
}

#[test]
fn teams_met() {
    let gate = Gate::TeamsMet { teams: vec![Role::Sales, Role::Technician] };
    assert_eq!(code(&gate, |s| s.steps[1].teams_met.extend([Role::Sales])), Some("TEAMS_MISSING"));
    assert_eq!(code(&gate, |s| s.steps[1].teams_met.extend([Role::Sales, Role::Technician])), None);
}

#[test]
fn facts_verified_and_intake() {
    use FactState::{Recorded, Verified};
    let gate = Gate::FactsVerified { kinds: vec![FactKind::Device] };
    let fact = |kind, source, state| FactLine { kind, source, state };
    assert_eq!(code(&gate, |_| {}), Some("FACTS_UNVERIFIED"));
    assert_eq!(
        code(&gate, |s| s.facts.push(fact(FactKind::Device, FactSource::Scan, Recorded))),
        Some("FACTS_UNVERIFIED")
    );
    assert_eq!(code(&gate, |s| s.facts.push(fact(FactKind::Device, FactSource::Scan, Verified))), None);
    assert_eq!(
        code(&gate, |s| {
            s.facts.push(fact(FactKind::Device, FactSource::Scan, Verified));
            s.facts.push(fact(FactKind::Vendor, FactSource::Interview, Recorded));
        }),
        Some("FACTS_UNVERIFIED"),
        "no fact is left unverified"
    );
    assert_eq!(code(&Gate::FactsVerified { kinds: vec![] }, |_| {}), None);
    let form = |source| fact(FactKind::Note, source, Recorded);
    assert_eq!(code(&Gate::IntakeReceived, |s| s.facts.push(form(FactSource::Interview))), Some("INTAKE_MISSING"));
    assert_eq!(code(&Gate::IntakeReceived, |s| s.facts.push(form(FactSource::Intake))), None);
}

#[test]
fn roles_held() {
    let gate = Gate::RoleHeld { role: Role::AccountManager };
    assert_eq!(code(&gate, |s| s.roles_held.extend([Role::Compliance])), Some("ROLE_UNHELD"));
    assert_eq!(code(&gate, |s| s.roles_held.extend([Role::AccountManager])), None);
    let authority = Gate::DesignatedAuthoritySet;
    assert_eq!(code(&authority, |s| s.roles_held.extend([Role::Admin])), Some("DESIGNATED_AUTHORITY_UNSET"));
    assert_eq!(code(&authority, |s| s.roles_held.extend([Role::Compliance])), None);
}

#[test]
fn decisions_granted() {
    let cases = [
        (Gate::DecisionGranted { kind: DecisionKind::Plan }, DecisionKind::Plan),
        (Gate::ApprovedChange, DecisionKind::Change),
        (Gate::WindowAgreed, DecisionKind::CoordinationWindow),
    ];
    let line = |kind, state| DecisionLine { id: Uuid::nil().into(), kind, holding: None, state };
    for (gate, kind) in cases {
        for &state in DecisionState::ALL {
            let expected = (state != DecisionState::Granted).then_some("DECISION_MISSING");
            assert_eq!(code(&gate, |s| s.decisions.push(line(kind, state))), expected, "{gate:?} {state}");
        }
        let other = line(DecisionKind::ReportAcceptance, DecisionState::Granted);
        assert_eq!(code(&gate, |s| s.decisions.push(other)), Some("DECISION_MISSING"), "{gate:?}");
    }
}

#[test]
fn notice_and_dates() {
    assert_eq!(code(&Gate::NoticeRecorded, |_| {}), Some("NOTICE_MISSING"));
    assert_eq!(code(&Gate::NoticeRecorded, |s| s.has_notice = true), None);
    let cases: [(Which, SetDate); 3] = [
        (Which::ServiceStart, |s, on| s.service_start_on = on),
        (Which::FinalService, |s, on| s.final_service_on = on),
        (Which::Termination, |s, on| s.terminates_on = on),
    ];
    for (which, set) in cases {
        let gate = Gate::DateReached { which };
        assert_eq!(code(&gate, |_| {}), Some("DATE_NOT_REACHED"), "{which} is not set");
        assert_eq!(code(&gate, |s| set(s, Some(day(16)))), Some("DATE_NOT_REACHED"), "{which} is tomorrow");
        assert_eq!(code(&gate, |s| set(s, Some(day(15)))), None, "{which} is today");
        assert_eq!(code(&gate, |s| set(s, Some(day(14)))), None, "{which} was yesterday");
    }
}

#[test]
fn terms_and_key_are_asked_only_when_data_goes_back() {
    let cases: [(Gate, &str, Change); 2] = [
        (Gate::ReturnTermsAgreed, "RETURN_TERMS_MISSING", |s| s.has_return_terms = true),
        (Gate::RecipientKeyConfirmed, "RECIPIENT_KEY_UNCONFIRMED", |s| s.has_recipient_key = true),
    ];
    for (gate, missing, give) in cases {
        assert_eq!(code(&gate, |_| {}), None);
        let destroyed = holding(HoldingTraits::Data(Disposition::Destroy), HoldingState::Active);
        assert_eq!(code(&gate, |s| s.holdings.push(destroyed)), None);
        for traits in [TO_RETURN, TO_DESTROY_AFTER] {
            assert_eq!(code(&gate, |s| s.holdings.push(holding(traits, HoldingState::Active))), Some(missing));
            assert_eq!(code(&gate, |s| s.holdings.push(holding(traits, HoldingState::Retained))), None);
        }
        let given = |s: &mut Situation| {
            s.holdings.push(holding(TO_RETURN, HoldingState::Active));
            give(s);
        };
        assert_eq!(code(&gate, given), None);
    }
}

#[test]
fn receipts() {
    let gate = Gate::ReceiptGiven;
    let with = |traits, state, has_receipt| {
        code(&gate, |s| s.holdings.push(HoldingLine { has_receipt, ..holding(traits, state) }))
    };
    for &state in HoldingState::ALL {
        let is_over = matches!(state, HoldingState::Closed | HoldingState::Retained | HoldingState::Excepted);
        assert_eq!(with(TO_RETURN, state, false), (!is_over).then_some("RECEIPT_MISSING"), "{state}");
        assert_eq!(with(TO_RETURN, state, true), None, "{state}");
    }
    assert_eq!(
        with(TO_DESTROY_AFTER, HoldingState::Closed, false),
        Some("RECEIPT_MISSING"),
        "what was destroyed before it was returned has no receipt"
    );
    assert_eq!(with(HoldingTraits::Data(Disposition::Destroy), HoldingState::Active, false), None);
    let waived = |state| {
        code(&gate, |s| {
            s.holdings.push(holding(TO_RETURN, HoldingState::Active));
            s.decisions.push(DecisionLine {
                id: Uuid::nil().into(),
                kind: DecisionKind::ReceiptWaiver,
                holding: None,
                state,
            });
        })
    };
    assert_eq!(waived(DecisionState::Granted), None);
    assert_eq!(waived(DecisionState::Open), Some("RECEIPT_MISSING"));
    let waived_for = |which: u128| {
        code(&gate, |s| {
            let line = holding(TO_RETURN, HoldingState::Active);
            let holding = Some(Uuid::from_u128(line.id.uuid().as_u128() + which).into());
            s.holdings.push(line);
            let (kind, state) = (DecisionKind::ReceiptWaiver, DecisionState::Granted);
            s.decisions.push(DecisionLine { id: Uuid::nil().into(), kind, holding, state });
        })
    };
    assert_eq!((waived_for(0), waived_for(1)), (None, Some("RECEIPT_MISSING")), "a waiver is for the holding it names");
}

#[test]
fn fees() {
    let attested = |s: &mut Situation| s.steps[1].evidence.extend([EvidenceKind::Attestation]);
    assert_eq!(code(&Gate::FeesSettled, |_| {}), Some("FEES_OPEN"));
    assert_eq!(code(&Gate::FeesSettled, attested), None);
    let open = |s: &mut Situation| {
        attested(s);
        s.open_fees.push("Invoice 17".to_owned());
    };
    assert_eq!(code(&Gate::FeesSettled, open), Some("FEES_OPEN"));
}

#[test]
fn holdings_by_state() {
    let agent = HoldingTraits::Agent(AgentTool::Rmm);
    let of = HoldingSelector::any_agent;
    for &state in HoldingState::ALL {
        let with = |gate: Gate| code(&gate, |s| s.holdings.push(holding(agent, state)));
        let blocks = |does: bool, code| does.then_some(code);
        let residual = state.is_residual();
        assert_eq!(
            with(Gate::HoldingsActive { of: of() }),
            blocks(state == HoldingState::Planned, "HOLDINGS_NOT_ACTIVE"),
            "{state}"
        );
        assert_eq!(with(Gate::HoldingsSettled { of: of() }), blocks(residual, "HOLDINGS_OPEN"), "{state}");
        assert_eq!(with(Gate::NoResiduals), blocks(residual, "RESIDUALS"), "{state}");
        assert_eq!(
            with(Gate::HoldingsClosed { of: of() }),
            blocks(state != HoldingState::Closed, "HOLDINGS_NOT_CLOSED"),
            "{state}"
        );
    }
    let kept = HoldingLine { is_kept: true, ..holding(agent, HoldingState::Retained) };
    assert_eq!(code(&Gate::NoResiduals, |s| s.holdings.push(kept)), Some("RESIDUALS"), "a lock is no clause");
    assert_eq!(code(&Gate::HoldingsClosed { of: of() }, |_| {}), None);
    let elsewhere = holding(HoldingTraits::Config(ConfigKind::BackupJob), HoldingState::Active);
    assert_eq!(code(&Gate::HoldingsClosed { of: of() }, |s| s.holdings.push(elsewhere)), None);
    assert_eq!(code(&Gate::no_backup_job(), |s| s.holdings.push(elsewhere)), Some("HOLDINGS_NOT_CLOSED"));
}

#[test]
fn selectors_pick_what_they_name() {
    let last_mile = HoldingTraits::Credential { kind: CredentialKind::Admin, is_last_mile: true };
    let plain = HoldingTraits::Credential { kind: CredentialKind::Vpn, is_last_mile: false };
    let any = [
        HoldingTraits::SystemRecord(System::Psa),
        HoldingTraits::Agent(AgentTool::Security),
        last_mile,
        plain,
        HoldingTraits::Config(ConfigKind::FirewallRule),
        TO_RETURN,
    ];
    let picks = |of: &HoldingSelector| any.iter().filter(|traits| of.selects(**traits)).copied().collect::<Vec<_>>();
    let credential = |is_last_mile| HoldingSelector::Credential { is_last_mile };
    assert_eq!(picks(&credential(None)), [last_mile, plain]);
    assert_eq!(picks(&credential(Some(true))), [last_mile]);
    assert_eq!(picks(&credential(Some(false))), [plain]);
    assert_eq!(picks(&HoldingSelector::any_agent()), [any[1]]);
    assert_eq!(picks(&HoldingSelector::Agent { tools: vec![AgentTool::Rmm] }), []);
    assert_eq!(picks(&HoldingSelector::SystemRecord { systems: vec![System::Psa, System::Rmm] }), [any[0]]);
    assert_eq!(picks(&HoldingSelector::SystemRecord { systems: vec![System::Billing] }), []);
    assert_eq!(picks(&HoldingSelector::Data { dispositions: vec![Disposition::Return] }), [TO_RETURN]);
    assert_eq!(picks(&HoldingSelector::Data { dispositions: vec![Disposition::Destroy] }), []);
    assert_eq!(picks(&HoldingSelector::Config { config_kinds: vec![] }), [any[4]]);
    let named = HoldingSelector::Config { config_kinds: vec![ConfigKind::BackupJob] };
    assert_eq!(named.describe(), "CONFIG (BACKUP_JOB)");
    assert_eq!(named.kind(), crate::domain::holding::HoldingKind::Config);
}

#[test]
fn open_exceptions_and_decisions() {
    let exception = |state| ExceptionLine {
        id: Uuid::nil().into(),
        step_id: None,
        r#type: ExceptionType::Skipped,
        state,
        expires_at: situation().now,
        open_actions: 0,
    };
    for &state in ExceptionState::ALL {
        let expected = state.is_open().then_some("EXCEPTIONS_OPEN");
        assert_eq!(code(&Gate::OpenExceptionsClosed, |s| s.exceptions.push(exception(state))), expected, "{state}");
    }
    let decision = |state| DecisionLine { id: Uuid::nil().into(), kind: DecisionKind::Plan, holding: None, state };
    for &state in DecisionState::ALL {
        let expected = (state == DecisionState::Open).then_some("DECISIONS_OPEN");
        assert_eq!(code(&Gate::OpenDecisionsDecided, |s| s.decisions.push(decision(state))), expected, "{state}");
    }
}

#[test]
fn a_different_person() {
    let gate = Gate::DifferentPerson { step: "handover".to_owned() };
    let done_by = |number, state| {
        move |s: &mut Situation| {
            s.steps[0].state = state;
            s.steps[0].finished_by = Some(person(number));
        }
    };
    assert_eq!(code(&gate, done_by(1, StepState::Done)), Some("SAME_PERSON"));
    assert_eq!(code(&gate, done_by(2, StepState::Done)), None);
    assert_eq!(code(&gate, done_by(1, StepState::NotApplicable)), None, "nobody did it");
    assert_eq!(code(&gate, |_| {}), None);
}

/// The onboarding with its first two steps open, and an exception for the second one.
fn with_exception(r#type: ExceptionType, state: ExceptionState, days: i64) -> Vec<&'static str> {
    let mut situation = situation();
    let expires_at = situation.now + TimeDelta::days(days);
    let step_id = Some(situation.steps[1].id);
    let id = Uuid::nil().into();
    situation.exceptions.push(ExceptionLine { id, step_id, r#type, state, expires_at, open_actions: 0 });
    codes(&situation, Deed::StartStep(OWN))
}

fn codes(situation: &Situation, deed: Deed<'_>) -> Vec<&'static str> {
    evaluate(&builtin::onboarding().unwrap(), deed, situation).iter().map(Blocker::code).collect()
}

#[test]
fn work_out_of_order_is_detected_and_needs_an_exception_in_force_for_that_very_step() {
    use ExceptionType::{Deviation, OutOfOrder, Skipped};
    assert_eq!(codes(&situation(), Deed::StartStep(OWN)), ["STEPS_OPEN"]);
    for &state in ExceptionState::ALL {
        let helps = matches!(state, ExceptionState::Approved | ExceptionState::Closed);
        for r#type in [OutOfOrder, Deviation] {
            assert_eq!(with_exception(r#type, state, 1).is_empty(), helps, "{type} {state}");
            assert_eq!(with_exception(r#type, state, 0), ["STEPS_OPEN"], "{type} {state} has expired");
        }
        assert_eq!(with_exception(Skipped, state, 1), ["STEPS_OPEN"], "{state}");
    }
    let mut elsewhere = situation();
    elsewhere.exceptions.push(ExceptionLine {
        id: Uuid::nil().into(),
        step_id: Some(elsewhere.steps[0].id),
        r#type: OutOfOrder,
        state: ExceptionState::Approved,
        expires_at: elsewhere.now + TimeDelta::days(1),
        open_actions: 0,
    });
    assert_eq!(codes(&elsewhere, Deed::StartStep(OWN)), ["STEPS_OPEN"]);
}

#[test]
fn an_exception_about_order_does_not_finish_a_step() {
    let complete = |r#type| {
        let mut situation = situation();
        situation.steps[0].state = StepState::Done;
        situation.exceptions.push(ExceptionLine {
            id: Uuid::nil().into(),
            step_id: Some(situation.steps[1].id),
            r#type,
            state: ExceptionState::Approved,
            expires_at: situation.now + TimeDelta::days(1),
            open_actions: 0,
        });
        codes(&situation, Deed::CompleteStep(OWN))
    };
    assert_eq!(complete(ExceptionType::OutOfOrder), ["EVIDENCE_MISSING", "TEAMS_MISSING"]);
    assert_eq!(complete(ExceptionType::Deviation), [""; 0]);
}

#[test]
fn a_run_ends_when_every_step_is_terminal() {
    let mut all_but_one = situation();
    let content = builtin::onboarding().unwrap();
    all_but_one.steps = content.steps.iter().zip(1..).map(|(template, n)| step(n, &template.key)).collect();
    for line in &mut all_but_one.steps[1..] {
        line.state = StepState::Done;
    }
    let blockers = evaluate(&content, Deed::Conclude, &all_but_one);
    assert_eq!(blockers, [Blocker::hard(Missing::Steps { keys: vec!["handover".to_owned()] })]);
    all_but_one.steps[0].state = StepState::Excepted;
    assert_eq!(evaluate(&content, Deed::Conclude, &all_but_one), []);
}

#[test]
fn an_offboarding_never_ends_with_residuals_whatever_its_document_says() {
    let mut careless = builtin::offboarding().unwrap();
    careless.conclusion_gates.clear();
    careless.outputs.clear();
    careless.steps.clear();
    let mut situation = situation();
    assert_eq!(evaluate(&careless, Deed::Conclude, &situation), []);
    situation.holdings.push(holding(TO_RETURN, HoldingState::Active));
    assert_eq!(evaluate(&careless, Deed::Conclude, &situation)[0].code(), "RESIDUALS");
}

#[test]
fn some_rules_hold_for_every_document() {
    let gates = |kind| hard_gates_of_job(kind);
    assert!(gates(JobKind::Sanitization).contains(&Gate::DateReached { which: Which::Termination }));
    assert!(gates(JobKind::Sanitization).contains(&Gate::ReceiptGiven));
    assert_eq!(gates(JobKind::Sanitization).len(), 3);
    assert_eq!(gates(JobKind::SanitizationVerification), [Gate::no_backup_job()]);
    assert_eq!(gates(JobKind::DataReturn), [Gate::RecipientKeyConfirmed]);
    assert_eq!(gates(JobKind::Report), []);
    let agents_gone = [Gate::HoldingsSettled { of: HoldingSelector::any_agent() }];
    let credential = |is_last_mile| HoldingTraits::Credential { kind: CredentialKind::Admin, is_last_mile };
    assert_eq!(hard_gates_of_removal(HoldingTraits::SystemRecord(System::Rmm)), agents_gone);
    assert_eq!(hard_gates_of_removal(credential(true)), agents_gone);
    assert_eq!(hard_gates_of_removal(credential(false)), [Gate::WindowAgreed]);
    assert_eq!(hard_gates_of_removal(HoldingTraits::SystemRecord(System::Psa)).len(), 4);
    assert_eq!(hard_gates_of_removal(TO_RETURN), []);
    assert_eq!(hard_gates_of_removal(TO_DESTROY_AFTER), gates(JobKind::Sanitization));
    for kind in JobKind::ALL {
        assert!(gates(*kind).iter().all(|gate| !gate.is_about_its_step()), "{kind}");
    }
    let mut situation = situation();
    situation.holdings.push(holding(HoldingTraits::Agent(AgentTool::Rmm), HoldingState::Waiting));
    let blockers = evaluate_hard(&agents_gone, &situation);
    assert_eq!(blockers.iter().map(|b| (b.code(), b.is_hard())).collect::<Vec<_>>(), [("HOLDINGS_OPEN", true)]);
}

/// One of each, in the order of [`Missing`].
fn one_of_each() -> Vec<Missing> {
    let holdings = vec![Uuid::nil().into()];
    let of = HoldingSelector::any_agent();
    vec![
        Missing::Agreements { kinds: vec![AgreementKind::Sla] },
        Missing::Steps { keys: vec!["tests".into()] },
        Missing::Checklist { step: "tests".into(), items: vec!["devices".into()] },
        Missing::Evidence { step: "tests".into(), kinds: vec![EvidenceKind::Photo] },
        Missing::Teams { step: "tests".into(), teams: vec![Role::Sales] },
        Missing::Facts { absent: vec![FactKind::Device], unverified_count: 2 },
        Missing::Intake,
        Missing::Role { role: Role::Compliance },
        Missing::Role { role: Role::AccountManager },
        Missing::Decision { kind: DecisionKind::Plan, open: None },
        Missing::Notice,
        Missing::Date { which: Which::ServiceStart, on: None, today: day(1) },
        Missing::ReturnTerms,
        Missing::RecipientKey,
        Missing::Receipt { holdings: holdings.clone() },
        Missing::SettledFees { open: vec![], is_attested: false },
        Missing::ActiveHoldings { of: of.clone(), holdings: holdings.clone() },
        Missing::SettledHoldings { of: of.clone(), holdings: holdings.clone() },
        Missing::ClosedHoldings { of, holdings: holdings.clone() },
        Missing::EmptyLedger { holdings },
        Missing::ClosedExceptions { exceptions: vec![Uuid::nil().into()] },
        Missing::Answers { decisions: vec![Uuid::nil().into()] },
        Missing::AnotherPerson { step: "tests".into() },
    ]
}

#[test]
fn every_blocker_says_what_is_missing_and_names_the_mutation_that_helps() {
    let mut seen = BTreeSet::new();
    for missing in one_of_each() {
        for blocker in [Blocker::hard(missing.clone()), Blocker::soft(missing)] {
            assert!(blocker.message().ends_with('.'), "{}", blocker.message());
            let remedy = blocker.remedy().unwrap();
            assert!(!blocker.mutations().is_empty(), "{remedy}");
            for mutation in blocker.mutations() {
                assert!(remedy.contains(&format!("`{mutation}`")), "{remedy} does not name {mutation}");
            }
            seen.insert(blocker.code());
        }
    }
    assert_eq!(seen.len(), one_of_each().len(), "each kind has its own code");
    let waits = Missing::Date { which: Which::Termination, on: Some(day(20)), today: day(15) };
    assert_eq!(Blocker::hard(waits.clone()).remedy(), None, "only time helps");
    assert_eq!(Blocker::hard(waits).message(), "The date TERMINATION is 2026-11-20; for the client it is 2026-11-15.");
}

#[test]
fn gates_read_back_from_json() {
    let gates = [
        Gate::NoResiduals,
        Gate::AgreementsSigned { kinds: vec![AgreementKind::Sla] },
        Gate::no_backup_job(),
        Gate::DateReached { which: Which::Termination },
        Gate::DecisionGranted { kind: DecisionKind::AccessApproval },
    ];
    for gate in gates {
        let rule = GateUse { gate, when: Moment::Start, is_hard_here: true };
        let json = serde_json::to_value(&rule).unwrap();
        assert_eq!(json["when"], "START");
        assert_eq!(serde_json::from_value::<GateUse>(json).unwrap(), rule);
    }
    let unknown = serde_json::json!({"gate": "MAGIC", "when": "START"});
    assert!(serde_json::from_value::<GateUse>(unknown).is_err());
}
