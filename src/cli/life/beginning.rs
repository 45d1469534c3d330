//! What begins and ends with a paper: contract, first run, notice, second run.

use anyhow::Context;
use serde_json::{Value, json};

use super::{Life, documents, ledger, list, text};
use crate::{
    cli::api::{Failure, Refusal},
    domain::role::Role,
};

/// What the contract asks for, and the notice does not keep: everything here happens on one day.
const SHORT_NOTICE: &str = "Both sides agreed on an earlier end.";

/// The days' notice that the contract asks for.
const NOTICE_DAYS: u32 = 30;

impl Life<'_> {
    pub(super) async fn enter_contacts(&self) -> anyhow::Result<()> {
        let sales = self.person(Role::Sales);
        for (order, (name, role)) in
            [(self.scene.contact.as_str(), "PRIMARY"), ("Security desk", "SECURITY")].into_iter().enumerate()
        {
            let input = json!({
                "clientId": self.client, "name": name, "role": role, "escalationOrder": order + 1,
                "email": format!("{}@{}.example", role.to_lowercase(), self.scene.slug),
            });
            self.make(sales, documents::CONTACT_UPSERT, input).await?;
        }
        Ok(())
    }

    /// Asks for an onboarding before there is a contract, and gives back what the server says is missing.
    ///
    /// # Errors
    /// It is not refused, or the server does not answer.
    pub async fn ask_too_early(&self) -> anyhow::Result<Refusal> {
        match self.start("ONBOARDING", "T-ONB-010", Role::OnboardingManager).await {
            Err(Failure::Refused(refusal)) => Ok(refusal),
            Err(failure) => Err(failure.into()),
            Ok(_) => anyhow::bail!("an onboarding began without a contract"),
        }
    }

    /// Records and signs the contract, and the client's information form.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn contract(&self) -> anyhow::Result<()> {
        let service = json!({ "serviceAgreement": {
            "noticeDays": NOTICE_DAYS, "clauses": ledger::clauses(),
            "dataReturn": { "formats": ["BAGIT_TAR_ZSTD", "BAGIT_TAR"], "destination": "Encrypted to the client's own key, at the hand-over store." },
        } });
        let sla = json!({ "sla": { "targets": [
            { "priority": "P1", "respondWithinMinutes": 15, "resolveWithinMinutes": 240 },
            { "priority": "P2", "respondWithinMinutes": 60, "resolveWithinMinutes": 480 },
        ] } });
        let sow = json!({ "sow": { "lines": [
            { "key": "workplaces", "text": "Care of workplaces", "quantity": self.scene.people },
            { "key": "backup", "text": "Backup of servers, read back once a month" },
        ] } });
        for (title, details) in [("Managed services", service), ("Service levels", sla), ("First year", sow)] {
            self.agree(title, details).await.with_context(|| format!("the agreement {title}"))?;
        }
        let input = json!({ "clientId": self.client, "facts": self.scene.intake() });
        self.make(self.person(Role::Sales), documents::FACTS_RECORD, input).await.context("the information form")?;
        Ok(())
    }

    async fn agree(&self, title: &str, details: Value) -> Result<(), Failure> {
        let sales = self.person(Role::Sales);
        let input =
            json!({ "clientId": self.client, "title": title, "details": details, "effectiveOn": self.scene.signed_on });
        let made = self.make(sales, documents::AGREEMENT_RECORD, input).await?;
        let input = json!({
            "id": made["agreement"]["id"], "expectedRevision": made["agreement"]["revision"],
            "name": self.scene.contact, "title": "Managing director", "signedOn": self.scene.signed_on, "method": "ELECTRONIC",
        });
        self.send(&self.contact, documents::AGREEMENT_SIGN, input).await.map(drop)
    }

    /// Begins the onboarding.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn start_onboarding(&self) -> anyhow::Result<Value> {
        Ok(self.start("ONBOARDING", "T-ONB-010", Role::OnboardingManager).await?)
    }

    /// Records the notice and begins the offboarding.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn start_offboarding(&self) -> anyhow::Result<Value> {
        let scene = &self.scene;
        let days = (scene.final_service_on - scene.notice_on).num_days();
        let input = json!({
            "clientId": self.client, "receivedOn": scene.notice_on, "channel": "LETTER", "givenBy": scene.contact,
            "finalServiceOn": scene.final_service_on,
            "shortNoticeReason": (days < i64::from(NOTICE_DAYS)).then_some(SHORT_NOTICE),
        });
        self.make(self.person(Role::AccountManager), documents::TERMINATION_RECORD, input)
            .await
            .context("the notice")?;
        Ok(self.start("OFFBOARDING", "T-OFF-010", Role::AccountManager).await?)
    }

    async fn start(&self, kind: &str, document: &str, lead: Role) -> Result<Value, Failure> {
        let input = json!({ "clientId": self.client, "kind": kind, "documentNumber": document });
        let mut made = self.make(self.person(lead), documents::ENGAGEMENT_START, input).await?;
        Ok(made["engagement"].take())
    }

    /// Concludes a run, when nothing is left in its way that can be cleared.
    ///
    /// # Errors
    /// Something is left in its way, or the server does not answer.
    pub async fn conclude(&self, engagement: &Value, lead: Role) -> anyhow::Result<Value> {
        let engagement = text(&engagement["id"]);
        let found = self.ask(self.person(lead), documents::ENGAGEMENT, json!({ "id": engagement })).await?;
        let left = list(found["engagement"]["blockedBy"].clone());
        anyhow::ensure!(
            left.is_empty(),
            "the run cannot end: {}",
            left.iter().map(|b| text(&b["message"])).collect::<Vec<_>>().join(" ")
        );
        let input = json!({ "id": engagement, "expectedRevision": found["engagement"]["revision"] });
        let mut made = self.send(self.person(lead), documents::ENGAGEMENT_CONCLUDE, input).await?;
        Ok(made["engagement"].take())
    }
}
