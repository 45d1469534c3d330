//! Taking agents off devices.
//!
//! Numbered steps for each round: (1) each tool is asked for the list of the client's devices, once; (2) what that says of each
//! target is added to its course, which says what comes next; (3) what is to be done is written down, in a deed that asks
//! every gate once more; (4) then it is done, a few at a time. What the tool answers counts for nothing: the next rounds see.
//!
//! A run that is stopped anywhere leaves the course of each target as it was before its next act. Whoever goes on looks
//! first, and tells an agent again only when it is seen to be there long after it was told. Targets whose devices are away
//! wait, and so does the job when nothing else is left: it holds no worker meanwhile.

mod reasons;
mod round;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use self::{
    reasons::{away, changed, not_gone, some_stay, unreached, waits},
    round::{Round, Sight, is_short},
};
use super::{Task, TaskContext};
use crate::{
    app::{
        agent::{self, TargetDetails},
        job::LINES_MAX,
    },
    auth::Actor,
    domain::{
        agent::{AgentFault, Course, Move},
        clearance::Clearance,
        job::{JobError, JobKind, Outcome, Target, TargetState, Verdict},
    },
    error::{Error, Result},
    ids::JobTargetId,
    ports::endpoints::Order,
};

/// Acts that are under way at the same time.
const ABREAST: usize = 8;
/// Rounds in a row in which a tool may be out of sight.
const BLIND_MAX: u32 = 4;
/// How old a sight may be that something is done by.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// Targets that are gone through before what was decided about them is done.
const TOGETHER: usize = 40;
/// How long devices that are away are left alone before somebody looks again.
const AWAY_FOR: Duration = Duration::from_mins(1);
/// The targets that are not over.
const OPEN: [TargetState; 4] =
    [TargetState::Pending, TargetState::Running, TargetState::Verifying, TargetState::Waiting];

/// Removes agents.
#[derive(Clone, Copy, Debug)]
pub struct RemovalTask;

#[async_trait]
impl Task for RemovalTask {
    fn kind(&self) -> JobKind {
        JobKind::AgentRemoval
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        let (mut courses, mut blind) = (HashMap::new(), 0);
        loop {
            let targets = context.targets(&OPEN, None, LINES_MAX.into()).await?;
            let is_busy = match Round::look(context, &targets, &courses).await? {
                Ok(round) => {
                    blind = 0;
                    pass(context, round, &targets, &mut courses).await?
                }
                // A short outage ends no run; what was silent or missing before it has to be so anew.
                Err(fault) if is_short(&fault) && blind < BLIND_MAX => {
                    blind += 1;
                    courses.values_mut().for_each(Course::lose_sight);
                    true
                }
                Err(fault) => return Ok(unreached(&fault, &targets)),
            };
            if let Some(outcome) = context.signals().should_stop() {
                return Ok(outcome);
            }
            if !is_busy {
                return over(context).await;
            }
            tokio::select! {
                outcome = context.signals().stopping() => return Ok(outcome),
                () = tokio::time::sleep(context.app().parts().systems.look_every()) => {}
            }
        }
    }
}

/// Takes every target as far as this round's sight goes; gives whether another round is needed soon.
async fn pass(
    context: &TaskContext,
    mut round: Round,
    targets: &[Target],
    courses: &mut HashMap<JobTargetId, Course>,
) -> Result<bool> {
    let mut is_busy = false;
    for targets in targets.chunks(TOGETHER) {
        // What was seen long ago is no reason to act now.
        if context.signals().should_stop().is_some() || round.age() > FRESH_FOR {
            is_busy = true;
            break;
        }
        is_busy |= go_through(context, &mut round, targets, courses).await?;
        tell(context).await?;
    }
    Ok(is_busy)
}

/// Does so for a few of them, and does what was decided, also when something refused on the way.
async fn go_through(
    context: &TaskContext,
    round: &mut Round,
    targets: &[Target],
    courses: &mut HashMap<JobTargetId, Course>,
) -> Result<bool> {
    let (mut is_busy, mut acts, mut refused) = (false, Vec::new(), None);
    for target in targets {
        let Some(sight) = round.take(target) else { continue };
        courses.insert(target.id, sight.details.course.clone());
        is_busy |= matches!(sight.next, Move::Look | Move::Tell | Move::Forget);
        match decide(context, target, sight).await {
            Ok(act) => acts.extend(act),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let heard: Vec<_> = stream::iter(acts).map(|act| act.done(context)).buffer_unordered(ABREAST).collect().await;
    for (id, details) in tell_of(context, targets, heard.into_iter().flatten().collect()).await? {
        courses.insert(id, details.course);
    }
    refused.map_or(Ok(is_busy), Err)
}

/// What is cleared to be done about one target.
struct Act {
    target: JobTargetId,
    sight: Sight,
    order: Clearance<Order>,
}

impl Act {
    /// Does it. Gives what is known from now on when somebody was told and the tool took the order: no more than that is known.
    async fn done(self, context: &TaskContext) -> Option<(JobTargetId, TargetDetails)> {
        let Self { target, mut sight, order } = self;
        let is_tell = sight.next == Move::Tell;
        let endpoints = &sight.endpoints;
        let done = if is_tell { endpoints.uninstall(order).await } else { endpoints.forget(order).await };
        if let Err(fault) = done {
            // Whether it had an effect all the same is seen by looking.
            tracing::warn!(job.id = %context.job().id, target.id = %target, error = %fault, "an act was refused");
            return None;
        }
        sight.details.course.is_told = true;
        is_tell.then_some((target, sight.details))
    }
}

/// Does what needs no clearance, or has cleared what does.
async fn decide(context: &TaskContext, target: &Target, sight: Sight) -> Result<Option<Act>> {
    let done = match sight.next {
        Move::Tell | Move::Forget => match cleared(context, target, &sight).await {
            Ok(order) => return Ok(Some(Act { target: target.id, sight, order })),
            Err(error) => Err(error),
        },
        Move::Look => Ok(()),
        Move::Await => put_off(context, target, &sight).await,
        Move::Gone => gone(context, target, &sight).await,
        Move::Fail(fault) => give_up(context, target, &sight, Some(fault), not_gone(&target.name, fault)).await,
    };
    match done {
        // The line is not what was planned: that is this target's end, and nobody else's.
        Err(Error::Violation(wrong)) if wrong.field == "holdingIds" => {
            give_up(context, target, &sight, None, changed(wrong)).await?;
            Ok(None)
        }
        done => done.map(|()| None),
    }
}

async fn cleared(context: &TaskContext, target: &Target, sight: &Sight) -> Result<Clearance<Order>> {
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    let order = agent::under_order(&mut deed, context.job(), target, &sight.details, sight.next).await?;
    deed.commit().await?;
    Ok(order)
}

/// Writes down who was told, in one deed.
async fn tell_of(
    context: &TaskContext,
    targets: &[Target],
    told: BTreeMap<JobTargetId, TargetDetails>,
) -> Result<BTreeMap<JobTargetId, TargetDetails>> {
    if told.is_empty() {
        return Ok(told);
    }
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    for target in targets {
        if let Some(details) = told.get(&target.id) {
            agent::told(&mut deed, context.job(), target, details).await?;
        }
    }
    deed.commit().await?;
    Ok(told)
}

async fn put_off(context: &TaskContext, target: &Target, sight: &Sight) -> Result<()> {
    if target.state == TargetState::Waiting {
        return Ok(());
    }
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    agent::put_off(&mut deed, context.job(), target, &sight.details, away(&target.name, sight.last_seen)).await?;
    deed.commit().await
}

async fn gone(context: &TaskContext, target: &Target, sight: &Sight) -> Result<()> {
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    let removal = sight.details.clone().removal(sight.presence, None);
    agent::gone(&mut deed, context.job(), target, &removal).await?;
    deed.commit().await
}

async fn give_up(
    context: &TaskContext,
    target: &Target,
    sight: &Sight,
    fault: Option<AgentFault>,
    error: JobError,
) -> Result<()> {
    let actor = Actor::system();
    let mut deed = context.begin(&actor).await?;
    let removal = sight.details.clone().removal(sight.presence, fault);
    agent::failed(&mut deed, context.job(), target, &removal, error).await?;
    deed.commit().await
}

/// Says how far it is.
async fn tell(context: &TaskContext) -> Result<()> {
    let counts = context.recount().await?;
    context.progress().update(|progress| {
        progress.done = counts.finished().into();
        progress.total = Some(counts.total().into());
    });
    Ok(())
}

/// How the run ends when nothing can be done about any target now.
async fn over(context: &TaskContext) -> Result<Outcome> {
    let counts = context.recount().await?;
    Ok(match counts.verdict() {
        Verdict::Waiting => Outcome::Wait(AWAY_FOR, waits(counts.of(TargetState::Waiting))),
        verdict => Outcome::of(verdict, None, some_stay()),
    })
}

/// What is known of a target: as it was written down, unless this run knows better. Of one that is ordered anew only counts that it was told.
fn details(target: &Target, courses: &HashMap<JobTargetId, Course>) -> Result<TargetDetails> {
    let mut details: TargetDetails = serde_json::from_value(target.details.clone()).map_err(Error::internal)?;
    match courses.get(&target.id) {
        Some(course) => details.course = course.clone(),
        None if target.state == TargetState::Pending => details.course = details.course.renewed(),
        None => {}
    }
    Ok(details)
}
