//! Putting a question that no other noun puts by itself.

use chrono::TimeDelta;

use super::{Open, open, open_under};
use crate::{
    app::{App, Deed, Done, Once, sanitization},
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        decision::{Decision, DecisionKind, DecisionState, Requirement, Rule},
        engagement::EngagementState,
        text::Prose,
    },
    error::{Error, Result, Violation, at},
    ids::{ClientId, EngagementId},
    store,
};

/// The longest time a question stays open when it has an end at all.
///
/// # Source
/// House decision: a year; what nobody answered in that time is asked again.
const LIFETIME_MAX: TimeDelta = TimeDelta::days(366);

/// A question as somebody puts it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub kind: DecisionKind,
    /// The question, in words.
    pub question: Prose,
    /// The run it is asked in; none leaves that to the subject.
    pub engagement_id: Option<EngagementId>,
    /// What it is about, as a printed id; none for the run itself.
    pub subject_id: Option<String>,
    /// What exactly the caller saw of the subject, when that can change.
    pub subject_hash: Option<String>,
    /// Who must agree, when more people shall than the kind asks for.
    pub rule: Option<Rule>,
    /// Until when it can be answered; none for as long as it takes.
    pub expires_at: Option<Instant>,
}

/// What a question is about, looked up.
struct About {
    client: ClientId,
    engagement: Option<EngagementId>,
    subject: String,
}

/// Puts a question to those who decide it.
///
/// # Errors
/// `Forbidden`; `Violation` on `kind`, `rule`, `subjectId` or `expiresAt`; `NotFound` on `engagementId` or `subjectId`;
/// `PlanChanged` when the plan is not the one the caller saw; `Conflict` when the run is over or the same question is
/// open already.
pub async fn request(app: &App, actor: &Actor, input: Request, once: Once) -> Result<Done<Decision>> {
    actor.require(Permission::DecisionRequest)?;
    is_put_by_itself(input.kind)?;
    is_strict_enough(input.kind, input.rule.as_ref())?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::decision::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    in_time(input.expires_at, deed.now())?;
    let about = about(&deed, &input).await?;
    if input.kind == DecisionKind::Validation {
        sanitization::may_be_asked(&deed, &about.subject).await?;
    }
    let question = Open {
        client_id: Some(about.client),
        engagement_id: about.engagement,
        kind: input.kind,
        question: input.question.into_string(),
        subject_id: about.subject,
        subject_hash: input.subject_hash,
        expires_at: input.expires_at,
    };
    is_new(&deed, &question).await?;
    let decision = match input.rule {
        Some(rule) => open_under(&mut deed, question, rule).await?,
        None => open(&mut deed, question).await?,
    };
    deed.answer(decision.id);
    deed.commit().await?;
    Ok(Done::now(decision))
}

fn is_put_by_itself(kind: DecisionKind) -> Result<()> {
    let mutation = match kind {
        DecisionKind::Exception => "exceptionRaise",
        DecisionKind::ProcessVersion => "processSubmit",
        DecisionKind::DestructionConfirmation
        | DecisionKind::AccessApproval
        | DecisionKind::CoordinationWindow
        | DecisionKind::ToolRetention
        | DecisionKind::Change
        | DecisionKind::Plan
        | DecisionKind::ReportAcceptance
        | DecisionKind::ReceiptWaiver
        | DecisionKind::JobPlan
        | DecisionKind::Validation => return Ok(()),
    };
    let violation = Violation::new("kind", "This question is put by what it is about.");
    Err(violation.remedy(format!("Use `{mutation}`, which opens its decision.")).into())
}

/// Nobody asks around those whom the kind asks: a rule of the caller's own only adds to the kind's.
fn is_strict_enough(kind: DecisionKind, rule: Option<&Rule>) -> Result<()> {
    let Some(rule) = rule else { return Ok(()) };
    rule.check().map_err(|invalid| at("rule", invalid))?;
    let floor = kind.rule();
    if rule.is_at_least(&floor) {
        return Ok(());
    }
    let needed: Vec<_> = floor.requirements.iter().map(names).collect();
    let violation = Violation::new("rule", format!("Such a question needs at least {}.", needed.join(" and ")));
    Err(violation.remedy("Ask for more than that, or leave `rule` out.").into())
}

fn names(requirement: &Requirement) -> String {
    let roles: Vec<_> = requirement.any_of.iter().map(|role| role.as_str()).collect();
    format!("{} of {}", requirement.quorum, roles.join(" or "))
}

fn in_time(expires_at: Option<Instant>, now: Instant) -> Result<()> {
    let is_fine = expires_at.is_none_or(|expires_at| now < expires_at && expires_at - now <= LIFETIME_MAX);
    if is_fine {
        return Ok(());
    }
    let violation = Violation::new("expiresAt", "A question is answered after now and within 366 days.");
    Err(violation.remedy("Give an instant in that time, or leave it out.").into())
}

async fn about(deed: &Deed<'_>, input: &Request) -> Result<About> {
    let scope = &deed.actor().scope;
    let run = match input.engagement_id {
        Some(id) => Some(store::engagement::lock(deed.tx(), scope, id, "engagementId").await?),
        None => None,
    };
    if run.as_ref().is_some_and(|run| run.state == EngagementState::Cancelled) {
        return Err(Error::state("This engagement is CANCELLED; nothing is decided in it any more."));
    }
    let Some(printed) = &input.subject_id else {
        let run = run.ok_or_else(|| {
            Violation::new("subjectId", "A question is about something.")
                .remedy("Give `subjectId`, or `engagementId` for the run as a whole.")
        })?;
        return Ok(About { client: run.client_id, engagement: Some(run.id), subject: run.id.to_string() });
    };
    let absent = || Error::not_found("subject", "subjectId");
    let subject = store::decision::subject(deed.tx(), scope, printed).await?.ok_or_else(absent)?;
    if run.as_ref().is_some_and(|run| run.client_id != subject.client_id)
        || matches!((&run, subject.engagement_id), (Some(run), Some(its)) if run.id != its)
    {
        return Err(absent());
    }
    if subject.hash != input.subject_hash {
        return Err(match subject.hash {
            Some(_) => Error::PlanChanged("What shall be decided on is not what you saw."),
            None => {
                Violation::new("subjectHash", "Only a plan or a certificate has a hash.").remedy("Leave it out.").into()
            }
        });
    }
    let engagement = run.map(|run| run.id).or(subject.engagement_id);
    Ok(About { client: subject.client_id, engagement, subject: printed.clone() })
}

/// Refuses a second question about the same while the first can still be answered.
async fn is_new(deed: &Deed<'_>, question: &Open) -> Result<()> {
    let open = store::decision::open_about(deed.tx(), question.kind, &question.subject_id).await?;
    let same = open.iter().find(|earlier| {
        earlier.subject_hash == question.subject_hash && earlier.state_at(deed.now()) == DecisionState::Open
    });
    match same {
        Some(earlier) => Err(Error::state(format!("The same question is open: {}.", earlier.id))),
        None => Ok(()),
    }
}
