//! Engagements.

use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};

use crate::{
    auth::{Actor, permission::Permission},
    domain::{
        engagement::{self, EngagementKind, EngagementState, EngagementVerb},
        exception::ExceptionState,
        forecast::forecast,
        gate,
        page::{Key, Keyed},
        step::StepState,
    },
    graphql::{
        connection::connection,
        context::Caller,
        id,
        loaders::{
            CertificatesOf, ChallengesOf, ClientKey, DecisionsOf, ExceptionsOf, PictureOf, StakeholdersOf, StepsOf,
            VersionKey, listed, load, required,
        },
        scalars::{Date, DateTime},
        types::{
            blocker::Blocker, certificate::Certificate, challenge::Challenge, client::Client, decision::Decision,
            exception::Exception, process::ProcessVersion, stakeholder::Stakeholder, step::Step,
        },
    },
};

/// One run of an approved process version for one client.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Engagement {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// Onboarding or offboarding.
    kind: EngagementKind,
    /// Where it stands.
    state: EngagementState,
    /// Why it was paused or cancelled, when it was.
    state_reason: Option<String>,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
    /// When it began.
    started_at: Option<DateTime>,
    /// The day it is meant to be concluded.
    target_on: Option<Date>,
    /// When it was concluded.
    concluded_at: Option<DateTime>,
    /// When it was entered.
    created_at: DateTime,
    #[graphql(skip)]
    pub(in crate::graphql) inner: engagement::Engagement,
}

impl From<engagement::Engagement> for Engagement {
    fn from(inner: engagement::Engagement) -> Self {
        Self {
            id: inner.id.to_string().into(),
            kind: inner.kind,
            state: inner.state,
            state_reason: inner.state_reason.clone(),
            revision: inner.revision,
            started_at: inner.started_at.map(DateTime),
            target_on: inner.target_on.map(Date),
            concluded_at: inner.concluded_at.map(DateTime),
            created_at: inner.created_at.into(),
            inner,
        }
    }
}

impl Keyed for Engagement {
    fn key(&self) -> Key {
        self.inner.key()
    }
}

connection! {
    /// Engagements, newest first.
    EngagementConnection, EngagementEdge, Engagement
}

#[ComplexObject]
impl Engagement {
    /// The client it is for.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
        required(ctx, ClientKey(self.inner.client_id)).await
    }

    /// What stands between now and its conclusion.
    async fn blocked_by(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Blocker>> {
        let picture = load(ctx, PictureOf(self.inner.id)).await?;
        let blockers = picture.map(|picture| picture.blockers(gate::Deed::Conclude)).unwrap_or_default();
        Ok(blockers.into_iter().map(Blocker::from).collect())
    }

    /// The day it was concluded, or will be as things stand: what is late pushes whatever waits for it. Null for one that
    /// was cancelled, and while no day is known to reckon from.
    async fn forecast_on(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Date>> {
        let picture = load(ctx, PictureOf(self.inner.id)).await?;
        Ok(picture.and_then(|picture| forecast(&self.inner, &picture.content, &picture.situation)).map(Date))
    }

    /// How much of it is done: required lines of all checklists, settled and in all.
    async fn score(&self, ctx: &Context<'_>) -> async_graphql::Result<Score> {
        let picture = load(ctx, PictureOf(self.inner.id)).await?;
        let score = picture.map(|picture| Score::of(&picture.situation)).unwrap_or_default();
        Ok(if ctx.actor()?.may(Permission::Exception) { score } else { score.without_exceptions() })
    }

    /// What the caller may do with it now.
    async fn viewer_can(&self, ctx: &Context<'_>) -> async_graphql::Result<EngagementPermissions> {
        let picture = load(ctx, PictureOf(self.inner.id)).await?;
        let blockers = picture.map(|picture| picture.blockers(gate::Deed::Conclude)).unwrap_or_default();
        Ok(EngagementPermissions::of(ctx.actor()?, &self.inner, blockers.is_empty()))
    }

    /// The version of the process it follows.
    async fn process_version(&self, ctx: &Context<'_>) -> async_graphql::Result<ProcessVersion> {
        required(ctx, VersionKey(self.inner.process_version_id)).await
    }

    /// Its steps, in the order of the process.
    async fn steps(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Step>> {
        listed(ctx, StepsOf(self.inner.id)).await
    }

    /// Who has an interest in it, in their order.
    async fn stakeholders(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Stakeholder>> {
        listed(ctx, StakeholdersOf(self.inner.id)).await
    }

    /// The newest 500 deviations raised in it, oldest first; `exceptions(filter: { engagementId })` has all.
    async fn exceptions(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Exception>> {
        listed(ctx, ExceptionsOf(self.inner.id)).await
    }

    /// The newest 500 questions asked in it that the caller may see, oldest first; `decisions(filter: { engagementId })`
    /// has all.
    async fn decisions(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Decision>> {
        listed(ctx, DecisionsOf(self.inner.id)).await
    }

    /// What was certified in it, oldest first.
    async fn certificates(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Certificate>> {
        listed(ctx, CertificatesOf(self.inner.id)).await
    }

    /// The difficulties recorded in it, oldest first.
    async fn challenges(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Challenge>> {
        listed(ctx, ChallengesOf(self.inner.id)).await
    }
}

fn int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// How much of an engagement is done.
#[derive(Clone, Copy, Debug, Default, SimpleObject)]
pub struct Score {
    /// Required checklist lines that are settled.
    earned: i32,
    /// Required checklist lines of all steps that apply.
    max: i32,
    /// `earned` of `max` in whole percent; null when nothing is scored.
    percent: Option<i32>,
    /// Exceptions that are requested or approved, their time not over: what of the run is not as the process has it.
    /// Null for callers who may not read exceptions.
    flagged: Option<i32>,
    /// Actions of approved exceptions that nobody has settled; an exception is closed when all three are. Null for
    /// callers who may not read exceptions.
    open_actions: Option<i32>,
}

impl Score {
    fn of(situation: &gate::Situation) -> Self {
        let applies = |step: &&gate::StepLine| step.state != StepState::NotApplicable;
        let required = situation.steps.iter().filter(applies).flat_map(|step| &step.checklist);
        let (mut earned, mut max) = (0, 0);
        for line in required.filter(|line| line.is_required) {
            max += 1;
            earned += i32::from(line.state.is_settled());
        }
        let percent = (max > 0).then(|| earned * 100 / max);
        let open = || situation.exceptions.iter().filter(|exception| exception.is_open(situation.now));
        let approved = open().filter(|exception| exception.state == ExceptionState::Approved);
        let open_actions = approved.map(|exception| exception.open_actions).sum();
        Self { earned, max, percent, flagged: Some(int(open().count())), open_actions: Some(int(open_actions)) }
    }

    fn without_exceptions(self) -> Self {
        Self { flagged: None, open_actions: None, ..self }
    }
}

/// What the caller may do with an engagement now.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing that may be done")]
pub struct EngagementPermissions {
    /// Whether the caller may pause it.
    pause: bool,
    /// Whether the caller may resume it.
    resume: bool,
    /// Whether the caller may cancel it.
    cancel: bool,
    /// Whether the caller may conclude it, and nothing stands in the way.
    conclude: bool,
}

impl EngagementPermissions {
    fn of(actor: &Actor, engagement: &engagement::Engagement, is_open: bool) -> Self {
        let may = |permission, verb| actor.may(permission) && engagement.state.after(verb).is_ok();
        Self {
            pause: may(Permission::EngagementPause, EngagementVerb::Pause),
            resume: may(Permission::EngagementResume, EngagementVerb::Resume),
            cancel: may(Permission::EngagementCancel, EngagementVerb::Cancel),
            conclude: is_open && may(Permission::EngagementConclude, EngagementVerb::Conclude),
        }
    }
}

/// Which engagements a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct EngagementFilter {
    /// Only this client's.
    client_id: Option<ID>,
    /// Only this kind.
    kind: Option<EngagementKind>,
    /// Only these states.
    states: Option<Vec<EngagementState>>,
}

impl EngagementFilter {
    /// The filter, or `None` when it can match nothing.
    pub fn parse(self) -> Option<engagement::EngagementFilter> {
        let client_id = match &self.client_id {
            Some(client) => Some(id::find(client)?),
            None => None,
        };
        Some(engagement::EngagementFilter { client_id, kind: self.kind, states: self.states.unwrap_or_default() })
    }
}
