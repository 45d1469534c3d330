//! Whether a content can be run at all: everything it refers to exists, nothing waits for itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Content, StepTemplate};
use crate::domain::{
    Invalid,
    gate::Gate,
    stakeholder::{RaciByStep, without_one_accountable},
    text::{Name, Prose},
};

/// Something in a content that keeps it from being submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where, as `steps.3.gates.0`.
    pub path: String,
    /// What is wrong, as a full sentence.
    pub message: String,
}

/// More steps than this are two processes.
const STEPS_MAX: usize = 100;
/// More lines than this are two steps.
const CHECKLIST_MAX: usize = 50;
/// More entries than this in a list of the document (goals, areas, activities …) nobody reads.
const LIST_MAX: usize = 50;
/// The longest time between two reviews, in months.
const INTERVAL_MONTHS_MAX: u32 = 60;
/// The furthest a due date lies from its day, in days.
const DUE_DAYS_MAX: u32 = 730;

impl Content {
    /// Everything that keeps it from being submitted, in the order of the document. Empty: nothing does.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Findings::default();
        self.check_texts(&mut findings);
        self.check_lists(&mut findings);
        self.check_references(&mut findings);
        self.check_schedule(&mut findings);
        for (index, step) in self.steps.iter().enumerate() {
            self.check_step(&format!("steps.{index}"), step, &mut findings);
        }
        self.check_order(&mut findings);
        findings.0
    }

    fn keys(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.key.as_str()).collect()
    }

    fn check_texts(&self, findings: &mut Findings) {
        findings.name("title", &self.title);
        for (path, text) in [
            ("process", &self.process),
            ("objective", &self.objective),
            ("reason", &self.reason),
            ("boundaries.start", &self.boundaries.start),
            ("boundaries.end", &self.boundaries.end),
        ] {
            findings.prose(path, text);
        }
        self.goals.iter().enumerate().for_each(|(i, text)| findings.prose(&format!("goals.{i}"), text));
        findings.invalid("exceptions", self.exceptions.check());
        for (i, lesson) in self.challenges.iter().enumerate() {
            findings.invalid(&format!("challenges.{i}"), lesson.check());
        }
        findings.name("prepared.by", &self.prepared.by);
        for (path, text) in [
            ("prepared.originalTimeText", &self.prepared.original_time_text),
            ("prepared.originalApprovalText", &self.prepared.original_approval_text),
            ("review.contact", &self.review.contact),
        ] {
            if let Some(text) = text {
                findings.prose(path, text);
            }
        }
        let before = self.review.steps_before_revision.iter().enumerate();
        before.for_each(|(i, text)| findings.prose(&format!("review.stepsBeforeRevision.{i}"), text));
    }

    fn check_lists(&self, findings: &mut Findings) {
        let lists = [
            ("goals", self.goals.len()),
            ("focusAreas", self.focus_areas.len()),
            ("stakeholders", self.stakeholders.len()),
            ("activities", self.activities.len()),
            ("inputs", self.inputs.len()),
            ("outputs", self.outputs.len()),
        ];
        for (path, count) in lists {
            if !(1..=LIST_MAX).contains(&count) {
                findings.add(path, format!("Here stand 1 to {LIST_MAX} entries; these are {count}."));
            }
        }
        if !(1..=STEPS_MAX).contains(&self.steps.len()) {
            findings.add("steps", format!("A process has 1 to {STEPS_MAX} steps; this has {}.", self.steps.len()));
        }
        let ranks: BTreeSet<_> = self.focus_areas.iter().map(|area| area.rank).collect();
        let is_dense = ranks.iter().zip(1..).all(|(rank, place)| *rank == place);
        if !is_dense || ranks.len() != self.focus_areas.len() {
            findings.add("focusAreas", "The ranks are 1, 2, 3 … without gaps or doubles.");
        }
        for (i, area) in self.focus_areas.iter().enumerate() {
            findings.prose(&format!("focusAreas.{i}.text"), &area.text);
        }
    }

    fn check_references(&self, findings: &mut Findings) {
        let keys = self.keys();
        for (i, activity) in self.activities.iter().enumerate() {
            findings.prose(&format!("activities.{i}.text"), &activity.text);
            if activity.steps.is_empty() {
                findings.add(format!("activities.{i}.steps"), "No step does this activity.");
            }
            findings.known(&format!("activities.{i}.steps"), activity.steps.iter(), &keys);
        }
        let terms = |path: &'static str, terms: &'_ [super::Term]| {
            terms.iter().enumerate().map(move |(i, term)| (format!("{path}.{i}"), term.clone())).collect::<Vec<_>>()
        };
        for (path, term) in terms("inputs", &self.inputs).into_iter().chain(terms("outputs", &self.outputs)) {
            findings.prose(&path, &term.text);
            findings.free_gate(&path, &term.gate, &keys);
        }
        for (path, gates) in [("startGates", &self.start_gates), ("conclusionGates", &self.conclusion_gates)] {
            gates.iter().enumerate().for_each(|(i, gate)| findings.free_gate(&format!("{path}.{i}"), gate, &keys));
        }
        for (i, stakeholder) in self.stakeholders.iter().enumerate() {
            findings.name(&format!("stakeholders.{i}.name"), &stakeholder.name);
            if let Some(phone) = &stakeholder.phone {
                findings.name(&format!("stakeholders.{i}.phone"), phone);
            }
            for text in &stakeholder.responsibilities {
                findings.prose(&format!("stakeholders.{i}.responsibilities"), text);
            }
            findings.known(&format!("stakeholders.{i}.raci"), stakeholder.raci.keys(), &keys);
        }
        let raci: Vec<RaciByStep> = self.stakeholders.iter().map(|stakeholder| stakeholder.raci.clone()).collect();
        for key in without_one_accountable(&keys, &raci) {
            findings.add(
                "stakeholders",
                format!("Exactly one stakeholder is accountable for each step; not so for {key}."),
            );
        }
    }

    fn check_schedule(&self, findings: &mut Findings) {
        if !(1..=INTERVAL_MONTHS_MAX).contains(&self.review.interval_months) {
            findings.add("review.intervalMonths", format!("A review comes every 1 to {INTERVAL_MONTHS_MAX} months."));
        }
        if self.review.auto_revise {
            findings.add("review.autoRevise", "No version is revised automatically: a person reviews it first.");
        }
        findings.name("review.reviewer", &self.review.reviewer);
        let Some(place) = &self.prepared.place else { return };
        let is_on_earth = place.latitude.is_none_or(|degrees| (-90.0..=90.0).contains(&degrees))
            && place.longitude.is_none_or(|degrees| (-180.0..=180.0).contains(&degrees));
        if !is_on_earth {
            findings.add("prepared.place", "This is no place on the earth: latitude -90 to 90, longitude -180 to 180.");
        }
        findings.prose("prepared.place.address", &place.address);
    }

    fn check_step(&self, path: &str, step: &StepTemplate, findings: &mut Findings) {
        let keys = self.keys();
        findings.key(&format!("{path}.key"), &step.key);
        if keys.iter().filter(|key| **key == step.key).count() > 1 {
            findings.add(format!("{path}.key"), format!("The key {} stands here twice.", step.key));
        }
        findings.name(&format!("{path}.title"), &step.title);
        findings.prose(&format!("{path}.description"), &step.description);
        findings.known(&format!("{path}.dependsOn"), step.depends_on.iter(), &keys);
        check_checklist(&format!("{path}.checklist"), step, findings);
        for (i, rule) in step.gates.iter().enumerate() {
            let waits_for_itself = rule.gate.steps().contains(&step.key);
            if waits_for_itself {
                findings.add(format!("{path}.gates.{i}"), "This step waits for itself.");
            }
            findings.known(&format!("{path}.gates.{i}"), rule.gate.steps().iter(), &keys);
        }
        if step.due.is_some_and(|due| due.days.unsigned_abs() > DUE_DAYS_MAX) {
            findings.add(format!("{path}.due"), format!("A step is due within {DUE_DAYS_MAX} days of its day."));
        }
    }

    /// Walks the steps in an order in which each comes after all it waits for, by dependency or by gate;
    /// what cannot be reached waits for itself in the end.
    fn check_order(&self, findings: &mut Findings) {
        let waits_for = |step: &StepTemplate| -> BTreeSet<String> {
            let by_gate = step.gates.iter().flat_map(|rule| rule.gate.steps());
            step.depends_on.iter().chain(by_gate).filter(|key| self.step(key).is_some()).cloned().collect()
        };
        let mut waiting: BTreeMap<&str, BTreeSet<String>> =
            self.steps.iter().map(|step| (step.key.as_str(), waits_for(step))).collect();
        loop {
            let free: Vec<&str> = waiting.iter().filter(|(_, before)| before.is_empty()).map(|(key, _)| *key).collect();
            if free.is_empty() {
                break;
            }
            for key in free {
                waiting.remove(key);
                for before in waiting.values_mut() {
                    before.remove(key);
                }
            }
        }
        if !waiting.is_empty() {
            let circle: Vec<_> = waiting.into_keys().collect();
            findings.add("steps", format!("These steps wait for each other: {}.", circle.join(", ")));
        }
    }
}

fn check_checklist(path: &str, step: &StepTemplate, findings: &mut Findings) {
    if step.checklist.len() > CHECKLIST_MAX {
        findings.add(path, format!("A checklist has at most {CHECKLIST_MAX} lines."));
    }
    for (i, line) in step.checklist.iter().enumerate() {
        findings.key(&format!("{path}.{i}.key"), &line.key);
        findings.prose(&format!("{path}.{i}.text"), &line.text);
        if step.checklist[..i].iter().any(|earlier| earlier.key == line.key) {
            findings.add(format!("{path}.{i}.key"), format!("The key {} stands here twice.", line.key));
        }
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { path: path.into(), message: message.into() });
    }

    fn invalid(&mut self, path: &str, result: Result<(), Invalid>) {
        if let Err(invalid) = result {
            self.add(path, invalid.message);
        }
    }

    fn name(&mut self, path: &str, text: &str) {
        self.invalid(path, Name::parse(text).map(drop));
    }

    fn prose(&mut self, path: &str, text: &str) {
        self.invalid(path, Prose::parse(text).map(drop));
    }

    /// A key is 1 to 40 of `a-z 0-9 _`, beginning with a letter.
    fn key(&mut self, path: &str, key: &str) {
        let is_key = (1..=40).contains(&key.len())
            && key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_key {
            self.add(path, "A key is 1 to 40 lower-case letters, digits or underscores, beginning with a letter.");
        }
    }

    fn known<'a>(&mut self, path: &str, named: impl Iterator<Item = &'a String>, keys: &[&str]) {
        for key in named.filter(|key| !keys.contains(&key.as_str())) {
            self.add(path, format!("There is no step {key}."));
        }
    }

    /// A gate that stands on no step.
    fn free_gate(&mut self, path: &str, gate: &Gate, keys: &[&str]) {
        if gate.is_about_its_step() {
            self.add(path, "This gate asks about the step it stands on, and here it stands on none.");
        }
        self.known(path, gate.steps().iter(), keys);
    }
}
