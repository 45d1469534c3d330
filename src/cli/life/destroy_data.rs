//! Destroying what we hold of the client's data: scanned, agreed to by the client and by two of us, destroyed, and verified
//! by somebody who did not order it.

use anyhow::{Context, ensure};
use serde_json::json;

use super::{Life, decide::Subject, text};
use crate::domain::role::Role;

impl Life<'_> {
    /// Plans the destruction of what a scan finds, and has exactly that confirmed by the client and approved by two people.
    pub(super) async fn confirm_destruction(&self, engagement: &str) -> anyhow::Result<()> {
        let technician = self.person(Role::Technician);
        let options = json!({ "discoveryScan": { "scope": "DATA" } });
        let scan = self.plan_job(technician, engagement, "DISCOVERY_SCAN", options).await?;
        self.do_job(technician, &scan, "What would be destroyed?").await?;
        let options = json!({ "sanitization": { "method": "OVERWRITE_ZERO" } });
        let plan = self.plan_job(technician, engagement, "SANITIZATION", options).await?;
        let (id, hash) = (text(&plan["id"]), text(&plan["planHash"]));
        let subject = Subject::Plan { id: &id, hash: &hash };
        let question = format!("{} May exactly this be destroyed?", text(&plan["warnings"][0]));
        for kind in ["DESTRUCTION_CONFIRMATION", "JOB_PLAN"] {
            self.granted(technician, kind, engagement, subject, &question).await?;
        }
        drop(self.doomed.set(plan));
        Ok(())
    }

    /// Destroys what was agreed to.
    pub(super) async fn destroy(&self) -> anyhow::Result<()> {
        let plan = self.doomed.get().context("nobody agreed to a destruction")?;
        self.do_job(self.person(Role::Technician), plan, "The agreement ended and the client has its data.").await?;
        Ok(())
    }

    /// Somebody else looks whether it is gone, and certifies it.
    pub(super) async fn verify_destruction(&self, engagement: &str) -> anyhow::Result<()> {
        let verifier = self.stage.cast.other_technician();
        let options = json!({ "sanitizationVerification": { "coverage": "FULL" } });
        let plan = self.plan_job(verifier, engagement, "SANITIZATION_VERIFICATION", options).await?;
        let job = self.do_job(verifier, &plan, "Another pair of eyes.").await?;
        ensure!(job["certificate"]["kind"] == "SANITIZATION", "no certificate: {}", job["certificate"]);
        Ok(())
    }
}
