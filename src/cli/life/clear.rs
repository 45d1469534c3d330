//! From a blocker to the deed that clears it. The code says what is missing; nothing here knows a process.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Life, Person, decide::Subject, documents, instant, ledger::End, list, text};
use crate::{
    clock::{Clock, System},
    domain::role::Role,
};

/// A step somebody works on.
pub(super) struct Work<'w> {
    /// The run it belongs to.
    pub(super) engagement: &'w str,
    /// The step as it was last read.
    pub(super) step: &'w Value,
    /// Who does it.
    pub(super) doer: &'w Person,
}

impl Work<'_> {
    fn title(&self) -> String {
        text(&self.step["title"])
    }

    fn id(&self) -> &str {
        self.step["id"].as_str().unwrap_or_default()
    }
}

impl Life<'_> {
    /// Clears one blocker of a step.
    pub(super) async fn clear(&self, work: &Work<'_>, blocker: &Value) -> anyhow::Result<()> {
        let code = text(&blocker["code"]);
        match code.as_str() {
            "CHECKLIST_OPEN" => self.tick_off(work).await,
            "EVIDENCE_MISSING" => self.prove(work, &list(blocker["evidenceKinds"].clone())).await,
            "FEES_OPEN" => self.attest(work).await,
            "TEAMS_MISSING" => self.meet(work, &list(blocker["teams"].clone())).await,
            "FACTS_UNVERIFIED" => self.verify_facts().await,
            "DECISION_MISSING" if blocker["decisionKind"] == "DESTRUCTION_CONFIRMATION" => {
                self.confirm_destruction(work.engagement).await
            }
            "DECISION_MISSING" => self.decide(work, &text(&blocker["decisionKind"])).await,
            "DATE_NOT_REACHED" => self.set_start(work, blocker).await,
            "RECIPIENT_KEY_UNCONFIRMED" => self.prove_key().await,
            "RECEIPT_MISSING" => self.return_data(work.engagement).await,
            "HOLDINGS_OPEN" => self.settle(work.engagement, &list(blocker["holdingIds"].clone())).await,
            _ => bail!("{}: {}", work.title(), text(&blocker["message"])),
        }
        .with_context(|| format!("{} ({code})", work.title()))
    }

    async fn tick_off(&self, work: &Work<'_>) -> anyhow::Result<()> {
        for item in list(work.step["checklist"].clone()).iter().filter(|item| item["state"] == "OPEN") {
            let input = json!({ "id": item["id"], "expectedRevision": item["revision"], "state": "DONE" });
            self.send(work.doer, documents::CHECKLIST_ITEM_SET, input).await?;
        }
        Ok(())
    }

    async fn prove(&self, work: &Work<'_>, kinds: &[Value]) -> anyhow::Result<()> {
        for kind in kinds {
            match kind.as_str().unwrap_or_default() {
                "ATTESTATION" => self.attest(work).await?,
                "MEETING" => self.meet(work, &[]).await?,
                "FILE" => self.file(work).await?,
                other => bail!("{} asks for a {other}, and nobody here has one", work.title()),
            }
        }
        Ok(())
    }

    /// Says no more than is true of every step here: a line that stays is not called removed.
    async fn attest(&self, work: &Work<'_>) -> anyhow::Result<()> {
        let statement =
            format!("{}: I went through the list. How lines of the ledger ended stands there.", work.title());
        self.add_evidence(work, json!({ "attestation": { "statement": statement } })).await
    }

    async fn meet(&self, work: &Work<'_>, teams: &[Value]) -> anyhow::Result<()> {
        let of_team = |team: &Value| {
            let name = team.as_str().and_then(|team| team.parse().ok()).map(|role| self.person(role).name.clone());
            json!({ "name": name.unwrap_or_default(), "team": team })
        };
        let mut attendees: Vec<Value> = teams.iter().map(of_team).collect();
        attendees.push(json!({ "name": self.contact.name }));
        let notes = format!("{}: what is needed, by when, and who does it.", work.title());
        let meeting = json!({ "heldAt": instant(System.now()), "attendees": attendees, "notes": notes });
        self.add_evidence(work, json!({ "meeting": meeting })).await
    }

    async fn add_evidence(&self, work: &Work<'_>, details: Value) -> anyhow::Result<()> {
        let input = json!({ "stepId": work.id(), "details": details });
        self.make(work.doer, documents::EVIDENCE_ADD, input).await?;
        Ok(())
    }

    /// What a step asks to be written down is what the ledger says: nothing is made up for it.
    async fn file(&self, work: &Work<'_>) -> anyhow::Result<()> {
        let line =
            |line: &Value| format!("{}\t{}\t{}\n", text(&line["kind"]), text(&line["name"]), text(&line["state"]));
        let lines: String = self.ledger().await?.iter().map(line).collect();
        let report = format!("{}: {}\n\n{lines}", work.title(), self.scene.name).into_bytes();
        let name = format!("{}-{}.txt", self.scene.slug, text(&work.step["key"]));
        let input = json!({ "clientId": self.client, "name": name, "byteCount": report.len().to_string() });
        let made = self.make(work.doer, documents::UPLOAD_CREATE, input).await?;
        self.stage.api.put(&text(&made["url"]), report).await?;
        let details = json!({ "file": { "fileId": made["file"]["id"], "description": "What is open at the client." } });
        self.add_evidence(work, details).await
    }

    async fn decide(&self, work: &Work<'_>, kind: &str) -> anyhow::Result<()> {
        let question = format!("{}: may this go on as it was planned ({kind})?", work.title());
        self.granted(work.doer, kind, work.engagement, Subject::Run, &question).await.map(drop)
    }

    /// Only a day that nobody set can be set; one that is still to come has to come.
    async fn set_start(&self, work: &Work<'_>, blocker: &Value) -> anyhow::Result<()> {
        if !blocker["on"].is_null() {
            bail!("{}", text(&blocker["message"]));
        }
        let lead = self.person(Role::OnboardingManager);
        let revision = self.look().await?["client"]["revision"].clone();
        let input =
            json!({ "id": self.client, "expectedRevision": revision, "serviceStartOn": self.scene.service_start_on });
        self.send(lead, documents::CLIENT_UPDATE, input).await.with_context(|| work.title())?;
        Ok(())
    }

    /// Ends lines of the ledger as the scene says. What goes back is closed by the client's receipt, not here.
    async fn settle(&self, engagement: &str, ids: &[Value]) -> anyhow::Result<()> {
        for line in self.ledger().await?.iter().filter(|line| ids.contains(&line["id"])) {
            let (id, name) = (text(&line["id"]), text(&line["name"]));
            let end = self.scene.lines.iter().find(|planned| planned.name == name).map(|planned| planned.end);
            match end {
                Some(End::Retained(clause)) => self.retain(engagement, line, clause).await,
                Some(End::Excepted(why)) => self.excepted(engagement, &id, &format!("{name} stays for now"), why).await,
                Some(End::Returned | End::Destroyed) | None => Ok(()),
            }
            .with_context(|| format!("the line {name} of the ledger"))?;
        }
        Ok(())
    }

    async fn retain(&self, engagement: &str, line: &Value, clause: &str) -> anyhow::Result<()> {
        let lead = self.person(Role::AccountManager);
        let (id, name) = (text(&line["id"]), text(&line["name"]));
        let question = format!("May {name} stay under clause {clause}?");
        let decision = self.granted(lead, "TOOL_RETENTION", engagement, Subject::Noun(&id), &question).await?;
        let input = json!({ "id": id, "expectedRevision": line["revision"], "clause": clause, "decisionId": decision });
        self.send(lead, documents::HOLDING_RETAIN, input).await?;
        Ok(())
    }
}
