//! What gates ask about, for many engagements at once, in a number of statements that does not grow with
//! them: one for each table.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::{
    auth::ClientScope,
    clock::Instant,
    domain::{
        agreement::{AgreementDetails, AgreementState},
        client::Client,
        decision::DecisionKind,
        engagement::Engagement,
        evidence::EvidenceDetails,
        exception::{Action, ActionState},
        gate::{ChecklistLine, DecisionLine, ExceptionLine, FactLine, HoldingLine, Situation, StepLine},
        holding::{HoldingDetails, is_kept},
        role::Role,
        step::Step,
    },
    error::Result,
    ids::{ClientId, EngagementId, StepId},
    store,
};

/// The situation of each engagement at `now`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn load_many(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    now: DateTime<Utc>,
    engagements: &[Engagement],
) -> Result<HashMap<EngagementId, Situation>> {
    let clients: HashSet<ClientId> = engagements.iter().map(|engagement| engagement.client_id).collect();
    let clients: Vec<ClientId> = clients.into_iter().collect();
    let of_clients = of_clients(db, scope, now, &clients).await?;
    let ids: Vec<Uuid> = engagements.iter().map(|engagement| engagement.id.uuid()).collect();
    let mut decisions = decisions(db, &ids).await?;
    let mut exceptions = exceptions(db, &ids).await?;
    let mut steps = steps(db, &ids).await?;
    let situation = |engagement: &Engagement| {
        let mut situation = of_clients.get(&engagement.client_id)?.clone();
        let id = engagement.id.uuid();
        situation.decisions = decisions.remove(&id).unwrap_or_default();
        situation.exceptions = exceptions.remove(&id).unwrap_or_default();
        situation.steps = steps.remove(&id).unwrap_or_default();
        Some((engagement.id, situation))
    };
    Ok(engagements.iter().filter_map(situation).collect())
}

/// What is the same for every engagement of a client, and all there is before the first one begins.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_clients(
    db: &impl ConnectionTrait,
    scope: &ClientScope,
    now: DateTime<Utc>,
    clients: &[ClientId],
) -> Result<HashMap<ClientId, Situation>> {
    let found = store::client::load_many(db, scope, clients).await?;
    let mut situations: HashMap<Uuid, Situation> =
        found.iter().map(|client: &Client| (client.id.uuid(), Situation::of(client, now))).collect();
    let ids: Vec<Uuid> = situations.keys().copied().collect();
    agreements(db, &ids, &mut situations).await?;
    facts(db, &ids, &mut situations).await?;
    holdings(db, &ids, &mut situations).await?;
    recipient_keys(db, &ids, &mut situations).await?;
    let roles_held = roles_held(db).await?;
    let complete =
        |(id, situation): (Uuid, Situation)| (id.into(), Situation { roles_held: roles_held.clone(), ..situation });
    Ok(situations.into_iter().map(complete).collect())
}

type Situations = HashMap<Uuid, Situation>;

async fn agreements(db: &impl ConnectionTrait, clients: &[Uuid], into: &mut Situations) -> Result<()> {
    use entity::agreement::{Column, Entity};
    let signed = AgreementState::Signed.as_str();
    let select = Entity::find().filter(Column::ClientId.is_in(clients.to_vec())).filter(Column::State.eq(signed));
    for row in select.all(db).await? {
        let Some(situation) = into.get_mut(&row.client_id) else { continue };
        let details: AgreementDetails = store::json("agreement", "details", row.id, row.details)?;
        situation.signed.insert(details.kind());
        match details {
            AgreementDetails::ServiceAgreement(details) => situation.has_return_terms |= details.data_return.is_some(),
            AgreementDetails::TerminationNotice(notice) => {
                situation.has_notice = true;
                situation.terminates_on = Some(notice.terminates_on(row.ends_on));
            }
            AgreementDetails::Sla(_) | AgreementDetails::Sow(_) => {}
        }
    }
    Ok(())
}

async fn facts(db: &impl ConnectionTrait, clients: &[Uuid], into: &mut Situations) -> Result<()> {
    use entity::fact::{Column, Entity};
    let select = Entity::find().filter(Column::ClientId.is_in(clients.to_vec())).select_only();
    let columns = select.columns([Column::Id, Column::ClientId, Column::Kind, Column::Source, Column::State]);
    for (id, client, kind, source, state) in
        columns.into_tuple::<(Uuid, Uuid, String, String, String)>().all(db).await?
    {
        let line = FactLine {
            kind: store::word("fact", "kind", id, &kind)?,
            source: store::word("fact", "source", id, &source)?,
            state: store::word("fact", "state", id, &state)?,
        };
        into.entry(client).or_default().facts.push(line);
    }
    Ok(())
}

/// Of a holding what gates ask about: its id, client, state, when its return was acknowledged, until when its store keeps it,
/// which decision lets it stay, and details.
type HoldingRow = (Uuid, Uuid, String, Option<Instant>, Option<Instant>, Option<Uuid>, serde_json::Value);

async fn holdings(db: &impl ConnectionTrait, clients: &[Uuid], into: &mut Situations) -> Result<()> {
    use entity::holding::{Column, Entity};
    let select = Entity::find().filter(Column::ClientId.is_in(clients.to_vec())).select_only();
    let columns = select.columns([Column::Id, Column::ClientId, Column::State, Column::AcknowledgedAt]);
    let columns = columns.columns([Column::RetainedUntil, Column::DecisionId, Column::Details]);
    for (id, client, state, acknowledged_at, until, decision, details) in
        columns.into_tuple::<HoldingRow>().all(db).await?
    {
        let state = store::word("holding", "state", id, &state)?;
        let details: HoldingDetails = store::json("holding", "details", id, details)?;
        let line = HoldingLine {
            id: id.into(),
            state,
            traits: details.traits(),
            has_receipt: acknowledged_at.is_some(),
            is_kept: is_kept(state, until, decision.is_some()),
        };
        into.entry(client).or_default().holdings.push(line);
    }
    Ok(())
}

async fn recipient_keys(db: &impl ConnectionTrait, clients: &[Uuid], into: &mut Situations) -> Result<()> {
    use entity::recipient_key::{Column, Entity};
    let select = Entity::find().filter(Column::ClientId.is_in(clients.to_vec())).filter(Column::State.eq("CONFIRMED"));
    for client in select.select_only().column(Column::ClientId).into_tuple::<Uuid>().all(db).await? {
        into.entry(client).or_default().has_recipient_key = true;
    }
    Ok(())
}

/// The roles that active people hold, whoever they are.
async fn roles_held(db: &impl ConnectionTrait) -> Result<BTreeSet<Role>> {
    use entity::user::{Column, Entity};
    let select = Entity::find().filter(Column::IsActive.eq(true)).select_only().column(Column::Roles).distinct();
    let mut held = BTreeSet::new();
    for roles in select.into_tuple::<serde_json::Value>().all(db).await? {
        held.extend(store::json::<Vec<Role>>("user", "roles", "any", roles)?);
    }
    Ok(held)
}

async fn decisions(db: &impl ConnectionTrait, engagements: &[Uuid]) -> Result<HashMap<Uuid, Vec<DecisionLine>>> {
    use entity::decision::{Column, Entity};
    let mut lists: HashMap<Uuid, Vec<DecisionLine>> = HashMap::new();
    let select = Entity::find().filter(Column::EngagementId.is_in(engagements.to_vec()));
    let select = select.filter(Column::Kind.ne(DecisionKind::JobPlan.as_str()));
    for row in select.all(db).await? {
        let line = DecisionLine {
            id: row.id.into(),
            kind: store::word("decision", "kind", row.id, &row.kind)?,
            holding: row.subject_id.parse().ok(),
            state: store::word("decision", "state", row.id, &row.state)?,
        };
        lists.entry(row.engagement_id.unwrap_or_default()).or_default().push(line);
    }
    Ok(lists)
}

async fn exceptions(db: &impl ConnectionTrait, engagements: &[Uuid]) -> Result<HashMap<Uuid, Vec<ExceptionLine>>> {
    use entity::exception::{Column, Entity};
    let mut lists: HashMap<Uuid, Vec<ExceptionLine>> = HashMap::new();
    for row in Entity::find().filter(Column::EngagementId.is_in(engagements.to_vec())).all(db).await? {
        let line = ExceptionLine {
            id: row.id.into(),
            step_id: row.step_id.map(Into::into),
            r#type: store::word("exception", "type", row.id, &row.r#type)?,
            state: store::word("exception", "state", row.id, &row.state)?,
            expires_at: row.expires_at,
            open_actions: open_actions(&store::json::<Vec<Action>>("exception", "actions", row.id, row.actions)?),
        };
        lists.entry(row.engagement_id).or_default().push(line);
    }
    Ok(lists)
}

fn open_actions(actions: &[Action]) -> usize {
    actions.iter().filter(|action| action.state == ActionState::Open).count()
}

async fn steps(db: &impl ConnectionTrait, engagements: &[Uuid]) -> Result<HashMap<Uuid, Vec<StepLine>>> {
    let engagements: Vec<EngagementId> = engagements.iter().copied().map(Into::into).collect();
    let scope = ClientScope::system();
    let steps = store::step::of_engagements(db, &scope, &engagements).await?;
    let ids: Vec<StepId> = steps.values().flatten().map(|step| step.id).collect();
    let mut checklists = store::step::checklist::of_steps(db, &scope, &ids).await?;
    let mut proofs = proofs(db, &ids).await?;
    let mut line = |step: &Step| {
        let mut line = StepLine::of(step);
        line.checklist = checklists.remove(&line.id).unwrap_or_default().iter().map(ChecklistLine::of).collect();
        proofs.remove(&line.id).unwrap_or_default().iter().for_each(|details| line.prove(details));
        line
    };
    Ok(steps.into_iter().map(|(id, steps)| (id.uuid(), steps.iter().map(&mut line).collect())).collect())
}

async fn proofs(db: &impl ConnectionTrait, steps: &[StepId]) -> Result<HashMap<StepId, Vec<EvidenceDetails>>> {
    use entity::evidence::{Column, Entity};
    let mut lists: HashMap<StepId, Vec<EvidenceDetails>> = HashMap::new();
    let select = Entity::find().filter(Column::StepId.is_in(steps.iter().map(|id| id.uuid())));
    for row in select.all(db).await? {
        let Some(step) = row.step_id else { continue };
        lists.entry(step.into()).or_default().push(store::json("evidence", "details", row.id, row.details)?);
    }
    Ok(lists)
}
