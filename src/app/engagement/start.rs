//! Beginning an engagement: its steps and checklists are laid out from the approved version it pins.

use chrono::NaiveDate;

use crate::{
    app::{App, Deed, Done, Once, gate},
    auth::{Actor, permission::Permission},
    domain::{
        client::Client,
        engagement::{Engagement, EngagementKind, EngagementState, EngagementVerb},
        event::{EventKind, NewEvent},
        gate as gates,
        process::{DocumentNumber, ProcessVersion, StepTemplate},
        step::{ChecklistItem, ChecklistItemState, Step, StepState},
    },
    error::{Error, Result, Violation},
    ids::ClientId,
    store,
};

/// What an engagement begins with.
#[derive(Clone, Debug)]
pub struct Start {
    /// For whom.
    pub client_id: ClientId,
    /// Onboarding or offboarding.
    pub kind: EngagementKind,
    /// The process, by its number; its approved version is pinned.
    pub document_number: DocumentNumber,
    /// The day it is meant to be concluded.
    pub target_on: Option<NaiveDate>,
}

/// Begins an engagement.
///
/// # Errors
/// `Forbidden`; `NotFound` on `clientId` or `documentNumber`; `Blocked` by the gates at the start;
/// `Conflict` when the client has a live engagement of the kind; `Violation` on `kind` or `targetOn`.
pub async fn start(app: &App, actor: &Actor, input: Start, once: Once) -> Result<Done<Engagement>> {
    actor.require(Permission::EngagementStart)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::engagement::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    let mut client = store::client::lock(deed.tx(), &actor.scope, input.client_id, "clientId").await?;
    let version = store::process::approved(deed.tx(), &input.document_number).await?;
    let version = version.ok_or_else(|| Error::not_found("approved process version", "documentNumber"))?;
    check(&deed, &client, &version, &input)?;
    open_gates(&deed, &client, &version).await?;
    let engagement = lay_out(&mut deed, &client, &version, &input).await?;
    super::restage(&mut deed, &mut client).await?;
    deed.answer(engagement.id);
    deed.commit().await?;
    Ok(Done::now(engagement))
}

fn check(deed: &Deed<'_>, client: &Client, version: &ProcessVersion, input: &Start) -> Result<()> {
    if version.content.kind != input.kind {
        let message = format!("{} is a process for {}.", input.document_number, version.content.kind);
        return Err(Violation::new("kind", message).remedy("Name a process of this kind.").into());
    }
    if input.target_on.is_some_and(|target| target < client.today(deed.now())) {
        return Err(Violation::new("targetOn", "The target lies in the past.")
            .remedy("Give today or a later day.")
            .into());
    }
    Ok(())
}

async fn open_gates(deed: &Deed<'_>, client: &Client, version: &ProcessVersion) -> Result<()> {
    let scope = &deed.actor().scope;
    let mut situations = store::situation::of_clients(deed.tx(), scope, deed.now(), &[client.id]).await?;
    let mut situation = situations.remove(&client.id).ok_or_else(|| Error::not_found("client", "clientId"))?;
    situation.actor = Some(deed.actor().id);
    gate::require(gates::evaluate(&version.content, gates::Deed::StartEngagement, &situation))
}

/// Writes the engagement, its steps and their checklists: three statements, however many steps there are.
async fn lay_out(deed: &mut Deed<'_>, client: &Client, version: &ProcessVersion, input: &Start) -> Result<Engagement> {
    let target_on = input.target_on.or(match input.kind {
        EngagementKind::Onboarding => client.service_start_on,
        EngagementKind::Offboarding => client.final_service_on,
    });
    let engagement = Engagement {
        id: deed.app().new_id(),
        client_id: client.id,
        kind: input.kind,
        state: EngagementState::Planned.after(EngagementVerb::Start)?,
        process_version_id: version.id,
        target_on,
        state_reason: None,
        started_at: Some(deed.now()),
        concluded_at: None,
        revision: 1,
        created_by: deed.actor().id,
        created_at: deed.now(),
        updated_at: deed.now(),
    };
    let content = &version.content;
    let steps: Vec<Step> = (1..)
        .zip(&content.steps)
        .map(|(position, template)| step(deed, client, &engagement, position, template))
        .collect();
    let items: Vec<ChecklistItem> =
        steps.iter().zip(&content.steps).flat_map(|(step, template)| checklist(deed, step, template)).collect();
    store::engagement::insert(deed.tx(), &engagement).await?;
    store::step::insert_many(deed.tx(), &steps).await?;
    store::step::checklist::insert_many(deed.tx(), &items).await?;
    let summary = format!("{} of {} began with {}.", content.title, client.name, content.document_number);
    let started = deed.record(
        NewEvent::new(EventKind::EngagementStarted, engagement.id, summary)
            .client(client.id)
            .with("kind", engagement.kind.as_str())
            .with("documentNumber", content.document_number.as_str())
            .with("version", version.number)
            .with("contentHash", version.content_hash.as_str()),
    );
    deed.follow(Some(started));
    Ok(engagement)
}

fn step(deed: &Deed<'_>, client: &Client, engagement: &Engagement, position: i32, template: &StepTemplate) -> Step {
    let started_on = client.today(deed.now());
    Step {
        id: deed.app().new_id(),
        engagement_id: engagement.id,
        client_id: client.id,
        key: template.key.clone(),
        position,
        title: template.title.clone(),
        state: StepState::Pending,
        role: template.role,
        assignee_id: None,
        due_at: template.due_at(client.time_zone, started_on, engagement.target_on),
        state_reason: None,
        started_at: None,
        finished_at: None,
        finished_by: None,
        revision: 1,
    }
}

fn checklist<'a>(
    deed: &'a Deed<'_>,
    step: &'a Step,
    template: &'a StepTemplate,
) -> impl Iterator<Item = ChecklistItem> + 'a {
    (1..).zip(&template.checklist).map(|(position, line)| ChecklistItem {
        id: deed.app().new_id(),
        step_id: step.id,
        client_id: step.client_id,
        key: line.key.clone(),
        position,
        text: line.text.clone(),
        is_required: line.is_required,
        state: ChecklistItemState::Open,
        note: None,
        set_by: None,
        set_at: None,
        revision: 1,
    })
}
