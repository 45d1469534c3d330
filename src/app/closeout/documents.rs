//! The documents of a close-out pack: how the ledger, the steps and all that was decided stood.

use serde_json::{Value, json};

use crate::{
    app::App,
    auth::ClientScope,
    domain::{
        certificate::CertificateKind,
        engagement::Engagement,
        holding::{Holding, HoldingFilter},
        pack::CERTIFICATES,
        step::Step,
    },
    error::{Error, Result},
    ids::{HoldingId, StepId},
    store::{
        self,
        room::{CLIENT_MAX, LIST_MAX},
    },
};

/// A file of the pack.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it lies in the archive.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl Document {
    /// A list, as canonical JSON: the same rows give the same bytes.
    fn list(path: &str, rows: &[Value]) -> Result<Self> {
        let text = serde_json_canonicalizer::to_string(&rows).map_err(Error::internal)?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Whether it is a certificate.
    pub fn is_certificate(&self) -> bool {
        self.path.starts_with(CERTIFICATES)
    }
}

/// Every document about this run, in the order of their names. In a constant number of statements.
///
/// # Errors
/// Those of the database.
pub async fn documents(app: &App, run: &Engagement) -> Result<Vec<Document>> {
    let (db, scope) = (app.db().read(), ClientScope::system());
    let ledger = HoldingFilter { client_id: Some(run.client_id), ..HoldingFilter::default() };
    let lines = store::holding::all(db, &scope, &ledger, CLIENT_MAX as u64).await?;
    let steps = store::step::of_engagements(db, &scope, &[run.id]).await?.remove(&run.id).unwrap_or_default();
    let step_ids: Vec<_> = steps.iter().map(|step| step.id).collect();
    let line_ids: Vec<_> = lines.iter().map(|line| line.id).collect();
    let mut all = vec![
        Document::list("decisions.json", &decisions(app, run).await?)?,
        Document::list("evidence.json", &evidence(app, &step_ids, &line_ids).await?)?,
        Document::list("exceptions.json", &exceptions(app, run).await?)?,
        Document::list("ledger.json", &lines.iter().map(line).collect::<Vec<_>>())?,
        Document::list("steps.json", &steps.iter().map(step).collect::<Vec<_>>())?,
    ];
    for certificate in store::certificate::of_engagements(db, &scope, &[run.id]).await? {
        // A pack made before is no part of the next one.
        if certificate.kind != CertificateKind::CloseoutPack {
            let path = format!("{CERTIFICATES}{}.note", certificate.number);
            all.push(Document { path, text: certificate.note() });
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(all)
}

/// Without what its kind says of it: where things lay is for the people who ran the service.
fn line(line: &Holding) -> Value {
    json!({ "id": line.id, "kind": line.kind(), "name": line.name, "state": line.state,
        "isResidual": line.is_residual(), "retainedClause": line.retained_clause,
        "retainedUntil": line.retained_until, "decisionId": line.decision_id, "exceptionId": line.exception_id,
        "acknowledgedAt": line.acknowledged_at, "closedAt": line.closed_at })
}

fn step(step: &Step) -> Value {
    json!({ "id": step.id, "key": step.key, "title": step.title, "state": step.state, "reason": step.state_reason,
        "finishedAt": step.finished_at, "finishedBy": step.finished_by.map(|by| by.to_string()) })
}

/// Refuses a list that may have been cut: no pack leaves something out in silence.
fn whole<T>(list: Vec<T>, what: &str) -> Result<Vec<T>> {
    if list.len() < LIST_MAX as usize {
        return Ok(list);
    }
    Err(Error::state(format!("This run has {LIST_MAX} {what} or more, which no pack holds yet.")))
}

async fn decisions(app: &App, run: &Engagement) -> Result<Vec<Value>> {
    let (db, scope) = (app.db().read(), ClientScope::system());
    let found = whole(store::decision::of_engagements(db, &scope, &[run.id]).await?, "decisions")?;
    let ids: Vec<_> = found.iter().map(|decision| decision.id).collect();
    let answers = store::decision::answers(db, &scope, &ids).await?;
    let told = found.iter().map(|decision| {
        let votes = answers.get(&decision.id).map(|answers| answers.votes.as_slice()).unwrap_or_default();
        let votes: Vec<_> = votes
            .iter()
            .map(|vote| {
                json!({ "by": vote.voter.to_string(), "role": vote.role, "verdict": vote.verdict,
                    "comment": vote.comment, "at": vote.voted_at })
            })
            .collect();
        json!({ "id": decision.id, "kind": decision.kind, "state": decision.state_at(app.now()),
            "question": decision.question, "subjectId": decision.subject_id, "subjectHash": decision.subject_hash,
            "requestedBy": decision.requested_by.to_string(), "decidedAt": decision.decided_at, "votes": votes })
    });
    Ok(told.collect())
}

async fn exceptions(app: &App, run: &Engagement) -> Result<Vec<Value>> {
    let found = store::exception::of_engagements(app.db().read(), &ClientScope::system(), &[run.id]).await?;
    let found = whole(found, "exceptions")?;
    let told = found.iter().map(|exception| {
        json!({ "id": exception.id, "type": exception.r#type, "state": exception.state_at(app.now()),
            "stepId": exception.step_id, "holdingId": exception.holding_id, "situation": exception.situation,
            "justification": exception.justification, "decisionId": exception.decision_id,
            "expiresAt": exception.expires_at, "closedAt": exception.closed_at })
    });
    Ok(told.collect())
}

/// What proves the run's steps and the client's lines: each by its hash, the files themselves stay where they are.
async fn evidence(app: &App, steps: &[StepId], lines: &[HoldingId]) -> Result<Vec<Value>> {
    let (db, scope) = (app.db().read(), ClientScope::system());
    let mut found = store::evidence::of_steps(db, &scope, steps).await?;
    found.extend(store::evidence::of_holdings(db, &scope, lines).await?);
    found.sort_by_key(|evidence| evidence.id);
    found.dedup_by_key(|evidence| evidence.id);
    let told = found.iter().map(|evidence| {
        json!({ "id": evidence.id, "kind": evidence.kind(), "label": evidence.label, "stepId": evidence.step_id,
            "holdingId": evidence.holding_id, "sha256": evidence.sha256, "recordedAt": evidence.recorded_at,
            "recordedBy": evidence.recorded_by.to_string() })
    });
    Ok(told.collect())
}
