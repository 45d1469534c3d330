//! Evidence: attaching proof to a step or a holding, and reading it. It is never changed or removed.

use crate::{
    app::{self, App, Deed, Done, Once, rows::refuse_secrets, step},
    auth::{Actor, Permission},
    domain::{
        event::{EventKind, NewEvent},
        evidence::{Evidence, EvidenceDetails, EvidenceKind, photo_label},
        file::{Arrival, File},
        text::Name,
    },
    error::{Error, Result, Violation, at},
    ids::{ClientId, EvidenceId, FileId, HoldingId, StepId},
    store,
};

/// What is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A step.
    Step(StepId),
    /// A line of the ledger.
    Holding(HoldingId),
}

/// Proof to attach.
#[derive(Clone, Debug)]
pub struct Add {
    /// What it proves.
    pub subject: Subject,
    /// What people call it; told from the details when left out. Photos are numbered and take none.
    pub label: Option<Name>,
    /// What it says.
    pub details: EvidenceDetails,
    /// The uploaded file, for the kinds that need one.
    pub file_id: Option<FileId>,
}

/// Attaches proof.
///
/// # Errors
/// `Forbidden`, also when the step is another role's; `NotFound` on `stepId`, `holdingId` or the file;
/// `Violation` on `label`, `details` or the file; `Conflict` when the step is over or its engagement does not run.
pub async fn add(app: &App, actor: &Actor, input: Add, once: Once) -> Result<Done<Evidence>> {
    actor.require(Permission::EvidenceAdd)?;
    input.details.check(app.now()).map_err(|invalid| at("details", invalid))?;
    refuse_secrets("details", &input.details)?;
    if input.details.kind() == EvidenceKind::Photo && input.label.is_some() {
        let named = Violation::new("label", "Photos are numbered: the first of a step is called Photo 1.");
        return Err(named.remedy("Leave `label` out and say as `caption` what the photo shows.").into());
    }
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        let made = store::evidence::load_many(deed.tx(), &actor.scope, &[id]).await?.pop();
        return Ok(Done::earlier(made.ok_or_else(|| Error::not_found("evidence", "id"))?));
    }
    let evidence = made(&deed, input).await?;
    store::evidence::insert(deed.tx(), &evidence).await?;
    deed.record(added(&evidence));
    deed.answer(evidence.id);
    deed.commit().await?;
    Ok(Done::now(evidence))
}

/// The evidence, with its subject locked: two photos of one step take turns.
async fn made(deed: &Deed<'_>, input: Add) -> Result<Evidence> {
    let (client_id, step_id, holding_id) = match input.subject {
        Subject::Step(id) => (step::lock_to_prove(deed, id).await?.client_id, Some(id), None),
        Subject::Holding(id) => {
            let client = store::evidence::lock_holding(deed.tx(), &deed.actor().scope, id, "holdingId").await?;
            (client, None, Some(id))
        }
    };
    let file = file(deed, client_id, &input).await?;
    let label = match (input.label, input.details.kind()) {
        (_, EvidenceKind::Photo) => photo_label(store::evidence::photo_count(deed.tx(), step_id, holding_id).await?),
        (Some(label), _) => label.into_string(),
        (None, EvidenceKind::File) => file.as_ref().map(|(file, _)| file.name.clone()).unwrap_or_default(),
        (None, EvidenceKind::Attestation) => "Attestation".to_owned(),
        (None, EvidenceKind::Meeting) => "Meeting".to_owned(),
    };
    Ok(Evidence {
        id: deed.app().new_id(),
        client_id,
        step_id,
        holding_id,
        label,
        details: input.details,
        file_id: input.file_id,
        sha256: file.map(|(_, arrival)| arrival.sha256.to_string()),
        recorded_by: deed.actor().id,
        recorded_at: deed.now(),
    })
}

/// The stored file behind the evidence: of the same client, and a picture where a photo is meant.
async fn file(deed: &Deed<'_>, client: ClientId, input: &Add) -> Result<Option<(File, Arrival)>> {
    let field = match input.details.kind() {
        EvidenceKind::Photo => "details.photo.fileId",
        EvidenceKind::File | EvidenceKind::Attestation | EvidenceKind::Meeting => "details.file.fileId",
    };
    let Some(id) = input.file_id else {
        if input.details.kind().needs_file() {
            return Err(Error::violation(field, "This kind of evidence is nothing without a file."));
        }
        return Ok(None);
    };
    let (file, arrival) = app::file::arrived(deed, client, id, field).await?;
    let is_picture = arrival.media_type.starts_with("image/");
    if input.details.kind() == EvidenceKind::Photo && !is_picture {
        let wrong = Violation::new(field, "This file is no picture.");
        return Err(wrong.remedy("Attach it as `file`, or upload a picture.").into());
    }
    Ok(Some((file, arrival)))
}

fn added(evidence: &Evidence) -> NewEvent {
    let text = |id: Option<String>| id.map_or(serde_json::Value::Null, Into::into);
    NewEvent::new(EventKind::EvidenceAdded, evidence.id, format!("Evidence was added: {}.", evidence.label))
        .client(evidence.client_id)
        .with("kind", evidence.kind().as_str())
        .with("stepId", text(evidence.step_id.map(|id| id.to_string())))
        .with("holdingId", text(evidence.holding_id.map(|id| id.to_string())))
        .with("sha256", text(evidence.sha256.clone()))
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[EvidenceId]) -> Result<Vec<Evidence>> {
    actor.require(Permission::Evidence)?;
    store::evidence::load_many(app.db().read(), &actor.scope, ids).await
}

/// What proves these steps, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_steps(app: &App, actor: &Actor, steps: &[StepId]) -> Result<Vec<Evidence>> {
    actor.require(Permission::Evidence)?;
    store::evidence::of_steps(app.db().read(), &actor.scope, steps).await
}

/// What proves these holdings, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_holdings(app: &App, actor: &Actor, holdings: &[HoldingId]) -> Result<Vec<Evidence>> {
    actor.require(Permission::Evidence)?;
    store::evidence::of_holdings(app.db().read(), &actor.scope, holdings).await
}
