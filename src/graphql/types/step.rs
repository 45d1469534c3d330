//! Steps and their checklists.

use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};

use crate::{
    app,
    auth::{Actor, permission::Permission},
    clock::Instant,
    domain::{
        engagement::EngagementState,
        gate,
        page::{Key, Keyed},
        role::Role,
        step::{self, ChecklistItemState, StepState, StepVerb},
    },
    graphql::{
        connection::connection,
        context::Caller,
        duration::Duration,
        id,
        loaders::{
            ChecklistOf, EngagementKey, EvidenceOf, JobsOfStep, PictureOf, StepsOf, UserKey, listed, load, required,
        },
        scalars::DateTime,
        types::{blocker::Blocker, engagement::Engagement, evidence::Evidence, job::Job, user::User},
    },
    ids::UserId,
};

/// One step of an engagement.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Step {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// The step's name within its process, the same in every engagement.
    key: String,
    /// Its place in the order of the process, from 1.
    position: i32,
    /// What it is called.
    title: String,
    /// Where it stands. Whether it is blocked is not a state; see `blockedBy`.
    state: StepState,
    /// Why it does not apply or was opened again, when it was.
    state_reason: Option<String>,
    /// Who does it.
    role: Role,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
    /// When it is due.
    due_at: Option<DateTime>,
    /// When work on it began.
    started_at: Option<DateTime>,
    /// When it was finished.
    finished_at: Option<DateTime>,
    #[graphql(skip)]
    pub(in crate::graphql) inner: step::Step,
}

impl From<step::Step> for Step {
    fn from(inner: step::Step) -> Self {
        Self {
            id: inner.id.to_string().into(),
            key: inner.key.clone(),
            position: inner.position,
            title: inner.title.clone(),
            state: inner.state,
            state_reason: inner.state_reason.clone(),
            role: inner.role,
            revision: inner.revision,
            due_at: inner.due_at.map(DateTime),
            started_at: inner.started_at.map(DateTime),
            finished_at: inner.finished_at.map(DateTime),
            inner,
        }
    }
}

impl Keyed for Step {
    fn key(&self) -> Key {
        self.inner.queue_key()
    }
}

connection! {
    /// Steps, those due first at the front, those without a due date behind them.
    StepConnection, StepEdge, Step
}

#[ComplexObject]
impl Step {
    /// The engagement it belongs to.
    async fn engagement(&self, ctx: &Context<'_>) -> async_graphql::Result<Engagement> {
        required(ctx, EngagementKey(self.inner.engagement_id)).await
    }

    /// Who works on it; null while nobody does, and for callers who may not read people.
    async fn assignee(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<User>> {
        match self.inner.assignee_id {
            Some(id) if ctx.actor()?.may(Permission::User) => load(ctx, UserKey(id)).await,
            _ => Ok(None),
        }
    }

    /// What it is about, in the words of the process.
    async fn description(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        let picture = required(ctx, PictureOf(self.inner.engagement_id)).await?;
        Ok(picture.content.step(&self.inner.key).map(|step| step.description.clone()).unwrap_or_default())
    }

    /// The steps that come first.
    async fn depends_on(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Step>> {
        let Some(picture) = load(ctx, PictureOf(self.inner.engagement_id)).await? else { return Ok(Vec::new()) };
        let Some(template) = picture.content.step(&self.inner.key) else { return Ok(Vec::new()) };
        let mut steps = listed(ctx, StepsOf(self.inner.engagement_id)).await?;
        steps.retain(|step| template.depends_on.contains(&step.inner.key));
        Ok(steps)
    }

    /// What stands in the way of the next move: of beginning when it is pending, of finishing when it is in progress.
    async fn blocked_by(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Blocker>> {
        Ok(self.blockers(ctx).await?.into_iter().map(Blocker::from).collect())
    }

    /// What the caller may do with it now.
    async fn viewer_can(&self, ctx: &Context<'_>) -> async_graphql::Result<StepPermissions> {
        let is_running = match load(ctx, EngagementKey(self.inner.engagement_id)).await? {
            Some(engagement) => engagement.inner.state == EngagementState::Running,
            None => false,
        };
        let is_open = self.blockers(ctx).await?.is_empty();
        Ok(StepPermissions::of(ctx.actor()?, &self.inner, is_running, is_open))
    }

    /// Whether it is open and past its due date.
    async fn is_overdue(&self, ctx: &Context<'_>) -> bool {
        self.inner.is_overdue(ctx.app().now())
    }

    /// For how long it has been overdue; null while it is not.
    async fn overdue_by(&self, ctx: &Context<'_>) -> Option<Duration> {
        let now = ctx.app().now();
        let due_at = self.inner.due_at.filter(|_| self.inner.is_overdue(now))?;
        Some(Duration(now - due_at))
    }

    /// What has to be ticked off.
    async fn checklist(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<ChecklistItem>> {
        listed(ctx, ChecklistOf(self.inner.id)).await
    }

    /// The jobs that do it, newest first, up to 20.
    async fn jobs(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Job>> {
        listed(ctx, JobsOfStep(self.inner.id)).await
    }

    /// What proves it, oldest first.
    async fn evidence(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Evidence>> {
        listed(ctx, EvidenceOf(self.inner.id)).await
    }
}

impl Step {
    async fn blockers(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<gate::Blocker>> {
        let deed = match self.inner.state {
            StepState::Pending => gate::Deed::StartStep(&self.inner.key),
            StepState::InProgress => gate::Deed::CompleteStep(&self.inner.key),
            StepState::Done | StepState::NotApplicable | StepState::Excepted => return Ok(Vec::new()),
        };
        let picture = load(ctx, PictureOf(self.inner.engagement_id)).await?;
        Ok(picture.map(|picture| picture.blockers(deed)).unwrap_or_default())
    }
}

/// What the caller may do with a step now.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing that may be done")]
pub struct StepPermissions {
    /// Whether the caller may give it to somebody.
    assign: bool,
    /// Whether the caller may begin it, and nothing stands in the way.
    start: bool,
    /// Whether the caller may finish it, and nothing stands in the way.
    complete: bool,
    /// Whether the caller may say that it does not apply; the process and the ledger may still refuse.
    mark_not_applicable: bool,
    /// Whether the caller may open it again.
    reopen: bool,
    /// Whether the caller may attach evidence.
    add_evidence: bool,
}

impl StepPermissions {
    fn of(actor: &Actor, step: &step::Step, is_running: bool, is_open: bool) -> Self {
        let works = is_running && app::step::may_work(actor, step);
        let may = |permission, verb| works && actor.may(permission) && step.state.after(verb).is_ok();
        Self {
            assign: works && actor.may(Permission::StepAssign) && !step.state.is_terminal(),
            start: is_open && may(Permission::StepStart, StepVerb::Start),
            complete: is_open && may(Permission::StepComplete, StepVerb::Complete),
            mark_not_applicable: may(Permission::StepMarkNotApplicable, StepVerb::MarkNotApplicable),
            reopen: may(Permission::StepReopen, StepVerb::Reopen),
            add_evidence: works && actor.may(Permission::EvidenceAdd) && !step.state.is_terminal(),
        }
    }
}

/// Which steps a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StepFilter {
    /// Only this engagement's.
    engagement_id: Option<ID>,
    /// Only this client's.
    client_id: Option<ID>,
    /// Only what is given to the caller.
    is_mine: Option<bool>,
    /// Only what is given to this person.
    assignee_id: Option<ID>,
    /// Only work of these roles.
    roles: Option<Vec<Role>>,
    /// Only these states.
    states: Option<Vec<StepState>>,
    /// Only open steps past their due date.
    is_overdue: Option<bool>,
    /// True: only open steps with something in `blockedBy`. False: only those whose next move is free. A search looks at
    /// 2,000 open steps; where it stops, the page has what was found, and `endCursor` goes on. `totalCount` is not told.
    is_blocked: Option<bool>,
}

impl StepFilter {
    /// The filter as `viewer` asks it at `now`, or `None` when it can match nothing.
    pub fn parse(self, viewer: Option<UserId>, now: Instant) -> Option<step::StepFilter> {
        let named = self.assignee_id.as_ref().map(|user| id::find(user).ok_or(())).transpose().ok()?;
        let mine = if self.is_mine == Some(true) { Some(viewer?) } else { None };
        if mine.is_some() && named.is_some() && mine != named {
            return None;
        }
        Some(step::StepFilter {
            engagement_id: self.engagement_id.as_ref().map(|id| id::find(id).ok_or(())).transpose().ok()?,
            client_id: self.client_id.as_ref().map(|id| id::find(id).ok_or(())).transpose().ok()?,
            assignee_id: mine.or(named),
            roles: self.roles.unwrap_or_default(),
            states: self.states.unwrap_or_default(),
            overdue_at: (self.is_overdue == Some(true)).then_some(now),
            is_blocked: self.is_blocked,
        })
    }
}

/// One line of a step's checklist.
#[derive(Clone, Debug, SimpleObject)]
pub struct ChecklistItem {
    /// Opaque id.
    #[graphql(owned)]
    pub(super) id: ID,
    /// The line's name within its step, the same in every engagement.
    key: String,
    /// What has to be done.
    text: String,
    /// Whether the step can be completed without it.
    is_required: bool,
    /// Where it stands.
    state: ChecklistItemState,
    /// A remark, or why it does not apply.
    note: Option<String>,
    /// When it was last set.
    set_at: Option<DateTime>,
    /// Grows with every change; send it back as `expectedRevision`.
    revision: i32,
}

impl From<step::ChecklistItem> for ChecklistItem {
    fn from(item: step::ChecklistItem) -> Self {
        Self {
            id: item.id.to_string().into(),
            key: item.key,
            text: item.text,
            is_required: item.is_required,
            state: item.state,
            note: item.note,
            set_at: item.set_at.map(DateTime),
            revision: item.revision,
        }
    }
}
