//! Deviations: raised with their risks, approved by management, worked off and closed.

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Life, documents, instant, list, text};
use crate::{
    clock::{Clock, System},
    domain::role::Role,
};

/// How long what is excepted may stay as it is. An exception stands for a quarter at most.
const STANDS_FOR: TimeDelta = TimeDelta::days(60);

impl Life<'_> {
    /// Has an exception for a line of the ledger raised, approved, worked off and closed.
    pub(super) async fn excepted(
        &self,
        engagement: &str,
        holding: &str,
        situation: &str,
        why: &str,
    ) -> anyhow::Result<()> {
        let input = json!({
            "engagementId": engagement, "type": "SKIPPED", "holdingId": holding,
            "situation": situation, "justification": why, "expiresAt": instant(System.now() + STANDS_FOR),
            "risks": [{ "kind": "SECURITY", "likelihood": "LOW", "impact": "MEDIUM" }],
            "actions": [{ "kind": "DOCUMENT", "note": "The run's notes say who takes care of it, and until when." }],
        });
        let made = self.make(self.person(Role::Technician), documents::EXCEPTION_RAISE, input).await?;
        let id = text(&made["exception"]["id"]);
        let decision = text(&made["exception"]["decision"]["id"]);
        let requirements = &made["exception"]["decision"]["rule"]["requirements"];
        self.grant(&decision, requirements).await.with_context(|| format!("the exception for {situation}"))?;
        self.work_off(engagement, &id).await.with_context(|| format!("closing the exception for {situation}"))
    }

    async fn work_off(&self, engagement: &str, id: &str) -> anyhow::Result<()> {
        let lead = self.person(Role::OnboardingManager);
        let variables = json!({ "engagementId": engagement, "states": ["APPROVED"] });
        let mut found = self.ask(lead, documents::EXCEPTIONS, variables).await?;
        let approved = list(found["exceptions"]["nodes"].take());
        let approved = approved.iter().find(|exception| exception["id"] == id).context("it is not approved")?;
        let mut revision = approved["revision"].clone();
        for (action, state, note) in [
            ("ESCALATE", "DONE", "The account manager knows."),
            ("DOCUMENT", "DONE", "Written down."),
            ("RESCHEDULE", "NOT_APPLICABLE", "No date moves."),
        ] {
            let input =
                json!({ "id": id, "expectedRevision": revision, "action": action, "state": state, "note": note });
            let made: Value = self.send(lead, documents::EXCEPTION_ACTION_DONE, input).await?;
            revision = made["exception"]["revision"].clone();
        }
        self.send(lead, documents::EXCEPTION_CLOSE, json!({ "id": id, "expectedRevision": revision })).await?;
        Ok(())
    }
}
