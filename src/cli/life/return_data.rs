//! Giving the client its data back: the client proves its key, we pack and send, the client looks and says so.

use std::io::Read;

use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{Life, documents, list, package::Opened, text};
use crate::domain::{recipient_key::RecipientKey, role::Role};

/// How the package is made: one of the forms that the contract names.
const FORMAT: &str = "BAGIT_TAR_ZSTD";

impl Life<'_> {
    /// The client enters its key and answers the challenge, as it would with `age -d`.
    pub(super) async fn prove_key(&self) -> anyhow::Result<()> {
        let (key, recipient) = (&self.scene.key, self.scene.key.to_public().to_string());
        let input = json!({ "clientId": self.client, "recipient": recipient });
        let made = self.make(self.person(Role::Technician), documents::RECIPIENT_KEY_REGISTER, input).await?;
        let entered = &made["recipientKey"];
        let answer = read_challenge(key, &text(&entered["challenge"])).context("the challenge cannot be read")?;
        // The client computes the fingerprint from its own key: had somebody entered another one, it would show here.
        let fingerprint = recipient.parse::<RecipientKey>()?.fingerprint();
        let input = json!({ "id": entered["id"], "fingerprint": fingerprint, "answer": answer });
        self.send(&self.contact, documents::RECIPIENT_KEY_CONFIRM, input).await?;
        self.listener.line("key", "the client answered the challenge: it can read what is encrypted to its key");
        Ok(())
    }

    /// We return the data; the client opens its package, compares, and says that everything is there.
    pub(super) async fn return_data(&self, engagement: &str) -> anyhow::Result<()> {
        let hand_over = self.scene.hand_over.clone().context("there is nowhere to return data to")?;
        let operator = self.person(Role::Technician);
        let options = json!({ "dataReturn": { "format": FORMAT, "destination": hand_over.destination } });
        let plan = self.plan_job(operator, engagement, "DATA_RETURN", options).await?;
        let left = list(plan["blockedBy"].clone());
        ensure!(
            left.is_empty(),
            "the return is blocked: {}",
            left.iter().map(|b| text(&b["message"])).collect::<Vec<_>>().join(" ")
        );
        let job = self.do_job(operator, &plan, "The client's data goes back to it.").await?;
        let (key, location) = (self.scene.key.clone(), text(&job["result"]["location"]));
        let package = text(&job["result"]["package"]);
        let opened = tokio::task::spawn_blocking(move || Opened::read(&hand_over, &location, &package, &key)).await??;
        self.acknowledge(&job, &opened).await?;
        drop(self.opened.set(opened));
        Ok(())
    }

    async fn acknowledge(&self, job: &Value, opened: &Opened) -> anyhow::Result<()> {
        let comment = format!("{} files, the same as at the source.", opened.files);
        let input =
            json!({ "jobId": job["id"], "manifestDigest": opened.digest, "verdict": "ACCEPTED", "comment": comment });
        self.send(&self.contact, documents::DATA_RETURN_ACKNOWLEDGE, input)
            .await
            .context("acknowledging the return")?;
        Ok(())
    }
}

/// The text inside a challenge, which is in age's text form.
fn read_challenge(key: &age::x25519::Identity, message: &str) -> anyhow::Result<String> {
    let lines: String = message.lines().filter(|line| !line.starts_with('-')).collect();
    let sealed = BASE64_STANDARD.decode(lines)?;
    let decryptor = age::Decryptor::new(sealed.as_slice())?;
    let mut answer = String::new();
    decryptor.decrypt(std::iter::once(key as &dyn age::Identity))?.read_to_string(&mut answer)?;
    Ok(answer)
}
