//! Versions: their states, who approves and when one may be revised; and every finding of a content.

use uuid::Uuid;

use super::*;
use crate::domain::{
    assert_table,
    client::TimeZoneName,
    gate::{Gate, GateUse, Moment},
};

fn person(number: u128) -> ActorId {
    ActorId::User(Uuid::from_u128(number).into())
}

fn at(hour: u32) -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 22).unwrap().and_hms_opt(hour, 0, 0).unwrap().and_utc()
}

fn version(state: ProcessVersionState) -> ProcessVersion {
    ProcessVersion {
        id: Uuid::from_u128(1).into(),
        process_id: Uuid::nil().into(),
        number: 1,
        state,
        content: builtin::onboarding().unwrap(),
        content_hash: String::new(),
        supersedes_id: None,
        prepared_by: person(1),
        prepared_at: at(1),
        approved_by: Some(person(2)),
        approved_at: Some(at(5)),
        next_review_on: None,
        revision: 1,
        updated_at: at(5),
    }
}

fn review(verdict: ReviewVerdict, hour: u32) -> ProcessReview {
    ProcessReview {
        process_version_id: Uuid::from_u128(1).into(),
        verdict,
        notes: "Vendors deliver late.".into(),
        reviewed_by: person(3),
        reviewed_at: at(hour),
    }
}

#[test]
fn a_version_goes_only_these_ways() {
    use ProcessVersionState::{Approved, Draft, InReview, Retired, Superseded};
    use ProcessVersionVerb::{Approve, Edit, Reject, Retire, Submit, Supersede};
    assert_table(
        ProcessVersionState::ALL,
        ProcessVersionVerb::ALL,
        ProcessVersionState::after,
        &[
            (Draft, Edit, Draft),
            (Draft, Submit, InReview),
            (InReview, Approve, Approved),
            (InReview, Reject, Draft),
            (Approved, Supersede, Superseded),
            (Draft, Retire, Retired),
            (Approved, Retire, Retired),
        ],
    );
}

#[test]
fn approving_what_one_prepared_oneself_is_refused() {
    let in_review = version(ProcessVersionState::InReview);
    assert!(in_review.approved_by(person(1)).is_err());
    assert_eq!(in_review.approved_by(person(2)).unwrap(), ProcessVersionState::Approved);
    assert!(version(ProcessVersionState::Draft).approved_by(person(2)).is_err());
}

#[test]
fn a_version_is_duplicated_only_after_a_review_that_asks_for_it() {
    let approved = version(ProcessVersionState::Approved);
    assert!(approved.may_be_duplicated(&[]).is_err());
    assert!(approved.may_be_duplicated(&[review(ReviewVerdict::Keep, 6)]).is_err());
    assert!(approved.may_be_duplicated(&[review(ReviewVerdict::Revise, 4)]).is_err(), "before its approval");
    assert!(approved.may_be_duplicated(&[review(ReviewVerdict::Revise, 6)]).is_ok());
    let of_another =
        ProcessReview { process_version_id: Uuid::from_u128(9).into(), ..review(ReviewVerdict::Revise, 6) };
    assert!(approved.may_be_duplicated(&[of_another]).is_err());
    for &state in ProcessVersionState::ALL {
        let may = version(state).may_be_duplicated(&[review(ReviewVerdict::Revise, 6)]).is_ok();
        assert_eq!(may, state == ProcessVersionState::Approved, "{state}");
    }
}

#[test]
fn document_numbers_have_one_form() {
    for good in ["T-ONB-010", "T-OFF-010", "P-IT-999", "T-ABCD-000"] {
        assert_eq!(good.parse::<DocumentNumber>().unwrap().as_str(), good);
    }
    for bad in
        ["", "T-ONB-10", "t-onb-010", "T-O-010", "T-ABCDE-010", "TT-ONB-010", "T-ONB-010-1", "T_ONB_010", "T-ÖNB-010"]
    {
        assert!(bad.parse::<DocumentNumber>().is_err(), "{bad}");
    }
}

/// The paths at which a content is found wanting after `change`.
fn paths(change: impl FnOnce(&mut Content)) -> Vec<String> {
    let mut content = builtin::onboarding().unwrap();
    change(&mut content);
    content.check().into_iter().map(|finding| finding.path).collect()
}

#[test]
fn a_content_is_checked_where_it_refers_to_itself() {
    assert_eq!(paths(|_| {}), [""; 0]);
    assert_eq!(paths(|c| c.steps[1].depends_on.push("nowhere".into())), ["steps.1.dependsOn"]);
    assert_eq!(paths(|c| c.activities[0].steps.clear()), ["activities.0.steps"]);
    assert_eq!(paths(|c| c.activities[0].steps.push("nowhere".into())), ["activities.0.steps"]);
    assert_eq!(paths(|c| c.outputs[1].gate = Gate::StepsDone { keys: vec!["nowhere".into()] }), ["outputs.1"]);
    assert_eq!(paths(|c| c.inputs[1].gate = Gate::ChecklistDone), ["inputs.1"]);
    assert_eq!(paths(|c| c.conclusion_gates.push(Gate::FeesSettled)), ["conclusionGates.2"]);
    let waits = GateUse::on_completion(Gate::DifferentPerson { step: "nowhere".into() });
    assert_eq!(paths(|c| c.steps[0].gates.push(waits)), ["steps.0.gates.2"]);
}

#[test]
fn keys_are_plain_and_stand_once() {
    assert!(paths(|c| c.steps[14].key = "handover".into()).contains(&"steps.14.key".to_owned()));
    for bad in ["", "Handover", "hand over", "1st", "ä", "a".repeat(41).as_str()] {
        assert!(paths(|c| c.steps[6].key = bad.into()).contains(&"steps.6.key".to_owned()), "{bad}");
    }
    assert_eq!(paths(|c| c.steps[0].checklist[1].key = "contacts".into()), ["steps.0.checklist.2.key"]);
}

#[test]
fn steps_that_wait_for_each_other_are_found_by_dependency_and_by_gate() {
    assert_eq!(paths(|c| c.steps[0].depends_on.push("activation".into())), ["steps"]);
    let waits =
        || GateUse { gate: Gate::StepsDone { keys: vec!["kickoff".into()] }, when: Moment::Start, is_hard_here: true };
    assert_eq!(paths(|c| c.steps[0].gates.push(waits())), ["steps"]);
    assert_eq!(paths(|c| c.steps[1].gates.push(waits())), ["steps.1.gates.1", "steps"]);
}

#[test]
fn ranks_are_dense() {
    assert_eq!(paths(|c| c.focus_areas[1].rank = 3), ["focusAreas"]);
    assert_eq!(paths(|c| c.focus_areas[2].rank = 4), ["focusAreas"]);
    assert_eq!(paths(|c| c.focus_areas[0].rank = 0), ["focusAreas"]);
    assert_eq!(paths(|c| c.focus_areas.reverse()), [""; 0], "they may stand in any order");
}

#[test]
fn each_step_has_one_who_answers_for_it() {
    let twice = paths(|c| {
        c.stakeholders[0].raci.insert("tests".into(), crate::domain::stakeholder::Raci::Accountable);
    });
    assert_eq!(twice, ["stakeholders"]);
    let nobody = paths(|c| {
        c.stakeholders[0].raci.remove("handover");
    });
    assert_eq!(nobody, ["stakeholders"]);
}

#[test]
fn nothing_revises_itself_and_every_bound_holds() {
    assert_eq!(paths(|c| c.review.auto_revise = true), ["review.autoRevise"]);
    assert_eq!(paths(|c| c.review.interval_months = 0), ["review.intervalMonths"]);
    assert_eq!(paths(|c| c.review.interval_months = 61), ["review.intervalMonths"]);
    assert_eq!(paths(|c| c.title = " ".into()), ["title"]);
    assert_eq!(paths(|c| c.objective = "x".repeat(4_001)), ["objective"]);
    assert_eq!(paths(|c| c.goals.clear()), ["goals"]);
    assert_eq!(paths(|c| c.prepared.place.as_mut().unwrap().latitude = Some(90.5)), ["prepared.place"]);
    assert_eq!(paths(|c| c.prepared.place.as_mut().unwrap().longitude = Some(f64::NAN)), ["prepared.place"]);
    let due = Some(Due { days: 731, from: DueFrom::Start });
    assert_eq!(paths(|c| c.steps[0].due = due), ["steps.0.due"]);
    assert_eq!(paths(|c| c.steps[0].due = Some(Due { days: i32::MIN, from: DueFrom::Start })), ["steps.0.due"]);
}

#[test]
fn a_step_is_due_at_the_end_of_a_day_in_the_clients_zone() {
    let mut step = builtin::onboarding().unwrap().steps.remove(0);
    let zone: TimeZoneName = "America/New_York".parse().unwrap();
    let start = NaiveDate::from_ymd_opt(2026, 10, 30).unwrap();
    let target = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap();
    let mut due = |days, from| {
        step.due = Some(Due { days, from });
        step.due_at(zone, start, Some(target)).map(|instant| instant.to_rfc3339())
    };
    // The clocks change on the first of November: the offset is that of the day itself.
    assert_eq!(due(0, DueFrom::Start).as_deref(), Some("2026-10-31T04:00:00+00:00"));
    assert_eq!(due(2, DueFrom::Start).as_deref(), Some("2026-11-02T05:00:00+00:00"));
    assert_eq!(due(-7, DueFrom::Target).as_deref(), Some("2026-11-25T05:00:00+00:00"));
    assert_eq!(step.due_at(zone, start, None), None, "without a target nothing is counted from it");
    step.due = None;
    assert_eq!(step.due_at(zone, start, Some(target)), None);
}
