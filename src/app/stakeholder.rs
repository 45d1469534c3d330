//! What can be asked about stakeholders: naming them, and what each is to each step.
//!
//! Names and numbers of people stay in the row: the log is kept for ever, so its events say only that a stakeholder
//! was named or changed.

use crate::{
    app::{App, Deed, Done, Once, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        contact::Phone,
        engagement::Engagement,
        event::{EventKind, NewEvent},
        stakeholder::{Raci, RaciByStep, Stakeholder},
        text::{Name, Prose},
    },
    error::{Error, Result, Violation},
    ids::{EngagementId, StakeholderId},
    store,
};

/// The most stakeholders one run has.
///
/// # Source
/// House decision: a matrix that nobody can read helps nobody.
const STAKEHOLDERS_MAX: usize = 100;

/// A stakeholder as it shall be, whole: what is left out is removed.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// The run it has an interest in.
    pub engagement_id: EngagementId,
    /// Which stakeholder changes, and the revision the caller read. `None` names a new one.
    pub existing: Option<(StakeholderId, i32)>,
    /// Person or team.
    pub name: Name,
    /// What it looks after.
    pub responsibilities: Prose,
    /// Its telephone number.
    pub phone: Option<Phone>,
    /// What it is to each step.
    pub raci: RaciByStep,
}

/// Names a stakeholder, or changes one.
///
/// # Errors
/// `Forbidden`; `Violation` on `raci` when a step is unknown or has an accountable stakeholder already; `NotFound` on
/// `engagementId` or `id`; `Conflict` when it changed since it was read.
pub async fn upsert(app: &App, actor: &Actor, input: Upsert, once: Once) -> Result<Done<Stakeholder>> {
    actor.require(Permission::StakeholderUpsert)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::stakeholder::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    // The lock makes two new stakeholders of one run take different places.
    let run = store::engagement::lock(deed.tx(), &actor.scope, input.engagement_id, "engagementId").await?;
    let all = store::stakeholder::of_engagements(deed.tx(), &actor.scope, &[run.id]).await?;
    check(&deed, &input, &all).await?;
    let stakeholder = match input.existing {
        None => enter(&mut deed, &run, &all, input).await?,
        Some((id, expected)) => change(&mut deed, id, expected, input).await?,
    };
    deed.answer(stakeholder.id);
    deed.commit().await?;
    Ok(Done::now(stakeholder))
}

/// Refuses a step that the run does not have, and a second stakeholder who answers for one.
async fn check(deed: &Deed<'_>, input: &Upsert, all: &[Stakeholder]) -> Result<()> {
    let mut steps = store::step::of_engagements(deed.tx(), &deed.actor().scope, &[input.engagement_id]).await?;
    let steps = steps.remove(&input.engagement_id).unwrap_or_default();
    if let Some(unknown) = input.raci.keys().find(|key| steps.iter().all(|step| step.key != **key)) {
        let violation = Violation::new("raci", format!("This engagement has no step `{unknown}`."));
        return Err(violation.remedy("Use the `key` of one of its steps.").into());
    }
    let is_other = |stakeholder: &&Stakeholder| input.existing.is_none_or(|(id, _)| id != stakeholder.id);
    for other in all.iter().filter(is_other) {
        let both = |key: &&String| {
            input.raci.get(*key) == Some(&Raci::Accountable) && other.raci.get(*key) == Some(&Raci::Accountable)
        };
        if let Some(key) = input.raci.keys().find(both) {
            let violation = Violation::new("raci", format!("{} answers for `{key}` already.", other.name));
            return Err(violation.remedy("One answers for each step: change the other stakeholder first.").into());
        }
    }
    Ok(())
}

async fn enter(deed: &mut Deed<'_>, run: &Engagement, all: &[Stakeholder], input: Upsert) -> Result<Stakeholder> {
    if all.len() >= STAKEHOLDERS_MAX {
        let full =
            Violation::new("engagementId", format!("An engagement has at most {STAKEHOLDERS_MAX} stakeholders."));
        return Err(full.remedy("Change one that is no longer needed.").into());
    }
    let last = all.iter().map(|stakeholder| stakeholder.position).max().unwrap_or_default();
    let stakeholder = Stakeholder {
        id: deed.app().new_id(),
        engagement_id: run.id,
        client_id: run.client_id,
        position: last + 1,
        name: input.name.into_string(),
        responsibilities: input.responsibilities.into_string(),
        phone: input.phone,
        raci: input.raci,
        revision: 1,
    };
    store::stakeholder::insert(deed.tx(), &stakeholder).await?;
    deed.record(event(EventKind::StakeholderAdded, &stakeholder, "A stakeholder was named."));
    Ok(stakeholder)
}

async fn change(deed: &mut Deed<'_>, id: StakeholderId, expected: i32, input: Upsert) -> Result<Stakeholder> {
    let mut stakeholder = store::stakeholder::lock(deed.tx(), &deed.actor().scope, id, "id").await?;
    if stakeholder.engagement_id != input.engagement_id {
        return Err(Error::not_found("stakeholder", "id"));
    }
    expect_revision(stakeholder.id, expected, stakeholder.revision)?;
    stakeholder.name = input.name.into_string();
    stakeholder.responsibilities = input.responsibilities.into_string();
    stakeholder.phone = input.phone;
    stakeholder.raci = input.raci;
    stakeholder.revision += 1;
    store::stakeholder::update(deed.tx(), &stakeholder).await?;
    deed.record(event(EventKind::StakeholderUpdated, &stakeholder, "A stakeholder was changed."));
    Ok(stakeholder)
}

fn event(kind: EventKind, stakeholder: &Stakeholder, summary: &str) -> NewEvent {
    NewEvent::new(kind, stakeholder.id, summary)
        .client(stakeholder.client_id)
        .with("engagementId", stakeholder.engagement_id.to_string())
}

/// The stakeholders of these engagements that the caller may see, each engagement's in their order.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_engagements(app: &App, actor: &Actor, engagements: &[EngagementId]) -> Result<Vec<Stakeholder>> {
    actor.require(Permission::Stakeholder)?;
    store::stakeholder::of_engagements(app.db().read(), &actor.scope, engagements).await
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[StakeholderId]) -> Result<Vec<Stakeholder>> {
    actor.require(Permission::Stakeholder)?;
    store::stakeholder::load_many(app.db().read(), &actor.scope, ids).await
}
