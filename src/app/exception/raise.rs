//! Raising an exception, with the question that decides it.

use super::event;
use crate::{
    app::{App, Deed, Done, Once, data_return, decision},
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        decision::DecisionKind,
        engagement::Engagement,
        event::EventKind,
        exception::{self, ActionKind, Exception, ExceptionState, ExceptionType, Justification, Risk, open_actions},
        text::{Name, Prose},
    },
    error::{Error, Result, Violation, at},
    ids::{EngagementId, HoldingId, StepId},
    store,
};

/// A deviation as somebody asks for it.
#[derive(Clone, Debug)]
pub struct Raise {
    /// The run it deviates in.
    pub engagement_id: EngagementId,
    /// The step it is about.
    pub step_id: Option<StepId>,
    /// The holding that shall stay open, or whose incomplete return is accepted.
    pub holding_id: Option<HoldingId>,
    /// How the run leaves the process.
    pub r#type: ExceptionType,
    /// What happened.
    pub situation: Name,
    /// Why the deviation is right.
    pub justification: Justification,
    /// What may come of it.
    pub risks: Vec<Risk>,
    /// What is planned for the things it obliges to.
    pub plans: Vec<(ActionKind, Prose)>,
    /// From then on it allows nothing more.
    pub expires_at: Instant,
}

/// Raises an exception and puts it to those who decide it.
///
/// # Errors
/// `Forbidden`; `Violation` naming what is incomplete or out of bounds; `NotFound` on `engagementId`, `stepId` or
/// `holdingId`; `Conflict` when the run is over.
pub async fn raise(app: &App, actor: &Actor, input: Raise, once: Once) -> Result<Done<Exception>> {
    actor.require(Permission::ExceptionRaise)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::exception::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    let texts = (input.situation.as_str(), input.justification.as_str());
    exception::check(texts.0, texts.1, &input.risks, deed.now(), input.expires_at)
        .map_err(|(field, invalid)| at(field, invalid))?;
    let actions = planned(&input.plans)?;
    let run = store::engagement::lock(deed.tx(), &actor.scope, input.engagement_id, "engagementId").await?;
    if !run.state.is_live() {
        return Err(Error::state(format!("This engagement is {}; nothing can deviate in it any more.", run.state)));
    }
    let about = about(&deed, &input, &run).await?;
    let mut exception = Exception {
        id: app.new_id(),
        client_id: run.client_id,
        engagement_id: run.id,
        step_id: input.step_id,
        holding_id: input.holding_id,
        r#type: input.r#type,
        state: ExceptionState::Requested,
        situation: input.situation.into_string(),
        justification: input.justification.into_string(),
        risks: input.risks,
        actions,
        decision_id: None,
        requested_by: actor.id,
        requested_at: deed.now(),
        expires_at: input.expires_at,
        closed_at: None,
        revision: 1,
    };
    let question = decision::Open {
        client_id: Some(exception.client_id),
        engagement_id: Some(exception.engagement_id),
        kind: DecisionKind::Exception,
        question: exception.situation.clone(),
        subject_id: exception.id.to_string(),
        subject_hash: about.hash,
        expires_at: Some(exception.expires_at),
    };
    let question = decision::open_under(&mut deed, question, exception::rule(about.is_security)).await?;
    exception.decision_id = Some(question.id);
    store::exception::insert(deed.tx(), &exception).await?;
    let summary = format!("An exception was raised: {}", exception.situation);
    deed.record(event(&exception, EventKind::ExceptionRaised, summary).with("decisionId", question.id.to_string()));
    deed.answer(exception.id);
    deed.commit().await?;
    Ok(Done::now(exception))
}

/// The three actions a new exception begins with, and what is planned for them.
fn planned(plans: &[(ActionKind, Prose)]) -> Result<Vec<exception::Action>> {
    let mut actions = open_actions();
    for (index, (kind, plan)) in plans.iter().enumerate() {
        let action = actions.iter_mut().find(|action| action.kind == *kind && action.note.is_none());
        let twice = || Violation::new(format!("actions.{index}.kind"), "This action stands here twice.");
        action.ok_or_else(twice)?.note = Some(plan.as_str().to_owned());
    }
    Ok(actions)
}

/// What an exception is about.
struct About {
    /// Whether it touches security.
    is_security: bool,
    /// What exactly is decided on: the digest of a package that is taken as it is.
    hash: Option<String>,
}

impl About {
    fn of(is_security: bool) -> Self {
        Self { is_security, hash: None }
    }
}

/// What the exception is about, once it is sure that this belongs to the run.
async fn about(deed: &Deed<'_>, input: &Raise, run: &Engagement) -> Result<About> {
    let scope = &deed.actor().scope;
    match (input.step_id, input.holding_id, input.r#type) {
        (Some(_), Some(_), _) => {
            Err(Error::violation("holdingId", "An exception is about a step or a holding, not both."))
        }
        (None, None, ExceptionType::OutOfOrder | ExceptionType::Skipped) => {
            Err(Violation::new("stepId", format!("A {} exception is about a step.", input.r#type))
                .remedy("Give `stepId`, or `holdingId` for a holding that shall stay.")
                .into())
        }
        (None, Some(_), ExceptionType::OutOfOrder) => {
            Err(Violation::new("type", "A holding that shall stay is SKIPPED: its removal does not happen.")
                .remedy("Send the type SKIPPED.")
                .into())
        }
        (None, None, ExceptionType::Deviation) => Ok(About::of(false)),
        (Some(step), None, _) => {
            let step = store::step::load_many(deed.tx(), scope, &[step]).await?.into_iter().next();
            let step = step.filter(|step| step.engagement_id == run.id);
            let step = step.ok_or_else(|| Error::not_found("step", "stepId"))?;
            let versions = store::process::versions(deed.tx(), &[run.process_version_id]).await?;
            let template = versions.first().and_then(|version| version.content.step(&step.key));
            Ok(About::of(template.is_some_and(|template| template.is_security)))
        }
        (None, Some(holding), ExceptionType::Skipped | ExceptionType::Deviation) => {
            let subject = store::decision::subject(deed.tx(), scope, &holding.to_string()).await?;
            if subject.is_none_or(|subject| subject.client_id != run.client_id) {
                return Err(Error::not_found("holding", "holdingId"));
            }
            let is_kept = input.r#type == ExceptionType::Skipped;
            let hash = if is_kept { None } else { Some(data_return::acceptable(deed, run.id, holding).await?) };
            // What stays at the client stays a way in, and what is missing may be destroyed next: the designated
            // authority has a say.
            Ok(About { is_security: true, hash })
        }
    }
}
