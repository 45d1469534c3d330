//! When a run will be done as things stand.
//!
//! One forward pass over the steps and what they wait for. A step takes as long as the plan leaves between the day it
//! is due and the last of those of the steps that come first, or the day the run began. What is late therefore pushes
//! whatever waits for it, and nothing else.
//!
//! Invariants: nothing open is foreseen before today, nor before the day it is due; so a forecast is never better than
//! the plan.
//!
//! Deliberately absent: calendars of working days. Every day counts.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};

use crate::domain::{
    engagement::{Engagement, EngagementState},
    gate::{Situation, StepLine},
    process::{Content, StepTemplate},
};

/// The day on which `run` was concluded or will be, in the client's zone. None for one that was cancelled, and where
/// neither a step nor the run as a whole has a day to reckon from.
pub fn forecast(run: &Engagement, content: &Content, situation: &Situation) -> Option<NaiveDate> {
    match run.state {
        EngagementState::Cancelled => None,
        EngagementState::Concluded => run.concluded_at.map(|at| situation.time_zone.date_of(at)),
        EngagementState::Planned | EngagementState::Running | EngagementState::Paused => {
            let mut pass = Pass { run, content, situation, ends: HashMap::new() };
            let is_dated = situation.steps.iter().any(|step| step.due_at.is_some());
            let last = content.steps.iter().map(|step| pass.end(step)).max().filter(|_| is_dated);
            Some(last.or(run.target_on)?.max(situation.today))
        }
    }
}

struct Pass<'a> {
    run: &'a Engagement,
    content: &'a Content,
    situation: &'a Situation,
    /// The days already reckoned, by step.
    ends: HashMap<&'a str, NaiveDate>,
}

impl<'a> Pass<'a> {
    /// The day on which the step of `template` was over or will be.
    fn end(&mut self, template: &'a StepTemplate) -> NaiveDate {
        if let Some(end) = self.ends.get(template.key.as_str()) {
            return *end;
        }
        // An approved process has no circles; a draft with one still gets an answer.
        self.ends.insert(&template.key, self.situation.today);
        let first: Vec<&StepTemplate> = template.depends_on.iter().filter_map(|key| self.content.step(key)).collect();
        let ready = first.iter().map(|step| self.end(step)).max();
        let end = match self.situation.step(&template.key) {
            Some(step) if step.state.is_terminal() => self.finished_on(step),
            Some(step) => self.foreseen(step, ready, self.planned(step, &first)),
            None => self.situation.today,
        };
        self.ends.insert(&template.key, end);
        end
    }

    fn finished_on(&self, step: &StepLine) -> NaiveDate {
        step.finished_at.map_or(self.situation.today, |at| self.situation.time_zone.date_of(at))
    }

    fn foreseen(&self, step: &StepLine, ready: Option<NaiveDate>, takes: TimeDelta) -> NaiveDate {
        let pushed = ready.and_then(|ready| ready.checked_add_signed(takes));
        [Some(self.situation.today), self.due_on(step), pushed].into_iter().flatten().max().unwrap_or_default()
    }

    /// How long the plan gives a step once the `first` ones are done; never less than nothing.
    fn planned(&self, step: &StepLine, first: &[&StepTemplate]) -> TimeDelta {
        let before = first.iter().filter_map(|step| self.due_on(self.situation.step(&step.key)?)).max();
        let began = self.run.started_at.map(|at| self.situation.time_zone.date_of(at));
        let (Some(due), Some(from)) = (self.due_on(step), before.or(began)) else { return TimeDelta::zero() };
        (due - from).max(TimeDelta::zero())
    }

    /// A step is due at the end of a day, which is the first instant of the next one.
    fn due_on(&self, step: &StepLine) -> Option<NaiveDate> {
        step.due_at.map(|at| self.situation.time_zone.date_of(at - TimeDelta::milliseconds(1)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{engagement::EngagementKind, process::builtin, step::StepState},
        ids::ActorId,
    };

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 12, day).unwrap()
    }

    fn noon(on: u32) -> DateTime<Utc> {
        day(on).and_hms_opt(12, 0, 0).unwrap().and_utc()
    }

    fn run(state: EngagementState) -> Engagement {
        Engagement {
            id: Uuid::nil().into(),
            client_id: Uuid::nil().into(),
            kind: EngagementKind::Onboarding,
            state,
            process_version_id: Uuid::nil().into(),
            target_on: Some(day(20)),
            state_reason: None,
            started_at: Some(noon(1)),
            concluded_at: None,
            revision: 1,
            created_by: ActorId::System,
            created_at: noon(1),
            updated_at: noon(1),
        }
    }

    /// Three steps in a row, due on the 3rd, 6th and 12th, and one beside them that is due on the 5th.
    fn plan() -> (Content, Situation) {
        let mut content = builtin::onboarding().unwrap();
        content.steps.truncate(4);
        let (mut steps, waits_for) = (Vec::new(), [None, Some("one"), Some("two"), None]);
        for (template, (key, due)) in
            content.steps.iter_mut().zip([("one", 3), ("two", 6), ("three", 12), ("beside", 5)])
        {
            template.key = key.to_owned();
            template.depends_on = waits_for[steps.len()].map(str::to_owned).into_iter().collect();
            steps.push(StepLine {
                id: Uuid::from_u128(u128::from(due)).into(),
                key: key.to_owned(),
                state: StepState::Pending,
                due_at: Some(day(due + 1).and_hms_opt(0, 0, 0).unwrap().and_utc()),
                finished_at: None,
                finished_by: None,
                checklist: Vec::new(),
                evidence: BTreeSet::new(),
                teams_met: BTreeSet::new(),
            });
        }
        (content, Situation { now: noon(1), today: day(1), steps, ..Situation::default() })
    }

    fn on(today: u32, change: impl FnOnce(&mut Situation)) -> Option<NaiveDate> {
        let (content, mut situation) = plan();
        (situation.now, situation.today) = (noon(today), day(today));
        change(&mut situation);
        forecast(&run(EngagementState::Running), &content, &situation)
    }

    fn done(step: &mut StepLine, on: u32) {
        (step.state, step.finished_at) = (StepState::Done, Some(noon(on)));
    }

    #[test]
    fn a_run_on_time_is_done_when_its_last_step_is_due() {
        assert_eq!(on(1, |_| {}), Some(day(12)));
        assert_eq!(on(5, |s| done(&mut s.steps[0], 3)), Some(day(12)));
    }

    #[test]
    fn what_is_late_pushes_what_waits_for_it_and_nothing_else() {
        assert_eq!(on(8, |_| {}), Some(day(17)), "the first is five days late, the others take three and six");
        assert_eq!(on(8, |s| done(&mut s.steps[0], 4)), Some(day(14)), "the second is two days late");
        assert_eq!(
            on(8, |s| s.steps[..3].iter_mut().for_each(|step| done(step, 8))),
            Some(day(8)),
            "only the other one"
        );
        assert_eq!(
            on(18, |s| s.steps[..2].iter_mut().for_each(|step| done(step, 6))),
            Some(day(18)),
            "never before today"
        );
    }

    #[test]
    fn being_early_promises_nothing() {
        assert_eq!(on(2, |s| done(&mut s.steps[0], 2)), Some(day(12)));
    }

    #[test]
    fn without_dates_the_target_counts_and_without_that_nothing_is_foreseen() {
        let (content, mut situation) = plan();
        situation.steps.iter_mut().for_each(|step| step.due_at = None);
        let mut run = run(EngagementState::Running);
        assert_eq!(forecast(&run, &content, &situation), Some(day(20)));
        run.target_on = None;
        assert_eq!(forecast(&run, &content, &situation), None);
    }

    #[test]
    fn a_run_that_is_over_is_told_by_its_end() {
        let (content, situation) = plan();
        let concluded = Engagement { concluded_at: Some(noon(9)), ..run(EngagementState::Concluded) };
        assert_eq!(forecast(&concluded, &content, &situation), Some(day(9)));
        assert_eq!(forecast(&run(EngagementState::Cancelled), &content, &situation), None);
    }

    #[test]
    fn a_draft_that_goes_in_circles_gets_an_answer() {
        let (mut content, situation) = plan();
        content.steps[0].depends_on = vec!["three".to_owned()];
        assert!(forecast(&run(EngagementState::Running), &content, &situation).is_some());
    }
}
