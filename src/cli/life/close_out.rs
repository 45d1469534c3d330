//! The close-out pack: made when the client has left, fetched, and checked with nothing but the key.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::{Life, documents, text};
use crate::{
    cli::verify::{self, Verify},
    domain::role::Role,
};

/// A pack that was fetched and holds.
#[derive(Clone, Debug)]
pub struct ClosedOut {
    /// Where it lies.
    pub file: PathBuf,
    /// The public key that it was checked with.
    pub key: String,
    /// What it comes to.
    pub told: String,
}

impl Life<'_> {
    /// Has the run closed out, and checks the pack without the server.
    ///
    /// # Errors
    /// The server refuses or does not answer; the pack does not hold.
    pub async fn close_out(&self, engagement: &str) -> anyhow::Result<ClosedOut> {
        let who = self.person(Role::AccountManager);
        let options = json!({ "closeoutPack": { "events": "ALL" } });
        let plan = self.plan_job(who, engagement, "CLOSEOUT_PACK", options).await?;
        let job = self.do_job(who, &plan, "The client has left.").await?;
        // The client is told of it, and gets it from those who may fetch it.
        let job = self.ask(who, documents::JOB, json!({ "id": job["id"] })).await?["job"].take();
        let pack = &job["result"]["file"];
        let hand_over = self.scene.hand_over.as_ref().context("there is no place for a pack")?;
        let file = hand_over.folder.join(text(&pack["name"]));
        std::fs::write(&file, self.stage.api.get(&text(&pack["downloadUrl"])).await?)?;
        let command = text(&job["certificate"]["verifyCommand"]);
        let key = command.split('\'').nth(1).context("the certificate names no key")?.to_owned();
        let told = verify::run(&Verify { file: file.clone(), key: vec![key.clone()] })?;
        let told = told.lines().nth(2).unwrap_or_default().to_owned();
        Ok(ClosedOut { file, key, told })
    }
}
