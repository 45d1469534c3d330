//! Finding out about a client: one collects, another one verifies.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{Life, Person, documents, list};
use crate::domain::role::Role;

impl Life<'_> {
    /// Records what discovery finds.
    pub(super) async fn discover(&self) -> anyhow::Result<()> {
        let input = json!({ "clientId": self.client, "facts": self.scene.facts() });
        let made = self.make(self.person(Role::Technician), documents::FACTS_RECORD, input).await?;
        rows_hold(&made["results"]).context("what discovery found")
    }

    /// Has everything verified that nobody verified, each by somebody who did not collect it.
    pub(super) async fn verify_facts(&self) -> anyhow::Result<()> {
        let found =
            self.ask(self.person(Role::OnboardingManager), documents::CLIENT_FACTS, json!({ "id": self.client }));
        let facts = list(found.await?["client"]["facts"]["nodes"].take());
        let open = |fact: &&Value| fact["state"] == "RECORDED";
        let verifier = self.stage.cast.other_technician();
        let is_own = |fact: &Value| fact["collectedBy"]["id"] == verifier.id.as_str();
        let (own, others): (Vec<_>, Vec<_>) = facts.iter().filter(open).partition(|fact| is_own(fact));
        self.verify(verifier, &others).await?;
        self.verify(self.person(Role::OnboardingManager), &own).await
    }

    async fn verify(&self, who: &Person, facts: &[&Value]) -> anyhow::Result<()> {
        if facts.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> =
            facts.iter().map(|fact| json!({ "id": fact["id"], "expectedRevision": fact["revision"] })).collect();
        let made = self.send(who, documents::FACTS_VERIFY, json!({ "facts": rows })).await?;
        rows_hold(&made["results"]).context("verifying facts")
    }

    /// Enters in the ledger what is opened in the step `key`.
    pub(super) async fn open_lines(&self, key: &str) -> anyhow::Result<()> {
        let line = |line: &super::ledger::Line| json!({ "name": line.name, "details": line.details });
        let lines: Vec<_> = self.scene.lines_of(key).map(line).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let input = json!({ "clientId": self.client, "holdings": lines });
        let made = self.make(self.person(Role::Technician), documents::HOLDINGS_REGISTER, input).await?;
        rows_hold(&made["results"]).with_context(|| format!("the lines of the ledger that {key} opens"))
    }
}

/// Bulk mutations answer row by row.
fn rows_hold(results: &Value) -> anyhow::Result<()> {
    let rows = results.as_array().map(Vec::as_slice).unwrap_or_default();
    let wrong = rows.iter().find_map(|row| row["userErrors"].as_array()?.first());
    ensure!(wrong.is_none(), "{}", wrong.map(|error| error["message"].to_string()).unwrap_or_default());
    Ok(())
}
