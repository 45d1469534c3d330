//! Working through the steps of a run, each by somebody of its role.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Life, Person, clear::Work, documents, ledger::End, list, text};
use crate::{cli::api::Failure, domain::role::Role};

/// More rounds than any step needs: what is still blocked then will never be free.
const ROUNDS_MAX: u32 = 6;

/// Steps in which there is nothing to do here, and why.
const IDLE: &[(&str, &str)] = &[
    ("hardware", "The client keeps its own devices; nothing is delivered."),
    ("sanitization", "Nothing is to be destroyed: all data goes back to the client."),
    ("sanitization_verification", "Nothing was destroyed, so there is nothing to verify."),
];

/// What came of a run's steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Steps that were done.
    pub done: usize,
    /// Steps that did not apply.
    pub not_applicable: usize,
}

impl Life<'_> {
    /// Works through the steps of `engagement`, as `engagementStart` answered it, up to the `last`th.
    ///
    /// # Errors
    /// A step needs what nobody here can do, or the server does not answer.
    pub async fn walk(&self, engagement: &Value, last: usize) -> anyhow::Result<Walked> {
        let (id, run) = (text(&engagement["id"]), text(&engagement["kind"]));
        let steps = list(engagement["steps"].clone());
        let mut walked = Walked::default();
        for (position, step) in steps.iter().enumerate().take(last) {
            self.listener.step(&run, position, steps.len(), &text(&step["title"]));
            if self.is_idle(step).await? {
                walked.not_applicable += 1;
            } else {
                self.work(&id, step).await?;
                walked.done += 1;
            }
        }
        self.listener.walked(&run);
        Ok(walked)
    }

    /// Begins a step and leaves it there.
    ///
    /// # Errors
    /// The step needs what nobody here can do, or the server does not answer.
    pub async fn begin_step(&self, engagement: &Value, position: usize) -> anyhow::Result<()> {
        let steps = list(engagement["steps"].clone());
        let Some(step) = steps.get(position) else { return Ok(()) };
        let doer = self.doer(step);
        self.advance(documents::STEP_START, &text(&engagement["id"]), step.clone(), doer).await.map(drop)
    }

    /// Says that a step does not apply, when it does not.
    async fn is_idle(&self, step: &Value) -> anyhow::Result<bool> {
        let key = text(&step["key"]);
        let has_files = || self.ends_so(&[End::Returned, End::Destroyed]);
        let is_destroying = key.starts_with("sanitization") && self.ends_so(&[End::Destroyed]);
        let reason = match IDLE.iter().find(|(idle, _)| *idle == key && !is_destroying) {
            Some((_, reason)) => *reason,
            None if key == "data_return" && !has_files() => "We hold no data of this client.",
            None => return Ok(false),
        };
        let input = json!({ "id": step["id"], "expectedRevision": step["revision"], "reason": reason });
        self.send(self.person(Role::AccountManager), documents::STEP_MARK_NOT_APPLICABLE, input).await.context(key)?;
        Ok(true)
    }

    fn ends_so(&self, ends: &[End]) -> bool {
        self.scene.lines.iter().any(|line| ends.contains(&line.end))
    }

    async fn work(&self, engagement: &str, step: &Value) -> anyhow::Result<()> {
        let (doer, key) = (self.doer(step), text(&step["key"]));
        let mut step = self.advance(documents::STEP_START, engagement, step.clone(), doer).await?;
        if key == "discovery" {
            self.discover().await?;
        }
        match key.as_str() {
            "sanitization" => self.destroy().await?,
            "sanitization_verification" => self.verify_destruction(engagement).await?,
            _ => self.open_lines(&key).await?,
        }
        for blocker in list(step["blockedBy"].take()) {
            self.clear(&Work { engagement, step: &step, doer }, &blocker).await?;
        }
        self.advance(documents::STEP_COMPLETE, engagement, step, doer).await?;
        Ok(())
    }

    /// Sends a step's next move until nothing is in its way any more, and gives back the step as it is then.
    async fn advance(&self, document: &str, engagement: &str, step: Value, doer: &Person) -> anyhow::Result<Value> {
        let input = json!({ "id": step["id"], "expectedRevision": step["revision"] });
        for _ in 0..ROUNDS_MAX {
            let refusal = match self.send(doer, document, input.clone()).await {
                Ok(mut payload) => return Ok(payload["step"].take()),
                Err(Failure::Refused(refusal)) if !refusal.blockers.is_empty() => refusal,
                Err(failure) => return Err(failure).with_context(|| text(&step["title"])),
            };
            for blocker in &refusal.blockers {
                self.clear(&Work { engagement, step: &step, doer }, blocker).await?;
            }
        }
        bail!("{} is still blocked after everything it asked for", text(&step["title"]))
    }

    /// Whoever's work it is.
    fn doer(&self, step: &Value) -> &Person {
        let role = step["role"].as_str().and_then(|role| role.parse().ok());
        self.person(role.unwrap_or(Role::OnboardingManager))
    }
}
