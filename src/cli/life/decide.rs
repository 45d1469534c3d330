//! Questions and answers: one asks, others decide.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{Life, Person, documents, list, text};
use crate::domain::role::Role;

/// What a question is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// The run as a whole.
    Run,
    /// What has this id.
    Noun(&'a str),
    /// A plan, as it was seen.
    Plan {
        /// Its id.
        id: &'a str,
        /// Its hash.
        hash: &'a str,
    },
}

impl Life<'_> {
    /// Puts a question and has it granted by those whom its rule names. Gives back the decision's id.
    pub(super) async fn granted(
        &self,
        asks: &Person,
        kind: &str,
        engagement: &str,
        subject: Subject<'_>,
        question: &str,
    ) -> anyhow::Result<String> {
        let (id, hash) = match subject {
            Subject::Run => (None, None),
            Subject::Noun(id) => (Some(id), None),
            Subject::Plan { id, hash } => (Some(id), Some(hash)),
        };
        let input = json!({ "kind": kind, "question": question, "engagementId": engagement, "subjectId": id,
            "subjectHash": hash });
        let made =
            self.make(asks, documents::DECISION_REQUEST, input).await.with_context(|| format!("asking for {kind}"))?;
        let id = text(&made["decision"]["id"]);
        self.grant(&id, &made["decision"]["rule"]["requirements"]).await?;
        Ok(id)
    }

    /// Has a question granted by one person for each of its requirements.
    pub(super) async fn grant(&self, decision: &str, requirements: &Value) -> anyhow::Result<()> {
        let mut state = String::new();
        for requirement in list(requirements.clone()) {
            let voter = self.voter(&requirement)?;
            let input = json!({ "id": decision, "verdict": "GRANT", "comment": "Agreed." });
            let made = self.make(voter, documents::DECISION_VOTE, input).await.context("voting")?;
            state = text(&made["decision"]["state"]);
        }
        ensure!(state == "GRANTED", "the decision {decision} is {state} after everybody voted");
        Ok(())
    }

    fn voter(&self, requirement: &Value) -> anyhow::Result<&Person> {
        let asked = list(requirement["anyOf"].clone());
        let roles = asked.iter().filter_map(|role| role.as_str()?.parse::<Role>().ok());
        let known = |role: &Role| self.person(*role).role == *role;
        let role = roles.into_iter().find(known).with_context(|| format!("nobody here plays any of {asked:?}"))?;
        Ok(self.person(role))
    }
}
