//! Who has an interest in an engagement, and what was learnt in it.
//!
//! A stakeholder is not a user: it may be a team, and it need not sign in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Invalid, Refused, contact::Phone, text::Prose},
    ids::{ActorId, ChallengeId, ClientId, EngagementId, StakeholderId},
};

words! {
    /// What a stakeholder is to a step.
    Raci {
        /// Does the work.
        Responsible = "RESPONSIBLE",
        /// Answers for it; one for each step.
        Accountable = "ACCOUNTABLE",
        /// Is asked before.
        Consulted = "CONSULTED",
        /// Is told after.
        Informed = "INFORMED",
    }
}

/// Which step a stakeholder is what to: step key to letter.
pub type RaciByStep = BTreeMap<String, Raci>;

/// A stakeholder as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stakeholder {
    /// The stakeholder's id.
    pub id: StakeholderId,
    /// The run it has an interest in.
    pub engagement_id: EngagementId,
    /// The client of that run.
    pub client_id: ClientId,
    /// Its place in the list, from 1.
    pub position: i32,
    /// Person or team: a [`crate::domain::text::Name`].
    pub name: String,
    /// What it looks after.
    pub responsibilities: String,
    /// Its telephone number.
    pub phone: Option<Phone>,
    /// What it is to each step.
    pub raci: RaciByStep,
    /// Grows with every change.
    pub revision: i32,
}

/// The steps of `keys` for which not exactly one stakeholder is accountable.
pub fn without_one_accountable<'a>(keys: &[&'a str], stakeholders: &[RaciByStep]) -> Vec<&'a str> {
    let accountable = |key: &str| stakeholders.iter().filter(|raci| raci.get(key) == Some(&Raci::Accountable)).count();
    keys.iter().copied().filter(|key| accountable(key) != 1).collect()
}

/// What was feared, what came, and what it taught.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lesson {
    /// The difficulty that was expected.
    pub expected: Option<String>,
    /// The difficulty that came.
    pub actual: Option<String>,
    /// What to do differently.
    pub learning: Option<String>,
}

impl Lesson {
    /// The lesson with the texts it lacks. What was recorded stays as it was.
    ///
    /// # Errors
    /// [`Refused`] when a text is there already.
    pub fn completed(&self, more: Self) -> Result<Self, Refused> {
        let filled = |name: &str, old: &Option<String>, new: Option<String>| match (old, new) {
            (Some(_), Some(_)) => {
                Err(Refused::new(format!("What this challenge says as `{name}` is recorded already."))
                    .remedy("Leave that text out, or record another challenge."))
            }
            (old, new) => Ok(new.or_else(|| old.clone())),
        };
        Ok(Self {
            expected: filled("expected", &self.expected, more.expected)?,
            actual: filled("actual", &self.actual, more.actual)?,
            learning: filled("learning", &self.learning, more.learning)?,
        })
    }

    /// Whether it says anything, within bounds.
    ///
    /// # Errors
    /// [`Invalid`] when all three are missing, or one is blank or too long.
    pub fn check(&self) -> Result<(), Invalid> {
        let given = [&self.expected, &self.actual, &self.learning];
        if given.iter().all(|text| text.is_none()) {
            return Err(Invalid::new("A challenge needs what was expected, what came, or what it taught."));
        }
        given.into_iter().flatten().try_for_each(|text| Prose::parse(text).map(drop))
    }
}

/// A challenge as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The challenge's id.
    pub id: ChallengeId,
    /// The run it was met in.
    pub engagement_id: EngagementId,
    /// The client of that run.
    pub client_id: ClientId,
    /// What it says.
    pub lesson: Lesson,
    /// Who recorded it.
    pub recorded_by: ActorId,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_exactly_one_who_answers_for_it() {
        let raci = |pairs: &[(&str, Raci)]| pairs.iter().map(|(key, letter)| ((*key).to_owned(), *letter)).collect();
        let stakeholders: Vec<RaciByStep> = vec![
            raci(&[("one", Raci::Accountable), ("two", Raci::Accountable), ("three", Raci::Responsible)]),
            raci(&[("one", Raci::Informed), ("two", Raci::Accountable)]),
        ];
        assert_eq!(without_one_accountable(&["one", "two", "three"], &stakeholders), ["two", "three"]);
    }

    #[test]
    fn a_challenge_says_something() {
        assert!(Lesson::default().check().is_err());
        let blank = Lesson { expected: Some(" ".to_owned()), ..Lesson::default() };
        assert!(blank.check().is_err());
        let told = Lesson { actual: Some("Hardware came late.".to_owned()), ..Lesson::default() };
        assert!(told.check().is_ok());
    }
}
