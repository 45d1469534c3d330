//! The story in its order, and what it proved.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::{
    cli::life::{ClosedOut, Life, Listener, Opened, Walked, documents, text},
    domain::role::Role,
};

/// What happened.
#[derive(Clone, Debug)]
pub struct Lived {
    /// What was missing when the onboarding was asked for too early.
    pub too_early: Vec<String>,
    /// The onboarding's steps.
    pub onboarding: Walked,
    /// The offboarding's steps.
    pub offboarding: Walked,
    /// The runs' ids.
    pub runs: [String; 2],
    /// The close-out pack.
    pub pack: ClosedOut,
}

/// What can be shown for it.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What happened.
    pub lived: Lived,
    /// The client's stage at the end.
    pub stage: String,
    /// The lines of the ledger.
    pub ledger: Vec<Value>,
    /// Pieces of evidence.
    pub evidence: usize,
    /// Questions that others granted.
    pub decisions: usize,
    /// Exceptions that were approved and closed.
    pub exceptions: usize,
    /// The receipt for the returned data.
    pub receipt: String,
    /// The certificate of what was destroyed after that.
    pub destroyed: Value,
    /// What the client found in its package.
    pub opened: Opened,
    /// The log: `logVerify` and `logCheckpoint`.
    pub log: Value,
}

/// Lives the life from prospect to concluded.
///
/// # Errors
/// Something refused, or the server does not answer.
pub async fn live(life: &Life<'_>, listener: &dyn Listener) -> anyhow::Result<Lived> {
    listener.line("client", &format!("{} is a {}", life.name(), stage(life).await?));
    let refusal = life.ask_too_early().await?;
    let too_early: Vec<_> = refusal.blockers.iter().map(|blocker| text(&blocker["code"])).collect();
    listener.line("gate", &format!("onboarding before the contract? refused: {}", too_early.join(", ")));
    life.contract().await?;
    listener.line("contract", "agreement, SLA and statement of work signed by the client; its information form is in");
    let run = life.start_onboarding().await?;
    let onboarding = life.walk(&run, usize::MAX).await.context("the onboarding")?;
    life.conclude(&run, Role::OnboardingManager).await?;
    listener.line("onboarding", &format!("{}; the client is {}", summary(onboarding), stage(life).await?));
    let lines = life.ledger().await?.len();
    listener.line("service", &format!("{lines} lines in the ledger: whatever was opened has to be closed again"));
    let left = life.start_offboarding().await?;
    listener.line("notice", &format!("given and recorded; the client is {}", stage(life).await?));
    let offboarding = life.walk(&left, usize::MAX).await.context("the offboarding")?;
    let concluded = life.conclude(&left, Role::AccountManager).await?;
    let now = text(&concluded["client"]["stage"]);
    listener.line("offboarding", &format!("{}; the client is {now}", summary(offboarding)));
    let runs = [&run, &left].map(|run| text(&run["id"]));
    let pack = life.close_out(&runs[1]).await.context("the close-out pack")?;
    Ok(Lived { too_early, onboarding, offboarding, runs, pack })
}

fn summary(walked: Walked) -> String {
    match walked.not_applicable {
        0 => format!("all {} steps done", walked.done),
        idle => format!("{} steps done, {idle} did not apply", walked.done),
    }
}

async fn stage(life: &Life<'_>) -> anyhow::Result<String> {
    Ok(text(&life.look().await?["client"]["stage"]))
}

/// Gathers what can be shown for it.
///
/// # Errors
/// The server refuses, does not answer, or the log does not hold.
pub async fn prove(life: &Life<'_>, lived: Lived) -> anyhow::Result<Proof> {
    let (mut evidence, mut decisions, mut exceptions) = (0, 0, 0);
    let (mut receipt, mut destroyed) = (String::new(), Value::Null);
    for run in &lived.runs {
        let found = life.ask_as(Role::Compliance, documents::ENGAGEMENT_PROOF, json!({ "id": run })).await?;
        let run = &found["engagement"];
        let count = |list: &Value, state: &str| {
            list.as_array().map_or(0, |all| all.iter().filter(|one| one["state"] == state).count())
        };
        let of_step = |step: &Value| step["evidence"].as_array().map_or(0, Vec::len);
        evidence += run["steps"].as_array().map_or(0, |steps| steps.iter().map(of_step).sum());
        decisions += count(&run["decisions"], "GRANTED");
        exceptions += count(&run["exceptions"], "CLOSED");
        for certificate in run["certificates"].as_array().into_iter().flatten() {
            match certificate["kind"].as_str() {
                Some("DATA_RETURN_RECEIPT") => receipt = text(&certificate["number"]),
                Some("SANITIZATION") => destroyed = certificate.clone(),
                _ => {}
            }
        }
    }
    let log = life.ask_as(Role::Compliance, documents::LOG_VERIFY, json!({})).await?;
    ensure!(log["logVerify"]["holds"] == true, "the log does not hold: {}", log["logVerify"]["finding"]["message"]);
    let opened = life.opened().cloned().context("no package was opened")?;
    let (stage, ledger) = (stage(life).await?, life.ledger().await?);
    Ok(Proof { lived, stage, ledger, evidence, decisions, exceptions, receipt, destroyed, opened, log })
}
